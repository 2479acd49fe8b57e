package hub_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

// made lets Heji create a row for somebody whom the platform does not have.
func made(t *testing.T, agreement string) *road {
	r := newRoad(t, agreement)
	r.gets.set("g9", with(zhang, "name", "司马青禾", "idn", "190102199012120026", "born", "19901212", "sex", "2"))
	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.quiet()
	r.live()
	r.until("the row is made", func() bool { return r.gets.shows("made-1", "tel") == "15400000002" })
	r.gets.set("made-1", map[string]string{"state": ""})
	r.quiet()
	return r
}

// target is where the row that was made stands.
func (r *road) target(db *pgxpool.Pool) (state store.TargetState, reason string) {
	r.t.Helper()
	require.NoError(r.t, db.QueryRow(r.ctx, `SELECT state, reason FROM targets
		WHERE platform = $1 AND key = 'made-1'`, r.getsID).Scan(&state, &reason))
	return state, reason
}

// RULES C: nobody stands behind a row that we made any more. It stays as it is and
// is put before a person; it is neither blanked nor made again. The person may come
// back, and the department may take the row away.
func TestNobodyStandsBehindOurRow(t *testing.T) {
	r := made(t, receives)
	db := r.database()
	shown := r.gets.rowsOf("made-1")

	r.gives.drop("a1")
	r.until("it waits for a person", func() bool { state, _ := r.target(db); return state == store.TargetHold })
	r.quiet()
	_, reason := r.target(db)
	require.Contains(t, reason, "Heji made this row")
	require.Equal(t, shown, r.gets.rowsOf("made-1"))
	require.Equal(t, 1, r.gets.count())
	held := 0
	require.NoError(t, r.hub.Store.EachHeld(r.ctx, func(h store.HeldTarget) error { held++; return nil }))
	require.Equal(t, 1, held)
	var ended bool
	var name string
	require.NoError(t, db.QueryRow(r.ctx, `SELECT res.ended_at IS NOT NULL, res.name FROM residents res
		JOIN records rec ON rec.resident_id = res.id WHERE rec.platform = $1 AND rec.key = 'made-1'`, r.getsID).Scan(&ended, &name))
	require.True(t, ended, "no platform of its own shows the person")
	require.Equal(t, zhang["name"], name, "and it is known whom the row is about")

	r.gives.set("a1", with(zhang, "tel", "15400000003"))
	r.until("the person is back", func() bool { return r.gets.shows("made-1", "tel") == "15400000003" })
	r.quiet()
	state, _ := r.target(db)
	require.Equal(t, store.TargetGreen, state)
	require.Equal(t, 2, r.gets.count())

	r.gives.drop("a1")
	r.until("it waits again", func() bool { state, _ := r.target(db); return state == store.TargetHold })
	r.gets.drop("made-1")
	r.until("the department has taken it away", func() bool { state, _ := r.target(db); return state == store.TargetWithdrawn })
	r.quiet()
	require.Equal(t, 2, r.gets.count())
}

// An agreement that says how a row is closed: once, and opened again with the person.
func TestOurRowIsClosedAsAgreed(t *testing.T) {
	r := made(t, "  life_status: {column: state}\n"+receives+"  withdraw: {life_status: moved_out}\n")
	db := r.database()
	shown := r.gets.rowsOf("made-1")
	r.gives.drop("a1")
	r.until("it is closed", func() bool { state, _ := r.target(db); return state == store.TargetWithdrawn })
	r.quiet()
	require.Equal(t, with(shown, "state", "moved_out"), r.gets.rowsOf("made-1"))
	require.Equal(t, 2, r.gets.count())

	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.until("it is open again", func() bool { return r.gets.shows("made-1", "state") == "" })
	r.quiet()
	require.Equal(t, with(shown, "state", ""), r.gets.rowsOf("made-1"))
	require.Equal(t, 3, r.gets.count())
}

// The record that a row was made for is gone, and another one of the same person
// is still there: the row goes on with it.
func TestOurRowGoesOnWithTheNextRecord(t *testing.T) {
	r := made(t, receives)
	r.gives.set("a2", with(zhang, "tel", "15400000002"))
	r.quiet()
	r.gives.drop("a1")
	r.until("the first record is gone", func() bool { return r.living(r.givesID()) == 1 })
	r.quiet()
	require.Equal(t, 1, r.gets.count())
	r.gives.set("a2", with(zhang, "tel", "15400000004"))
	r.until("the second one speaks for the person", func() bool { return r.gets.shows("made-1", "tel") == "15400000004" })
	r.quiet()
	require.Equal(t, 2, r.gets.count())
	members, err := r.hub.Store.Memberships(r.ctx)
	require.NoError(t, err)
	residents := map[string]bool{}
	for _, m := range members {
		if !m.Deleted && m.Ref != (schema.RecordRef{Platform: r.getsID, Key: "g9"}) {
			residents[m.Resident] = true
		}
	}
	require.Len(t, residents, 1)
}
