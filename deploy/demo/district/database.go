package district

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	p "heji/deploy/demo/population"
)

//go:embed *.sql
var sqlFiles embed.FS

// database is a platform whose PostgreSQL database the hub reaches directly: a
// table, or a view of one that lets nobody write. A trigger sets the change
// column and refuses what the platform's own programs would refuse; another
// keeps the journal. A refused statement rolls its transaction back, so that the
// journal does not show it.
type database struct {
	pool   *pgxpool.Pool
	layout *Layout
	is     databaseOf
}

// databaseOf says how one platform keeps its people.
type databaseOf struct {
	table     string // where the rows are; also the name of the file with its SQL
	tombstone string // column that marks a row as taken out
	gone      string // its value
	phone     string // column that takes eleven digits only
}

var databases = map[string]databaseOf{
	p.Pension:   {table: "cbry", tombstone: "zxbz", gone: "1", phone: "aae005"},
	p.Women:     {table: "fnxx", tombstone: "scbz", gone: "Y", phone: "lxdh"},
	p.Everybody: {table: "qyrk", tombstone: "zxbz", gone: "1"},
}

// openDatabase opens a platform's database, or makes and fills it, all or
// nothing.
func openDatabase(ctx context.Context, platform, dsn string, rows func() ([]stored, error)) (*database, error) {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", platform, err)
	}
	t := &database{pool: pool, layout: LayoutOf(platform), is: databases[platform]}
	if err := t.begin(ctx, rows); err != nil {
		pool.Close()
		return nil, fmt.Errorf("%s: %w", platform, err)
	}
	return t, nil
}

func (t *database) begin(ctx context.Context, rows func() ([]stored, error)) error {
	return t.tx(ctx, "load", func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, `SELECT to_regclass('demo.journal') IS NOT NULL`).Scan(&there); err != nil || there {
			return err
		}
		for _, name := range []string{"demo.sql", t.is.table + ".sql"} {
			text, err := sqlFiles.ReadFile(name)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(text)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		for _, statement := range []string{
			`CREATE INDEX ON {table} ({change}, {key})`,
			`CREATE TRIGGER before_change BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION demo.before_change('{change}', '{name}', '{phone}')`,
			`CREATE TRIGGER after_change AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION demo.after_change('{key}', '{change}')`,
		} {
			if _, err := tx.Exec(ctx, t.sql(statement)); err != nil {
				return err
			}
		}
		list, err := rows()
		if err != nil {
			return err
		}
		return t.fill(ctx, tx, list)
	})
}

// sql puts this platform's names into a statement.
func (t *database) sql(statement string) string {
	name, _ := t.layout.Field(p.Name)
	return strings.NewReplacer("{table}", t.is.table, "{key}", t.layout.Key, "{change}", t.layout.Changed, "{name}", name.Columns[0],
		"{phone}", t.is.phone, "{tombstone}", t.is.tombstone, "{gone}", t.is.gone,
		"{columns}", strings.Join(t.own(), ", "), "{n.columns}", "n."+strings.Join(t.own(), ", n.")).Replace(statement)
}

// own are the columns that a clerk fills.
func (t *database) own() []string {
	return slices.DeleteFunc(slices.Clone(t.layout.Columns), func(c string) bool { return c == t.layout.Key || c == t.layout.Changed })
}

func (t *database) fill(ctx context.Context, tx pgx.Tx, list []stored) error {
	columns := t.layout.Columns
	var people, origins [][]any
	last := 0
	for _, s := range list {
		line := make([]any, len(columns))
		for i, c := range columns {
			line[i] = s.Row[c]
			if c == t.layout.Changed {
				line[i] = s.At
			}
		}
		people = append(people, line)
		origins = append(origins, []any{s.Key, s.Person})
		last = max(last, keyNumber(strings.TrimPrefix(s.Key, t.layout.Prefix)))
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.is.table}, columns, pgx.CopyFromRows(people)); err != nil {
		return err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"demo", "origins"}, []string{"key", "person"}, pgx.CopyFromRows(origins)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `SELECT setval('demo.keys', $1)`, max(1, last))
	return err
}

// tx runs f in a transaction of an actor that the triggers know.
func (t *database) tx(ctx context.Context, actor string, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('demo.actor', $1, true)`, actor); err != nil {
			return err
		}
		return f(tx)
	})
}

func (t *database) ID() string { return t.layout.Platform }

// Snapshot implements Platform.
func (t *database) Snapshot(ctx context.Context) (map[string]Row, error) {
	rows, err := t.pool.Query(ctx, t.sql(`SELECT to_jsonb(t) - '{change}', {change} FROM {table} AS t WHERE {tombstone} <> '{gone}'`))
	if err != nil {
		return nil, err
	}
	out := map[string]Row{}
	var row Row
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&row, &at}, func() error {
		t.layout.stamp(row, at)
		out[row[t.layout.Key]] = row
		row = nil
		return nil
	})
	return out, err
}

// Journal implements Platform.
func (t *database) Journal(ctx context.Context) ([]Write, error) {
	rows, err := t.pool.Query(ctx, `SELECT at, intent, op, key, set, repeated FROM demo.journal ORDER BY id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Write, error) {
		w := Write{Applied: true}
		var op string
		err := r.Scan(&w.At, &w.Intent, &op, &w.Key, &w.Set, &w.Repeated)
		w.Create, w.Delete = op == "INSERT", op == "DELETE"
		return w, err
	})
}

// Edits implements Platform.
func (t *database) Edits(ctx context.Context) ([]Edit, error) {
	rows, err := t.pool.Query(ctx, `SELECT body FROM demo.edits ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[Edit])
}

// Origins implements Platform.
func (t *database) Origins(ctx context.Context) (map[string]int, error) {
	rows, err := t.pool.Query(ctx, t.sql(`SELECT key, person FROM demo.origins JOIN {table} ON {key} = key WHERE {tombstone} <> '{gone}'`))
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	var key string
	var person int
	_, err = pgx.ForEachRow(rows, []any{&key, &person}, func() error {
		out[key] = person
		return nil
	})
	return out, err
}

// Clerk implements Platform.
func (t *database) Clerk(ctx context.Context, e Edit) (Edit, error) {
	err := t.tx(ctx, "clerk", func(tx pgx.Tx) error {
		var was Edit
		err := tx.QueryRow(ctx, `SELECT body FROM demo.edits WHERE id = $1`, e.ID).Scan(&was)
		if err == nil {
			e = was
			return nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := t.edit(ctx, tx, &e); err != nil {
			return err
		}
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO demo.edits (id, body) VALUES ($1, $2)`, e.ID, body)
		return err
	})
	if err != nil {
		return e, fmt.Errorf("%s: clerk's edit %s: %w", t.ID(), e.ID, err)
	}
	return e, nil
}

func (t *database) edit(ctx context.Context, tx pgx.Tx, e *Edit) error {
	set := maps.Clone(e.Set)
	switch e.Op {
	case EditInsert:
		var n int
		if err := tx.QueryRow(ctx, `SELECT nextval('demo.keys')`).Scan(&n); err != nil {
			return err
		}
		e.Key = t.layout.key(n)
		name, _ := t.layout.Field(p.Name)
		if _, err := tx.Exec(ctx, t.sql(`INSERT INTO {table} ({key}, {name}) VALUES ($1, $2)`), e.Key, set[name.Columns[0]]); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO demo.origins VALUES ($1, $2)`, e.Key, e.Person); err != nil {
			return err
		}
	case EditDelete:
		set = Row{t.is.tombstone: t.is.gone}
	}
	delete(set, t.layout.Key)
	delete(set, t.layout.Changed)
	body, err := json.Marshal(set)
	if err != nil {
		return err
	}
	// The row with the new columns laid over it, as one statement.
	err = tx.QueryRow(ctx, t.sql(`
		UPDATE {table} AS t SET ({columns}) = (SELECT {n.columns} FROM jsonb_populate_record(t, $2::jsonb) AS n)
		 WHERE {key} = $1 AND {tombstone} <> '{gone}' RETURNING {change}`), e.Key, body).Scan(&e.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("no such row")
	}
	return err
}

func (t *database) close() error {
	t.pool.Close()
	return nil
}
