package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
)

// StatementLine says how the writes of one attribute to one platform ended. A
// write of several attributes counts in each; Attribute "" counts writes as wholes.
type StatementLine struct {
	Department, Platform, Name, NameEn string
	Attribute                          schema.Attribute
	Applied                            int64 // the platform took it
	Back                               int64 // of these: the platform's own value given back
	Refused                            int64 // the platform said no
	Overtaken                          int64 // somebody there was quicker, the row is gone or was there already, or it was not needed any more
	Open                               int64 // on its way, or nobody knows yet
}

// Statement counts writes by when they ended, from included and to not; those that
// have not ended, by when they began. Tries that were not made (the platform was
// busy) are none. No person is in it, and no sealed platform (I7).
func (s *Store) Statement(ctx context.Context, from, to time.Time) ([]StatementLine, error) {
	rows, err := s.pool.Query(ctx, `WITH w AS (
			SELECT platform, fields, state FROM intents
			WHERE coalesce(done_at, at) >= $1 AND coalesce(done_at, at) < $2 AND state <> 'busy'),
		lines AS (
			SELECT platform, '' AS attribute, state, false AS back FROM w
			UNION ALL
			SELECT w.platform, f.key, w.state, f.value->>'s' = $3 FROM w, jsonb_each(w.fields) f)
		SELECT p.department, p.id, p.name, p.name_en, l.attribute,
			count(*) FILTER (WHERE l.state = 'applied'),
			count(*) FILTER (WHERE l.state = 'applied' AND l.back),
			count(*) FILTER (WHERE l.state = 'refused'),
			count(*) FILTER (WHERE l.state IN ('missed', 'gone', 'exists', 'void')),
			count(*) FILTER (WHERE l.state IN ('open', 'queued', 'doubt'))
		FROM lines l JOIN platforms p ON p.id = l.platform WHERE p.class <> 'D'
		GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 5`, from, to, lineage.Own)
	if err != nil {
		return nil, fmt.Errorf("count the writes of a month: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StatementLine])
	if err != nil {
		return nil, fmt.Errorf("count the writes of a month: %w", err)
	}
	return list, nil
}
