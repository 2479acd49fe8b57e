package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// RivalError says that a version of an agreement would give a platform the last
// word on what another platform has the last word on.
type RivalError struct {
	Platform, Other string
	Attributes      []schema.Attribute
}

func (e RivalError) Error() string {
	return fmt.Sprintf("%s has the last word on %v already, for the same residents as %s", e.Other, e.Attributes, e.Platform)
}

// rivals reports by an error a version that overlaps an agreement in force.
func rivals(ctx context.Context, tx pgx.Tx, platform string, version int) error {
	p, err := supposed(ctx, tx, platform, version)
	if err != nil {
		return err
	}
	list, err := platforms(ctx, tx)
	if err != nil {
		return err
	}
	for _, o := range list {
		if both := p.Agreement.Overlap(o.Agreement); o.ID != platform && len(both) > 0 {
			return RivalError{Platform: platform, Other: o.ID, Attributes: both}
		}
	}
	return nil
}

// WaitingAgreements returns, by platform, the newest version of an agreement that
// is newer than the one in force: it waits for somebody's approval.
func (s *Store) WaitingAgreements(ctx context.Context) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, `SELECT a.platform, max(a.version) FROM agreements a JOIN platforms p ON p.id = a.platform
		WHERE a.version > coalesce(p.agreement, 0) GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("read agreements that wait: %w", err)
	}
	out := map[string]int{}
	var platform string
	var version int
	if _, err := pgx.ForEachRow(rows, []any{&platform, &version}, func() error { out[platform] = version; return nil }); err != nil {
		return nil, fmt.Errorf("read agreements that wait: %w", err)
	}
	return out, nil
}
