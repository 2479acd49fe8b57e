package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/survivorship"
)

// Asking says how a platform that can only be asked person by person is asked.
type Asking struct {
	Platform string
	Natural  []string      // attributes by which it is asked: all must be known
	Gives    []string      // attributes that its answers are about
	Again    time.Duration // after how long the same person is asked about again
	PerDay   int           // questions in a day
	Zone     string        // the day's time zone
}

// Person is somebody to ask a platform about.
type Person struct {
	ID     string // the natural key in canonical form: one question, however many residents have it
	Values schema.Values
	Keys   []string // rows of the last answer
}

// unanswered is how long a question without an answer is left alone.
const unanswered = 10 * time.Minute

// WhomToAsk returns at most limit persons in the order in which asking is most
// useful, those of residents for whom in says yes:
//
//  1. never asked about, where what the platform knows is missing or disputed;
//  2. never asked about;
//  3. asked without an answer;
//  4. about whom something else has become known since;
//  5. whose value is contradicted by another source, after a quarter of Again;
//  6. all others, after Again, the oldest answer first.
//
// A resident of whom only this platform's own answer is left is nobody to ask
// about.
func (s *Store) WhomToAsk(ctx context.Context, a Asking, limit int, in func(schema.Values) bool) ([]Person, error) {
	rows, err := s.pool.Query(ctx, `WITH people AS (
			SELECT id, master, (SELECT string_agg(master->n.a->>'v', chr(31) ORDER BY n.i)
				FROM unnest($2::text[]) WITH ORDINALITY n(a, i)) AS person
			FROM residents r WHERE redirect_to IS NULL AND ended_at IS NULL AND master ?& $2
				AND EXISTS (SELECT FROM records x WHERE x.resident_id = r.id AND NOT x.deleted AND x.platform <> $1)
		), looked AS (
			SELECT p.id, p.person, p.master, q.asked_at, coalesce(q.keys, '{}') AS keys, q.answered_at,
				EXISTS (SELECT FROM unnest($3::text[]) g WHERE p.master->g IS NULL OR (p.master->g->>'x')::boolean
					OR (p.master->g->>'l')::integer > 0) AS open
			FROM people p LEFT JOIN questions q ON q.platform = $1 AND q.person = p.person
			WHERE q.asked_at IS NULL OR q.asked_at < now() - $5::interval
		), placed AS (
			SELECT *, CASE
				WHEN asked_at IS NULL AND open THEN 1
				WHEN asked_at IS NULL THEN 2
				WHEN answered_at IS NULL THEN 3
				WHEN EXISTS (SELECT FROM history h WHERE h.resident_id = looked.id AND h.kind = 'value' AND h.attribute = ANY($3)
					AND h.at > looked.asked_at AND h.new->'s'->>'platform' IS DISTINCT FROM $1) THEN 4
				WHEN open AND master ?& $3 AND asked_at < now() - $4::interval / 4 THEN 5
				WHEN asked_at < now() - $4::interval THEN 6 END AS place
			FROM looked)
		SELECT id, person, master, keys FROM placed WHERE place IS NOT NULL ORDER BY place, asked_at NULLS FIRST, id`,
		a.Platform, a.Natural, a.Gives, a.Again, unanswered)
	if err != nil {
		return nil, fmt.Errorf("platform %s: choose whom to ask about: %w", a.Platform, err)
	}
	defer rows.Close()
	var out []Person
	seen := map[string]bool{}
	for len(out) < limit && rows.Next() {
		var id uuid.UUID
		var p Person
		var raw []byte
		if err := rows.Scan(&id, &p.ID, &raw, &p.Keys); err != nil {
			return nil, fmt.Errorf("platform %s: choose whom to ask about: %w", a.Platform, err)
		}
		var master map[schema.Attribute]survivorship.Survivor
		if err := json.Unmarshal(raw, &master); err != nil {
			return nil, fmt.Errorf("master of %s: %w", id, err)
		}
		p.Values = Resident{Master: master}.Values()
		if seen[p.ID] || !in(p.Values) {
			continue
		}
		seen[p.ID] = true
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("platform %s: choose whom to ask about: %w", a.Platform, err)
	}
	return out, nil
}

// ErrQuota says that a platform's questions of the day are used up.
var ErrQuota = errors.New("the questions of the day are used up")

// ErrFence says that another process has taken the platform.
var ErrFence = errors.New("another process holds the lease")

// QuestionsLeft is how many questions the day still has.
func (s *Store) QuestionsLeft(ctx context.Context, a Asking) (int, error) {
	var asked int
	err := s.pool.QueryRow(ctx, `SELECT coalesce((SELECT asked FROM question_days WHERE platform = $1
		AND day = (now() AT TIME ZONE $2)::date), 0)`, a.Platform, a.Zone).Scan(&asked)
	if err != nil {
		return 0, fmt.Errorf("platform %s: count the day's questions: %w", a.Platform, err)
	}
	return max(0, a.PerDay-asked), nil
}

// Day is what a platform was asked today, of how many questions.
type Day struct{ Asked, PerDay int64 }

// QuestionsToday is how many questions each platform was asked today, of those
// that are asked person by person at all. A day is that of its newest question,
// by its own clock; one that was not asked since Shanghai's midnight has asked none.
func (s *Store) QuestionsToday(ctx context.Context) (map[string]Day, error) {
	out := map[string]Day{}
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT ON (platform) platform, per_day,
		CASE WHEN day >= (now() AT TIME ZONE 'Asia/Shanghai')::date THEN asked ELSE 0 END FROM question_days ORDER BY platform, day DESC`)
	if err != nil {
		return nil, fmt.Errorf("count the day's questions: %w", err)
	}
	var platform string
	var day Day
	_, err = pgx.ForEachRow(rows, []any{&platform, &day.PerDay, &day.Asked}, func() error {
		out[platform] = day
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the day's questions: %w", err)
	}
	return out, nil
}

// Reserve counts one question before it is asked. ErrQuota: the day has none
// left. ErrFence: somebody else asks now.
func (s *Store) Reserve(ctx context.Context, a Asking, l Lease, person string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `SELECT fence = $2 FROM platforms WHERE id = $1 FOR SHARE`, a.Platform, l.Fence).Scan(&mine); err != nil {
			return err
		}
		if !mine {
			return ErrFence
		}
		tag, err := tx.Exec(ctx, `INSERT INTO question_days AS d (platform, day, asked, per_day)
			SELECT $1, (now() AT TIME ZONE $2)::date, 1, $3 WHERE $3 > 0
			ON CONFLICT (platform, day) DO UPDATE SET asked = d.asked + 1, per_day = $3 WHERE d.asked < $3`, a.Platform, a.Zone, a.PerDay)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrQuota
		}
		_, err = tx.Exec(ctx, `INSERT INTO questions (platform, person, asked_at) VALUES ($1, $2, now())
			ON CONFLICT (platform, person) DO UPDATE SET asked_at = now(), answered_at = NULL, answer = NULL`, a.Platform, person)
		return err
	})
	if err != nil {
		return fmt.Errorf("platform %s: count a question: %w", a.Platform, err)
	}
	return nil
}

// GiveBack takes a question back that certainly never reached the platform. It
// stays noted as asked, so that it does not come first again and again.
func (s *Store) GiveBack(ctx context.Context, a Asking) error {
	_, err := s.pool.Exec(ctx, `UPDATE question_days SET asked = asked - 1
		WHERE platform = $1 AND day = (now() AT TIME ZONE $2)::date AND asked > 0`, a.Platform, a.Zone)
	if err != nil {
		return fmt.Errorf("platform %s: take a question back: %w", a.Platform, err)
	}
	return nil
}

// Answer is what a platform answered about one person.
type Answer struct {
	Person  string
	Keys    []string        // its rows
	Records []schema.Record // its messages
}

// Answered notes an answer, whose messages are published up to a position.
func (s *Store) Answered(ctx context.Context, l Lease, position int64, a Answer) error {
	if a.Keys == nil {
		a.Keys = []string{}
	}
	records, err := json.Marshal(a.Records)
	if err != nil {
		return fmt.Errorf("platform %s: write an answer: %w", l.Platform, err)
	}
	_, err = s.pool.Exec(ctx, `UPDATE questions SET answered_at = now(), fence = $3, position = $4, keys = $5, answer = $6
		WHERE platform = $1 AND person = $2`, l.Platform, a.Person, l.Fence, position, a.Keys, records)
	if err != nil {
		platform := l.Platform
		return fmt.Errorf("platform %s: note an answer: %w", platform, err)
	}
	return nil
}

// LostAnswers are the answers that an earlier run published and nobody has taken
// in: a stale fence is refused, so they are to be published again (I1), which
// costs no question.
func (s *Store) LostAnswers(ctx context.Context, l Lease) ([]Answer, error) {
	rows, err := s.pool.Query(ctx, `SELECT person, keys, answer FROM questions q
		WHERE platform = $1 AND answered_at IS NOT NULL AND fence <> $2 AND position > 0
		AND NOT EXISTS (SELECT FROM pull_runs r WHERE r.platform = $1 AND r.fence = q.fence AND r.taken @> q.position)
		ORDER BY fence, position`, l.Platform, l.Fence)
	if err != nil {
		return nil, fmt.Errorf("platform %s: look for lost answers: %w", l.Platform, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Answer, error) {
		var a Answer
		var records []byte
		if err := row.Scan(&a.Person, &a.Keys, &records); err != nil {
			return a, err
		}
		return a, json.Unmarshal(records, &a.Records)
	})
	if err != nil {
		return nil, fmt.Errorf("platform %s: look for lost answers: %w", l.Platform, err)
	}
	return list, nil
}

// AskAllAgain makes every answer of a platform old. The quota stays what it is.
func (s *Store) AskAllAgain(ctx context.Context, platform string) error {
	if _, err := s.pool.Exec(ctx, `UPDATE questions SET asked_at = '-infinity' WHERE platform = $1`, platform); err != nil {
		return fmt.Errorf("platform %s: make the answers old: %w", platform, err)
	}
	return nil
}

// Unasked is a question that nobody asks any more: no resident has its natural
// key, because it was corrected or the resident is gone.
type Unasked struct {
	Person string
	Keys   []string // its rows that no other question holds
}

// NobodyAsks returns the questions that nobody asks any more.
func (s *Store) NobodyAsks(ctx context.Context, a Asking) ([]Unasked, error) {
	rows, err := s.pool.Query(ctx, `WITH living AS (
			SELECT DISTINCT (SELECT string_agg(master->n.a->>'v', chr(31) ORDER BY n.i) FROM unnest($2::text[]) WITH ORDINALITY n(a, i)) AS person
			FROM residents r WHERE redirect_to IS NULL AND ended_at IS NULL AND master ?& $2
				AND EXISTS (SELECT FROM records x WHERE x.resident_id = r.id AND NOT x.deleted AND x.platform <> $1))
		SELECT q.person, ARRAY(SELECT k FROM unnest(q.keys) k WHERE NOT EXISTS (SELECT FROM questions o
			WHERE o.platform = $1 AND o.person <> q.person AND k = ANY(o.keys) AND o.person IN (SELECT person FROM living)))
		FROM questions q WHERE q.platform = $1 AND NOT EXISTS (SELECT FROM living WHERE living.person = q.person)
		ORDER BY q.person LIMIT 1000`, a.Platform, a.Natural)
	if err != nil {
		return nil, fmt.Errorf("platform %s: look for questions that nobody asks: %w", a.Platform, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Unasked, error) {
		var u Unasked
		err := row.Scan(&u.Person, &u.Keys)
		return u, err
	})
	if err != nil {
		return nil, fmt.Errorf("platform %s: look for questions that nobody asks: %w", a.Platform, err)
	}
	return list, nil
}

// Forget removes questions that nobody asks any more.
func (s *Store) Forget(ctx context.Context, platform string, list []Unasked) error {
	persons := make([]string, len(list))
	for i, u := range list {
		persons[i] = u.Person
	}
	if _, err := s.pool.Exec(ctx, `DELETE FROM questions WHERE platform = $1 AND person = ANY($2)`, platform, persons); err != nil {
		return fmt.Errorf("platform %s: forget questions: %w", platform, err)
	}
	return nil
}
