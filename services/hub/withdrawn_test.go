package hub_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// RULES C: an agreement that is withdrawn stops the writes. What was written
// before stays as it is, a row that Heji made too, and is known as ours: it never
// becomes evidence. It is taken back only when a person asks for it.
func TestAgreementWithdrawn(t *testing.T) {
	r := newRoad(t, "agreement:\n  creates: true\n  receives: {phone: overwrite, name: overwrite, id_number: fill_empty, birth_date: fill_empty, sex: fill_empty}\n")
	r.gets.set("g1", with(zhang, "tel", "15400000001"))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.gives.set("a2", with(person(2, "tel", "15400000005"), "idn", "190102199012120026", "born", "19901212", "sex", "2"))
	r.quiet()
	before := time.Now()
	r.live()
	r.until("one is written, one is made", func() bool {
		return r.gets.shows("g1", "tel") == "15400000002" && r.gets.shows("made-1", "tel") == "15400000005"
	})
	r.quiet()
	shown, writes := r.gets.everything(), r.gets.count()

	// agree brings a version of the agreement into force, as its changed file would.
	agree := func(change func(*schema.Agreement)) {
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(t, err)
		p := list[slices.IndexFunc(list, func(p store.Platform) bool { return p.ID == r.getsID })]
		change(&p.Agreement)
		require.NoError(t, r.hub.Store.RegisterPlatform(r.ctx, p))
		_, err = r.hub.Store.Approve(r.ctx, p.ID, p.Version+1, "admin", "到期")
		require.NoError(t, err)
	}
	own := func(key string) string { // the platform's own evidence of the phone
		states, err := r.hub.Store.RowStates(r.ctx, r.getsID, []string{key})
		require.NoError(t, err)
		row, err := lineage.Decode(states[key])
		require.NoError(t, err)
		return row.Own[schema.Phone]
	}
	news := func(first, second string) {
		r.gives.set("a1", map[string]string{"tel": first})
		r.gives.set("a2", map[string]string{"tel": second})
		r.quiet()
	}
	stays := func(why string) {
		require.Equal(t, shown, r.gets.everything(), why)
		require.Equal(t, writes, r.gets.count(), why)
		require.Equal(t, "15400000001", own("g1"), "what we wrote is no evidence")
		require.Empty(t, own("made-1"), "nor is a row that we made")
	}

	receives := map[schema.Attribute]schema.Mode{}
	agree(func(g *schema.Agreement) { receives, g.Receives, g.Creates = g.Receives, nil, false })
	r.quiet()
	stays("nothing is taken back by itself")
	news("15400000003", "15400000006")
	r.gives.set("a3", with(person(3, "tel", "15400000007"), "idn", "190102199012130021", "born", "19901213", "sex", "2"))
	r.quiet()
	stays("nothing more leaves, and nobody is made")

	agree(func(g *schema.Agreement) { g.Receives = receives })
	r.until("agreed again, what is due leaves", func() bool {
		return r.gets.shows("g1", "tel") == "15400000003" && r.gets.shows("made-1", "tel") == "15400000006"
	})
	r.quiet()
	shown, writes = r.gets.everything(), r.gets.count()

	agree(func(g *schema.Agreement) { g.Receives = nil })
	r.quiet()
	report := r.rollBack(before, false)
	require.Positive(t, report.Back)
	r.until("a person had it taken back", func() bool { return r.gets.shows("g1", "tel") == "15400000001" })
	r.quiet()
	require.Equal(t, "15400000005", r.gets.shows("made-1", "tel"), "a row that we made stays, as it was made")
}
