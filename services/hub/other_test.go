package hub_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/schema"
	"heji/services/store"
)

// A platform that gives another person's row for our key, and for our natural
// key: the row is set aside, shown, and used for nothing; nobody is taken for
// gone, nothing is written and nobody made; when it answers right, all goes on.
func TestAnotherPersonsRowForOurKey(t *testing.T) {
	r := twoPhones(t)
	other := connectors.Row{Key: "g9", Op: schema.OpPut, Columns: map[string]string{"id": "g9", "name": "司马青禾", "idn": "190102199909090012", "tel": "15400000099"}}
	r.gets.lookWith(func(connectors.Query) ([]connectors.Row, bool) {
		row := other
		row.Columns = maps.Clone(other.Columns)
		return []connectors.Row{row}, true
	})
	lost := true
	r.gets.spoilWith(func(connectors.Write, func()) (connectors.Outcome, bool) {
		defer func() { lost = false }()
		return connectors.Outcome{Status: connectors.Doubt, Reason: "timeout"}, lost
	})
	r.live() // the write's answer is lost, and every look gives somebody else
	aside := func() bool {
		list, err := r.hub.Store.DeadRecords(r.ctx, r.getsID, false, 10)
		require.NoError(t, err)
		return slices.ContainsFunc(list, func(d store.DeadRecord) bool {
			return d.Problem == schema.ProblemOtherPerson && d.Key == "g1" && d.Stage == "writeback"
		})
	}
	r.until("the answer is set aside and shown", aside)
	require.Equal(t, 1, r.gets.count(), "nothing more is written")
	require.Equal(t, "15400000001", r.gets.shows("g1", "tel"))
	view, err := r.hub.Store.Search(r.ctx, "欧阳沐辰", 10)
	require.NoError(t, err)
	require.Len(t, view.Residents, 1, "nobody is gone")
	found, err := r.hub.Store.Search(r.ctx, "司马青禾", 10)
	require.NoError(t, err)
	require.Empty(t, found.Residents, "and nobody came of it")

	r.gets.lookWith(nil)
	r.until("it answers right again, and the write is made", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 2, r.gets.count(), "the one retry of a write that did not arrive")
}
