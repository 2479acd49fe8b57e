package merge

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

// pairs counts the pairs of living records of one resident.
func (w *relinks) pairs() map[[2]schema.RecordRef]bool {
	members, err := w.store.Memberships(w.ctx)
	require.NoError(w.t, err)
	out := map[[2]schema.RecordRef]bool{}
	for i, a := range members {
		for _, b := range members[i+1:] {
			if a.Resident == b.Resident && !a.Deleted && !b.Deleted {
				out[[2]schema.RecordRef{a.Ref, b.Ref}] = true
			}
		}
	}
	return out
}

// What the preview says is what the relink does, to the last pair; and the
// preview changes nothing and shows nobody.
func TestPreviewIsWhatHappens(t *testing.T) {
	changed := 0
	for h := range 8 {
		r := rand.New(rand.NewPCG(uint64(h), 13))
		w := newRelinks(t, file(t, "model-0", map[string]int{"link": 2600, "review": 1500, "hot_key": 3}))
		var wg sync.WaitGroup
		w.feed(&wg, r, func() {})
		wg.Wait()
		a, b := schema.RecordRef{Platform: "alpha", Key: "1"}, schema.RecordRef{Platform: "beta", Key: "2"}
		_, err := w.store.Decide(w.ctx, store.Choice{Kind: "same", A: a, B: b, Who: "steward"})
		require.NoError(t, err)
		w.settle()
		w.sql(`UPDATE platforms SET stage = 'live', writable = true WHERE id = 'gamma'`)

		before := w.pairs()
		text := []byte(file(t, "model-1", map[string]int{"link": 1500 + 200*(h%4), "review": 1200, "hot_key": 6 - h%3}))
		p, err := w.store.PreviewRelink(w.ctx, text)
		require.NoError(t, err)
		again, err := w.store.PreviewRelink(w.ctx, text)
		require.NoError(t, err)
		require.Equal(t, p, again)
		require.Equal(t, before, w.pairs(), "a preview changes nothing")
		now, err := w.store.Stats(w.ctx)
		require.NoError(t, err)
		require.EqualValues(t, now.Residents, p.Residents.Now)
		require.EqualValues(t, now.ReviewsOpen, p.Reviews.Now)
		require.EqualValues(t, now.HotKeys, p.HotKeys.Now)
		require.Zero(t, p.Unresolved)
		said, err := json.Marshal(p)
		require.NoError(t, err)
		for _, personal := range []string{"1901021980", "1540000000", "欧阳", "1980-0", `"key"`} {
			require.NotContains(t, string(said), personal) // I9
		}

		w.sql(`UPDATE platforms SET stage = 'read_only' WHERE id = 'gamma'`) // there is nobody to write here
		_, err = w.store.StartRelink(w.ctx, text, "steward")
		require.NoError(t, err)
		w.settle()
		after := w.pairs()
		together, apart, gamma := 0, 0, 0
		for pair := range after {
			if !before[pair] {
				together++
				if pair[0].Platform == "gamma" || pair[1].Platform == "gamma" {
					gamma++
				}
			}
		}
		for pair := range before {
			if !after[pair] {
				apart++
			}
		}
		require.Equal(t, together, p.Together.Pairs)
		require.Equal(t, gamma, p.Together.Writable)
		require.Equal(t, apart, p.Apart.Pairs)
		require.Len(t, p.Together.Examples, min(together, 10))
		changed += together + apart
		then, err := w.store.Stats(w.ctx)
		require.NoError(t, err)
		require.EqualValues(t, then.Residents, p.Residents.Then)
		require.EqualValues(t, then.ReviewsOpen, p.Reviews.Then)
		require.EqualValues(t, then.HotKeys, p.HotKeys.Then)
		due := map[schema.RecordRef]bool{}
		for _, side := range [][2]map[[2]schema.RecordRef]bool{{before, after}, {after, before}} {
			for pair := range side[0] {
				for _, ref := range pair {
					if !side[1][pair] && ref.Platform == "gamma" {
						due[ref] = true
					}
				}
			}
		}
		require.LessOrEqual(t, len(due), p.Due(), "every row whose mates changed")
	}
	require.Positive(t, changed, "nothing changed in any history: the test could not see")
}

// Hot keys are named by what they are made of and by who holds them, and a
// component that is too large is counted.
func TestCrowding(t *testing.T) {
	w := newRelinks(t, file(t, "model-0", map[string]int{"hot_key": 3, "component": 4}))
	names := []string{"欧阳沐辰", "司马青禾", "上官子墨", "诸葛明月", "东方既白"}
	var list []schema.Record
	for i := range 5 { // one phone on one day of birth under five names
		list = append(list, w.message("alpha", fmt.Sprint(i), schema.OpPut, schema.Values{schema.Name: names[i], schema.Sex: "1",
			schema.BirthDate: "1980-03-07", schema.Phone: "15400000001"}))
	}
	w.takeIn(list)
	w.settle()
	keys, err := w.store.HotKeys(w.ctx, 5)
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	require.Equal(t, 5, keys[0].Holders)
	require.Contains(t, keys[0].Made, schema.Phone)
	require.Equal(t, []store.PlatformCount{{Platform: "alpha", Rows: 5}}, keys[0].Platforms)
	crowd, err := w.store.Crowding(w.ctx)
	require.NoError(t, err)
	require.Equal(t, len(keys), crowd.HotKeys)
	require.Equal(t, 5, crowd.Largest)
	require.Zero(t, crowd.Parked)

	// One person more often than the model allows: the component waits, whole.
	list = nil
	for i := range 3 {
		for _, p := range platformNames {
			list = append(list, w.message(p, fmt.Sprint("x", i), schema.OpPut, schema.Values{schema.Name: "令狐少侠", schema.Sex: "1",
				schema.BirthDate: "1990-12-12", schema.Phone: fmt.Sprintf("1550000000%d", i)}))
		}
	}
	slices.SortFunc(list, func(a, b schema.Record) int { return strings.Compare(a.Platform, b.Platform) })
	for _, p := range platformNames {
		w.takeIn(slices.DeleteFunc(slices.Clone(list), func(m schema.Record) bool { return m.Platform != p }))
	}
	_, err = w.store.StartRelink(w.ctx, []byte(file(t, "model-1", map[string]int{"hot_key": 30, "component": 4})), "steward")
	require.NoError(t, err)
	for {
		n, err := w.service.Resolve(w.ctx)
		require.NoError(t, err)
		if n == 0 {
			if n, err = w.service.Relink(w.ctx); n == 0 {
				require.NoError(t, err)
				break
			}
		}
	}
	crowd, err = w.store.Crowding(w.ctx)
	require.NoError(t, err)
	require.GreaterOrEqual(t, crowd.Parked, 5, "more than the component may have")
	st, err := w.store.RelinkStatus(w.ctx)
	require.NoError(t, err)
	require.False(t, st.Running(), "a component that waits does not hold the relink up")
}
