package hub_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/store"
)

// What is proposed is never written. The owner's answer is kept; what was accepted
// closes when the platform shows it, what is no longer needed is moot, and the same
// question is not asked twice.
func TestProposals(t *testing.T) {
	r := newRoad(t, receives)
	r.gets.set("g1", with(zhang, "tel", "15400000002", "name", "欧阳沐晨"))
	second := map[string]string{"name": "司马青荷", "idn": number(t, "1990-12-12", 2), "born": "19901212", "sex": "2", "tel": "15400000003"}
	r.gets.set("g2", second)
	third := map[string]string{"name": "上官子墨", "idn": number(t, "1971-05-05", 3), "born": "19710505", "sex": "1", "tel": "15400000005"}
	r.gets.set("g3", third)
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.gives.set("a2", with(second, "name", "司马青禾"))
	r.gives.set("a3", with(third, "name", "上官子默"))
	r.quiet()
	r.live()
	of := func(key string, outcome store.ProposalOutcome, seen bool) (p store.Proposal) {
		t.Helper()
		r.until(key+" "+string(outcome), func() bool {
			list, err := r.hub.Store.Proposals(r.ctx, r.getsID, true)
			require.NoError(t, err)
			for _, x := range list {
				if x.Key == key {
					p = x
				}
			}
			return p.Outcome == outcome && (p.SeenAt != nil) == seen
		})
		return p
	}
	one := func(outcome store.ProposalOutcome, seen bool) store.Proposal { return of("g1", outcome, seen) }
	answer := func(p store.Proposal, o store.ProposalOutcome) error {
		_, err := r.hub.Store.AnswerProposals(r.ctx, r.getsID, "周科长", []store.ProposalAnswer{{ID: p.ID, Proposed: p.Proposed, Outcome: o, Why: "查过档案"}})
		return err
	}
	p := one(store.ProposalOpen, false)
	require.Equal(t, "欧阳沐晨", p.Shown)
	require.Equal(t, "欧阳沐辰", p.Proposed)

	changed := p
	changed.Proposed = "欧阳沐陈"
	require.ErrorIs(t, answer(changed, store.ProposalAccepted), store.ErrProposal, "what is proposed has changed since")
	require.NoError(t, answer(p, store.ProposalAccepted))
	r.quiet()
	require.Equal(t, "查过档案", one(store.ProposalAccepted, false).Why, "accepted, not seen yet")
	r.gets.set("g1", map[string]string{"name": "欧阳沐辰"})
	one(store.ProposalAccepted, true)
	r.quiet()
	require.ErrorIs(t, answer(p, store.ProposalDeclined), store.ErrProposal, "it is settled")

	// Declined: not asked again. What is proposed is never written.
	p = of("g2", store.ProposalOpen, false)
	require.NoError(t, answer(p, store.ProposalDeclined))
	r.gives.set("a2", map[string]string{"tel": "15400000004"})
	r.until("it was looked at again", func() bool { return r.gets.shows("g2", "tel") == "15400000004" })
	r.quiet()
	of("g2", store.ProposalDeclined, false)
	require.Equal(t, "司马青荷", r.gets.shows("g2", "name"), "nothing was written")

	// The row is gone before anybody has answered: nobody is asked any more.
	p = of("g3", store.ProposalOpen, false)
	r.gets.drop("g3")
	of("g3", store.ProposalMoot, false)
	require.ErrorIs(t, answer(p, store.ProposalAccepted), store.ErrProposal, "nobody waits for this answer")
	for _, w := range r.gets.log() {
		require.NotContains(t, w.Set, "name")
	}
}
