package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/services/audit"
	"heji/services/lineage"
	"heji/services/linkage"
)

// A relink brings every record from one model to the next, while the stream
// goes on, in three steps:
//
//  1. Preparing. A walk in id order gives every record the blocking keys of the
//     next model, beside those of the model in force, which goes on resolving.
//     Whatever is taken in meanwhile gets both at once.
//  2. The switch: one short transaction that changes one line. From then on the
//     next model is the one in force, and every record that was last resolved
//     under another counts as unresolved in a closure.
//  3. Resolving. A second walk in id order resolves what is left, whenever
//     nothing fresh waits.
//
// Because all keys are there before the first record is resolved under the new
// model, each component goes from its old partition to its new one in one
// transaction: nobody is split off for a while and joined again, nothing is
// written to a platform and taken back. I2: at the end every pair was weighed
// under the new model, and the partition is its Batch.
//
// Each step is one transaction with its cursor, so that a kill costs the batch
// that was under way. Cancelling while keys are prepared leaves everything as
// it was; afterwards the way back is another relink.

// The phases of a relink.
const (
	PhasePreparing = "preparing" // keys are made for it
	PhaseResolving = "resolving" // in force, and records are left to be resolved
	PhaseInForce   = "in_force"
	PhaseReplaced  = "replaced"
	PhaseCancelled = "cancelled"
)

// What keeps a relink from being started or cancelled.
var (
	ErrRelinkRuns   = errors.New("a relink is being prepared already: wait for it, or cancel it (heji relink --cancel)")
	ErrRelinkNone   = errors.New("no relink is being prepared: there is nothing to cancel")
	ErrRelinkForce  = errors.New("the new model is in force already: going back is another relink (heji relink --previous)")
	ErrModelInForce = errors.New("this model is in force already: there is nothing to do")
)

// ModelStatus says where one model stands.
type ModelStatus struct {
	Generation int        `json:"generation"`
	Version    string     `json:"version"`
	Digest     string     `json:"digest"` // SHA-256 of its file
	Phase      string     `json:"phase"`
	Progress   float64    `json:"progress"` // of this phase, 0 to 1
	Who        string     `json:"who,omitempty"`
	AskedAt    time.Time  `json:"asked_at"`
	ForcedAt   *time.Time `json:"in_force_since,omitempty"`
	DoneAt     *time.Time `json:"done_at,omitempty"`

	engine  int
	shipped string
}

// RelinkStatus says which model is in force, which is on its way, and whether
// the program ships one that nobody has decided about.
type RelinkStatus struct {
	Force *ModelStatus `json:"in_force"`            // nil: none was installed
	Next  *ModelStatus `json:"preparing,omitempty"` // nil: none
	// Shipped is the version of the program's own model, Newer whether it is
	// another than the one that a person last had before him.
	Shipped string `json:"shipped"`
	Newer   bool   `json:"newer"`
}

// Running reports whether records are still on their way to a model.
func (r RelinkStatus) Running() bool {
	return r.Next != nil || r.Force != nil && r.Force.Phase == PhaseResolving
}

// Advice says what to do about a newer model, or "".
func (r RelinkStatus) Advice() string {
	if !r.Newer || r.Force == nil {
		return ""
	}
	return fmt.Sprintf("model %s is in force, this program ships %s: see what would change with heji relink --dry-run, then heji relink",
		r.Force.Version, r.Shipped)
}

const modelColumns = `generation, version, digest, phase, who, asked_at, forced_at, done_at, engine, shipped,
	CASE WHEN phase IN ('preparing', 'resolving')
		THEN least(1, cursor::float8 / greatest((SELECT max(id) FROM records), 1)) ELSE 1 END`

func scanModel(row pgx.CollectableRow) (ModelStatus, error) {
	var m ModelStatus
	err := row.Scan(&m.Generation, &m.Version, &m.Digest, &m.Phase, &m.Who, &m.AskedAt, &m.ForcedAt, &m.DoneAt,
		&m.engine, &m.shipped, &m.Progress)
	return m, err
}

// RelinkStatus reads it.
func (s *Store) RelinkStatus(ctx context.Context) (RelinkStatus, error) {
	out := RelinkStatus{Shipped: linkage.Default().Version()}
	rows, err := s.pool.Query(ctx, `SELECT `+modelColumns+` FROM models
		WHERE phase IN ('preparing', 'resolving', 'in_force') ORDER BY generation`)
	if err != nil {
		return out, fmt.Errorf("read where the models stand: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanModel)
	if err != nil {
		return out, fmt.Errorf("read where the models stand: %w", err)
	}
	for i := range list {
		if list[i].Phase == PhasePreparing {
			out.Next = &list[i]
		} else {
			out.Force = &list[i]
		}
	}
	if digest := s.shipped(); out.Force != nil && out.Next == nil {
		out.Newer = out.Force.Digest != digest && out.Force.shipped != digest || out.Force.engine != linkage.Engine
	}
	return out, nil
}

// PreviousModel returns the file of the model that was in force before.
func (s *Store) PreviousModel(ctx context.Context) ([]byte, error) {
	var body string
	err := s.pool.QueryRow(ctx, `SELECT body FROM models WHERE phase = 'replaced' ORDER BY generation DESC LIMIT 1`).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("a model before the one in force: %w", ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read the model before: %w", err)
	}
	return []byte(body), nil
}

// alone runs f while no other transaction holds the models.
func (s *Store) alone(ctx context.Context, f func(tx pgx.Tx) error) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, modelLock); err != nil {
			return err
		}
		return f(tx)
	})
}

// StartRelink asks for a relink to the model in source, in the name of who. The
// merge does the work, here or in another process, now or when it runs again.
func (s *Store) StartRelink(ctx context.Context, source []byte, who string) (ModelStatus, error) {
	m, err := linkage.Load(strings.NewReader(string(source)))
	if err != nil {
		return ModelStatus{}, err
	}
	var out ModelStatus
	err = s.alone(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+modelColumns+` FROM models ORDER BY generation`)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, scanModel)
		if err != nil {
			return err
		}
		digest, force, next := Digest(source), 0, 0
		for _, g := range list {
			switch g.Phase {
			case PhasePreparing:
				return ErrRelinkRuns
			case PhaseResolving, PhaseInForce:
				if g.Digest == digest && g.engine == linkage.Engine && g.shipped != "" {
					return ErrModelInForce
				}
				force = g.Generation
			}
			next = g.Generation
		}
		// The other parity than the model in force, and a number that was never used.
		if next++; next&1 == force&1 {
			next++
		}
		// A cancelled relink may have left keys of this parity: each record's are
		// replaced before the switch.
		if _, err := tx.Exec(ctx, `DELETE FROM hot_keys WHERE key & 1 = $1`, next&1); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `INSERT INTO models (generation, version, body, digest, engine, shipped, phase, who)
			VALUES ($1, $2, $3, $4, $5, $6, 'preparing', $7) RETURNING `+modelColumns,
			next, m.Version(), string(source), digest, linkage.Engine, s.shipped(), who)
		if err != nil {
			return err
		}
		if out, err = pgx.CollectExactlyOneRow(rows, scanModel); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "relink.start", What: "model/" + strconv.Itoa(next)}, map[string]string{"digest": digest})
	})
	if err != nil {
		return ModelStatus{}, fmt.Errorf("start a relink: %w", err)
	}
	return out, nil
}

// CancelRelink ends one that is being prepared: nothing has changed yet.
func (s *Store) CancelRelink(ctx context.Context) error {
	err := s.alone(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE models SET phase = 'cancelled', done_at = now() WHERE phase = 'preparing'`)
		if err != nil {
			return err
		}
		if tag.RowsAffected() > 0 {
			return note(ctx, tx, "", audit.Note{Did: "relink.cancel"}, nil)
		}
		var resolving bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM models WHERE phase = 'resolving')`).Scan(&resolving); err != nil {
			return err
		}
		if resolving {
			return ErrRelinkForce
		}
		return ErrRelinkNone
	})
	if err != nil {
		return fmt.Errorf("cancel the relink: %w", err)
	}
	return nil
}

// PrepareRelink gives up to limit records the keys of the next model, and makes
// the switch when none is left. n 0 and no error: nothing is being prepared.
func (s *Store) PrepareRelink(ctx context.Context, limit int) (n int, switched bool, err error) {
	var done *Generation
	err = s.tx(ctx, func(tx pgx.Tx) error {
		n, done = 0, nil
		now, err := s.look(ctx, tx)
		if err != nil {
			return err
		}
		if now.next == nil {
			return nil
		}
		var cursor int64
		// The line is the lease: one walker at a time, in whichever process.
		err = tx.QueryRow(ctx, `SELECT cursor FROM models WHERE generation = $1 AND phase = 'preparing'
			FOR NO KEY UPDATE SKIP LOCKED`, now.next.N).Scan(&cursor)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if n, err = s.prepareBatch(ctx, tx, now, cursor, limit); err != nil {
			return err
		}
		if n == 0 {
			done = now.next
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("prepare the keys of a new model: %w", err)
	}
	if done == nil {
		return n, false, nil
	}
	if err := s.switchModel(ctx, done); err != nil {
		return 0, false, fmt.Errorf("switch to the new model: %w", err)
	}
	return 1, true, nil
}

// prepareBatch adds the next model's keys to the records after the cursor.
func (s *Store) prepareBatch(ctx context.Context, tx pgx.Tx, now *reign, cursor int64, limit int) (int, error) {
	// Tombstones and anchored records have no keys; they get some, if at all,
	// when they are taken in again.
	rows, err := tx.Query(ctx, `SELECT id, state, keys FROM records
		WHERE id > $1 AND NOT deleted AND anchors = '{}' ORDER BY id LIMIT $2 FOR NO KEY UPDATE`, cursor, limit)
	if err != nil {
		return 0, err
	}
	var ids []int64
	var keys []string
	var id int64
	var state []byte
	var old []int64
	if _, err := pgx.ForEachRow(rows, []any{&id, &state, &old}, func() error {
		row, err := lineage.DecodeEvidence(state)
		if err != nil {
			return fmt.Errorf("record %d: read its state: %w", id, err)
		}
		both := append(now.force.only(old), now.next.keys(row.Own, s.models.secret)...) // I6: own evidence only
		ids, keys = append(ids, id), append(keys, arrayText(both))
		return nil
	}); err != nil || len(ids) == 0 {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `UPDATE records r SET keys = n.keys::bigint[]
		FROM unnest($1::bigint[], $2::text[]) AS n(id, keys) WHERE r.id = n.id`, ids, keys); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `UPDATE models SET cursor = $2 WHERE generation = $1`, now.next.N, ids[len(ids)-1])
	return len(ids), err
}

// switchModel puts a prepared model in force.
func (s *Store) switchModel(ctx context.Context, g *Generation) error {
	// Listed now, the holders of a hot key need not all be resolved once more when
	// the first of them is. It is a saving only: each record's keys are counted
	// again when it is resolved, and where the list is wrong, it flips.
	if err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM hot_keys WHERE key & 1 = $1`, g.slot()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO hot_keys (key)
			SELECT k FROM record_keys, unnest(keys) k WHERE k & 1 = $1 GROUP BY k HAVING count(*) > $2
			ON CONFLICT DO NOTHING`, g.slot(), g.Model.Limits().HotKey)
		return err
	}); err != nil {
		return err
	}
	return s.alone(ctx, func(tx pgx.Tx) error {
		// I2: records that were inserted since have both models' keys. A cancelled
		// relink is left alone.
		var ready bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM models WHERE generation = $1 AND phase = 'preparing')`, g.N).Scan(&ready); err != nil || !ready {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE models SET phase = 'replaced', done_at = now() WHERE phase IN ('resolving', 'in_force')`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE models SET phase = 'resolving', cursor = 0, forced_at = now() WHERE generation = $1`, g.N); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM hot_keys WHERE key & 1 <> $1`, g.slot())
		return err
	})
}
