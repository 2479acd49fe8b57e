package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"heji/schema"
)

// CountResidents counts the residents in force for whom all conditions of a list
// hold, for each list, in one statement. In force is who is not merged into
// another, is shown by some platform, and neither died nor moved away.
//
// Sealed attributes count in nothing (I7): no value of theirs is in a master
// record.
func (s *Store) CountResidents(ctx context.Context, lists [][]schema.Condition, today time.Time) ([]int64, error) {
	if len(lists) == 0 {
		return nil, nil
	}
	var args []any
	parts := make([]string, len(lists))
	for i, list := range lists {
		var where string
		where, args = conditionsSQL(list, today, args)
		parts[i] = "count(*) FILTER (WHERE " + where + ")"
	}
	rows := make([]int64, len(lists))
	into := make([]any, len(lists))
	for i := range rows {
		into[i] = &rows[i]
	}
	err := s.pool.QueryRow(ctx, `SELECT `+strings.Join(parts, ", ")+` FROM residents res
		WHERE redirect_to IS NULL AND ended_at IS NULL
			AND coalesce(master->'life_status'->>'v', '') NOT IN ('dead', 'moved_out')`, args...).Scan(into...)
	if err != nil {
		return nil, fmt.Errorf("count residents: %w", err)
	}
	return rows, nil
}

// Settled reports whether there are residents, and every record has found its
// own.
func (s *Store) Settled(ctx context.Context) (ok bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM residents) AND NOT EXISTS (SELECT FROM records WHERE unresolved)`).Scan(&ok)
	if err != nil {
		return false, fmt.Errorf("is everything resolved: %w", err)
	}
	return ok, nil
}

// conditionsSQL says conditions exactly as schema.Condition.Holds does.
func conditionsSQL(list []schema.Condition, today time.Time, args []any) (string, []any) {
	parts := []string{"true"}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	for _, c := range list {
		value := `coalesce(res.master->` + arg(string(c.Attribute)) + `->>'v', '')`
		if c.Present != nil {
			parts = append(parts, "("+value+" <> '') = "+arg(*c.Present))
		}
		if len(c.In) > 0 {
			parts = append(parts, value+" = ANY("+arg(c.In)+")")
		}
		if len(c.NotIn) > 0 {
			parts = append(parts, value+" <> ALL("+arg(c.NotIn)+")")
		}
		if c.YoungerThan > 0 || c.OlderThan > 0 {
			// A date of which only the year or the month is known counts from its
			// first day, as everywhere. Texts of one length order as days do.
			day := "rpad(" + value + ", 10, '-01-01')"
			parts = append(parts, "length("+value+") IN (4, 7, 10)")
			if c.OlderThan > 0 {
				parts = append(parts, day+` COLLATE "C" <= `+arg(yearsBefore(today, c.OlderThan)))
			}
			if c.YoungerThan > 0 {
				parts = append(parts, day+` COLLATE "C" > `+arg(yearsBefore(today, c.YoungerThan)))
			}
		}
	}
	return strings.Join(parts, " AND "), args
}

// yearsBefore is the same day so many years ago, as text: on a 29th of February
// it may name a day that is none, and still orders right.
func yearsBefore(today time.Time, years int) string {
	return fmt.Sprintf("%04d-%02d-%02d", today.Year()-years, int(today.Month()), today.Day())
}

// MayWrite reports whether anything may leave for a platform now.
func (s *Store) MayWrite(ctx context.Context, platform string) (bool, error) {
	list, err := s.Platforms(ctx)
	if err != nil {
		return false, err
	}
	stopped := false
	if err := s.Setting(ctx, "writes_stopped", &stopped); err != nil && err != ErrNotFound {
		return false, err
	}
	for _, p := range list {
		_, shut := p.Restoration()
		stopped = stopped || shut
	}
	for _, p := range list {
		if p.ID == platform {
			return !stopped && !p.Held() && p.Stage.Writes() && p.Agreement.InForce(time.Now()), nil
		}
	}
	return false, ErrNotFound
}
