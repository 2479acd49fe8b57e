package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// Found is what a search has found.
type Found struct {
	Residents []Resident
	More      bool // there are others
	// Near: nobody has the words that were typed; these have words that are one
	// slip away from them.
	Near bool
}

// searchLooked bounds what one step of a search reads: whoever asks for 王 reads
// a page of seventy thousand.
const searchLooked = 100

// Search finds living residents by what staff type: name, pinyin, initials, four
// digits of a number, an address, several of these. Those that have the words as
// they were typed come first, then those whose words begin with them; only where
// there is nobody, those whose words are one slip away.
func (s *Store) Search(ctx context.Context, query string, limit int) (Found, error) {
	return s.search(ctx, query, limit, true)
}

// Namesakes finds what is called so, without what is only one slip away.
func (s *Store) Namesakes(ctx context.Context, query string, limit int) (Found, error) {
	return s.search(ctx, query, limit, false)
}

func (s *Store) search(ctx context.Context, query string, limit int, near bool) (Found, error) {
	terms := searchTerms(query)
	if len(terms) == 0 {
		return Found{}, nil
	}
	var found Found
	var ids []uuid.UUID
	for _, step := range searchSteps {
		if len(ids) > limit || step.near && (!near || len(ids) > 0 || !slices.ContainsFunc(terms, func(t searchTerm) bool { return len(t.typo) > 0 })) {
			break
		}
		more, err := s.searchStep(ctx, terms, step.patterns, step.near)
		if err != nil {
			return Found{}, fmt.Errorf("search residents: %w", err)
		}
		for _, id := range more {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		found.Near = step.near && len(ids) > 0
	}
	residents, err := s.ResidentsByID(ctx, ids)
	if err != nil {
		return Found{}, fmt.Errorf("search residents: %w", err)
	}
	rank := map[uuid.UUID]int{}
	for i, id := range ids {
		rank[id] = i
		if r, ok := residents[id]; ok {
			found.Residents = append(found.Residents, r)
		}
	}
	words := strings.Fields(plainQuery(query))
	slices.SortStableFunc(found.Residents, func(a, b Resident) int {
		return cmp.Or(cmp.Compare(searchRank(a, words), searchRank(b, words)), cmp.Compare(rank[a.ID], rank[b.ID]))
	})
	if found.More = len(found.Residents) > limit; found.More {
		found.Residents = found.Residents[:limit]
	}
	return found, nil
}

// searchRank puts first who is called exactly so, and last who is no longer here.
func searchRank(r Resident, words []string) int {
	rank := 1
	if slices.Contains(words, searchFold(r.Master[schema.Name].Value)) {
		rank = 0
	}
	if status := r.Master[schema.LifeStatus].Value; status != "" && status != "alive" {
		rank += 2
	}
	return rank
}

// searchSteps are the ways to look, one after the other.
var searchSteps = []struct {
	patterns func(searchTerm) []string
	near     bool
}{
	{func(t searchTerm) []string { return t.exact }, false},
	{func(t searchTerm) []string { return t.loose }, false},
	{func(t searchTerm) []string { return append(slices.Clone(t.loose), t.typo...) }, true},
}

func (s *Store) searchStep(ctx context.Context, terms []searchTerm, patterns func(searchTerm) []string, near bool) ([]uuid.UUID, error) {
	args := []any{searchLooked}
	var where strings.Builder
	where.WriteString(" AND " + whom(ctx, "residents", &args))
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	alike := 1.0
	for _, t := range terms {
		list := patterns(t)
		var any []string
		if near && t.near != "" {
			// The empty text hides the patterns from the index: they only judge what is
			// like the word.
			any = append(any, "search %> "+arg(t.near)+" AND search || '' LIKE ANY("+arg(t.typo)+")")
			alike, list = min(alike, t.alike), t.loose
		}
		// One condition for each pattern, so that the trigram index serves them all.
		for _, p := range list {
			any = append(any, "search LIKE "+arg(p))
		}
		where.WriteString(" AND (" + strings.Join(any, " OR ") + ")")
	}
	var ids []uuid.UUID
	b := &pgx.Batch{}
	// The estimate for a pattern is a guess; a wrong one reads the whole table.
	b.Queue(`SELECT set_config('enable_seqscan', 'off', true), set_config('pg_trgm.word_similarity_threshold', $1, true)`, strconv.FormatFloat(alike, 'f', 3, 64))
	b.Queue(`SELECT id FROM residents WHERE redirect_to IS NULL AND ended_at IS NULL`+where.String()+` LIMIT $1`, args...).Query(func(rows pgx.Rows) (err error) {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return ids, s.pool.SendBatch(ctx, b).Close()
}
