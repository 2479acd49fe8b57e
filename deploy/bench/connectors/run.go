package connectors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	contract "heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

// Options say what to measure.
type Options struct {
	Rows   int      // rows of each platform
	Writes int      // of which so many are changed
	Only   []string // names of cases, or what they begin with; empty: all
	Out    io.Writer
}

// Figure is one measured case, in rows per second. 0: not measured.
type Figure struct {
	Name                           string
	Pull, BarePull, Push, BarePush float64
	Missing                        string // why a case could not run
}

// pushed is how many rows one Push gets, as in the hub.
const pushed = 200

// Run measures one case after the other and prints the table.
func Run(ctx context.Context, o Options) ([]Figure, error) {
	if o.Writes > o.Rows || o.Rows < 1 || o.Writes < 1 {
		return nil, fmt.Errorf("%d rows with %d writes: at least 1 of each, and not more writes than rows", o.Rows, o.Writes)
	}
	list := slices.Clone(cases)
	slices.SortFunc(list, func(a, b Case) int { return strings.Compare(a.Name, b.Name) })
	var figures []Figure
	for _, c := range list {
		if len(o.Only) > 0 && !slices.ContainsFunc(o.Only, func(name string) bool { return strings.HasPrefix(c.Name, name) }) {
			continue
		}
		f, err := measure(ctx, c, o)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.Name, err)
		}
		figures = append(figures, f)
	}
	if len(figures) == 0 {
		return nil, fmt.Errorf("no case begins with %s; there are %s", strings.Join(o.Only, ", "), strings.Join(Names(), ", "))
	}
	return figures, print(o.Out, figures)
}

// ErrMissing is a program that a case needs and this machine has not.
var ErrMissing = errors.New("not measured here")

func measure(ctx context.Context, c Case, o Options) (f Figure, err error) {
	f.Name = c.Name
	dir, err := os.MkdirTemp("", "heji-bench-")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)                      //nolint:errcheck // the folder is the machine's to clean as well
	if err := os.Chmod(dir, 0o711); err != nil { // a database may run as another user
		return f, err
	}
	p, err := c.Open(ctx, o.Rows, dir)
	if errors.Is(err, ErrMissing) {
		f.Missing = err.Error()
		return f, nil
	}
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	file, err := spec.Parse(strings.ReplaceAll(c.Name, "/", "_")+".yaml", []byte(p.YAML), func(name string) (string, bool) { v, ok := p.Env[name]; return v, ok })
	if err != nil {
		return f, err
	}
	own := filepath.Join(dir, "own")
	if err := os.Mkdir(own, 0o755); err != nil {
		return f, err
	}
	conn, err := contract.Open(ctx, file, contract.Environment{Dir: own})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Check(ctx); err != nil { // also warms both sides' connections
		return f, err
	}

	// Bare first: what the platform's caches gain from it is ours to lose.
	if f.BarePull, err = rate(o.Rows, func() (int, error) { return p.Pull(ctx) }); err != nil {
		return f, fmt.Errorf("bare pull: %w", err)
	}
	phones := map[string]string{}
	if f.Pull, err = rate(o.Rows, func() (int, error) { return pull(ctx, conn, phones) }); err != nil {
		return f, fmt.Errorf("pull: %w", err)
	}
	writer, ok := conn.(contract.Writer)
	if !ok || p.Push == nil {
		return f, nil
	}
	all := people(o.Rows)[:o.Writes]
	changed := make([]Changed, len(all))
	for i, x := range all {
		changed[i] = Changed{x.ID, fmt.Sprintf("1001%07d", i)}
	}
	f.BarePush, err = rate(o.Writes, func() (int, error) { return o.Writes, p.Push(ctx, changed) })
	if err != nil {
		return f, fmt.Errorf("bare push: %w", err)
	}
	for i := range changed {
		phones[changed[i].ID], changed[i].Phone = changed[i].Phone, fmt.Sprintf("1002%07d", i)
	}
	f.Push, err = rate(o.Writes, func() (int, error) { return push(ctx, conn, writer, p, changed, phones) })
	if err != nil {
		return f, fmt.Errorf("push: %w", err)
	}
	return f, nil
}

// rate is rows per second; what did not arrive is an error.
func rate(want int, do func() (int, error)) (float64, error) {
	start := time.Now()
	got, err := do()
	took := time.Since(start)
	if err == nil && got != want {
		err = fmt.Errorf("%d rows arrived, not %d", got, want)
	}
	return float64(got) / took.Seconds(), err
}

// pull makes one whole pass and keeps the phones.
func pull(ctx context.Context, c contract.Connector, phones map[string]string) (int, error) {
	n := 0
	err := c.Pull(ctx, nil, func(b contract.Batch) error {
		for _, row := range b.Rows {
			if row.Op != schema.OpPut {
				return fmt.Errorf("a row is no put: %s", row.Problem)
			}
			phones[row.Key] = row.Columns["sjhm"]
			n++
		}
		return nil
	})
	return n, err
}

// push writes conditionally, so many at once as the hub does, and counts what the
// platform says it has applied.
func push(ctx context.Context, c contract.Connector, w contract.Writer, p *Platform, changed []Changed, phones map[string]string) (int, error) {
	applied, batch := 0, 0
	for chunk := range slices.Chunk(changed, pushed) {
		batch++
		writes := make([]contract.Write, len(chunk))
		for i, x := range chunk {
			writes[i] = contract.Write{Intent: fmt.Sprintf("i%d", applied+i), Batch: fmt.Sprintf("b%06d", batch), Key: x.ID,
				Set: map[string]string{"sjhm": x.Phone}, If: map[string]string{"sjhm": phones[x.ID]}}
		}
		out, err := w.Push(ctx, writes)
		if err != nil {
			return applied, err
		}
		if p.Settle != nil {
			if err := p.Settle(ctx); err != nil {
				return applied, err
			}
		}
		if p.Carry != nil {
			if err := p.Carry(ctx, c.(contract.Courier)); err != nil {
				return applied, err
			}
		}
		if a, ok := c.(contract.Acknowledger); ok {
			if out, err = a.Acknowledged(ctx); err == nil {
				err = a.Release(ctx, out)
			}
			if err != nil {
				return applied, err
			}
		}
		for _, o := range out {
			if o.Status != contract.Applied {
				return applied, fmt.Errorf("a write ended as %s: %s", o.Status, o.Reason)
			}
			applied++
		}
	}
	return applied, nil
}

func print(out io.Writer, figures []Figure) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "rows/s\tpull\tbare driver\tshare\tpush\tbare driver\tshare\t")
	for _, f := range figures {
		if f.Missing != "" {
			fmt.Fprintf(w, "%s\t%s\t\n", f.Name, f.Missing)
			continue
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t\n", f.Name, f.Pull, f.BarePull, share(f.Pull, f.BarePull), whole(f.Push), whole(f.BarePush), share(f.Push, f.BarePush))
	}
	return w.Flush()
}

func whole(rate float64) string {
	if rate == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", rate)
}

func share(ours, bare float64) string {
	if ours == 0 || bare == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*ours/bare)
}
