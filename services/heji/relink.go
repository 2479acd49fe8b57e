package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"heji/services/linkage"
	"heji/services/store"
)

type relinkCommand struct {
	DryRun   bool   `help:"Only say what would change. Exit status 0: nothing would, 2: something would."`
	Model    string `help:"A model file. Default: the model that this program ships." type:"existingfile" placeholder:"FILE" xor:"model"`
	Previous bool   `help:"Go back to the model that was in force before." xor:"model"`
	Status   bool   `help:"Only say how far it is." xor:"what"`
	Cancel   bool   `help:"End a relink whose keys are still being prepared. Nothing has changed by then." xor:"what"`
	Detach   bool   `help:"Do not wait for the end."`
	JSON     bool   `help:"Print JSON." name:"json"`
	Who      string `help:"Who asks for it." env:"USER" default:"operator"`

	hubAddress
}

// exitStatus ends the program with a status that is not an error.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Run asks for a relink, or about one.
func (c *relinkCommand) Run(ctx context.Context) error {
	r, stop, err := c.reach(ctx)
	if err != nil {
		return err
	}
	defer stop()
	ask := relinkAsk{Previous: c.Previous, Who: c.Who}
	if c.Model != "" {
		source, err := os.ReadFile(c.Model)
		if err != nil {
			return fmt.Errorf("model: %w", err)
		}
		if _, err := linkage.Load(bytes.NewReader(source)); err != nil {
			return fmt.Errorf("%s: %w", c.Model, err)
		}
		ask.Model = string(source)
	}
	switch {
	case c.Status:
		st, err := r.status(ctx)
		if err != nil {
			return err
		}
		return c.print(st, func() { printStatus(os.Stdout, st) })
	case c.Cancel:
		st, err := r.cancel(ctx)
		if err != nil {
			return err
		}
		return c.print(st, func() { fmt.Println("已取消 / cancelled: nothing has changed") })
	case c.DryRun:
		if !c.JSON {
			fmt.Fprintln(os.Stderr, "正在按新模型计算全部记录 / computing everything under the new model; nothing is changed …")
		}
		p, err := r.preview(ctx, ask)
		if err != nil {
			return err
		}
		if err := c.print(p, func() { printPreview(os.Stdout, p) }); err != nil {
			return err
		}
		if p.Together.Pairs+p.Apart.Pairs > 0 {
			return exitStatus(2)
		}
		return nil
	}
	st, err := r.start(ctx, ask)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(st, nil)
	}
	fmt.Printf("重新关联已开始 / relink to %s asked for\n", st.Version)
	if !r.running() {
		fmt.Println("没有运行中的服务；heji serve 启动后在后台进行 / no hub runs: it is done in the background once heji serve runs")
		return nil
	}
	if c.Detach {
		return nil
	}
	return c.follow(ctx, r)
}

// follow shows how far it is until it is done. Ctrl-C leaves it going.
func (c *relinkCommand) follow(ctx context.Context, r relinker) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := ""
	for {
		st, err := r.status(ctx)
		if err != nil {
			if ctx.Err() != nil {
				fmt.Println("\n在后台继续 / it goes on in the background: heji relink --status")
			}
			return err
		}
		if line := progress(st); line != last {
			fmt.Println(line)
			last = line
		}
		if !st.Running() {
			return nil
		}
		select {
		case <-ctx.Done():
			fmt.Println("\n在后台继续 / it goes on in the background: heji relink --status")
			return nil
		case <-tick.C:
		}
	}
}

func (c *relinkCommand) print(body any, people func()) error {
	if !c.JSON {
		people()
		return nil
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(body)
}

func progress(st store.RelinkStatus) string {
	switch {
	case st.Next != nil:
		return fmt.Sprintf("准备分组键 / 1 of 2, preparing keys for %s: %3.0f%%", st.Next.Version, 100*st.Next.Progress)
	case st.Running():
		return fmt.Sprintf("重新关联 / 2 of 2, %s is in force, resolving: %3.0f%%", st.Force.Version, 100*st.Force.Progress)
	case st.Force != nil:
		return fmt.Sprintf("完成 / done: every record follows %s", st.Force.Version)
	}
	return "no model is installed yet: heji serve installs the one that it ships"
}

func printStatus(w io.Writer, st store.RelinkStatus) {
	fmt.Fprintln(w, progress(st))
	if advice := st.Advice(); advice != "" {
		fmt.Fprintln(w, advice)
	}
}

func printPreview(w io.Writer, p store.RelinkPreview) {
	from := p.From
	if from == "" {
		from = "?"
	}
	fmt.Fprintf(w, "%s → %s   (%d records)\n", from, p.To, p.Records)
	if p.Unresolved > 0 {
		fmt.Fprintf(w, "  %d records wait to be resolved: figures of now are not final\n", p.Unresolved)
	}
	fmt.Fprintf(w, "  %-46s %10s %10s\n", "", "now", "then")
	for _, line := range []struct {
		what string
		n    store.NowThen
	}{{"居民 residents", p.Residents}, {"待核对 pairs for review", p.Reviews}, {"热键 hot keys", p.HotKeys}, {"搁置 parked records", p.Parked}} {
		fmt.Fprintf(w, "  %-46s %10d %10d\n", line.what, line.n.Now, line.n.Then)
	}
	fmt.Fprintf(w, "  %d of today's residents gain or lose a record\n", p.Changed)
	for _, pairs := range []struct {
		what string
		c    store.PairChange
	}{{"合并 pairs of records newly together", p.Together}, {"拆分 pairs of records newly apart", p.Apart}} {
		fmt.Fprintf(w, "  %s: %d; of them with different valid ID numbers: %d; at platforms that are written to: %d\n",
			pairs.what, pairs.c.Pairs, pairs.c.DifferentIDs, pairs.c.Writable)
		for _, e := range pairs.c.Examples {
			fmt.Fprintf(w, "      %s #%d – %s #%d\n", e.A.Platform, e.A.Row, e.B.Platform, e.B.Row)
		}
	}
	fmt.Fprintf(w, "  平台 rows that would be compared again, and written where they show something else: %d\n", p.Due())
	for _, e := range p.Platforms {
		if e.Rows > 0 {
			note := "(not written to)"
			if e.Writes {
				note = ""
			}
			fmt.Fprintf(w, "      %-20s %8d of %d %s\n", e.Platform, e.Rows, e.Of, note)
		}
	}
}

// relinkAsk is the body of the API's requests.
type relinkAsk struct {
	Model    string `json:"model,omitempty"`
	Previous bool   `json:"previous,omitempty"`
	Who      string `json:"who,omitempty"`
}

// relinker is the running hub, or its database.
type relinker interface {
	status(ctx context.Context) (store.RelinkStatus, error)
	preview(ctx context.Context, ask relinkAsk) (store.RelinkPreview, error)
	start(ctx context.Context, ask relinkAsk) (store.ModelStatus, error)
	cancel(ctx context.Context) (store.RelinkStatus, error)
	running() bool // somebody does what is asked for, as far as is known
}

// reach finds the hub.
func (c *relinkCommand) reach(ctx context.Context) (relinker, func(), error) {
	h, err := c.hubAddress.reach(ctx, "/api/v1/relink")
	if err != nil {
		return nil, nil, err
	}
	if h.store != nil {
		return relinkStore{h.store, h.hub}, h.close, nil
	}
	return relinkAPI(h.api), h.close, nil
}

// relinkStore works on the database.
type relinkStore struct {
	store *store.Store
	hub   bool
}

func (r relinkStore) running() bool { return r.hub }

func (r relinkStore) source(ctx context.Context, ask relinkAsk) ([]byte, error) {
	switch {
	case ask.Previous:
		return r.store.PreviousModel(ctx)
	case ask.Model != "":
		return []byte(ask.Model), nil
	}
	return linkage.DefaultSource(), nil
}

func (r relinkStore) status(ctx context.Context) (store.RelinkStatus, error) {
	return r.store.RelinkStatus(ctx)
}

func (r relinkStore) preview(ctx context.Context, ask relinkAsk) (store.RelinkPreview, error) {
	source, err := r.source(ctx, ask)
	if err != nil {
		return store.RelinkPreview{}, err
	}
	return r.store.PreviewRelink(ctx, source)
}

func (r relinkStore) start(ctx context.Context, ask relinkAsk) (store.ModelStatus, error) {
	source, err := r.source(ctx, ask)
	if err != nil {
		return store.ModelStatus{}, err
	}
	return r.store.StartRelink(ctx, source, ask.Who)
}

func (r relinkStore) cancel(ctx context.Context) (store.RelinkStatus, error) {
	if err := r.store.CancelRelink(ctx); err != nil {
		return store.RelinkStatus{}, err
	}
	return r.store.RelinkStatus(ctx)
}

// relinkAPI asks the running hub.
type relinkAPI string

func (r relinkAPI) running() bool { return true }

func (r relinkAPI) status(ctx context.Context) (st store.RelinkStatus, err error) {
	return st, r.call(ctx, http.MethodGet, "/api/v1/relink", nil, &st)
}

func (r relinkAPI) preview(ctx context.Context, ask relinkAsk) (p store.RelinkPreview, err error) {
	ask.Who = ""
	return p, r.call(ctx, http.MethodPost, "/api/v1/relink/preview", ask, &p)
}

func (r relinkAPI) start(ctx context.Context, ask relinkAsk) (st store.ModelStatus, err error) {
	return st, r.call(ctx, http.MethodPost, "/api/v1/relink", ask, &st)
}

func (r relinkAPI) cancel(ctx context.Context) (st store.RelinkStatus, err error) {
	return st, r.call(ctx, http.MethodPost, "/api/v1/relink/cancel", struct{}{}, &st)
}

func (r relinkAPI) call(ctx context.Context, method, path string, body, into any) error {
	return hubAPI(r).call(ctx, method, path, body, into)
}
