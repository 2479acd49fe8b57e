package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
)

// Claim and handover: who has a resident before them whom another community
// looks after is told that, and nothing else; the other community lets the
// resident go, or says why not.

// Registered says where a full ID number is registered.
type Registered string

// Nowhere, with those whom whoever asks sees, or with others.
const (
	RegisteredNowhere   Registered = "nowhere"
	RegisteredHere      Registered = "here"
	RegisteredElsewhere Registered = "elsewhere"
)

// Limits of asking where a number is registered, for one name in an hour. The
// answer that is worth something is counted apart.
const (
	ClaimHits = 30
	ClaimAsks = 600
)

// Errors of claims and handovers.
var (
	ErrManyClaims   = errors.New("too many numbers were asked for")
	ErrAnswered     = errors.New("this request was answered already")
	ErrElsewhere    = errors.New("the number is not registered with another community")
	ErrNotYourPlace = errors.New("nobody whom this account works for answers for that address")
)

// Claim says where a number is registered, counts that it was asked, and notes it.
// The steps are the same whatever the answer is. id is whom it found here.
func (s *Store) Claim(ctx context.Context, number string) (where Registered, id uuid.UUID, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		where, id, err = claim(ctx, tx, number)
		return err
	})
	if where != RegisteredHere {
		id = uuid.Nil
	}
	if err != nil {
		return "", uuid.Nil, fmt.Errorf("look where a number is registered: %w", err)
	}
	return where, id, nil
}

func claim(ctx context.Context, tx pgx.Tx, number string) (Registered, uuid.UUID, error) {
	who := audit.Who(ctx, "")
	if _, err := tx.Exec(ctx, `DELETE FROM claim_tries WHERE at < clock_timestamp() - interval '1 hour'`); err != nil {
		return "", uuid.Nil, err
	}
	var hits, asks int
	if err := tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE hit), count(*) FROM claim_tries WHERE who = $1`, who).Scan(&hits, &asks); err != nil {
		return "", uuid.Nil, err
	}
	if hits >= ClaimHits || asks >= ClaimAsks {
		return "", uuid.Nil, ErrManyClaims
	}
	args := []any{number, "%" + likeText.Replace(strings.ToLower(number)) + "%"}
	rows, err := tx.Query(ctx, `SELECT r.id, (`+whom(ctx, "r", &args)+`) IS TRUE FROM residents r
		WHERE r.redirect_to IS NULL AND r.ended_at IS NULL AND r.search LIKE $2 AND r.master->'id_number'->>'v' = $1 ORDER BY 2 DESC, r.id LIMIT 1`, args...)
	if err != nil {
		return "", uuid.Nil, err
	}
	where, what := RegisteredNowhere, ""
	var id uuid.UUID
	var mine bool
	if _, err := pgx.ForEachRow(rows, []any{&id, &mine}, func() error {
		where, what = RegisteredElsewhere, "resident/"+id.String()
		if mine {
			where = RegisteredHere
		}
		return nil
	}); err != nil {
		return "", uuid.Nil, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO claim_tries (who, hit) VALUES ($1, $2)`, who, where == RegisteredElsewhere); err != nil {
		return "", uuid.Nil, err
	}
	return where, id, note(ctx, tx, "", audit.Note{Did: "claim", What: what}, map[string]Registered{"registered": where})
}

// HandoverState says what became of a request.
type HandoverState string

// The states of a request.
const (
	HandoverOpen      HandoverState = "open"
	HandoverAccepted  HandoverState = "accepted"
	HandoverRefused   HandoverState = "refused"
	HandoverWithdrawn HandoverState = "withdrawn"
)

// Handover is a request to look after a resident from now on.
type Handover struct {
	ID         int64
	Resident   uuid.UUID // zero: whoever reads does not see whom
	Name       string    // of the resident, likewise
	Hint       string    // the number that was asked for, by its first four characters
	Body       Body      // that asks
	AskedBy    string
	Residence  string // canonical: where the resident lives now
	Hukou      bool   // the hukou moves as well
	Why        string
	At         time.Time
	State      HandoverState
	AnsweredBy string
	AnswerWhy  string
	AnsweredAt *time.Time
	Mine       bool // whoever reads asked for it
	Answers    bool // whoever reads may answer
}

// AskHandover asks for the resident of a number who is registered elsewhere and
// lives at residence now. The same request again changes nothing.
func (s *Store) AskHandover(ctx context.Context, number, residence string, hukou bool, why string) (id int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		where, resident, err := claim(ctx, tx, number)
		if err != nil {
			return err
		}
		body, err := bodyFor(ctx, tx, schema.AddressFromCanonical(residence))
		if err != nil {
			return err
		}
		if where != RegisteredElsewhere {
			return ErrElsewhere
		}
		who := audit.Who(ctx, "")
		hint := string([]rune(number)[:min(4, len([]rune(number)))])
		if err := tx.QueryRow(ctx, `INSERT INTO handovers (resident_id, hint, body, asked_by, residence, hukou, why) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (resident_id, body) WHERE state = 'open' DO UPDATE SET residence = excluded.residence, hukou = excluded.hukou, why = excluded.why
			RETURNING id`, resident, hint, body, who, residence, hukou, why).Scan(&id); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "handover.ask", What: handoverName(id), Why: why}, map[string]any{"resident": resident, "body": body})
	})
	if err != nil {
		return 0, fmt.Errorf("ask for a resident: %w", err)
	}
	return id, nil
}

func handoverName(id int64) string { return "handover/" + strconv.FormatInt(id, 10) }

// bodyFor is the body, of those that whoever asks works for, that answers for an
// address: the lowest of them.
func bodyFor(ctx context.Context, q querier, a schema.Address) (string, error) {
	sight := sightOf(ctx)
	if sight == nil || a.Community == "" {
		return "", ErrNotYourPlace
	}
	var body string
	err := q.QueryRow(ctx, `SELECT b.id FROM responsibilities n JOIN bodies b ON b.id = n.body
		WHERE (n.area = $1 OR n.dwelling = nullif($2, '')) AND n.body = ANY($3) AND $4::date BETWEEN n.valid_from AND coalesce(n.valid_to, 'infinity')
		ORDER BY array_position(ARRAY['community', 'street', 'town', 'county', 'department'], b.kind), b.id LIMIT 1`,
		a.Community, a.Dwelling(), texts(sight.Bodies), sight.Day).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotYourPlace
	}
	return body, err
}

// Handovers returns the requests that whoever reads made, or may answer: the open
// ones first, then the newest.
func (s *Store) Handovers(ctx context.Context, limit int) ([]Handover, error) {
	return s.handovers(ctx, s.pool, limit, "true")
}

func (s *Store) handovers(ctx context.Context, q querier, limit int, where string, more ...any) ([]Handover, error) {
	args := append([]any{audit.Who(ctx, ""), limit}, more...)
	rows, err := q.Query(ctx, `WITH h AS (SELECT h.*, r.id AS now, r.name, r.id IS NOT NULL AND (`+whom(ctx, "r", &args)+`) IS TRUE AS seen
				FROM handovers h LEFT JOIN residents r ON r.id = living_resident(h.resident_id) WHERE `+where+`)
		SELECT h.id, CASE WHEN seen THEN now ELSE '00000000-0000-0000-0000-000000000000' END, CASE WHEN seen THEN h.name ELSE '' END, hint,
			b.id, b.name, b.kind, coalesce(b.parent, ''), asked_by, residence, hukou, why, at, state,
			coalesce(answered_by, ''), coalesce(answer_why, ''), answered_at, asked_by = $1, seen AND asked_by <> $1 AND state = 'open'
		FROM h JOIN bodies b ON b.id = h.body WHERE seen OR asked_by = $1 ORDER BY state <> 'open', h.id DESC LIMIT $2`, args...)
	if err != nil {
		return nil, fmt.Errorf("read handovers: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h Handover, err error) {
		err = row.Scan(&h.ID, &h.Resident, &h.Name, &h.Hint, &h.Body.ID, &h.Body.Name, &h.Body.Kind, &h.Body.Parent, &h.AskedBy, &h.Residence, &h.Hukou,
			&h.Why, &h.At, &h.State, &h.AnsweredBy, &h.AnswerWhy, &h.AnsweredAt, &h.Mine, &h.Answers)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("read handovers: %w", err)
	}
	return list, nil
}

// lockHandover is an open request that whoever asks sees.
func (s *Store) lockHandover(ctx context.Context, tx pgx.Tx, id int64) (Handover, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM handovers WHERE id = $1 FOR NO KEY UPDATE`, id); err != nil {
		return Handover{}, err
	}
	list, err := s.handovers(ctx, tx, 1, "h.id = $3", id)
	switch {
	case err != nil:
		return Handover{}, err
	case len(list) == 0:
		return Handover{}, ErrNotFound
	case list[0].State != HandoverOpen:
		return Handover{}, ErrAnswered
	}
	return list[0], nil
}

// AcceptHandover lets a resident go, with those of the dwelling who move along:
// their new address is entered in the name of whoever accepts, in the same
// transaction. Responsibility follows the address.
func (s *Store) AcceptHandover(ctx context.Context, id int64, along []uuid.UUID, why string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		h, err := s.lockHandover(ctx, tx, id)
		if err != nil {
			return err
		}
		if !h.Answers {
			return ErrNotFound
		}
		who := audit.Who(ctx, "")
		if err := move(ctx, tx, "handover-"+strconv.FormatInt(id, 10), who, h.Resident, along, h.Residence, h.Hukou); err != nil {
			return err
		}
		return answerHandover(ctx, tx, h, HandoverAccepted, "handover.accept", who, why)
	})
	if err != nil {
		return fmt.Errorf("accept a handover: %w", err)
	}
	return nil
}

// EndHandover refuses a request, or takes one's own back.
func (s *Store) EndHandover(ctx context.Context, id int64, why string) (HandoverState, error) {
	var state HandoverState
	err := s.tx(ctx, func(tx pgx.Tx) error {
		h, err := s.lockHandover(ctx, tx, id)
		if err != nil {
			return err
		}
		state = HandoverRefused
		did := "handover.refuse"
		if h.Mine {
			state, did = HandoverWithdrawn, "handover.withdraw"
		}
		return answerHandover(ctx, tx, h, state, did, audit.Who(ctx, ""), why)
	})
	if err != nil {
		return "", fmt.Errorf("end a handover: %w", err)
	}
	return state, nil
}

func answerHandover(ctx context.Context, tx pgx.Tx, h Handover, state HandoverState, did, who, why string) error {
	if _, err := tx.Exec(ctx, `UPDATE handovers SET state = $2, answered_by = $3, answer_why = $4, answered_at = clock_timestamp() WHERE id = $1`,
		h.ID, state, who, why); err != nil {
		return err
	}
	return note(ctx, tx, who, audit.Note{Did: did, What: handoverName(h.ID), Why: why}, nil)
}

// ErrNotHousemate says that somebody who should move along does not live there, or not
// any more. Who is not seen is answered like who is not there.
var ErrNotHousemate = errors.New("somebody who should move along does not live in that dwelling")

// Mine reports whether whoever asks answers for an address.
func (s *Store) Mine(ctx context.Context, a schema.Address) (bool, error) {
	if !Limited(ctx) {
		return true, nil
	}
	_, err := bodyFor(ctx, s.pool, a)
	if errors.Is(err, ErrNotYourPlace) {
		return false, nil
	}
	return err == nil, err
}

// Housemates are those who are registered in a resident's dwelling and seen in
// ctx, by name.
func (s *Store) Housemates(ctx context.Context, resident uuid.UUID) ([]Resident, error) {
	return housemates(ctx, s.pool, resident)
}

func housemates(ctx context.Context, q querier, resident uuid.UUID) ([]Resident, error) {
	args := []any{resident}
	rows, err := q.Query(ctx, `SELECT `+residentColumns+` FROM residents
		WHERE redirect_to IS NULL AND ended_at IS NULL AND home_dwelling = (SELECT home_dwelling FROM residents WHERE id = $1) AND id <> $1
			AND master->'life_status'->>'v' IS DISTINCT FROM 'dead' AND `+whom(ctx, "residents", &args)+` ORDER BY name, id LIMIT 50`, args...)
	if err != nil {
		return nil, fmt.Errorf("read who lives in a dwelling: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanResident)
	if err != nil {
		return nil, fmt.Errorf("read who lives in a dwelling: %w", err)
	}
	return list, nil
}

// Move enters a new address for a resident and for those of the dwelling who move
// along, and the hukou with it where that moves: all of them, or nobody.
func (s *Store) Move(ctx context.Context, request, who string, resident uuid.UUID, along []uuid.UUID, residence string, hukou bool) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := mustSee(ctx, tx, resident); err != nil {
			return err
		}
		if err := move(ctx, tx, request, who, resident, along, residence, hukou); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "move", What: "resident/" + resident.String()}, map[string]any{"along": along, "hukou": hukou})
	})
	if err != nil {
		return fmt.Errorf("move residents: %w", err)
	}
	return nil
}

func move(ctx context.Context, tx pgx.Tx, request, who string, resident uuid.UUID, along []uuid.UUID, residence string, hukou bool) error {
	changes := schema.Values{schema.Residence: residence}
	if hukou {
		changes[schema.HukouAddress] = residence
	}
	_, fresh, err := saveEdit(ctx, tx, request+"/"+resident.String(), who, resident, changes, anyEdit)
	if err != nil || !fresh {
		return err // sent once more: everybody was saved with the first, and may live there by now
	}
	mates, err := housemates(ctx, tx, resident)
	if err != nil {
		return err
	}
	for _, id := range along {
		if !slices.ContainsFunc(mates, func(r Resident) bool { return r.ID == id }) {
			return ErrNotHousemate
		}
	}
	for _, id := range along {
		if _, _, err := saveEdit(ctx, tx, request+"/"+id.String(), who, id, changes, anyEdit); err != nil {
			return err
		}
	}
	return nil
}
