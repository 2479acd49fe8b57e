package hub_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/schema"
	"heji/services/hub"
	"heji/services/journal"
)

// database is a connection of the test's own to the road's database.
func (r *road) database() *pgxpool.Pool {
	r.t.Helper()
	db, err := pgxpool.New(r.ctx, r.hub.DatabaseURL())
	require.NoError(r.t, err)
	r.t.Cleanup(db.Close)
	return db
}

// lines are what the journal of the road holds.
func (r *road) lines() (list []journal.Line) {
	r.t.Helper()
	require.NoError(r.t, journal.New(filepath.Join(r.dir, hub.JournalFolder), r.hub.Ring).Read(func(l journal.Line) error {
		list = append(list, l)
		return nil
	}))
	return list
}

// A write is in the journal before the platform is called, with what was there
// and what came over it; in the store its values stand in the clear only while
// it is open.
func TestWritesAreJournalled(t *testing.T) {
	r := twoPhones(t)
	var before []journal.Line
	r.gets.spoilWith(func(connectors.Write, func()) (connectors.Outcome, bool) {
		before = r.lines()
		return connectors.Outcome{}, false
	})
	r.live()
	r.until("the phone is overwritten", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()

	require.Len(t, before, 1, "before the call")
	lines := r.lines()
	require.Len(t, lines, 2)
	require.Equal(t, before[0], lines[0])
	require.Equal(t, "applied", lines[1].Ended)
	require.Equal(t, lines[0].Intent, lines[1].Intent)
	content, err := journal.Open(r.hub.Ring, lines[0].Intent, lines[0].Sealed)
	require.NoError(t, err)
	require.Equal(t, "g1", content.Key)
	require.Len(t, content.Written, 1)
	require.Equal(t, schema.Phone, content.Written[0].Attribute)
	require.Equal(t, "15400000001", content.Written[0].Base.Raw)
	require.Equal(t, "15400000002", content.Written[0].Raw)

	var id uuid.UUID
	var fields, sealed string
	db := r.database()
	require.NoError(t, db.QueryRow(r.ctx, `SELECT id, fields::text, sealed FROM intents`).Scan(&id, &fields, &sealed))
	require.JSONEq(t, `{"phone": {}}`, fields)
	require.Equal(t, lines[0].Sealed, sealed, "the store keeps the same")

	// The monthly statement still counts it.
	statement, err := r.hub.Store.Statement(r.ctx, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, statement, 2)
	require.EqualValues(t, 1, statement[1].Applied)
	require.Equal(t, schema.Phone, statement[1].Attribute)

	n, err := r.hub.Store.ForgetWrites(r.ctx, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Zero(t, n, "not yet")
	n, err = r.hub.Store.ForgetWrites(r.ctx, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	var kept *string
	require.NoError(t, db.QueryRow(r.ctx, `SELECT sealed FROM intents`).Scan(&kept))
	require.Nil(t, kept)
}

// A row that is made is in the journal with the record that it was made for, and
// afterwards with its key.
func TestCreatesAreJournalled(t *testing.T) {
	r := newRoad(t, receives)
	r.gets.set("g1", with(map[string]string{"name": "李静", "idn": "290102198503070028", "born": "19850307", "sex": "2"}, "tel", "15400000009"))
	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.quiet()
	r.live()
	r.until("the row is made", func() bool { return r.gets.shows("made-1", "idn") != "" })
	r.quiet()
	lines := r.lines()
	require.Len(t, lines, 2)
	content, err := journal.Open(r.hub.Ring, lines[0].Intent, lines[0].Sealed)
	require.NoError(t, err)
	require.Equal(t, schema.RecordRef{Platform: r.givesID(), Key: "a1"}, *content.Anchor)
	require.Empty(t, content.Key)
	for _, w := range content.Written {
		require.True(t, w.Create)
	}
	raw, err := json.Marshal(lines[1])
	require.NoError(t, err)
	require.NotContains(t, string(raw), "made-1")
	require.NotEmpty(t, lines[1].Sealed, "the key of the row")
}

// What cannot be noted is not written: it waits until there is room.
func TestNoJournalNoWrite(t *testing.T) {
	r := twoPhones(t)
	folder := filepath.Join(r.dir, hub.JournalFolder)
	require.NoError(t, os.WriteFile(folder, nil, 0o600)) // stands for a disk that takes nothing
	r.live()
	r.until("the trouble is told", func() bool {
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(t, err)
		for _, p := range list {
			if p.ID == r.getsID && p.WriteError != "" {
				require.Contains(t, p.WriteError, "journal")
				return true
			}
		}
		return false
	})
	require.Zero(t, r.gets.count())
	require.NoError(t, os.Remove(folder))
	r.until("the phone is overwritten", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 1, r.gets.count())
}
