package lineage

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

// then are the writes to f0 of a row whose write is open.
func then(t *testing.T, row Row) []Written {
	t.Helper()
	list := Journal(row)
	require.Len(t, list, 1)
	return list
}

func TestRollBack(t *testing.T) {
	open := send(t, seenRow(t, "a"), "x", 20)
	wrote := then(t, open)
	applied := finish(t, open, Applied, 21, "2")
	settled := mustObserve(t, applied, shows(30, "x").v("2"))
	for name, from := range map[string]Row{"settled": settled, "not read yet": applied, "under way": open} {
		t.Run(name, func(t *testing.T) {
			row, left := RollBack(from, f0, wrote)
			require.Empty(t, left)
			_, left = RollBack(row, f0, wrote)
			require.Equal(t, LeftDone, left)
			require.Equal(t, RolledBack, row.Flags()[f0].Kind)
			if row.Open() {
				row = finish(t, row, Applied, 21, "2")
			}
			if row.Seen.Before(at(30)) {
				require.Empty(t, Make(row, resident("y", 35), Policy{}).Due, "nobody has seen yet what became of it")
				row = mustObserve(t, row, shows(30, "x").v("2"))
			}
			d := Make(row, resident("y", 35), Policy{}).Due[f0]
			require.Equal(t, "a", d.Raw, "what was there before, and not what is wanted now")
			require.Equal(t, "x", d.If.Raw, "only over our value")
			require.Equal(t, Own, d.Source)

			never := resident("y", 35)
			never.Mode = func(schema.Attribute) schema.Mode { return schema.Never }
			require.Contains(t, Make(row, never, Policy{}).Due, f0, "whatever the mode")

			// A miss, a refusal and a crash change nothing about it.
			again := Make(mustObserve(t, finish(t, begin(t, row, d), Missed, 41, ""), shows(50, "x").v("2")), resident("y", 35), Policy{})
			require.Equal(t, "a", again.Due[f0].Raw)

			row = finish(t, begin(t, row, d), Applied, 41, "3")
			row = mustObserve(t, row, shows(50, "a").v("3"))
			plan := Make(row, resident("y", 35), Policy{})
			require.Empty(t, plan.Due, "nothing else is written")
			require.Equal(t, []schema.Attribute{f0}, plan.Flagged)
			require.Equal(t, "a", row.Own[f0])

			// It stays so over a restart, and when a clerk enters something of his own.
			raw, err := json.Marshal(row)
			require.NoError(t, err)
			kept, err := Decode(raw)
			require.NoError(t, err)
			require.Empty(t, Make(kept, resident("y", 35), Policy{}).Due)
			theirs := mustObserve(t, row, shows(60, "c").v("4"))
			require.Equal(t, "c", theirs.Own[f0])
			require.Empty(t, Make(theirs, resident("y", 65), Policy{}).Due)

			free, _, err := Resolve(row, f0, WriteAgain)
			require.NoError(t, err)
			require.Equal(t, "y", Make(free, resident("y", 35), Policy{}).Due[f0].Raw)
		})
	}
}

// Where the field shows something else, nothing is brought back.
func TestRollBackLeaves(t *testing.T) {
	open := send(t, seenRow(t, "a"), "x", 20)
	wrote := then(t, open)
	settled := mustObserve(t, finish(t, open, Applied, 21, "2"), shows(30, "x").v("2"))
	clerk := mustObserve(t, settled, shows(40, "c").v("3"))
	reverted := mustObserve(t, settled, shows(40, "a").v("3"))
	later := begin(t, settled, Due{Text: Say("z", "z"), Source: "desk/2", If: Say("x", "x")})
	gone, _ := Observe(settled, Read{AsOf: at(40), Deleted: true}, Policy{})
	for _, c := range []struct {
		from Row
		want Left
	}{{clerk, LeftChanged}, {reverted, LeftWaits}, {later, LeftChanged}, {gone, LeftGone}} {
		row, left := RollBack(c.from, f0, wrote)
		require.Equal(t, c.want, left)
		require.Equal(t, c.from, row)
	}
}

// A later value of ours goes back to an earlier one of ours, under its own source.
func TestRollBackToOurs(t *testing.T) {
	settled := mustObserve(t, finish(t, send(t, seenRow(t, "a"), "x", 20), Applied, 21, "2"), shows(30, "x").v("2"))
	open := begin(t, settled, Due{Text: Say("z", "z"), Source: "desk/2", If: Say("x", "x")})
	wrote := then(t, open)
	row := mustObserve(t, finish(t, open, Applied, 41, "3"), shows(50, "z").v("3"))
	row, left := RollBack(row, f0, wrote)
	require.Empty(t, left)
	d := Make(row, resident("z", 35), Policy{}).Due[f0]
	require.Equal(t, "x", d.Raw)
	require.Equal(t, "desk/1", d.Source)
}

// Whatever a clerk does and however often we look: over a value that is not ours
// a rollback never writes.
func TestRollBackNeverWritesOverAClerk(t *testing.T) {
	open := send(t, seenRow(t, "a"), "x", 20)
	start, left := RollBack(mustObserve(t, finish(t, open, Applied, 21, "2"), shows(30, "x").v("2")), f0, then(t, open))
	require.Empty(t, left)
	rapid.Check(t, func(rt *rapid.T) {
		row, now := start, 40
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			now += 10
			if text := rapid.SampledFrom([]string{"", "a", "x", "c", "d"}).Draw(rt, "text"); rapid.Bool().Draw(rt, "read") {
				row, _ = Observe(row, shows(now, text), Policy{})
			}
			d, due := Make(row, resident("y", now), Policy{}).Due[f0]
			if !due {
				continue
			}
			require.Equal(rt, "a", d.Raw)
			require.Equal(rt, "x", d.If.Raw)
			next, err := Begin(row, Intent{ID: "i", At: at(now + 1), Due: map[schema.Attribute]Due{f0: d}})
			require.NoError(rt, err)
			row, _ = Finish(next, Outcome{Intent: "i", Status: rapid.SampledFrom([]Status{Applied, Missed, Busy, Doubt}).Draw(rt, "outcome"), At: at(now + 2)})
		}
	})
}

func begin(t *testing.T, row Row, d Due) Row {
	t.Helper()
	row, err := Begin(row, Intent{ID: "i", At: at(40), Conditional: true, Due: map[schema.Attribute]Due{f0: d}})
	require.NoError(t, err)
	return row
}
