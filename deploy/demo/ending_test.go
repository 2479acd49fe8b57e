package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/deploy/demo/district"
	"heji/deploy/demo/examine"
	"heji/deploy/demo/oracle"
	"heji/deploy/demo/population"
	"heji/schema"
	"heji/services/embedded"
	"heji/services/store"
)

// end is what a demo leaves behind, in names that are the same in every run.
type end struct {
	report map[string]any
	examine.Partitions
	partition [][]string
	// masters: the values of every resident, by the true persons of its rows.
	masters map[string][]string
	// shows: what each platform shows, by platform and the same name.
	shows map[string][]string
	// happened: what clerks and staff did, by true person; "" are those whom only
	// staff know.
	happened map[string][]string
}

// ended is a data folder that was opened once more.
type ended struct {
	store    *store.Store
	conn     *pgx.Conn
	district *district.District
}

// ending reads what the demo of a data folder left behind, from its database
// and from its platforms.
func ending(dir string) (x *end, err error) {
	x = &end{}
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &x.report); err != nil {
		return nil, err
	}
	err = withEngines(dir, func(ctx context.Context, engines *embedded.Engines) (err error) {
		d := &demo{o: options(dir, 1, 1)}
		if d.programs, err = newPrograms(); err == nil {
			err = d.programs.started("nats://127.0.0.1:1") // nobody connects
		}
		if err != nil {
			return err
		}
		if _, err := d.open(ctx, engines); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.district.Close()) }()
		e := &ended{district: d.district}
		if e.store, err = store.Open(ctx, engines.Postgres.DSN(""), 2); err != nil {
			return err
		}
		defer e.store.Close()
		if e.conn, err = pgx.Connect(ctx, engines.Postgres.DSN("")); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.conn.Close(ctx)) }()
		return e.read(ctx, x)
	})
	return x, err
}

func (e *ended) read(ctx context.Context, x *end) error {
	var err error
	if x.Partitions, err = examine.Partition(ctx, e.store, e.conn); err != nil {
		return err
	}
	members, err := e.store.Memberships(ctx)
	if err != nil {
		return err
	}
	persons, err := e.persons(ctx)
	if err != nil {
		return err
	}
	x.partition = labelled(members, persons)

	names := map[string][]string{} // resident → persons
	for _, m := range members {
		if person, ok := persons[m.Ref]; ok && !m.Deleted {
			names[m.Resident] = append(names[m.Resident], fmt.Sprintf("%04d", person))
		}
	}
	x.masters = map[string][]string{}
	if err := e.store.EachResident(ctx, func(r store.Resident) error {
		values := map[string]string{}
		for a, s := range r.Master {
			values[string(a)] = s.Value
		}
		id := r.ID.String()
		if len(names[id]) == 0 { // nobody but staff knows them
			names[id] = []string{values[population.Name]}
		}
		// The platforms' row numbers are no property of a person: a row that
		// Heji makes gets the next one, whoever comes first.
		delete(values, string(schema.PensionNo))
		delete(values, string(schema.MedicalNo))
		who := known(names[id])
		x.masters[who] = append(x.masters[who], text(values))
		return nil
	}); err != nil {
		return err
	}
	residents := map[schema.RecordRef]string{}
	for _, m := range members {
		residents[m.Ref] = m.Resident
	}
	x.shows = map[string][]string{}
	x.happened = map[string][]string{}
	for _, p := range e.district.Platforms() {
		rows, err := p.Snapshot(ctx)
		if err != nil {
			return err
		}
		layout := district.LayoutOf(p.ID())
		for key, row := range rows {
			ref := schema.RecordRef{Platform: p.ID(), Key: key}
			row = maps.Clone(row)
			if layout == nil { // numbers: nobody's
				x.shows[p.ID()] = append(x.shows[p.ID()], text(row))
				continue
			}
			delete(row, layout.Key)
			delete(row, layout.Changed)
			who := p.ID() + " ours" // a row that Heji made
			if person, ok := persons[ref]; ok {
				who = rowName(ref, person)
			}
			who += " of " + known(names[residents[ref]])
			x.shows[who] = append(x.shows[who], text(row))
		}
		edits, err := p.Edits(ctx)
		if err != nil {
			return err
		}
		for _, edit := range edits {
			who := fmt.Sprintf("%04d", edit.Person)
			x.happened[who] = append(x.happened[who], fmt.Sprintf("round %d: %s %s %s %s", edit.Round, edit.Platform, edit.Op, edit.Note, text(edit.Set)))
		}
	}
	entries, err := oracle.Entries(ctx, e.district)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		who := ""
		if !entry.New() {
			who = fmt.Sprintf("%04d", entry.Person)
		}
		x.happened[who] = append(x.happened[who], "entry: "+text(entry.Values))
	}
	for _, m := range []map[string][]string{x.masters, x.shows, x.happened} {
		for _, list := range m {
			slices.Sort(list)
		}
	}
	return nil
}

// persons returns the true person of every row that a department made.
func (e *ended) persons(ctx context.Context) (map[schema.RecordRef]int, error) {
	persons := map[schema.RecordRef]int{}
	for _, p := range e.district.Platforms() {
		of, err := p.Origins(ctx)
		if err != nil {
			return nil, err
		}
		for key, person := range of {
			persons[schema.RecordRef{Platform: p.ID(), Key: key}] = person
		}
	}
	return persons, nil
}

// otherwise are the people to whom clerks and staff did not do the same in two
// runs, as a rule none: what the clerks of the second round and staff choose
// looks at what the hub has written. So are those about whom the marriage register
// was asked in one of them only: it is asked person by person, and what it is
// asked by (name and number) may be put right before or after.
func otherwise(a, b *end) map[string]bool {
	names := maps.Clone(a.happened)
	maps.Copy(names, b.happened)
	out := map[string]bool{}
	for who := range names {
		if !slices.Equal(a.happened[who], b.happened[who]) {
			out[who] = true
		}
	}
	asked := map[string]int{}
	for _, e := range []*end{a, b} {
		for _, row := range slices.Concat(e.partition...) {
			if who, ok := strings.CutPrefix(row, population.Marriages+" "); ok {
				asked[who]++
			}
		}
	}
	for who, times := range asked {
		if times == 1 {
			out[who] = true
		}
	}
	return out
}

func known(persons []string) string {
	persons = slices.Clone(persons)
	slices.Sort(persons)
	return strings.Join(slices.Compact(persons), "+")
}

func text[M ~map[string]string](m M) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return strings.Join(parts, " ")
}

// reference is one undisturbed run that all tests compare with.
var reference undisturbed

type undisturbed struct {
	once         sync.Once
	dir          string
	err          error
	end          *end
	conservation []store.Conservation
	fences       map[string]int64
	verified     verified
}

func (u *undisturbed) get(t *testing.T) *end {
	t.Helper()
	u.once.Do(u.run)
	require.NoError(t, u.err)
	return u.end
}

func (u *undisturbed) run() {
	if u.dir, u.err = folder(); u.err != nil {
		return
	}
	o := options(u.dir, 4, 400)
	w := &watcher{}
	w.seen = func() error {
		u.verify()
		return u.balance()
	}
	o.Out = w
	ctx, cancel := context.WithTimeout(context.Background(), 2*longest)
	defer cancel()
	if u.err = Run(ctx, o); u.err == nil {
		u.err = w.err
	}
	if u.err == nil && !w.done {
		u.err = errors.New("the demo never said that it is silent")
	}
	if u.err == nil {
		u.end, u.err = ending(u.dir)
	}
}

// watcher calls seen once, while the demo is quiet and still running: when it
// says that its last phase is over.
type watcher struct {
	seen func() error
	done bool
	err  error
}

func (w *watcher) Write(b []byte) (int, error) {
	if !w.done && strings.Contains(string(b), "静默 silence") {
		w.done = true
		w.err = w.seen()
	}
	return len(b), nil
}

var _ io.Writer = (*watcher)(nil)

// balance waits for a moment at which everything published is taken in. The
// platforms go on being read, so that there is not such a moment all the time.
func (u *undisturbed) balance() error {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	st, err := store.Open(ctx, dsn(u.dir, embedded.DefaultDatabase), 1)
	if err != nil {
		return err
	}
	defer st.Close()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := st.Platforms(ctx)
		if err != nil {
			return err
		}
		u.fences = map[string]int64{}
		for _, p := range list {
			u.fences[p.ID] = p.Fence
		}
		if u.conservation, err = st.Conservations(ctx); err != nil {
			return err
		}
		if !slices.ContainsFunc(u.conservation, func(c store.Conservation) bool {
			return c.Fence == u.fences[c.Platform] && c.Published != c.Positions
		}) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("published never equals taken in: %+v", u.conservation)
		case <-tick.C:
		}
	}
}
