package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/survivorship"
)

// Resident is one master record.
type Resident struct {
	ID       uuid.UUID
	Redirect uuid.UUID // zero: lives
	Ended    bool      // no platform shows it any more
	Master   map[schema.Attribute]survivorship.Survivor
	Search   string
	Rev      int64
}

// Values returns the surviving values alone.
func (r Resident) Values() schema.Values {
	v := make(schema.Values, len(r.Master))
	for a, s := range r.Master {
		v[a] = s.Value
	}
	return v
}

func scanResident(row pgx.CollectableRow) (Resident, error) {
	var r Resident
	var master []byte
	err := row.Scan(&r.ID, &r.Redirect, &r.Ended, &master, &r.Search, &r.Rev)
	if err == nil {
		r.Master, err = survivorship.Decode(master)
	}
	return r, err
}

const residentColumns = `id, coalesce(redirect_to, '00000000-0000-0000-0000-000000000000'), ended_at IS NOT NULL, master, search, rev`

// ResidentsByID reads residents, those that were merged away included, as far as
// they are seen in ctx.
func (s *Store) ResidentsByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Resident, error) {
	list, err := residentsByID(ctx, s.pool, ids)
	if err != nil || !Limited(ctx) {
		return list, err
	}
	visible, err := seen(ctx, s.pool, ids)
	for id := range list {
		if !visible[id] {
			delete(list, id)
		}
	}
	return list, err
}

func residentsByID(ctx context.Context, q querier, ids []uuid.UUID) (map[uuid.UUID]Resident, error) {
	rows, err := q.Query(ctx, `SELECT `+residentColumns+` FROM residents WHERE id = ANY($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("read residents: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanResident)
	if err != nil {
		return nil, fmt.Errorf("read residents: %w", err)
	}
	out := make(map[uuid.UUID]Resident, len(list))
	for _, r := range list {
		out[r.ID] = r
	}
	return out, nil
}

// Residents reads master records by id.
func (r *Resolution) Residents(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Resident, error) {
	return residentsByID(ctx, r.tx, ids)
}
