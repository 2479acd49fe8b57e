package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
)

// Choice is one decision of a person, about two records or about a value. It
// hangs on (platform, key), so that it outlives delete and return.
type Choice struct {
	ID        int64
	Kind      string // same, not_same, later, keep, field
	A, B      schema.RecordRef
	Attribute schema.Attribute
	Value     string
	Until     time.Time // later: back in the queue from then on
	Who, Why  string
	At        time.Time
	Action    uuid.UUID // that made it
	Again     int64     // by undoing: the revoked decision that it says again
	RevokedBy string    // empty: it stands
	RevokedAt time.Time
}

const choiceColumns = `d.id, d.kind, d.a_platform, d.a_key, d.b_platform, d.b_key, d.attribute, d.value,
	coalesce(d.later_until, '0001-01-01'), d.who, d.why, d.at, d.action, coalesce(d.again, 0), coalesce(d.revoked_by, ''), coalesce(d.revoked_at, '0001-01-01')`

func scanChoice(row pgx.CollectableRow) (Choice, error) {
	var c Choice
	err := row.Scan(c.columns()...)
	return c, err
}

// columns are where choiceColumns go.
func (c *Choice) columns() []any {
	return []any{&c.ID, &c.Kind, &c.A.Platform, &c.A.Key, &c.B.Platform, &c.B.Key, &c.Attribute, &c.Value,
		&c.Until, &c.Who, &c.Why, &c.At, &c.Action, &c.Again, &c.RevokedBy, &c.RevokedAt}
}

func readChoices(ctx context.Context, q querier, sql string, args ...any) ([]Choice, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanChoice)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return list, nil
}

// Keeps returns the active keep decisions that hang on one of the records.
func (r *Resolution) Keeps(ctx context.Context, refs []schema.RecordRef) ([]Choice, error) {
	return choices(ctx, r.tx, refs, `d.kind = 'keep'`)
}

// choices returns the decisions that stand and hang on one of the records; a
// "later" whose day has come stands no more.
func choices(ctx context.Context, q querier, refs []schema.RecordRef, kinds string) ([]Choice, error) {
	platforms, keys := refColumns(refs)
	return readChoices(ctx, q, `WITH w AS (SELECT * FROM unnest($1::text[], $2::text[]) AS w(platform, key))
		SELECT `+choiceColumns+` FROM decisions d
		WHERE d.revoked_at IS NULL AND (d.later_until IS NULL OR d.later_until > now()) AND `+kinds+`
			AND ((d.a_platform, d.a_key) IN (SELECT platform, key FROM w)
			OR (d.b_platform, d.b_key) IN (SELECT platform, key FROM w)) ORDER BY d.id`, platforms, keys)
}

func refColumns(refs []schema.RecordRef) (platforms, keys []string) {
	platforms, keys = make([]string, len(refs)), make([]string, len(refs))
	for i, ref := range refs {
		platforms[i], keys[i] = ref.Platform, ref.Key
	}
	return platforms, keys
}

// Decide stores one decision exactly as it is given, as an action of its own,
// and reopens what it is about. Judge is what people's pages call: it decides
// about residents as wholes.
func (s *Store) Decide(ctx context.Context, c Choice) (id int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if opposite := oppositeOf[c.Kind]; opposite != "" {
			clash, err := decidedBetween(ctx, tx, opposite, []schema.RecordRef{c.A}, []schema.RecordRef{c.B})
			if err != nil {
				return err
			}
			if len(clash) > 0 {
				return &Contradiction{Decisions: clash} // I4
			}
		}
		a, err := act(ctx, tx, deed{kind: c.Kind, who: c.Who, why: c.Why, makes: []Choice{c}})
		if err == nil {
			id = a.Made[0].ID
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store decision: %w", err)
	}
	return id, nil
}

// Revoke takes one decision back, as an action of its own, and reopens what it
// was about.
func (s *Store) Revoke(ctx context.Context, id int64, who string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		list, err := readChoices(ctx, tx, `SELECT `+choiceColumns+` FROM decisions d WHERE d.id = $1 AND d.revoked_at IS NULL FOR UPDATE`, id)
		if err != nil {
			return err
		}
		switch {
		case len(list) == 0:
			return ErrNotFound
		case list[0].Kind == "field":
			return ErrNoUndo
		}
		_, err = act(ctx, tx, deed{kind: "revoke", who: who, revokes: list})
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke decision %d: %w", id, err)
	}
	return nil
}

// reopen makes the records unresolved: their partition may be another now.
func reopen(ctx context.Context, tx pgx.Tx, refs []schema.RecordRef) error {
	if len(refs) == 0 {
		return nil
	}
	platforms, keys := refColumns(refs)
	_, err := tx.Exec(ctx, `WITH h AS (SELECT id FROM records JOIN unnest($1::text[], $2::text[]) AS w(platform, key) USING (platform, key)
			ORDER BY id FOR NO KEY UPDATE OF records)
		UPDATE records SET unresolved = true, parked_until = NULL FROM h WHERE records.id = h.id`, platforms, keys)
	if err != nil {
		return fmt.Errorf("reopen records: %w", err)
	}
	return nil
}

// FieldVerdict applies what a person said about a flagged field of one row, and
// keeps it as a decision: who, when, why. The row is looked at again; a clerk's
// value that it makes evidence of reaches the resident when it is resolved.
func (s *Store) FieldVerdict(ctx context.Context, c Choice, keys func(schema.Values) []int64) (id int64, err error) {
	made, err := s.verdict(ctx, c, false, keys)
	if err != nil {
		return 0, err
	}
	return made[0].ID, nil
}

// ColumnVerdict is FieldVerdict with lineage.AsRendition for every row of the
// platform that shows the same text for the same text of ours: how a platform
// spells a value is its custom, and is said once. It returns how many rows.
func (s *Store) ColumnVerdict(ctx context.Context, c Choice, keys func(schema.Values) []int64) (id int64, rows int, err error) {
	made, err := s.verdict(ctx, c, true, keys)
	if err != nil {
		return 0, 0, err
	}
	return made[0].ID, len(made), nil
}

func (s *Store) verdict(ctx context.Context, c Choice, column bool, keys func(schema.Values) []int64) (made []Choice, err error) {
	c.Kind = "field"
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := s.hold(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT `+recordColumns+` FROM records r WHERE platform = $1 AND key = $2 FOR NO KEY UPDATE`, c.A.Platform, c.A.Key)
		if err != nil {
			return err
		}
		rec, err := pgx.CollectExactlyOneRow(rows, scanRecord)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		learnt, err := settleField(b, rec, c, nil, keys)
		if err != nil {
			return err
		}
		all := []Choice{c}
		if column && learnt != nil {
			more, err := settleColumn(ctx, tx, b, rec.ID, c, *learnt, keys)
			if err != nil {
				return err
			}
			all = append(all, more...)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		a, err := act(ctx, tx, deed{kind: "field", who: c.Who, why: c.Why, makes: all})
		made = a.Made
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("settle a field: %w", err)
	}
	return made, nil
}

// settleColumn says the same of every other row of the platform that waits with
// the same two texts.
func settleColumn(ctx context.Context, tx pgx.Tx, b *pgx.Batch, but int64, c Choice, learnt lineage.Rendition, keys func(schema.Values) []int64) (more []Choice, err error) {
	rows, err := tx.Query(ctx, `SELECT `+recordColumns+` FROM records r WHERE platform = $1 AND id <> $2
			AND id IN (SELECT record_id FROM targets WHERE platform = $1 AND held ? $3) ORDER BY id FOR NO KEY UPDATE`, c.A.Platform, but, string(c.Attribute))
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, err
	}
	for _, rec := range list {
		_, err := settleField(b, rec, c, &learnt, keys)
		if errors.Is(err, lineage.ErrNotFlagged) || errors.Is(err, lineage.ErrVerdict) {
			continue // it waits with something else
		}
		if err != nil {
			return nil, err
		}
		same := c
		same.A = rec.Ref
		more = append(more, same)
	}
	return more, nil
}

// settleField applies a verdict to one locked row; with only, to a row that shows
// just this rendition. What is to be written for it is added to the batch.
func settleField(b *pgx.Batch, rec Record, c Choice, only *lineage.Rendition, keys func(schema.Values) []int64) (*lineage.Rendition, error) {
	row, err := lineage.Decode(rec.State)
	if err != nil {
		return nil, fmt.Errorf("read its state: %w", err)
	}
	row, learnt, err := lineage.Resolve(row, c.Attribute, lineage.Verdict(c.Value))
	if err != nil {
		return nil, err
	}
	if only != nil && (learnt == nil || *learnt != *only) {
		return nil, lineage.ErrVerdict
	}
	if err := putState(b, rec, row, keys); err != nil {
		return nil, err
	}
	b.Queue(`UPDATE targets SET due_at = now(), refused = CASE WHEN $2 = 'again' THEN NULL ELSE refused END
		WHERE record_id = $1`, rec.ID, c.Value)
	return learnt, nil
}

// putState stores what a person has changed about a row that is locked.
func putState(b *pgx.Batch, rec Record, row lineage.Row, keys func(schema.Values) []int64) error {
	raw, err := row.Append(nil)
	if err != nil {
		return fmt.Errorf("encode its state: %w", err)
	}
	b.Queue(`UPDATE records SET state = $2, features = NULL, unresolved = true, parked_until = NULL, rev = rev + 1,
		old_keys = old_keys || keys, keys = CASE WHEN anchors = '{}' AND NOT deleted THEN coalesce($3::bigint[], '{}') ELSE '{}' END
		WHERE id = $1`, rec.ID, raw, keys(row.Own))
	return nil
}
