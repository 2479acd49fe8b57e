package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
)

// IntentField is one field of a write.
type IntentField struct {
	Wire   string `json:"w"`
	Base   string `json:"b"`
	Value  string `json:"v"`
	Source string `json:"s"` // the record, or decision, whose evidence it is
}

// Intent is a write: durable before the call.
type Intent struct {
	ID         uuid.UUID
	Target     int64
	Platform   string
	Key        string
	Batch      uuid.UUID
	Fence      int64
	Fields     map[schema.Attribute]IntentField
	RowVersion string
	State      string
	At         time.Time
	// Sealed is what the journal keeps of it, encrypted.
	Sealed string
}

// blanked is what stays of a write's fields once it has ended: which they were, and
// whether they were given back, as the function of that name in the database says.
func (in *Intent) blanked() string {
	fields := make(map[schema.Attribute]map[string]string, len(in.Fields))
	for a, f := range in.Fields {
		fields[a] = map[string]string{}
		if f.Source == lineage.Own {
			fields[a]["s"] = lineage.Own
		}
	}
	raw, _ := json.Marshal(fields) // text always encodes
	return string(raw)
}

const intentColumns = `id, coalesce(target_id, 0), platform, coalesce(key, ''), coalesce(batch, '00000000-0000-0000-0000-000000000000'), fence, fields, row_version, state, at, coalesce(sealed, '')`

func scanIntent(row pgx.CollectableRow) (Intent, error) {
	var in Intent
	var raw []byte
	if err := row.Scan(&in.ID, &in.Target, &in.Platform, &in.Key, &in.Batch, &in.Fence, &raw, &in.RowVersion, &in.State, &in.At, &in.Sealed); err != nil {
		return in, err
	}
	return in, json.Unmarshal(raw, &in.Fields)
}

// OpenIntents returns the writes of a platform whose outcome is not known, oldest first.
func (s *Store) OpenIntents(ctx context.Context, platform string) ([]Intent, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+intentColumns+` FROM intents
		WHERE platform = $1 AND state IN ('open', 'queued', 'doubt') ORDER BY at, id`, platform)
	if err != nil {
		return nil, fmt.Errorf("platform %s: read open intents: %w", platform, err)
	}
	return pgx.CollectRows(rows, scanIntent)
}

// WritesMade returns which of these writes to a platform were ever made, whatever
// became of them.
func (s *Store) WritesMade(ctx context.Context, platform string, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	rows, err := s.pool.Query(ctx, `SELECT id FROM intents WHERE platform = $1 AND id = ANY($2)`, platform, ids)
	if err != nil {
		return nil, fmt.Errorf("platform %s: find writes: %w", platform, err)
	}
	made := map[uuid.UUID]bool{}
	var id uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { made[id] = true; return nil }); err != nil {
		return nil, fmt.Errorf("platform %s: find writes: %w", platform, err)
	}
	return made, nil
}

// ForgetWrites drops what was kept, encrypted, of writes that ended before a
// time; that they were made stays. It returns of how many.
func (s *Store) ForgetWrites(ctx context.Context, before time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE intents SET sealed = NULL WHERE sealed IS NOT NULL AND at < $1
		AND state NOT IN ('open', 'queued', 'doubt')`, before)
	if err != nil {
		return 0, fmt.Errorf("forget what was kept of writes long ago: %w", err)
	}
	return tag.RowsAffected(), nil
}
