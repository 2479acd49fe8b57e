package district

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	p "heji/deploy/demo/population"
)

//go:embed pension.sql
var pensionSQL string

// pension is 居民养老: a PostgreSQL database that the hub reads and writes
// directly. A trigger sets the change column and refuses what the platform's
// own programs would refuse; another keeps the journal. A refused statement
// rolls its transaction back, so that the journal does not show it.
type pension struct {
	pool   *pgxpool.Pool
	layout *Layout
}

func openPension(ctx context.Context, dsn string, rows func() ([]stored, error)) (*pension, error) {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("pension: %w", err)
	}
	t := &pension{pool: pool, layout: LayoutOf(p.Pension)}
	if err := t.begin(ctx, rows); err != nil {
		pool.Close()
		return nil, fmt.Errorf("pension: %w", err)
	}
	return t, nil
}

// begin makes and fills the table, all or nothing, unless it is there.
func (t *pension) begin(ctx context.Context, rows func() ([]stored, error)) error {
	return t.tx(ctx, "load", func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, `SELECT to_regclass('demo.journal') IS NOT NULL`).Scan(&there); err != nil || there {
			return err
		}
		if _, err := tx.Exec(ctx, pensionSQL); err != nil {
			return err
		}
		list, err := rows()
		if err != nil {
			return err
		}
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
			if n, err := strconv.Atoi(strings.TrimPrefix(s.Key, t.layout.Prefix)); err == nil {
				last = max(last, n)
			}
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"cbry"}, columns, pgx.CopyFromRows(people)); err != nil {
			return err
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"demo", "origins"}, []string{"grbh", "person"}, pgx.CopyFromRows(origins)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `SELECT setval('demo.grbh', $1)`, max(1, last))
		return err
	})
}

// tx runs f in a transaction of an actor that the triggers know.
func (t *pension) tx(ctx context.Context, actor string, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('demo.actor', $1, true)`, actor); err != nil {
			return err
		}
		return f(tx)
	})
}

func (t *pension) ID() string { return p.Pension }

// Snapshot implements Platform.
func (t *pension) Snapshot(ctx context.Context) (map[string]Row, error) {
	rows, err := t.pool.Query(ctx, `SELECT to_jsonb(cbry) - 'gxsj', gxsj FROM cbry WHERE zxbz = '0'`)
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
func (t *pension) Journal(ctx context.Context) ([]Write, error) {
	rows, err := t.pool.Query(ctx, `SELECT at, intent, op, grbh, set, repeated FROM demo.journal ORDER BY id`)
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
func (t *pension) Edits(ctx context.Context) ([]Edit, error) {
	rows, err := t.pool.Query(ctx, `SELECT body FROM demo.edits ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[Edit])
}

// Origins implements Platform.
func (t *pension) Origins(ctx context.Context) (map[string]int, error) {
	rows, err := t.pool.Query(ctx, `SELECT grbh, person FROM demo.origins JOIN cbry USING (grbh) WHERE zxbz = '0'`)
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
func (t *pension) Clerk(ctx context.Context, e Edit) (Edit, error) {
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
		return e, fmt.Errorf("pension: clerk's edit %s: %w", e.ID, err)
	}
	return e, nil
}

func (t *pension) edit(ctx context.Context, tx pgx.Tx, e *Edit) error {
	set := e.Set
	switch e.Op {
	case EditInsert:
		var n int
		if err := tx.QueryRow(ctx, `SELECT nextval('demo.grbh')`).Scan(&n); err != nil {
			return err
		}
		e.Key = t.layout.key(n)
		if _, err := tx.Exec(ctx, `INSERT INTO cbry (grbh, xm) VALUES ($1, $2)`, e.Key, set["xm"]); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO demo.origins VALUES ($1, $2)`, e.Key, e.Person); err != nil {
			return err
		}
	case EditDelete:
		set = Row{"zxbz": "1"}
	}
	body, err := json.Marshal(set)
	if err != nil {
		return err
	}
	// The row with the new columns laid over it, as one statement.
	err = tx.QueryRow(ctx, `
		UPDATE cbry SET (xm, sfzh, xb, mz, csrq, hyzk, whcd, lxdh, jzdz, cbzt, rybs, swrq, zxbz) =
		    (SELECT n.xm, n.sfzh, n.xb, n.mz, n.csrq, n.hyzk, n.whcd, n.lxdh, n.jzdz, n.cbzt, n.rybs, n.swrq, n.zxbz
		       FROM jsonb_populate_record(cbry, $2::jsonb - 'grbh' - 'gxsj') AS n)
		 WHERE grbh = $1 AND zxbz = '0' RETURNING gxsj`, e.Key, body).Scan(&e.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("no such row")
	}
	return err
}

func (t *pension) close() error {
	t.pool.Close()
	return nil
}
