package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heji/connectors/spec"
)

// by says in whose name something is asked for.
type by struct {
	Who string `help:"Who asks for it." env:"USER" default:"operator"`
	Why string `help:"Why: kept with it."`
}

func (b by) body() map[string]string { return map[string]string{"who": b.Who, "why": b.Why} }

type platformList struct {
	platformFiles
	hubAddress
	JSON bool `help:"Print JSON." name:"json"`

	console
}

// listed is one line of heji platform list.
type listed struct {
	ID     string `json:"platform"`
	Name   string `json:"name,omitempty"`
	Kind   string `json:"kind,omitempty"`
	File   string `json:"file,omitempty"`
	Stage  string `json:"stage,omitempty"`
	State  string `json:"state"` // ok, loading, paused, trouble; new: the hub does not know it yet; wrong: its file
	Rows   int64  `json:"records"`
	Dead   int64  `json:"dead"`
	Due    int64  `json:"due"`
	Asked  string `json:"questions_today,omitempty"` // "37/200": of a platform that is asked person by person
	Reason string `json:"reason,omitempty"`
}

// Run lists the files of the folder, and what the hub knows where one can be
// asked.
func (c *platformList) Run(ctx context.Context) error {
	list, index := []listed{}, map[string]int{}
	if entries, err := os.ReadDir(c.Platforms); err == nil {
		env, err := environment(c.Platforms)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
				continue
			}
			path := filepath.Join(c.Platforms, e.Name())
			p, err := spec.Load(path, env)
			if err != nil {
				list = append(list, listed{ID: e.Name(), File: path, State: "wrong", Reason: strings.TrimPrefix(inChinese(err)+"\n"+err.Error(), "\n")})
				continue
			}
			index[p.ID] = len(list)
			list = append(list, listed{ID: p.ID, Name: p.Name, Kind: p.Kind, File: path, State: "new"})
		}
	}
	h, err := c.reach(ctx, "/api/v1/platforms")
	if err == nil {
		defer h.close()
		var known []listed
		if known, err = h.platforms(ctx); err == nil {
			for _, k := range known {
				if i, ok := index[k.ID]; ok {
					k.File, k.Name = list[i].File, list[i].Name
					list[i] = k
					continue
				}
				list = append(list, k)
			}
		}
	}
	if c.JSON {
		return c.printJSON(list)
	}
	w := newColumns(c.out())
	fmt.Fprintln(w, "平台 platform\t名称 name\t种类 kind\t阶段 stage\t状态 state\t记录 records\t搁置 set aside\t待写 due\t今日查询 asked today\t")
	for _, x := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", x.ID, x.Name, x.Kind, x.Stage, x.State, x.Rows, x.Dead, x.Due, x.Asked, x.Reason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err != nil {
		fmt.Fprintln(c.err(), "没有连上服务，只列出配置文件 the hub was not asked, so only the files are listed:", err)
	}
	return nil
}

// platforms is what the hub knows.
func (h *reached) platforms(ctx context.Context) ([]listed, error) {
	if h.store == nil {
		var o struct {
			Platforms []struct {
				ID, Name, Kind, Stage, State string
				Records, Dead, Due           int64
				Asked                        *int64 `json:"questions_today"`
				PerDay                       int64  `json:"questions_per_day"`
				PullError                    string `json:"pull_error"`
				WriteError                   string `json:"write_error"`
			}
		}
		if err := h.api.call(ctx, http.MethodGet, "/api/v1/platforms", nil, &o); err != nil {
			return nil, err
		}
		var out []listed
		for _, p := range o.Platforms {
			x := listed{ID: p.ID, Name: p.Name, Kind: p.Kind, Stage: p.Stage, State: p.State, Rows: p.Records, Dead: p.Dead, Due: p.Due,
				Reason: p.PullError + p.WriteError}
			if p.Asked != nil {
				x.Asked = fmt.Sprintf("%d/%d", *p.Asked, p.PerDay)
			}
			out = append(out, x)
		}
		return out, nil
	}
	known, err := h.store.Platforms(ctx)
	if err != nil {
		return nil, err
	}
	stats, err := h.store.Stats(ctx)
	if err != nil {
		return nil, err
	}
	asked, err := h.store.QuestionsToday(ctx)
	if err != nil {
		return nil, err
	}
	var out []listed
	for _, p := range known {
		if p.ID == "desk" {
			continue
		}
		x := listed{ID: p.ID, Name: p.Name, Kind: p.Kind, Stage: string(p.Stage), State: "ok", Reason: p.PullError + p.WriteError}
		switch {
		case p.Paused:
			x.State = "paused"
		case p.Held():
			x.State = "held"
		case x.Reason != "":
			x.State = "trouble"
		case p.CompleteAt == nil:
			x.State = "loading"
		}
		if day, ok := asked[p.ID]; ok {
			x.Asked = fmt.Sprintf("%d/%d", day.Asked, day.PerDay)
		}
		if s := stats.Platforms[p.ID]; s != nil {
			x.Rows, x.Due = s.Records, s.Due
			for _, n := range s.DeadRecords {
				x.Dead += n
			}
		}
		out = append(out, x)
	}
	return out, nil
}

type platformPause struct {
	hubAddress
	Name string `arg:"" help:"The platform."`

	console
}

// Run holds the writing to a platform. Reading goes on.
func (c *platformPause) Run(ctx context.Context) error {
	return c.pausing(ctx, c.hubAddress, c.Name, true)
}

type platformResume struct {
	hubAddress
	Name string `arg:"" help:"The platform."`

	console
}

// Run lets the writing to a platform go on.
func (c *platformResume) Run(ctx context.Context) error {
	return c.pausing(ctx, c.hubAddress, c.Name, false)
}

func (c *console) pausing(ctx context.Context, a hubAddress, name string, paused bool) error {
	h, err := a.reach(ctx, "/api/v1/platforms")
	if err != nil {
		return err
	}
	defer h.close()
	if h.store != nil {
		err = h.store.Pause(ctx, name, paused)
	} else {
		var reply any
		err = h.api.call(ctx, http.MethodPost, "/api/v1/platforms/"+url.PathEscape(name)+"/"+map[bool]string{true: "pause", false: "resume"}[paused], nil, &reply)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out(), map[bool]string{true: "已暂停回写，读取照常 writing is held; reading goes on", false: "已恢复 it goes on"}[paused])
	return nil
}

type platformResync struct {
	hubAddress
	by
	Name string `arg:"" help:"The platform."`

	console
}

// Run asks for everything of a platform to be read again.
func (c *platformResync) Run(ctx context.Context) error {
	h, err := c.reach(ctx, "/api/v1/platforms")
	if err != nil {
		return err
	}
	defer h.close()
	if h.store != nil {
		err = h.store.Reread(ctx, c.Name, c.Who, c.Why)
	} else {
		var reply any
		err = h.api.call(ctx, http.MethodPost, "/api/v1/platforms/"+url.PathEscape(c.Name)+"/resync", c.body(), &reply)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out(), "已要求重新完整读取；相同的内容不会引起任何变化 asked for; what is read the same changes nothing")
	h.remark(c.out())
	return nil
}

func (h *reached) remark(out io.Writer) {
	if !h.hub {
		fmt.Fprintln(out, "没有运行中的服务；heji serve 启动后进行 no hub runs: it is done once heji serve runs")
	}
}

type platformDead struct {
	List  deadList  `cmd:"" default:"withargs" help:"List them. 列出。"`
	Retry deadRetry `cmd:"" help:"Have rows read again. 重读。"`
	Drop  deadDrop  `cmd:"" help:"Close rows: nothing will be done about them. 放弃。"`
}

type deadList struct {
	hubAddress
	Platform string `arg:"" optional:"" help:"Only of this platform."`
	All      bool   `help:"Also what was mended or dropped."`
	JSON     bool   `help:"Print JSON." name:"json"`

	console
}

// deadLine is one row that was set aside.
type deadLine struct {
	ID       int64  `json:"id"`
	Platform string `json:"platform"`
	Stage    string `json:"stage"`
	Key      string `json:"key,omitempty"`
	Place    string `json:"place,omitempty"`
	Problem  string `json:"problem"`
	Times    int    `json:"times"`
	At       string `json:"at"`
	State    string `json:"state"`
	Who      string `json:"who,omitempty"`
	Why      string `json:"why,omitempty"`
}

// Run lists what was set aside.
func (c *deadList) Run(ctx context.Context) error {
	h, err := c.reach(ctx, "/api/v1/platforms")
	if err != nil {
		return err
	}
	defer h.close()
	list, err := h.dead(ctx, c.Platform, c.All)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(list)
	}
	if len(list) == 0 {
		fmt.Fprintln(c.out(), "没有等待处理的行 no row waits")
		return nil
	}
	w := newColumns(c.out())
	fmt.Fprintln(w, "编号 id\t平台 platform\t位置 place\t原因 reason\t次数 times\t最近 last\t状态 state\t谁 who\t为何 why")
	for _, d := range list {
		place := d.Place
		if d.Key != "" {
			place += " #" + d.Key
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", d.ID, d.Platform, place, d.Problem, d.Times, d.At, d.State, d.Who, d.Why)
	}
	return w.Flush()
}

// dead asks for what was set aside, at most some hundreds.
func (h *reached) dead(ctx context.Context, platform string, all bool) ([]deadLine, error) {
	if h.store == nil {
		q := url.Values{}
		if platform != "" {
			q.Set("platform", platform)
		}
		if all {
			q.Set("all", "1")
		}
		var o struct{ Dead []deadLine }
		return o.Dead, h.api.call(ctx, http.MethodGet, "/api/v1/dead?"+q.Encode(), nil, &o)
	}
	list, err := h.store.DeadRecords(ctx, platform, all, 500)
	var out []deadLine
	for _, d := range list {
		out = append(out, deadLine{d.ID, d.Platform, d.Stage, d.Key, d.Place, string(d.Problem), d.Times, d.At.Format(time.RFC3339), string(d.State), d.Who, d.Why})
	}
	return out, err
}

// rows says which rows are meant.
type rows struct {
	hubAddress
	by
	IDs      []int64 `arg:"" optional:"" name:"id" help:"Numbers from the list."`
	Platform string  `help:"Every row of this platform that waits."`

	console
}

func (c *rows) act(ctx context.Context, drop bool) error {
	h, err := c.reach(ctx, "/api/v1/platforms")
	if err != nil {
		return err
	}
	defer h.close()
	ids := c.IDs
	if c.Platform != "" {
		list, err := h.dead(ctx, c.Platform, false)
		if err != nil {
			return err
		}
		for _, d := range list {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return fmt.Errorf("no row is named: give numbers from heji platform dead list, or --platform NAME")
	}
	whole := false
	switch {
	case h.store != nil && drop:
		err = h.store.DropDead(ctx, ids, c.Who, c.Why)
	case h.store != nil:
		var list []string
		list, err = h.store.RetryDead(ctx, ids, c.Who, c.Why)
		whole = len(list) > 0
	default:
		whole, err = h.each(ctx, ids, map[bool]string{true: "drop", false: "retry"}[drop], c.body())
	}
	if err != nil {
		return err
	}
	if drop {
		fmt.Fprintf(c.out(), "已放弃 dropped: %d\n", len(ids))
		return nil
	}
	fmt.Fprintf(c.out(), "已要求重读 asked for: %d\n", len(ids))
	if whole {
		fmt.Fprintln(c.out(), "有的行没有编号，整个平台将重读一遍 some have no key, so the platform is read whole")
	}
	h.remark(c.out())
	return nil
}

func (h *reached) each(ctx context.Context, ids []int64, what string, body map[string]string) (whole bool, err error) {
	for _, id := range ids {
		var reply struct{ Whole bool }
		if err := h.api.call(ctx, http.MethodPost, "/api/v1/dead/"+strconv.FormatInt(id, 10)+"/"+what, body, &reply); err != nil {
			return whole, fmt.Errorf("%d: %w", id, err)
		}
		whole = whole || reply.Whole
	}
	return whole, nil
}

type deadRetry struct{ rows }

// Run has rows read again.
func (c *deadRetry) Run(ctx context.Context) error { return c.act(ctx, false) }

type deadDrop struct{ rows }

// Run closes rows, in the name of a person who says why.
func (c *deadDrop) Run(ctx context.Context) error {
	if c.Why == "" {
		return fmt.Errorf("say why they are dropped: --why \"…\"")
	}
	return c.act(ctx, true)
}
