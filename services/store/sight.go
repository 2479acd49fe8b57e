package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/schema/codes"
	"heji/services/audit"
	"heji/services/survivorship"
)

// Who sees whom follows who is responsible for whom: there is one predicate, and
// everything that the desk reads of residents goes through it. It is in the
// context of a request, so that no reader can forget to hand it on; what works
// without a person (pull, merge, writeback) has none and sees everybody.

// Sight says whom somebody sees: the residents that one of the bodies answers
// for on that day, in one of the domains.
type Sight struct {
	Bodies  []string // those below them included
	Domains []string // empty: all
	Day     time.Time
}

// Posting says for whom somebody works: for everybody, or for bodies and all
// that stand below them, in some domains or all.
type Posting struct {
	Everywhere bool
	Bodies     []string
	Domains    []string
}

type sightKey struct{}

// WithSight limits what the store shows in ctx.
func WithSight(ctx context.Context, s Sight) context.Context {
	return context.WithValue(ctx, sightKey{}, &s)
}

// sightOf is the limit of ctx; nil: there is none.
func sightOf(ctx context.Context) *Sight {
	s, _ := ctx.Value(sightKey{}).(*Sight)
	return s
}

// Limited reports whether ctx sees less than everybody.
func Limited(ctx context.Context) bool { return sightOf(ctx) != nil }

// mineInForce is the condition for a line of responsibilities that is mine: $b are
// the bodies, $d the domains, $t the day.
const mineInForce = `body = ANY($b) AND (cardinality($d::text[]) = 0 OR domain = ANY($d)) AND $t::date BETWEEN valid_from AND coalesce(valid_to, 'infinity')`

// sightSQL is the predicate. The first half can be answered by indexes and lets
// nobody out who is seen. The second is exact: where anything is given for the
// dwelling or the resident, the narrowest line holds.
const sightSQL = `((@.home_area = ANY(ARRAY(SELECT area FROM responsibilities WHERE area IS NOT NULL AND basis = 'residence' AND ` + mineInForce + `))
		OR @.hukou_area = ANY(ARRAY(SELECT area FROM responsibilities WHERE area IS NOT NULL AND basis = 'hukou' AND ` + mineInForce + `))
		OR @.home_dwelling = ANY(ARRAY(SELECT dwelling FROM responsibilities WHERE dwelling IS NOT NULL AND basis = 'residence' AND ` + mineInForce + `))
		OR @.hukou_dwelling = ANY(ARRAY(SELECT dwelling FROM responsibilities WHERE dwelling IS NOT NULL AND basis = 'hukou' AND ` + mineInForce + `))
		OR @.id = ANY(ARRAY(SELECT n.resident FROM named_lines($t) n JOIN responsibilities m ON m.id = n.line WHERE ` + mineInForce + `)))
	AND CASE WHEN EXISTS (SELECT FROM responsibilities n WHERE n.dwelling IN (@.home_dwelling, @.hukou_dwelling))
			OR @.id = ANY(ARRAY(SELECT resident FROM named_lines($t)))
		THEN EXISTS (SELECT FROM answering(@.id, @.home_area, @.home_dwelling, @.hukou_area, @.hukou_dwelling, $t::date) a
			WHERE a.body = ANY($b) AND (cardinality($d::text[]) = 0 OR a.domain = ANY($d)))
		ELSE true END)`

// whom is the condition that a row of residents, by its alias, is seen in ctx.
// Its arguments are added to args.
func whom(ctx context.Context, alias string, args *[]any) string {
	s := sightOf(ctx)
	if s == nil {
		return "true"
	}
	n := len(*args)
	*args = append(*args, texts(s.Bodies), texts(s.Domains), s.Day)
	return strings.NewReplacer("@", alias, "$b", "$"+strconv.Itoa(n+1), "$d", "$"+strconv.Itoa(n+2), "$t", "$"+strconv.Itoa(n+3)).Replace(sightSQL)
}

// texts is an array that is never NULL.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// seen returns those of some residents that are seen in ctx. An id that was
// merged is none: ask for the one that lives.
func seen(ctx context.Context, q querier, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	out := make(map[uuid.UUID]bool, len(ids))
	if !Limited(ctx) {
		for _, id := range ids {
			out[id] = true
		}
		return out, nil
	}
	args := []any{ids}
	rows, err := q.Query(ctx, `SELECT id FROM residents r WHERE id = ANY($1) AND `+whom(ctx, "r", &args), args...)
	if err != nil {
		return nil, fmt.Errorf("ask who is seen: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("ask who is seen: %w", err)
	}
	for _, id := range list {
		out[id] = true
	}
	return out, nil
}

// Seen returns those of some living residents that are seen in ctx.
func (s *Store) Seen(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	return seen(ctx, s.pool, ids)
}

// mustSee is ErrNotFound where a resident is not seen: as if nobody were there.
func mustSee(ctx context.Context, q querier, id uuid.UUID) error {
	if !Limited(ctx) {
		return nil
	}
	list, err := seen(ctx, q, []uuid.UUID{id})
	if err == nil && !list[id] {
		err = fmt.Errorf("resident: %w", ErrNotFound)
	}
	return err
}

// SeenIntents returns those of some writes whose resident is seen in ctx.
func (s *Store) SeenIntents(ctx context.Context, ids []string) (map[string]bool, error) {
	out := make(map[string]bool, len(ids))
	var keys []uuid.UUID
	for _, text := range ids {
		if id, err := uuid.Parse(text); err == nil {
			keys = append(keys, id)
		}
	}
	args := []any{keys}
	rows, err := s.pool.Query(ctx, `SELECT i.id FROM intents i JOIN targets t ON t.id = i.target_id
			LEFT JOIN records rec ON rec.id = coalesce(t.record_id, t.anchor_id)
			JOIN residents r ON r.id = coalesce(rec.resident_id, t.resident_id)
		WHERE i.id = ANY($1) AND `+whom(ctx, "r", &args), args...)
	if err != nil {
		return nil, fmt.Errorf("ask whose writes are seen: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("ask whose writes are seen: %w", err)
	}
	for _, id := range list {
		out[id.String()] = true
	}
	return out, nil
}

// DomainsSeen returns the domains in which whoever asks answers for a resident;
// all of them where they are not limited.
func (s *Store) DomainsSeen(ctx context.Context, resident uuid.UUID) ([]string, error) {
	sight := sightOf(ctx)
	if sight == nil {
		domains, _ := codes.LookupTable("domain")
		return domains.Codes(), nil
	}
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT a.domain
		FROM residents r, answering(r.id, r.home_area, r.home_dwelling, r.hukou_area, r.hukou_dwelling, $2::date) a
		WHERE r.id = $1 AND a.body = ANY($3) AND (cardinality($4::text[]) = 0 OR a.domain = ANY($4)) ORDER BY 1`,
		resident, sight.Day, texts(sight.Bodies), texts(sight.Domains))
	if err != nil {
		return nil, fmt.Errorf("ask for which domains somebody answers: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("ask for which domains somebody answers: %w", err)
	}
	return list, nil
}

// Reveal puts the numbers of a resident in sight of a viewer for some time, and
// notes why.
func (s *Store) Reveal(ctx context.Context, viewer string, resident uuid.UUID, why string, during time.Duration) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := mustSee(ctx, tx, resident); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM reveals WHERE until < clock_timestamp()`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO reveals (viewer, resident_id, until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
			ON CONFLICT (viewer, resident_id) DO UPDATE SET until = excluded.until`, viewer, resident, during.Seconds()); err != nil {
			return err
		}
		return note(ctx, tx, "", audit.Note{Did: "reveal", What: "resident/" + resident.String(), Why: why}, nil)
	})
	if err != nil {
		return fmt.Errorf("reveal numbers: %w", err)
	}
	return nil
}

// Revealed reports whether the numbers of all residents are in sight of a viewer.
func (s *Store) Revealed(ctx context.Context, viewer string, residents []uuid.UUID) (all bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM reveals WHERE viewer = $1 AND resident_id = ANY($2) AND until > clock_timestamp())
		= (SELECT count(DISTINCT id) FROM unnest($2::uuid[]) AS id)`, viewer, residents).Scan(&all)
	if err != nil {
		return false, fmt.Errorf("ask whether numbers are in sight: %w", err)
	}
	return all, nil
}

// SightFor is what a posting lets somebody see on a day; limited false: everybody.
func (s *Store) SightFor(ctx context.Context, p Posting, day time.Time) (sight Sight, limited bool, err error) {
	sight = Sight{Bodies: []string{}, Domains: p.Domains, Day: day}
	if p.Everywhere || len(p.Bodies) == 0 {
		return sight, !p.Everywhere, nil
	}
	rows, err := s.pool.Query(ctx, `WITH RECURSIVE down(id) AS (
			SELECT id FROM bodies WHERE id = ANY($1) UNION SELECT b.id FROM bodies b JOIN down d ON b.parent = d.id)
		SELECT id FROM down ORDER BY id`, p.Bodies)
	if err == nil {
		sight.Bodies, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return sight, true, fmt.Errorf("find the bodies of an account: %w", err)
	}
	return sight, true, nil
}

// checkPosting refuses what nobody could work for.
func checkPosting(ctx context.Context, q querier, p Posting) error {
	domains, _ := codes.LookupTable("domain")
	for _, d := range p.Domains {
		if !domains.Has(d) {
			return fmt.Errorf("%w: domain %q is none of %s", ErrPosting, d, strings.Join(domains.Codes(), ", "))
		}
	}
	if p.Everywhere && len(p.Bodies) > 0 {
		return fmt.Errorf("%w: say for which bodies, or everywhere, not both", ErrPosting)
	}
	if len(p.Bodies) == 0 && len(p.Domains) > 0 && !p.Everywhere {
		return fmt.Errorf("%w: domains are those of a body: say for which", ErrPosting)
	}
	rows, err := q.Query(ctx, `SELECT id FROM bodies WHERE id = ANY($1)`, texts(p.Bodies))
	if err != nil {
		return err
	}
	known, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, b := range p.Bodies {
		if !slices.Contains(known, b) {
			return fmt.Errorf("%w: the body %q is not registered: register it first", ErrPosting, b)
		}
	}
	return nil
}

// strangers are those of some records whose resident, as of now, is not seen in
// ctx. A key may be a number of the person: it is as good as a name.
func strangers(ctx context.Context, q querier, refs []schema.RecordRef) (map[schema.RecordRef]bool, error) {
	out := map[schema.RecordRef]bool{}
	if !Limited(ctx) || len(refs) == 0 {
		return out, nil
	}
	platforms, keys := refColumns(refs)
	args := []any{platforms, keys}
	rows, err := q.Query(ctx, `SELECT rec.platform, rec.key FROM unnest($1::text[], $2::text[]) AS w(platform, key)
			JOIN records rec USING (platform, key) JOIN residents r ON r.id = rec.resident_id
		WHERE (`+whom(ctx, "r", &args)+`) IS NOT TRUE`, args...)
	if err != nil {
		return nil, fmt.Errorf("ask whose records are seen: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[schema.RecordRef])
	if err != nil {
		return nil, fmt.Errorf("ask whose records are seen: %w", err)
	}
	for _, ref := range list {
		out[ref] = true
	}
	return out, nil
}

// seenChoices leaves out decisions that name a record of somebody who is not seen.
func seenChoices(ctx context.Context, q querier, list []Choice) ([]Choice, error) {
	var refs []schema.RecordRef
	for _, c := range list {
		refs = append(refs, c.A, c.B)
	}
	hidden, err := strangers(ctx, q, refs)
	if err != nil || len(hidden) == 0 {
		return list, err
	}
	return slices.DeleteFunc(slices.Clone(list), func(c Choice) bool { return hidden[c.A] || hidden[c.B] }), nil
}

// seenEvents leaves out what records of somebody who is not seen did to a
// resident while they were taken for it, and who that was.
func seenEvents(ctx context.Context, q querier, list []PastEvent) ([]PastEvent, error) {
	if !Limited(ctx) {
		return list, nil
	}
	sources := make([][]schema.RecordRef, len(list))
	var refs []schema.RecordRef
	var others []uuid.UUID
	for i, e := range list {
		sources[i] = []schema.RecordRef{e.Ref}
		for _, raw := range [][]byte{e.Old, e.New} {
			var from survivorship.Survivor
			if json.Unmarshal(raw, &from) == nil {
				sources[i] = append(sources[i], from.Source)
			}
		}
		refs = append(refs, sources[i]...)
		others = append(others, e.Other)
	}
	hidden, err := strangers(ctx, q, refs)
	if err != nil {
		return nil, err
	}
	known, err := seen(ctx, q, others)
	if err != nil {
		return nil, err
	}
	out := list[:0:0]
	for i, e := range list {
		if slices.ContainsFunc(sources[i], func(ref schema.RecordRef) bool { return hidden[ref] }) {
			continue
		}
		if !known[e.Other] {
			e.Other = uuid.Nil
		}
		out = append(out, e)
	}
	return out, nil
}
