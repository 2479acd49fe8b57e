package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// What a supervisor looks at and moves: the communities, and who works for them.

// Progress is how one community stands. Counts of residents, and no resident.
type Progress struct {
	Body      Body
	Residents int64 // who live there
	Entered   int64 // entries about them since
	Waiting   int64 // rows at platforms that have not got what they should
	Persons   int64 // rows that wait for a person
	Risks     int64 // grave changes that wait
	Handovers int64 // requests for them that nobody has answered
}

// Progress returns the communities that whoever asks sees, by name.
func (s *Store) Progress(ctx context.Context, since time.Time, day time.Time) ([]Progress, error) {
	bodies, all := []string{}, true
	if sight := sightOf(ctx); sight != nil {
		bodies, all = texts(sight.Bodies), false
	}
	rows, err := s.pool.Query(ctx, `WITH b AS (SELECT id, name, kind, coalesce(parent, '') AS parent FROM bodies WHERE kind = 'community' AND ($2 OR id = ANY($1))),
			areas AS (SELECT DISTINCT n.body, n.area FROM responsibilities n JOIN b ON b.id = n.body
				WHERE n.area IS NOT NULL AND n.basis = 'residence' AND $4::date BETWEEN n.valid_from AND coalesce(n.valid_to, 'infinity')),
			who AS MATERIALIZED (SELECT a.body, r.id FROM areas a JOIN residents r ON r.home_area = a.area WHERE r.redirect_to IS NULL AND r.ended_at IS NULL),
			n1 AS (SELECT body, count(*) AS n FROM who GROUP BY body),
			n2 AS (SELECT w.body, count(*) AS n FROM desk_entries d JOIN records rec ON rec.platform = 'desk' AND rec.key = d.key
				JOIN who w ON w.id = rec.resident_id WHERE d.at >= $3 GROUP BY w.body),
			n3 AS (SELECT w.body, count(*) FILTER (WHERE (t.due_at IS NOT NULL AND t.state <> 'hold') OR t.state IN ('open', 'queued', 'doubt')) AS n,
				count(*) FILTER (WHERE t.state IN ('hold', 'refused', 'contested')) AS persons FROM targets t JOIN who w ON w.id = t.resident_id
				WHERE t.due_at IS NOT NULL OR t.state IN ('open', 'queued', 'doubt', 'hold', 'refused', 'contested') GROUP BY w.body),
			n4 AS (SELECT w.body, count(*) AS n FROM risks k JOIN who w ON w.id = k.resident_id WHERE k.released_at IS NULL GROUP BY w.body),
			n5 AS (SELECT w.body, count(*) AS n FROM handovers h JOIN who w ON w.id = h.resident_id WHERE h.state = 'open' GROUP BY w.body)
		SELECT b.id, b.name, b.kind, b.parent, coalesce(n1.n, 0), coalesce(n2.n, 0), coalesce(n3.n, 0), coalesce(n3.persons, 0), coalesce(n4.n, 0), coalesce(n5.n, 0)
		FROM b LEFT JOIN n1 ON n1.body = b.id LEFT JOIN n2 ON n2.body = b.id LEFT JOIN n3 ON n3.body = b.id LEFT JOIN n4 ON n4.body = b.id LEFT JOIN n5 ON n5.body = b.id
		ORDER BY b.name, b.id`, bodies, all, since, day)
	if err != nil {
		return nil, fmt.Errorf("read how communities stand: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Progress, err error) {
		err = row.Scan(&p.Body.ID, &p.Body.Name, &p.Body.Kind, &p.Body.Parent, &p.Residents, &p.Entered, &p.Waiting, &p.Persons, &p.Risks, &p.Handovers)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read how communities stand: %w", err)
	}
	return list, nil
}

// Staff returns the workers that whoever asks may send elsewhere: all of whose
// bodies are among those that are seen, and those who are posted nowhere.
func (s *Store) Staff(ctx context.Context) ([]Account, error) {
	bodies, all := []string{}, true
	if sight := sightOf(ctx); sight != nil {
		bodies, all = texts(sight.Bodies), false
	}
	rows, err := s.pool.Query(ctx, `SELECT `+accountColumns+` FROM accounts
		WHERE roles = '{worker}' AND locked_at IS NULL AND NOT everywhere AND ($2 OR bodies <@ $1) ORDER BY name`, bodies, all)
	if err != nil {
		return nil, accountError("read the staff", err)
	}
	list, err := pgx.CollectRows(rows, scanAccount)
	return list, accountError("read the staff", err)
}

// Post sends a worker to other bodies of those that are seen. heir, where it is
// not empty, takes over the bodies that the worker leaves.
func (s *Store) Post(ctx context.Context, login string, bodies []string, heir string) error {
	staff, err := s.Staff(ctx)
	if err != nil {
		return err
	}
	find := func(login string) *Account {
		i := slices.IndexFunc(staff, func(a Account) bool { return a.Login == login })
		if i < 0 {
			return nil
		}
		return &staff[i]
	}
	worker := find(login)
	if worker == nil {
		return accountError("post a worker", ErrNotFound)
	}
	if sight := sightOf(ctx); sight != nil {
		for _, b := range bodies {
			if !slices.Contains(sight.Bodies, b) {
				return accountError("post a worker", ErrNotFound)
			}
		}
	}
	if heir != "" {
		to := find(heir)
		if to == nil || heir == login {
			return accountError("post a worker", ErrNotFound)
		}
		more := slices.Clone(to.Bodies)
		for _, b := range worker.Bodies {
			if !slices.Contains(bodies, b) && !slices.Contains(more, b) {
				more = append(more, b)
			}
		}
		if err := s.SetPosting(ctx, heir, Posting{Bodies: more, Domains: to.Domains}); err != nil {
			return err
		}
	}
	p := Posting{Bodies: bodies, Domains: worker.Domains}
	if len(bodies) == 0 {
		p.Domains = nil
	}
	return s.SetPosting(ctx, login, p)
}
