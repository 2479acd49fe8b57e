package merge

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// TestARowBoundWhileItIsTakenIn: the row that a create has made is read, and its
// outcome is stored while the read is being taken in. It stays the row of the
// person whom it was created for (I6).
func TestARowBoundWhileItIsTakenIn(t *testing.T) {
	w := newWorld(t)
	who := schema.Values{schema.Name: "欧阳沐辰", schema.BirthDate: "1980-03-07", schema.IDNumber: "190102198003070018"}
	w.takeIn([]schema.Record{w.message("beta", "B1", schema.OpPut, who)})
	w.drain()
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
	watch, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(t, err)
	defer watch.Close(w.ctx) //nolint:errcheck // the test is over it
	var anchor int64
	var resident uuid.UUID
	require.NoError(t, conn.QueryRow(w.ctx, `SELECT id, resident_id FROM records`).Scan(&anchor, &resident))

	// The create is under way, and the platform has made its row.
	intent, due := uuid.New(), map[schema.Attribute]lineage.Due{}
	for a, v := range who {
		due[a] = lineage.Due{Text: lineage.Say(v, v), Source: "beta/B1"}
	}
	_, err = conn.Exec(w.ctx, `INSERT INTO intents (id, platform, fence, fields) VALUES ($1, 'alpha', 1, '{"id_number": {"v": "190102198003070018"}}')`, intent)
	require.NoError(t, err)
	at := w.clock
	row, _ := lineage.Finish(lineage.Created(lineage.Intent{ID: intent.String(), At: at, Due: due}),
		lineage.Outcome{Intent: intent.String(), Status: lineage.Applied, At: at})
	state, err := row.Append(nil)
	require.NoError(t, err)

	// Whoever stores the outcome holds up those who ask which creates are open.
	bind, err := conn.Begin(w.ctx)
	require.NoError(t, err)
	_, err = bind.Exec(w.ctx, `LOCK TABLE intents IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	list, taken := []schema.Record{w.message("alpha", "N1", schema.OpPut, who)}, make(chan struct{})
	go func() {
		defer close(taken)
		w.takeIn(list)
	}()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	for waits := 0; waits == 0; {
		require.NoError(t, watch.QueryRow(ctx, `SELECT count(*) FROM pg_locks WHERE relation = 'intents'::regclass AND NOT granted`).Scan(&waits))
	}
	_, err = bind.Exec(w.ctx, `INSERT INTO records (platform, key, fence, position, unresolved, shadow, state, anchors, resident_id)
		VALUES ('alpha', 'N1', 0, 0, true, true, $1, ARRAY[$2::bigint], $3)`, state, anchor, resident)
	require.NoError(t, err)
	_, err = bind.Exec(w.ctx, `UPDATE intents SET state = 'applied', done_at = now()`)
	require.NoError(t, err)
	require.NoError(t, bind.Commit(w.ctx))
	<-taken

	var shadow bool
	var anchors []int64
	require.NoError(t, conn.QueryRow(w.ctx, `SELECT shadow, anchors, state FROM records WHERE key = 'N1'`).Scan(&shadow, &anchors, &state))
	require.True(t, shadow)
	require.Equal(t, []int64{anchor}, anchors)
	is, err := lineage.Decode(state)
	require.NoError(t, err)
	require.Empty(t, is.Evidence(), "what we wrote is no evidence")
	w.drain()
	require.Equal(t, [][]string{{"alpha/N1", "beta/B1"}}, w.partition())
}

// The same row was made by half: without the natural key nothing parks its reading.
// It is bound between the look for the record and its storing, and the reading is
// judged anew instead of being stored as it was judged.
func TestARowBoundWhileItsReadingIsJudged(t *testing.T) {
	w := newWorld(t)
	w.takeIn([]schema.Record{w.message("beta", "B1", schema.OpPut, schema.Values{schema.Name: "欧阳沐辰", schema.IDNumber: "190102198003070018"})})
	w.drain()
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
	read := w.message("alpha", "N1", schema.OpPut, schema.Values{schema.Name: "欧阳沐辰"})
	in := store.Intake{Platform: "alpha", Fence: read.Version.Fence, Messages: []schema.Record{read}}
	_, err = w.store.TakeIn(w.ctx, in, func(state store.IntakeState) (store.Decision, error) {
		require.Empty(t, state.Records)
		_, err := conn.Exec(w.ctx, `INSERT INTO records (platform, key, fence, position, unresolved, shadow, state, anchors, resident_id)
			SELECT 'alpha', 'N1', 0, 0, true, true, '{}', ARRAY[id], resident_id FROM records WHERE platform = 'beta'`)
		return store.Decision{Merged: []int64{read.Version.Position}, Rows: []store.Record{{Ref: schema.RecordRef{Platform: "alpha", Key: "N1"}, Version: read.Version,
			Unresolved: true, State: []byte(`{"own": {"name": "欧阳沐辰"}}`)}}}, err
	})
	require.True(t, store.Conflict(err), "%v", err)
	var shadow bool
	require.NoError(t, conn.QueryRow(w.ctx, `SELECT shadow FROM records WHERE key = 'N1'`).Scan(&shadow))
	require.True(t, shadow)

	w.takeIn([]schema.Record{read}) // again
	var state []byte
	require.NoError(t, conn.QueryRow(w.ctx, `SELECT shadow, state FROM records WHERE key = 'N1'`).Scan(&shadow, &state))
	require.True(t, shadow)
	w.drain()
	require.Equal(t, [][]string{{"alpha/N1", "beta/B1"}}, w.partition())
}
