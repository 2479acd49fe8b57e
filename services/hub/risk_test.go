package hub_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

const receivesLife = `  life_status: {column: life, map: {a: alive, d: dead}}
agreement:
  receives: {phone: overwrite, life_status: overwrite, id_number: overwrite}
`

const authority = `  life_status: {column: life, map: {a: alive, d: dead}}
agreement:
  authority: [life_status, id_number]
`

// mortal is a road on which one person is alive everywhere, and writing is live.
func mortal(t *testing.T, window time.Duration) *road {
	t.Helper()
	r := newRoadOf(t, authority, receivesLife)
	r.gives.set("a1", with(zhang, "tel", "15400000001", "life", "a"))
	r.gets.set("g1", with(zhang, "tel", "15400000001", "life", "a"))
	r.quiet()
	r.live()
	require.NoError(t, r.hub.Store.SetRiskWindow(r.ctx, window))
	r.quiet()
	return r
}

func (r *road) risks() []store.Risk {
	r.t.Helper()
	list, err := r.hub.Store.Risks(r.ctx, uuid.Nil, 10)
	require.NoError(r.t, err)
	return list
}

// A death is believed at once and told to nobody until a second person agrees;
// what carries no risk does not wait.
func TestRiskWaitsForASecondPerson(t *testing.T) {
	r := mortal(t, time.Hour)
	r.gives.set("a1", map[string]string{"life": "d", "tel": "15400000002"})
	r.until("the phone goes on", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.until("the death waits", func() bool { return len(r.risks()) == 1 })
	risk := r.risks()[0]
	require.Equal(t, schema.LifeStatus, risk.Attribute)
	require.Equal(t, []string{"alive", "dead"}, []string{risk.Old, risk.New})
	masters, err := r.hub.Store.ResidentsByID(r.ctx, []uuid.UUID{risk.Resident})
	require.NoError(t, err)
	require.Equal(t, "dead", masters[risk.Resident].Master[schema.LifeStatus].Value, "it is believed")

	require.NoError(t, r.hub.Store.StopRisk(r.ctx, risk.ID, "王", "先核实"))
	_, err = r.hub.Store.ApproveRisk(r.ctx, risk.ID, "王", "")
	require.ErrorIs(t, err, store.ErrSamePerson)
	require.Equal(t, "a", r.gets.shows("g1", "life"))
	_, err = r.hub.Store.ApproveRisk(r.ctx, risk.ID, "李", "已核实")
	require.NoError(t, err)
	r.until("the death arrives", func() bool { return r.gets.shows("g1", "life") == "d" })
	_, err = r.hub.Store.ApproveRisk(r.ctx, risk.ID, "李", "")
	require.ErrorIs(t, err, store.ErrReleased)
}

func TestRiskPassesByItself(t *testing.T) {
	r := mortal(t, time.Second)
	r.gives.set("a1", map[string]string{"life": "d"})
	r.until("the death arrives when its time is over", func() bool { return r.gets.shows("g1", "life") == "d" })
	require.Empty(t, r.risks())
}

// What is undone in time never leaves.
func TestRiskUndoneInTime(t *testing.T) {
	r := mortal(t, time.Hour)
	writes := r.gets.count()
	r.gives.set("a1", map[string]string{"life": "d"})
	r.until("the death waits", func() bool { return len(r.risks()) == 1 })
	r.gives.set("a1", map[string]string{"life": "a"})
	r.until("it waits no more", func() bool { return len(r.risks()) == 0 })
	r.quiet()
	require.Equal(t, writes, r.gets.count(), "nothing was told")
}

// A new ID number waits, a first one does not.
func TestRiskOfNumbers(t *testing.T) {
	r := mortal(t, time.Hour)
	r.gives.set("a2", map[string]string{"name": "司马青岚", "born": "19810405", "sex": "2", "tel": "15400000009"})
	r.quiet()
	r.gives.set("a2", map[string]string{"idn": "190102198104050024"})
	r.quiet()
	require.Empty(t, r.risks(), "a first number changes nothing")
	r.gives.set("a2", map[string]string{"idn": "190102198104050040"})
	r.until("another number waits", func() bool { return len(r.risks()) == 1 && r.risks()[0].Attribute == schema.IDNumber })
}
