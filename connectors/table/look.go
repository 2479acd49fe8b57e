package table

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"heji/connectors"
	"heji/schema"
)

// maxLook bounds the answer to one natural key: more than two hits already mean
// that a person must choose.
const maxLook = 20

// Look returns rows as they are now. It takes the row's lock first, so that a
// write of ours whose connection broke is over before the answer (I5). A
// deleted row is not there.
func (w *writer) Look(ctx context.Context, q connectors.Query) ([]connectors.Row, error) {
	l, err := w.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*w.platform.Life(), errSlow)
	defer cancel()
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		return nil, w.failed(ctx, "connecting", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // only read
	var replica bool
	if err := tx.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&replica); err != nil {
		return nil, w.failed(ctx, "connecting", err)
	}
	if replica {
		return nil, connectors.NewTrouble("db_lagging_copy", "platform", w.platform.ID)
	}
	lock := []string{"key", q.Key}
	if q.Key == "" {
		lock = naturalLock(q.Natural)
	}
	if err := w.lock(ctx, tx, lock...); err != nil {
		return nil, w.failed(ctx, "waiting for an earlier write", err)
	}
	var rows []connectors.Row
	if q.Key != "" {
		rows, err = w.byKey(ctx, l, tx, q.Key)
	} else {
		rows, err = w.byNatural(ctx, l, tx, maps.Clone(q.Natural))
	}
	if err != nil {
		return nil, w.failed(ctx, "looking for a row", err)
	}
	if w.foreign(rows, q.Key, q.Natural) {
		return nil, w.otherRow()
	}
	return rows, nil
}

func (r *reader) byKey(ctx context.Context, l *layout, q querier, key string) ([]connectors.Row, error) {
	parts, ok := connectors.SplitKey(key, len(r.platform.Key))
	if !ok {
		return nil, nil
	}
	s := &statement{}
	where := r.keyed(s, l, parts) + " AND " + r.alive(s, l)
	return r.find(ctx, l, q, where, s.args)
}

// byNatural compares in the column's own type, so that an index serves; a text
// that the type cannot hold is in no row.
func (r *reader) byNatural(ctx context.Context, l *layout, q querier, natural map[string]string) ([]connectors.Row, error) {
	if len(natural) == 0 {
		return nil, nil
	}
	s := &statement{}
	var all []string
	for _, name := range sorted(natural) {
		c, ok := l.columns[name]
		if !ok {
			return nil, nil
		}
		var any []string
		for _, text := range r.forms(name, natural[name]) {
			if c.text {
				any = append(any, fmt.Sprintf("%s = %s::%s", c.quoted, s.arg(text), c.typ))
				continue
			}
			any = append(any, fmt.Sprintf("%s::text = %s", c.quoted, s.arg(text)))
		}
		all = append(all, either(any))
	}
	all = append(all, r.alive(s, l))
	return r.find(ctx, l, q, strings.Join(all, " AND "), s.args)
}

func (r *reader) find(ctx context.Context, l *layout, q querier, where string, args []any) ([]connectors.Row, error) {
	rows, err := q.Query(ctx, fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s LIMIT %d", l.list, l.rel, where, maxLook), args...)
	if err != nil {
		return nil, err
	}
	found, err := r.collect(l, rows)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22") {
		return nil, nil // the key is none of this type
	}
	return found, err
}

// collect reads what a statement returned.
func (r *reader) collect(l *layout, rows pgx.Rows) ([]connectors.Row, error) {
	defer rows.Close()
	var out []connectors.Row
	for rows.Next() {
		s, err := r.scan(l, "", rows)
		if err != nil {
			return nil, err
		}
		if s.row.Op != schema.OpDead {
			out = append(out, s.row)
		}
	}
	return out, rows.Err()
}
