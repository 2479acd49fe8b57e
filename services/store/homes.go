package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Who lives where, as far as it is seen in ctx. A dwelling is named as
// schema.Address.Dwelling names it: compound or community, building, unit, room.

// homesLimit bounds one answer: no building has more people.
const homesLimit = 5000

// AtDwellings returns the living residents of some dwellings.
func (s *Store) AtDwellings(ctx context.Context, dwellings []string) ([]Resident, error) {
	return s.living(ctx, `home_dwelling = ANY($2)`, dwellings)
}

// WithHukouAt returns the living residents whose hukou is at a dwelling, wherever
// they live.
func (s *Store) WithHukouAt(ctx context.Context, dwelling string) ([]Resident, error) {
	return s.living(ctx, `hukou_dwelling = $2`, dwelling)
}

// OfHousehold returns the living residents of a household.
func (s *Store) OfHousehold(ctx context.Context, number string) ([]Resident, error) {
	// The search text has the number as a word; the index finds it there.
	return s.living(ctx, `search LIKE $3 AND master->'household_no'->>'v' = $2`, number, word(searchFold(number)))
}

// InBuilding returns the living residents of one building of a community.
func (s *Store) InBuilding(ctx context.Context, community, compound, building string) ([]Resident, error) {
	from := compound + "|" + building + "|"
	// '}' follows '|': the range is an index scan, the prefix makes it exact.
	return s.living(ctx, `home_area = $2 AND home_dwelling >= $3 AND home_dwelling < $4 AND starts_with(home_dwelling, $3)`,
		community, from, compound+"|"+building+"}")
}

func (s *Store) living(ctx context.Context, where string, more ...any) ([]Resident, error) {
	args := append([]any{homesLimit}, more...)
	rows, err := s.pool.Query(ctx, `SELECT `+residentColumns+` FROM residents
		WHERE redirect_to IS NULL AND ended_at IS NULL AND `+where+` AND `+whom(ctx, "residents", &args)+` ORDER BY home_dwelling, id LIMIT $1`, args...)
	if err != nil {
		return nil, fmt.Errorf("read who lives there: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanResident)
	if err != nil {
		return nil, fmt.Errorf("read who lives there: %w", err)
	}
	return list, nil
}

// Building is one building of a community, and how many live in it.
type Building struct {
	Compound  string `json:"compound"` // or the community, where there is no compound
	Building  string `json:"building"`
	Dwellings int    `json:"dwellings"`
	Residents int    `json:"residents"`
}

// BuildingsOf lists the buildings of a community in which somebody lives who is
// seen.
func (s *Store) BuildingsOf(ctx context.Context, community string) ([]Building, error) {
	args := []any{community}
	rows, err := s.pool.Query(ctx, `SELECT split_part(home_dwelling, '|', 1), split_part(home_dwelling, '|', 2), count(DISTINCT home_dwelling), count(*)
		FROM residents WHERE redirect_to IS NULL AND ended_at IS NULL AND home_area = $1 AND home_dwelling IS NOT NULL AND `+whom(ctx, "residents", &args)+`
		GROUP BY 1, 2 ORDER BY 1, length(split_part(home_dwelling, '|', 2)), 2`, args...)
	if err != nil {
		return nil, fmt.Errorf("list buildings: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Building])
	if err != nil {
		return nil, fmt.Errorf("list buildings: %w", err)
	}
	return list, nil
}

// Communities lists those in which somebody lives who is seen. Whoever sees
// everybody gets them by name, one step through the index after the other: a million
// rows have a few hundred. For anybody else the first is where most of those live
// who are seen: the own community before the ones that some have moved to.
func (s *Store) Communities(ctx context.Context) ([]string, error) {
	var args []any
	sql := `WITH RECURSIVE c(area) AS (
			(SELECT home_area FROM residents WHERE redirect_to IS NULL AND ended_at IS NULL AND home_area IS NOT NULL ORDER BY home_area LIMIT 1)
			UNION ALL SELECT (SELECT r.home_area FROM residents r WHERE r.redirect_to IS NULL AND r.ended_at IS NULL AND r.home_area > c.area ORDER BY r.home_area LIMIT 1)
			FROM c WHERE c.area IS NOT NULL)
		SELECT area FROM c WHERE area IS NOT NULL LIMIT 2000`
	if Limited(ctx) {
		sql = `SELECT home_area FROM residents WHERE redirect_to IS NULL AND ended_at IS NULL AND home_area IS NOT NULL AND ` +
			whom(ctx, "residents", &args) + ` GROUP BY 1 ORDER BY count(*) DESC, 1`
	}
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list communities: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list communities: %w", err)
	}
	return list, nil
}
