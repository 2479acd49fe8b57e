package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
)

// Proposal is a value that the owner should look at (校核纠错).
type Proposal struct {
	ID              int64
	Platform, Key   string
	Attribute       schema.Attribute
	Resident        uuid.UUID
	Name            string // of the resident, for people
	Shown, Proposed string // as the platform writes it
	At              time.Time
	Outcome         ProposalOutcome
	Who, Why        string // of the answer
	AnsweredAt      *time.Time
	SeenAt          *time.Time // the platform shows it
}

// ProposalOutcome is what became of a proposal.
type ProposalOutcome string

const (
	ProposalOpen     ProposalOutcome = "open"
	ProposalAccepted ProposalOutcome = "accepted" // by the owner; SeenAt says whether the platform shows it
	ProposalDeclined ProposalOutcome = "declined"
	ProposalMoot     ProposalOutcome = "moot" // no longer needed
)

// queueProposals stores what is proposed, and closes what is not any more. What
// the platform now shows was accepted, whether or not anybody has answered.
func queueProposals(batch *pgx.Batch, v Verdict) {
	for _, p := range v.Proposals {
		// The same again keeps its answer; once it was there and is gone, or was moot,
		// it is a new question.
		batch.Queue(`INSERT INTO proposals AS p (platform, key, attribute, resident_id, shown, proposed)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (platform, key, attribute) DO UPDATE SET
			resident_id = excluded.resident_id, shown = excluded.shown, proposed = excluded.proposed, seen_at = NULL,
			at = CASE WHEN `+sameProposal+` THEN p.at ELSE now() END,
			outcome = CASE WHEN `+sameProposal+` THEN p.outcome ELSE 'open' END,
			outcome_at = CASE WHEN `+sameProposal+` THEN p.outcome_at END,
			who = CASE WHEN `+sameProposal+` THEN p.who ELSE '' END, why = CASE WHEN `+sameProposal+` THEN p.why ELSE '' END`,
			p.Platform, p.Key, p.Attribute, p.Resident, p.Shown, p.Proposed)
	}
	if len(v.Moot) > 0 {
		attributes, shown := make([]string, 0, len(v.Moot)), make([]string, 0, len(v.Moot))
		for a, raw := range v.Moot {
			attributes, shown = append(attributes, string(a)), append(shown, raw)
		}
		batch.Queue(`UPDATE proposals p SET outcome = CASE WHEN n.shown = p.proposed THEN 'accepted' ELSE 'moot' END,
				seen_at = CASE WHEN n.shown = p.proposed THEN now() END, outcome_at = coalesce(p.outcome_at, now())
			FROM targets t, unnest($2::text[], $3::text[]) AS n(attribute, shown)
			WHERE t.id = $1 AND p.platform = t.platform AND p.key = t.key AND p.attribute = n.attribute
				AND (p.outcome = 'open' OR p.outcome = 'accepted' AND p.seen_at IS NULL)`, v.Target, attributes, shown)
	}
}

const sameProposal = `(p.proposed = excluded.proposed AND p.outcome <> 'moot' AND p.seen_at IS NULL)`

// Proposals lists what is proposed to a platform, the oldest first: what waits
// for an answer or, once accepted, for the platform to show it; with all also
// what is settled. Whoever asks sees those of the residents that he sees.
func (s *Store) Proposals(ctx context.Context, platform string, all bool) ([]Proposal, error) {
	args := []any{platform, all}
	sight := whom(ctx, "res", &args)
	rows, err := s.pool.Query(ctx, `SELECT p.id, p.platform, p.key, p.attribute, p.resident_id, res.name, p.shown, p.proposed, p.at, p.outcome, p.who, p.why, p.outcome_at, p.seen_at
		FROM proposals p JOIN residents res ON res.id = p.resident_id
		WHERE p.platform = $1 AND ($2 OR p.outcome = 'open' OR p.outcome = 'accepted' AND p.seen_at IS NULL) AND `+sight+`
		ORDER BY p.id LIMIT 20000`, args...)
	if err != nil {
		return nil, fmt.Errorf("read proposals: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Proposal, err error) {
		err = row.Scan(&p.ID, &p.Platform, &p.Key, &p.Attribute, &p.Resident, &p.Name, &p.Shown, &p.Proposed, &p.At, &p.Outcome, &p.Who, &p.Why, &p.AnsweredAt, &p.SeenAt)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read proposals: %w", err)
	}
	return list, nil
}

// ProposalAnswer is the owner's answer to one proposal.
type ProposalAnswer struct {
	ID       int64
	Proposed string // what was answered
	Outcome  ProposalOutcome
	Why      string
}

// ErrProposal says that an answer names no proposal that can be answered.
var ErrProposal = errors.New("there is no such proposal, it has changed since, or it is settled")

// AnswerProposals records answers, all or none. index is the answer that cannot
// be taken, where the error is ErrProposal. Nothing is written to the platform:
// its owner does that, and its next read says so.
func (s *Store) AnswerProposals(ctx context.Context, platform, who string, answers []ProposalAnswer) (index int, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		counts, ids := map[ProposalOutcome]int{}, []int64{}
		for i, a := range answers {
			if a.Outcome != ProposalAccepted && a.Outcome != ProposalDeclined {
				return fmt.Errorf("a proposal is accepted or declined, not %q", a.Outcome)
			}
			args := []any{platform, a.ID, a.Proposed, a.Outcome, audit.Who(ctx, who), a.Why}
			tag, err := tx.Exec(ctx, `UPDATE proposals p SET outcome = $4, who = $5, why = $6, outcome_at = now() FROM residents res
				WHERE p.platform = $1 AND p.id = $2 AND p.proposed = $3 AND p.outcome <> 'moot' AND p.seen_at IS NULL
					AND res.id = p.resident_id AND `+whom(ctx, "res", &args), args...)
			if err != nil {
				return err
			}
			if index = i; tag.RowsAffected() == 0 {
				return ErrProposal
			}
			counts[a.Outcome]++
			ids = append(ids, a.ID)
		}
		return note(ctx, tx, who, audit.Note{Did: "proposal.answer", What: "platform/" + platform, Platform: platform},
			map[string]any{"accepted": counts[ProposalAccepted], "declined": counts[ProposalDeclined], "proposals": ids})
	})
	if err != nil && !errors.Is(err, ErrProposal) {
		err = fmt.Errorf("platform %s: answer proposals: %w", platform, err)
	}
	return index, err
}
