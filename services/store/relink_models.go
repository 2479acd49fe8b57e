package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/linkage"
)

// ErrEngine says that the model in force was made for another engine of linkage
// than this program's: it could neither make its keys nor weigh its pairs.
var ErrEngine = errors.New("the partition was made by a program that compares records in another way")

// modelLock is the advisory lock that keeps the models still under a
// transaction. Whoever writes blocking keys or a partition holds it shared and
// reads which models there are; whoever changes that holds it alone, briefly.
// It is taken before any other lock.
const modelLock = 0x6865_6a6a

// Generation is one model with its number. Generations count up; the next one
// always has the other parity, which is the lowest bit of the blocking keys made
// with it: keys of two models lie side by side in one column and never meet.
type Generation struct {
	N     int
	Model *linkage.Model
}

func (g *Generation) slot() int64 { return int64(g.N & 1) }

// owns reports whether a blocking key was made with this generation.
func (g *Generation) owns(key int64) bool { return key&1 == g.slot() }

// keys are the blocking keys of own values.
func (g *Generation) keys(own schema.Values, secret []byte) []int64 {
	return g.number(g.Model.Keys(g.Model.Features(own), secret))
}

// only returns those of the keys that are this generation's. Outside of a
// relink they all are, and nothing is copied.
func (g *Generation) only(keys []int64) []int64 {
	if !slices.ContainsFunc(keys, func(k int64) bool { return !g.owns(k) }) {
		return keys
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k int64) bool { return !g.owns(k) })
}

// reign is which models there are in a transaction.
type reign struct {
	force *Generation // partitions
	next  *Generation // keys are being made for it; nil: none
	// alien is the generation in force that this program cannot work with: its
	// engine is another one, or the file is not understood.
	alien error
}

// models is what a process knows of them. Before anything is installed it is
// the program's own model, or the one given to UseModel, as generation 0.
type models struct {
	mu     sync.Mutex
	own    *linkage.Model
	secret []byte // of the blocking hashes, since Open
	ships  string // digest of the model that the program would install; empty: linkage.DefaultSource
	known  map[int]*Generation
	now    *reign
}

// UseModel makes m the model of a store in which none is installed: for tests
// and tools. The hub installs its model (InstallModel) instead.
func (s *Store) UseModel(m *linkage.Model) {
	s.models.mu.Lock()
	defer s.models.mu.Unlock()
	s.models.own, s.models.known, s.models.now = m, nil, nil
}

// Model returns the model in force, as of the last transaction that asked.
func (s *Store) Model(ctx context.Context) (*linkage.Model, error) {
	var m *linkage.Model
	err := s.tx(ctx, func(tx pgx.Tx) error {
		now, err := s.hold(ctx, tx)
		if err == nil {
			m = now.force.Model
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the model in force: %w", err)
	}
	return m, nil
}

// Keys returns the blocking keys of own values: those of the model in force,
// and while a relink is being prepared those of the next one, too. Whoever
// stores them calls it in the transaction that stores them, after the models
// were held (hold); TakeIn, FieldVerdict, Evaluate and Settle do that for their
// callers. Otherwise the keys of a new model could be missing from the row.
func (s *Store) Keys(own schema.Values) []int64 {
	s.models.mu.Lock()
	now, secret := s.models.now, s.models.secret
	s.models.mu.Unlock()
	if now == nil || now.force.Model == nil {
		return nil // nothing was held, or it failed: nobody stores these
	}
	keys := now.force.keys(own, secret)
	if now.next != nil {
		keys = append(keys, now.next.keys(own, secret)...)
	}
	return keys
}

// hold keeps the models as they are until the transaction ends, and returns
// them. The second statement has a snapshot of its own, taken after the lock.
// I2: a program that cannot work with the model in force gets an error here,
// before it has written anything. So it does on a database that is older than the
// process has seen it (ErrOlder).
func (s *Store) hold(ctx context.Context, tx pgx.Tx) (*reign, error) {
	before := s.pulse.beats()
	now, beat, err := s.readModels(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := s.pulse.compare(beat, before); err != nil {
		return nil, err
	}
	return now, now.alien
}

// look is hold for those who do not need the model in force, nor a database that
// is as new as it was.
func (s *Store) look(ctx context.Context, tx pgx.Tx) (*reign, error) {
	now, _, err := s.readModels(ctx, tx)
	return now, err
}

func (s *Store) readModels(ctx context.Context, tx pgx.Tx) (*reign, int64, error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock_shared($1)`, modelLock)
	var found []generationRow
	b.Queue(generationsSQL).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[generationRow])
		return err
	})
	var beat int64
	b.Queue(`SELECT beat FROM heartbeat`).QueryRow(func(row pgx.Row) error { return row.Scan(&beat) })
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, 0, fmt.Errorf("read which model is in force: %w", err)
	}
	now, err := s.understand(ctx, tx, found)
	if err != nil {
		return nil, 0, err
	}
	s.models.mu.Lock()
	defer s.models.mu.Unlock()
	s.models.now = now
	return now, beat, nil
}

// peek is which models there are to a transaction that only reads, and nothing
// holds: for a snapshot, which may be older than what the process knows.
func (s *Store) peek(ctx context.Context, tx pgx.Tx) (*reign, error) {
	rows, err := tx.Query(ctx, generationsSQL)
	if err != nil {
		return nil, fmt.Errorf("read which model is in force: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[generationRow])
	if err != nil {
		return nil, fmt.Errorf("read which model is in force: %w", err)
	}
	now, err := s.understand(ctx, tx, found)
	if err != nil {
		return nil, err
	}
	return now, now.alien
}

// generationRow is one living line of models.
type generationRow struct {
	N         int
	Preparing bool
	Engine    int
}

const generationsSQL = `SELECT generation, phase = 'preparing', engine FROM models
	WHERE phase IN ('preparing', 'resolving', 'in_force') ORDER BY generation`

// understand loads what the lines name.
func (s *Store) understand(ctx context.Context, q querier, found []generationRow) (*reign, error) {
	m := &s.models
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[int]*Generation{}
	}
	now := &reign{}
	for _, g := range found {
		if g.Engine != linkage.Engine && !g.Preparing {
			now.alien = fmt.Errorf("generation %d of the model, engine %d, here %d: %w: start that program, or run heji relink with this one",
				g.N, g.Engine, linkage.Engine, ErrEngine)
			now.force = &Generation{N: g.N}
			continue
		}
		gen, err := s.generation(ctx, q, g.N)
		switch {
		case g.Preparing && (err != nil || g.Engine != linkage.Engine):
			// Another program prepares it. This one could not make the new keys, so it
			// must not store any.
			now.alien = fmt.Errorf("generation %d of the model, which is being prepared, is not understood by this program: stop it, or end the relink (heji relink --cancel): %w",
				g.N, errors.Join(err, ErrEngine))
		case err != nil:
			return nil, err
		case g.Preparing:
			now.next = gen
		default:
			now.force = gen
		}
	}
	if now.force == nil { // nothing was ever installed
		own := m.own
		if own == nil {
			own = linkage.Default()
		}
		now.force = &Generation{Model: own}
	}
	return now, nil
}

// generation loads a model that was not needed before. models.mu is held.
func (s *Store) generation(ctx context.Context, q querier, n int) (*Generation, error) {
	if g, ok := s.models.known[n]; ok {
		return g, nil
	}
	var body string
	if err := q.QueryRow(ctx, `SELECT body FROM models WHERE generation = $1`, n).Scan(&body); err != nil {
		return nil, fmt.Errorf("read generation %d of the model: %w", n, err)
	}
	model, err := linkage.Load(strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("generation %d of the model: %w", n, err)
	}
	g := &Generation{N: n, Model: model}
	s.models.known[n] = g
	return g, nil
}

// Digest names a model file by its content.
func Digest(source []byte) string {
	sum := sha256.Sum256(source)
	return hex.EncodeToString(sum[:])
}

// shipped is the digest of the program's own model for this store.
func (s *Store) shipped() string {
	s.models.mu.Lock()
	defer s.models.mu.Unlock()
	if s.models.ships == "" {
		return Digest(linkage.DefaultSource())
	}
	return s.models.ships
}

// InstallModel makes the shipped model that of a fresh store, and leaves any
// other store as it is: a new program never resolves everything again by
// itself.
func (s *Store) InstallModel(ctx context.Context, source []byte) error {
	m, err := linkage.Load(strings.NewReader(string(source)))
	if err != nil {
		return fmt.Errorf("install the model: %w", err)
	}
	digest := Digest(source)
	s.models.mu.Lock()
	s.models.ships = digest
	s.models.mu.Unlock()
	_, err = s.pool.Exec(ctx, `INSERT INTO models (generation, version, body, digest, engine, shipped, phase, forced_at, done_at)
		SELECT 0, $1, $2, $3, $4,
			-- Records of before models were kept: nobody knows with which they were resolved.
			CASE WHEN EXISTS (SELECT FROM records) THEN '' ELSE $3 END, 'in_force', now(), now()
		WHERE NOT EXISTS (SELECT FROM models)
		ON CONFLICT DO NOTHING`, m.Version(), string(source), digest, linkage.Engine)
	if err != nil {
		return fmt.Errorf("install the model: %w", err)
	}
	return nil
}
