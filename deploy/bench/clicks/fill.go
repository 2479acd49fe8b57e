package clicks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/services/desk"
	"heji/services/embedded"
	"heji/services/lineage"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/survivorship"
)

// Options say what to measure.
type Options struct {
	Residents int
	Seed      uint64
	Dir       string        // data folder; must not hold data
	Workers   int           // who ask at the same time
	Time      time.Duration // how long they ask
	Report    string        // file for the figures as JSON; "" means none
	Out       io.Writer
	Logger    *slog.Logger
}

// platforms of the benchmark: as many as a district has.
const platforms = 22

// still is a platform that nobody asks anything.
type still struct{}

func (still) Check(context.Context) error                                                 { return nil }
func (still) Pull(context.Context, connectors.Cursor, func(connectors.Batch) error) error { return nil }
func (still) Close() error                                                                { return nil }

// The kind is this benchmark's own: no platform's file may name it elsewhere.
var register = sync.OnceFunc(func() {
	connectors.Register("still", func(context.Context, *spec.Platform, connectors.Environment) (connectors.Connector, error) {
		return still{}, nil
	})
})

func specs() ([]*spec.Platform, error) {
	register()
	var list []*spec.Platform
	for i := range platforms {
		text := fmt.Sprintf(`{platform: p%02d, name: 第%d平台, kind: still, connect: {}, key: [id], cadence: 1h,
			fields: {name: {column: xm}, id_number: {column: sfzh}, phone: {column: dh}, sex: {column: xb}, birth_date: {column: csrq}},
			agreement: {receives: {phone: overwrite, name: propose}}}`, i, i+1)
		p, err := spec.Parse("bench.yaml", []byte(text), func(string) (string, bool) { return "", false })
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// town is a filled store with a desk before it.
type town struct {
	o       Options
	engine  *embedded.Postgres
	store   *store.Store
	desk    *desk.Desk
	samples []sample
	staff   []clerk
	pairs   []string // pages of pairs that wait for a person
	filled  time.Duration
}

// sample is a resident that somebody may look for.
type sample struct {
	id        uuid.UUID
	community int
	person
}

func build(ctx context.Context, o Options) (_ *town, err error) {
	if o.Residents < perFlat*perFloor {
		return nil, fmt.Errorf("%d residents are too few to measure anything: %d at least", o.Residents, perFlat*perFloor)
	}
	t := &town{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if t.engine, err = embedded.StartPostgres(context.WithoutCancel(ctx), embedded.Options{Dir: o.Dir, Logger: o.Logger}); err != nil {
		return nil, err
	}
	dsn := t.engine.DSN(embedded.DefaultDatabase)
	if t.store, err = store.Open(ctx, dsn, 8); err != nil {
		return nil, err
	}
	if _, err := t.store.Model(ctx); err != nil { // from now on the store knows how keys are made
		return nil, err
	}
	list, err := specs()
	if err != nil {
		return nil, err
	}
	reg, err := registry.New(ctx, list, func(id string) string { return filepath.Join(o.Dir, id) })
	if err != nil {
		return nil, err
	}
	if err := reg.Register(ctx, t.store); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := t.fill(ctx, dsn); err != nil {
		return nil, fmt.Errorf("fill the store: %w", err)
	}
	t.filled = time.Since(began)
	t.desk, err = desk.New(desk.Options{Store: t.store, Registry: reg, Logger: o.Logger, Keys: t.store.Keys})
	return t, err
}

func (t *town) close() error {
	if t.store != nil {
		t.store.Close()
	}
	if t.engine != nil {
		return t.engine.Stop()
	}
	return nil
}

// batch is how many residents one COPY brings.
const batch = 20_000

func (t *town) fill(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is in it that could be lost
	var there int64
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM (SELECT FROM residents LIMIT 1) r`).Scan(&there); err != nil || there > 0 {
		return errors.Join(err, errors.New("the data folder holds residents already: name an empty one with --data"))
	}
	draw := newPeople(t.o.Seed)
	every := max(1, t.o.Residents/5000)
	upto := time.Date(2026, 1, 15, 8, 0, 0, 0, time.UTC)
	for done := 0; done < t.o.Residents; done += batch {
		n := min(batch, t.o.Residents-done)
		var residents, records [][]any
		for i := range n {
			p, err := draw.next()
			if err != nil {
				return err
			}
			id := uuid.New()
			if (done+i)%every == 0 {
				t.samples = append(t.samples, sample{id, (done + i) / perCommunity, p})
			}
			values := p.values()
			ref := schema.RecordRef{Platform: fmt.Sprintf("p%02d", (done+i)%platforms), Key: fmt.Sprintf("K%08d", done+i)}
			master := store.Survivors{}
			for a, v := range values {
				master[a] = survivorship.Survivor{Value: v, Source: ref, Upto: upto, Rule: survivorship.Only}
			}
			row := lineage.Row{Seen: upto, Upto: upto, Own: values, Raw: map[schema.Attribute]string{}}
			for a, v := range values {
				row.Raw[a] = v
			}
			state, err := row.Append(nil)
			if err != nil {
				return err
			}
			residents = append(residents, []any{id, string(survivorship.Append(nil, master)), p.name, store.SearchText(master)})
			records = append(records, []any{ref.Platform, ref.Key, int64(1), int64(done + i), false, id, string(state), t.store.Keys(values)})
		}
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{"residents"}, []string{"id", "master", "name", "search"}, pgx.CopyFromRows(residents)); err != nil {
			return err
		}
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{"records"}, []string{"platform", "key", "fence", "position", "unresolved", "resident_id", "state", "keys"}, pgx.CopyFromRows(records)); err != nil {
			return err
		}
	}
	_, err = conn.Exec(ctx, `VACUUM (ANALYZE) residents, records`)
	return err
}
