package lineage

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// resident wants one text in the field, overwritten, of a record that is there.
func resident(want string, since int) Resident {
	return Resident{
		Wanted: map[schema.Attribute]Wanted{f0: {Value: want, Wire: want, Since: at(since), Source: "desk/1"}},
		Mode:   func(schema.Attribute) schema.Mode { return schema.Overwrite },
		Has:    func(string) bool { return true },
		Read:   func(_ schema.Attribute, raw string) (string, bool) { return canon(raw) },
	}
}

func (r Resident) mode(m schema.Mode) Resident {
	r.Mode = func(schema.Attribute) schema.Mode { return m }
	return r
}

func (r Resident) without(source string) Resident {
	r.Has = func(s string) bool { return s != source }
	return r
}

func (r Resident) with(change func(*Wanted)) Resident {
	w := r.Wanted[f0]
	change(&w)
	r.Wanted = map[schema.Attribute]Wanted{f0: w}
	return r
}

func nothing() Resident {
	r := resident("", 0)
	r.Wanted = nil
	return r
}

func TestDue(t *testing.T) {
	after := func(row Row, reads ...Read) Row {
		for _, r := range reads {
			row, _ = Observe(row, r, Policy{})
		}
		return row
	}
	a := func(t *testing.T) Row { return seenRow(t, "a") }
	blank := func(t *testing.T) Row { return seenRow(t, "") }
	filled := func(t *testing.T) Row { // was blank, we filled it
		return after(finish(t, send(t, seenRow(t, ""), "x", 20), Applied, 21, ""), shows(30, "x"))
	}
	contested := func(t *testing.T) Row { return after(settledRow(t), shows(40, "a")) }

	const due, proposed, held, disputed, flagged, waiting, no = "due", "proposed", "contested", "disputed", "flagged", "waiting", "no"
	for name, c := range map[string]struct {
		row     func(*testing.T) Row
		r       Resident
		p       Policy
		is      string
		set     string
		retract bool
	}{
		"wanted differs":                         {row: a, r: resident("x", 15), is: due, set: "x"},
		"wanted does not exist":                  {row: a, r: nothing(), is: no},
		"the mode forbids":                       {row: a, r: resident("x", 15).mode(schema.Never), is: no},
		"the mode proposes":                      {row: a, r: resident("x", 15).mode(schema.Propose), is: proposed},
		"read(shown) = wanted":                   {row: a, r: resident("a", 15), is: no},
		"a synonym is equal":                     {row: func(t *testing.T) Row { return seenRow(t, " A ") }, r: resident("a", 15), is: no},
		"a lossy code is equal":                  {row: a, r: resident("finer", 15).with(func(w *Wanted) { w.Wire = "A" }), is: no},
		"what the platform would make of it too": {row: a, r: resident("abc", 15), p: Policy{Predict: func(_ schema.Attribute, w string) []string { return []string{w[:1]} }}, is: no},
		"wanted blank":                           {row: a, r: resident("", 15), is: due, set: ""},
		"never seen":                             {row: func(*testing.T) Row { return Row{} }, r: resident("x", 15), is: no},
		"a write is open":                        {row: func(t *testing.T) Row { return send(t, seenRow(t, "a"), "x", 20) }, r: resident("y", 25), is: waiting},
		"in doubt":                               {row: doubted, r: resident("y", 25), is: waiting},
		"wire(wanted) = sent, not seen yet":      {row: written, r: resident("x", 15), is: waiting},
		"another value before the first settled": {row: written, r: resident("y", 25), is: due, set: "y"},
		"order unknown":                          {row: a, r: resident("x", 15).with(func(w *Wanted) { w.Disputed = true }), is: disputed},

		"flagged":                                      {row: contested, r: resident("y", 35), is: flagged},
		"flagged, a decision before":                   {row: contested, r: resident("x", 35).with(func(w *Wanted) { w.Decision = true }), is: flagged},
		"flagged, a later decision":                    {row: contested, r: resident("x", 45).with(func(w *Wanted) { w.Decision = true }), is: due, set: "x"},
		"flagged, a later decision, only filling":      {row: func(t *testing.T) Row { return after(filled(t), shows(40, "")) }, r: resident("x", 45).with(func(w *Wanted) { w.Decision = true }).mode(schema.FillEmpty), is: flagged},
		"not taken, a later decision":                  {row: func(t *testing.T) Row { return after(written(t), shows(30, "a")) }, r: resident("x", 45).with(func(w *Wanted) { w.Decision = true }), is: flagged},
		"refused":                                      {row: func(t *testing.T) Row { return finish(t, send(t, seenRow(t, "a"), "x", 20), Failed, 21, "") }, r: resident("x", 15), is: flagged},
		"fill_empty: own blank, shown blank":           {row: blank, r: resident("x", 15).mode(schema.FillEmpty), is: due, set: "x"},
		"fill_empty: own blank, shown ours":            {row: filled, r: resident("y", 35).mode(schema.FillEmpty), is: due, set: "y"},
		"fill_empty: own not blank":                    {row: a, r: resident("x", 15).mode(schema.FillEmpty), is: no},
		"fill_empty: own not blank, shown ours":        {row: settledRow, r: resident("y", 35).mode(schema.FillEmpty), is: no},
		"fill_empty: own unreadable":                   {row: func(t *testing.T) Row { return after(seenRow(t, ""), shows(20, "?")) }, r: resident("x", 15).mode(schema.FillEmpty), is: no},
		"own newer than wanted, nothing ours":          {row: a, r: resident("x", 5), is: due, set: "x"},
		"own newer than wanted, after ours: contested": {row: func(t *testing.T) Row { return after(settledRow(t), shows(40, "b")) }, r: resident("x", 15), is: held},
		"a later decision releases it":                 {row: func(t *testing.T) Row { return after(settledRow(t), shows(40, "b")) }, r: resident("x", 45).with(func(w *Wanted) { w.Decision = true }), is: due, set: "x"},
		"own from before our first write is no answer": {row: settledRow, r: resident("y", 5), is: due, set: "y"},
		"reverted, and a person said it is theirs": {row: func(t *testing.T) Row {
			row, _, err := Resolve(contested(t), f0, AsTheirs)
			require.NoError(t, err)
			return row
		}, r: resident("x", 35), is: held},

		"unmerge: due with wanted":                      {row: settledRow, r: resident("y", 35).without("desk/1").with(func(w *Wanted) { w.Source = "p/1" }), is: due, set: "y", retract: true},
		"unmerge: another source wants the same":        {row: settledRow, r: resident("x", 35).without("desk/1").with(func(w *Wanted) { w.Source = "p/1" }), is: no},
		"unmerge: nothing wanted, own given back":       {row: settledRow, r: nothing().without("desk/1"), is: due, set: "a", retract: true},
		"unmerge: blank given back":                     {row: filled, r: nothing().without("desk/1"), is: due, set: "", retract: true},
		"unmerge: whatever the mode, own where no more": {row: settledRow, r: resident("y", 35).without("desk/1").mode(schema.Never), is: due, set: "a", retract: true},
		"unmerge: under fill_empty its own comes back":  {row: settledRow, r: resident("y", 35).without("desk/1").mode(schema.FillEmpty), is: due, set: "a", retract: true},
		"unmerge: the source is still there":            {row: settledRow, r: nothing(), is: no},
		"unmerge: flagged":                              {row: func(t *testing.T) Row { return after(settledRow(t), shows(40, "b"), shows(50, "x")) }, r: nothing().without("desk/1"), is: flagged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := c.row(t)
			plan := Make(row, c.r, c.p)
			list := []schema.Attribute{f0}
			require.Equal(t, c.is == due, len(plan.Due) == 1, "%+v", plan)
			require.Equal(t, c.is == proposed, len(plan.Propose) == 1, "%+v", plan)
			for what, got := range map[string][]schema.Attribute{held: plan.Contested, disputed: plan.Disputed, flagged: plan.Flagged, waiting: plan.Waiting} {
				if c.is == what {
					require.Equal(t, list, got, what)
				} else {
					require.Empty(t, got, what)
				}
			}
			require.Equal(t, c.is == no, plan.Settled())
			if c.is != due {
				return
			}
			require.Equal(t, map[schema.Attribute]string{f0: c.set}, plan.Set())
			require.Equal(t, c.retract, plan.Due[f0].Retract)
			// Level-triggered: once begun, it is not due again.
			row, err := Begin(row, Intent{ID: "n", At: at(60), Due: plan.Due})
			require.NoError(t, err)
			require.Empty(t, Make(row, c.r, c.p).Due)
			_, err = Begin(row, Intent{ID: "m", At: at(61), Due: plan.Due})
			require.ErrorIs(t, err, ErrOpen)
		})
	}
}

// TestConditionOfQuickWrites: the second write expects the first.
func TestConditionOfQuickWrites(t *testing.T) {
	plan := Make(written(t), resident("y", 25), Policy{})
	require.Equal(t, map[schema.Attribute]string{f0: "x"}, plan.If())
	require.Equal(t, "2", written(t).Match())
}

func TestFinish(t *testing.T) {
	open := send(t, settledRow(t), "y", 40)
	before := settledRow(t)

	for _, s := range []Status{Missed, Gone, Exists} {
		row := finish(t, open, s, 41, "")
		require.Equal(t, before.field(f0), row.field(f0), "%s: not a write", s)
		require.Equal(t, before.Lineage.LastOutcome, row.Lineage.LastOutcome)
		require.True(t, row.Lineage.Look)
		require.Empty(t, Make(row, resident("y", 35), Policy{}).Due, "waits for a read after the miss")
		row, _ = Observe(row, shows(42, "x").v("2"), Policy{})
		require.Contains(t, Make(row, resident("y", 35), Policy{}).Due, f0)
	}

	busy := finish(t, open, Busy, 41, "")
	require.Equal(t, before, busy)

	refused, ok := Finish(open, Outcome{Intent: "i", Status: Failed, At: at(41), Attribute: f0, Words: "too long"})
	require.True(t, ok)
	require.Equal(t, Refused, refused.Flags()[f0].Kind)
	require.Equal(t, "too long", refused.Flags()[f0].Words)
	require.Equal(t, "x", refused.field(f0).sent.Raw)

	queued := finish(t, open, Queued, 41, "")
	require.True(t, queued.Open())
	require.True(t, queued.Lineage.Write.Queued)
	done := finish(t, queued, Applied, 50, "3")
	require.False(t, done.Open())
	require.Equal(t, at(50), done.Lineage.LastOutcome)
	require.Equal(t, "3", done.Match())

	_, ok = Finish(done, Outcome{Intent: "i", Status: Doubt, At: at(60)})
	require.False(t, ok, "an outcome that comes late changes nothing")
	_, ok = Finish(open, Outcome{Intent: "another", Status: Applied, At: at(60)})
	require.False(t, ok)
}

func TestResolve(t *testing.T) {
	altered, _ := Observe(written(t), shows(30, "x2").v("9"), Policy{})

	row, rendition, err := Resolve(altered, f0, AsRendition)
	require.NoError(t, err)
	require.Equal(t, &Rendition{f0, "x", "x2"}, rendition)
	require.Empty(t, row.Flags())
	require.True(t, Make(row, resident("x", 15), Policy{}).Settled(), "it shows what it can")
	require.Equal(t, "a", row.Own[f0])

	row, _, err = Resolve(altered, f0, AsTheirs)
	require.NoError(t, err)
	require.Equal(t, []Claim{{f0, "x2", at(10), at(30)}}, row.Evidence())
	row, _ = Observe(row, shows(40, "x2"), Policy{})
	require.Equal(t, "x2", row.Own[f0])

	row, _, err = Resolve(altered, f0, WriteAgain)
	require.NoError(t, err)
	require.Equal(t, map[schema.Attribute]string{f0: "x"}, Make(row, resident("x", 15), Policy{}).Set())

	_, _, err = Resolve(settledRow(t), f0, WriteAgain)
	require.ErrorIs(t, err, ErrNotFlagged)
	_, _, err = Resolve(altered, f0, "maybe")
	require.ErrorContains(t, err, `verdict "maybe"`)
	refused := finish(t, send(t, seenRow(t, "a"), "x", 20), Failed, 21, "")
	_, _, err = Resolve(refused, f0, AsRendition)
	require.ErrorContains(t, err, "nothing was sent")
	row, _, err = Resolve(refused, f0, WriteAgain)
	require.NoError(t, err)
	require.Contains(t, Make(row, resident("x", 15), Policy{}).Due, f0)
}

// TestAcceptedColumn: once a rendition is known for the column, the other rows
// are no longer altered.
func TestAcceptedColumn(t *testing.T) {
	row, _ := Observe(written(t), shows(30, "x2").v("9"), Policy{})
	require.Equal(t, ReasonAltered, row.Flags()[f0].Reason)
	known := Policy{Rendition: func(_ schema.Attribute, sent, shown string) bool { return sent == "x" && shown == "x2" }}
	row, report := Observe(row, shows(40, "x2").v("9"), known)
	require.Equal(t, []schema.Attribute{f0}, report.Settled)
	require.Empty(t, row.Flags())
}

func TestCreated(t *testing.T) {
	name := schema.Name
	create := Intent{ID: "i", At: at(20), Due: map[schema.Attribute]Due{
		name: {Text: Say("n", "n"), Source: "desk/1"}, f0: {Text: Say("x", "x"), Source: "desk/1"}}}
	both := func(asOf int, n, phone, work string) Read {
		return Read{AsOf: at(asOf), Raw: map[schema.Attribute]string{name: n, f0: phone, schema.Workplace: work},
			Values: schema.Values{name: n, f0: phone, schema.Workplace: work}}
	}
	row := Created(create)
	require.True(t, row.Lineage.Shadow)
	require.True(t, row.Open())
	row = finish(t, row, Applied, 21, "1")
	row, report := Observe(row, both(30, "n", "x", "platform's own default").v("1"), Policy{})
	require.Empty(t, row.Evidence(), "nothing is own")
	require.Equal(t, []schema.Attribute{name, f0}, report.Settled)

	row, report = Observe(row, both(40, "n", "y", "platform's own default").v("2"), Policy{})
	require.Equal(t, []Claim{{f0, "y", at(30), at(40)}}, row.Evidence(), "a clerk's change there is evidence")
	require.True(t, row.Lineage.Shadow)
	require.False(t, report.Ordinary)

	row, report = Observe(row, both(50, "m", "y", "platform's own default").v("3"), Policy{})
	require.True(t, report.Ordinary, "another name makes it an ordinary record")
	require.False(t, row.Lineage.Shadow)

	lost := finish(t, Created(create), Doubt, 21, "")
	lost, report = Observe(lost, both(40, "n", "", ""), Policy{})
	require.Equal(t, []schema.Attribute{f0}, report.NotTaken, "the row is there: the create arrived")
	require.Empty(t, lost.Evidence())
}

func TestRestore(t *testing.T) {
	backup := seenRow(t, "a")
	open := send(t, backup, "x", 20)
	journal := Journal(open)
	require.Len(t, journal, 1)

	for name, from := range map[string]Row{"kept": backup, "lacking": {}} {
		t.Run(name, func(t *testing.T) {
			row := Restore(from, journal, at(50))
			require.True(t, row.InDoubt())
			require.True(t, row.Lineage.Look)
			early, _ := Observe(row, shows(45, "x"), Policy{})
			require.Empty(t, Make(early, resident("y", 35), Policy{}).Due, "no write before a read made after the restore")

			row, _ = Observe(row, shows(60, "x"), Policy{})
			require.NotContains(t, row.Own, schema.Name)
			require.NotEqual(t, "x", row.Own[f0], "our value is still ours")
			require.Contains(t, Make(row, resident("y", 35), Policy{}).Due, f0)
		})
	}

	known := Restore(finish(t, open, Applied, 21, "2"), journal, at(50))
	require.False(t, known.Open(), "the backup knows how it ended")

	forgotten := Journal(send(t, mustObserve(t, backup, shows(15, "b")), "x", 20))
	row := Restore(backup, forgotten, at(50))
	require.Equal(t, "b", row.Own[f0], "what the field showed of its own when we wrote")
}

func mustObserve(t *testing.T, row Row, r Read) Row {
	t.Helper()
	row, report := Observe(row, r, Policy{})
	require.False(t, report.Ignored)
	return row
}

// After a restore what nobody knows the lineage of neither supports anything nor
// is lost: it waits until the platform is opened.
func TestUnknownLineage(t *testing.T) {
	shut := Policy{Restored: at(50), Unknown: true}
	row := seenRow(t, "a")

	same, report := Observe(row, shows(60, "a").v("1"), shut)
	require.True(t, report.Changed, "that it was read since must be stored")
	require.Empty(t, same.Flags())
	_, report = Observe(same, shows(70, "a").v("1"), shut)
	require.False(t, report.Changed, "once")
	require.Empty(t, Make(row, resident("y", 35), Policy{Restored: at(50)}).Due, "not read since the restore")
	require.Contains(t, Make(same, resident("y", 35), Policy{Restored: at(50)}).Due, f0)

	other, report := Observe(row, shows(60, "b").v("2"), shut)
	require.False(t, report.EvidenceChanged)
	require.Equal(t, "a", other.Own[f0])
	require.Equal(t, ReasonUnknown, other.Flags()[f0].Reason)
	require.Empty(t, Make(other, resident("y", 65), Policy{}).Due)
	fresh, _ := Observe(Row{}, shows(60, "b").v("2"), shut)
	require.Empty(t, fresh.Evidence())

	back, _ := Observe(other, shows(70, "a").v("3"), shut)
	require.Empty(t, back.Flags(), "as the backup has it, after all")

	for _, from := range []Row{other, fresh} {
		raw, err := json.Marshal(from)
		require.NoError(t, err)
		kept, err := Decode(raw)
		require.NoError(t, err)
		open, changed := OpenRow(kept)
		require.True(t, changed)
		require.Equal(t, "b", open.Own[f0])
		require.Empty(t, open.Flags())
	}
	_, changed := OpenRow(same)
	require.False(t, changed)

	// What the journal knows is ours, and no case for a steward.
	replayed := Restore(row, Journal(send(t, row, "x", 40)), at(50))
	replayed, report = Observe(replayed, shows(60, "x").v("2"), shut)
	require.Equal(t, []schema.Attribute{f0}, report.Settled)
	require.Equal(t, "a", replayed.Own[f0])
	require.Empty(t, replayed.Flags())
}
