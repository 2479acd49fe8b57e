package hub_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/schema"
	"heji/services/demand"
	"heji/services/store"
)

func (r *road) effect(community string) demand.Report {
	r.t.Helper()
	reg, ok := r.hub.Registry.Get(r.getsID)
	require.True(r.t, ok)
	e, err := demand.Effect(r.ctx, r.hub.Store, reg, 0, community, time.Now())
	require.NoError(r.t, err)
	return e
}

func (r *road) take(step store.Step) {
	r.t.Helper()
	step.Who = "admin"
	_, err := r.hub.Store.TakeStep(r.ctx, r.getsID, step)
	require.NoError(r.t, err)
}

// person is an invented one of many.
func person(i int, more ...string) map[string]string {
	names := []string{"欧阳沐辰", "司马青岚", "上官子墨", "诸葛明轩", "夏侯静姝", "令狐远山"}
	return with(map[string]string{"name": names[i%len(names)], "born": fmt.Sprintf("19%02d0%d1%d", 50+7*i, 1+i%9, i%9), "sex": "1"}, more...)
}

// The report of the stage shadow says what going live then does: the same rows,
// the same fields, the same creates. Nothing becomes due before.
func TestShadowSaysWhatLiveWrites(t *testing.T) {
	r := newRoad(t, receives)
	r.gets.set("g1", with(zhang, "tel", "15400000001", "edu", "60", "name", "欧阳沐晨"))
	r.gets.set("g2", person(1, "tel", "15400000003", "edu", ""))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002", "edu", "21"))
	r.gives.set("a2", person(1, "tel", "15400000003", "edu", "21"))
	r.gives.set("a3", with(person(2, "tel", "15400000005"), "idn", "190102199012120026", "born", "19901212", "sex", "2"))
	r.gives.set("a4", person(3, "tel", "15400000006")) // no natural key: it cannot be made
	r.quiet()
	r.take(store.Step{To: schema.Shadow})
	r.quiet()
	require.Empty(t, r.targets(), "nothing becomes due")
	var e demand.Report
	r.until("everything is merged", func() bool {
		e = r.effect("")
		return e.Rows == 2 && e.Changed == 2 && e.Creates == 1 && e.Held == 1
	})
	require.Contains(t, e.Lines, demand.Line{Attribute: schema.Phone, Outcome: demand.Write, Count: 1})
	require.Contains(t, e.Lines, demand.Line{Attribute: schema.Phone, Outcome: demand.Same, Count: 1})
	require.Contains(t, e.Lines, demand.Line{Attribute: schema.Education, Outcome: demand.Write, Count: 1})
	require.Contains(t, e.Lines, demand.Line{Attribute: schema.Education, Outcome: demand.Withheld, Why: "has_own", Count: 1})
	require.Contains(t, e.Lines, demand.Line{Attribute: schema.Name, Outcome: demand.Propose, Count: 1})
	require.Equal(t, e.Digest, r.effect("").Digest, "the same figures have the same name")
	for _, s := range e.Samples {
		require.NotContains(t, s.New+s.Shown, "15400000002", "samples are masked")
	}

	r.take(store.Step{To: schema.Live, Digest: e.Digest})
	r.until("live", func() bool { return r.gets.count() == 3 })
	r.quiet()
	made, changed, fields := 0, 0, map[string]int64{}
	for _, w := range r.gets.log() {
		if w.Key == "" {
			made++
			continue
		}
		changed++
		for c := range w.Set {
			fields[c]++
		}
	}
	require.Equal(t, []int{1, 2}, []int{made, changed})
	require.Equal(t, map[string]int64{"tel": 1, "edu": 1}, fields)
	after := r.effect("")
	require.Zero(t, after.Changed+after.Creates, "everything is written: nothing is left to do")
	require.True(t, after.Moved(demand.Report{Agreement: after.Agreement + 1}), "another agreement")
}

func (b *board) log() []connectors.Write {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]connectors.Write(nil), b.writes...)
}

const canaryFields = `
agreement:
  receives: {phone: overwrite}
`

// A canary writes to residents of its community, so many rows a day, and leaves
// the rest until the next step.
func TestCanary(t *testing.T) {
	r := newRoad(t, canaryFields)
	const here, there = "山东省济南市历下区泉城路街道阳光社区幸福家园1号楼1单元101室", "山东省济南市历下区泉城路街道明湖社区幸福家园1号楼1单元101室"
	for i := range 5 {
		addr := here
		if i == 4 {
			addr = there
		}
		r.gets.set(fmt.Sprintf("g%d", i), person(i, "tel", fmt.Sprintf("1540000010%d", i), "addr", addr))
	}
	r.quiet()
	for i := range 5 {
		r.gives.set(fmt.Sprintf("a%d", i), person(i, "tel", fmt.Sprintf("1540000020%d", i)))
	}
	r.quiet()
	r.until("everything is merged", func() bool { return r.effect("").Changed == 5 })
	e := r.effect("阳光社区")
	require.EqualValues(t, 4, e.Changed)
	_, err := r.hub.Store.TakeStep(r.ctx, r.getsID, store.Step{To: schema.Canary, Who: "admin"})
	require.ErrorContains(t, err, "one community")
	r.take(store.Step{To: schema.Canary, Canary: store.Canary{Community: "阳光社区", Rows: 3}, Digest: e.Digest})
	r.until("three rows", func() bool { return r.gets.count() == 3 })
	var at time.Time
	waits := func() bool {
		next, ok, err := r.hub.Store.NextDue(r.ctx, r.getsID)
		require.NoError(t, err)
		at = next
		return ok && at.After(time.Now()) && r.targets()[store.TargetGreen] == 3 && r.targets()[store.TargetDue] == 2
	}
	r.until("the fourth waits for tomorrow, the fifth for a step", waits)
	y, m, d := time.Now().AddDate(0, 0, 1).Date()
	require.WithinDuration(t, time.Date(y, m, d, 0, 0, 0, 0, time.Local), at, time.Second)

	// The same step again, as after a restart: today's rows stay counted.
	r.take(store.Step{To: schema.Canary, Canary: store.Canary{Community: "阳光社区", Rows: 3}})
	r.until("still two wait", waits)
	require.Equal(t, 3, r.gets.count())
	for _, w := range r.gets.log() {
		require.NotEqual(t, "g4", w.Key)
	}

	r.take(store.Step{To: schema.Live})
	r.until("live writes the rest", func() bool { return r.gets.count() == 5 })
}

// A campaign goes at its own pace; a row whose resident changes meanwhile does
// not wait for its turn.
func TestCampaignRate(t *testing.T) {
	r := newRoad(t, canaryFields)
	for i := range 3 {
		r.gets.set(fmt.Sprintf("g%d", i), person(i, "tel", fmt.Sprintf("1540000010%d", i)))
	}
	r.quiet()
	for i := range 3 {
		r.gives.set(fmt.Sprintf("a%d", i), person(i, "tel", fmt.Sprintf("1540000020%d", i)))
	}
	r.until("everything is merged", func() bool { return r.effect("").Changed == 3 })
	r.take(store.Step{To: schema.Live, Rate: 0.001})
	r.until("the first row goes", func() bool { return r.gets.count() == 1 })
	// The first one may be looked at once more, when its own read comes back before
	// its outcome is stored.
	r.until("the second waits for its turn", func() bool {
		at, ok, err := r.hub.Store.NextDue(r.ctx, r.getsID)
		return err == nil && ok && time.Until(at) > 900*time.Second && time.Until(at) < 1060*time.Second
	})
	r.gives.set("a2", map[string]string{"tel": "15400000299"})
	r.until("a change does not wait", func() bool { return r.gets.shows("g2", "tel") == "15400000299" })
	require.Equal(t, 2, r.gets.count())
}
