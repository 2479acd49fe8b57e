package hub_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// everything is what a board shows, byte for byte.
func (b *board) everything() map[string]map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]map[string]string{}
	for k, r := range b.rows {
		out[k] = maps.Clone(r)
	}
	return out
}

// rollBack takes back what was written since a time.
func (r *road) rollBack(from time.Time, dry bool) store.Rollback {
	r.t.Helper()
	report, err := r.hub.Store.RollBack(r.ctx, store.RollbackWish{Platform: r.getsID, From: from, To: time.Now().Add(time.Second),
		Who: "王芳", Why: "接入时映射错误", Dry: dry}, r.hub.Kept)
	require.NoError(r.t, err)
	return report
}

func ends(report store.Rollback) map[string]int64 {
	out := map[string]int64{}
	for _, l := range report.Lines {
		out[fmt.Sprintf("%s %s", l.Attribute, l.Left)] = l.Count
	}
	return out
}

// What was written to a platform in a time is taken back byte for byte, blank
// where it was blank; what a clerk has touched since is left, and nothing is
// written there again until a person says so.
func TestRollback(t *testing.T) {
	r := newRoad(t, receives)
	people := []map[string]string{}
	for i := range 6 {
		people = append(people, person(i))
		// Texts of the platform's own, in its own spelling.
		r.gets.set(fmt.Sprintf("g%d", i), with(people[i], "tel", fmt.Sprintf("154-0000-010%d", i), "edu", ""))
	}
	r.quiet()
	for i := range 6 {
		r.gives.set(fmt.Sprintf("a%d", i), with(people[i], "tel", fmt.Sprintf("1550000010%d", i), "edu", "20"))
	}
	r.quiet()
	before := r.gets.everything()
	from := time.Now()
	r.live()
	r.until("written", func() bool { return r.gets.count() >= 6 })
	r.quiet()
	require.NotEqual(t, before, r.gets.everything())

	// Two clerks: one enters something new, one puts the old number back.
	r.gets.set("g4", map[string]string{"tel": "15699999999"})
	r.gets.set("g5", map[string]string{"tel": before["g5"]["tel"]})
	r.until("contested", func() bool { return r.targets()[store.TargetContested] == 1 })
	r.quiet()

	shown, writes := r.gets.everything(), r.gets.count()
	dry := r.rollBack(from, true)
	require.Equal(t, map[string]int64{"phone ": 4, "education ": 6, "phone changed": 1, "phone waits": 1}, ends(dry))
	r.quiet()
	require.Equal(t, shown, r.gets.everything(), "a dry run changes nothing")
	require.Equal(t, writes, r.gets.count())

	require.Equal(t, dry, r.rollBack(from, false))
	want := maps.Clone(before)
	want["g4"] = with(before["g4"], "tel", "15699999999")
	r.until("given back", func() bool { return fmt.Sprint(r.gets.everything()) == fmt.Sprint(want) })
	r.quiet()
	require.Equal(t, want, r.gets.everything(), "byte for byte")
	require.Equal(t, writes+6, r.gets.count(), "each row once")
	for _, w := range r.gets.log()[writes:] {
		require.NotEmpty(t, w.If, "on condition")
	}

	again := r.rollBack(from, true)
	require.Zero(t, again.Back, "once")

	// It stays: whatever the residents become.
	r.gives.set("a0", map[string]string{"tel": "15800000100"})
	r.quiet()
	require.Equal(t, want, r.gets.everything())
	require.EqualValues(t, 6, r.targets()[store.TargetContested])
	_, err := r.hub.Store.FieldVerdict(r.ctx, store.Choice{Kind: "field", A: schema.RecordRef{Platform: r.getsID, Key: "g0"},
		Attribute: schema.Phone, Value: string(lineage.WriteAgain), Who: "王芳"}, r.hub.Keys)
	require.NoError(t, err)
	r.until("written again", func() bool { return r.gets.shows("g0", "tel") == "15800000100" })

	statement, err := r.hub.Store.Statement(r.ctx, from, time.Now().Add(time.Minute))
	require.NoError(t, err)
	back := map[schema.Attribute]int64{}
	for _, l := range statement {
		back[l.Attribute] = l.Back
	}
	require.Equal(t, map[schema.Attribute]int64{"": 0, schema.Phone: 4, schema.Education: 6}, back)

	var notes int
	require.NoError(t, r.database().QueryRow(r.ctx, `SELECT count(*) FROM (SELECT did, who, why FROM audit UNION ALL SELECT did, who, why FROM audit_notes) a
		WHERE did = 'platform.rollback' AND who = '王芳' AND why = '接入时映射错误'`).Scan(&notes))
	require.Equal(t, 1, notes)
}

// A clerk is quicker than the rollback: the condition does not hold, and his
// value stays. A write that is under way is taken back once it has arrived.
func TestRollbackIsConditional(t *testing.T) {
	r := twoPhones(t)
	from := time.Now()
	var asked store.Rollback
	r.gets.spoilWith(func(w connectors.Write, do func()) (connectors.Outcome, bool) {
		if w.Set["tel"] == "15400000002" {
			do()
			asked = r.rollBack(from, false) // before anybody knows that it arrived
			return connectors.Outcome{Status: connectors.Applied, Key: w.Key}, true
		}
		r.gets.rows["g1"]["tel"] = "15611111111"
		return connectors.Outcome{}, false
	})
	r.live()
	r.until("a clerk was quicker", func() bool { return r.gets.shows("g1", "tel") == "15611111111" })
	require.EqualValues(t, 1, asked.Back)
	r.quiet()
	require.Equal(t, "15611111111", r.gets.shows("g1", "tel"))
	require.Equal(t, 2, r.gets.count())
}
