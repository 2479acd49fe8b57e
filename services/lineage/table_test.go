package lineage

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// The tests below speak of one field, Phone, whose texts mean what canon reads
// in them. Times are seconds; the first load is at 10.

const f0 = schema.Phone

func older(a, b string) bool {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x < y
}

func shows(asOf int, text string) Read {
	r := Read{AsOf: at(asOf), Raw: map[schema.Attribute]string{f0: text}, Values: schema.Values{}}
	if v, ok := canon(text); ok {
		r.Values[f0] = v
	}
	return r
}

func (r Read) v(version string) Read { r.Version = version; return r }
func (r Read) look() Read            { r.Look = true; return r }

func seenRow(t *testing.T, text string) Row {
	t.Helper()
	row, report := Observe(Row{}, shows(10, text).v("1"), Policy{})
	require.Equal(t, []schema.Attribute{f0}, report.Own)
	require.True(t, report.Changed)
	require.True(t, report.EvidenceChanged)
	return row
}

func send(t *testing.T, row Row, text string, when int) Row {
	t.Helper()
	row, err := Begin(row, Intent{ID: "i", At: at(when), Conditional: true,
		Due: map[schema.Attribute]Due{f0: {Text: Say(text, text), Source: "desk/1", If: row.field(f0).shown}}})
	require.NoError(t, err)
	return row
}

func finish(t *testing.T, row Row, s Status, when int, version string) Row {
	t.Helper()
	row, ok := Finish(row, Outcome{Intent: "i", Status: s, At: at(when), Version: version})
	require.True(t, ok)
	return row
}

// written is a row that showed "a", where we wrote "x" at 20, applied as v2 at 21.
func written(t *testing.T) Row {
	return finish(t, send(t, seenRow(t, "a"), "x", 20), Applied, 21, "2")
}

// doubted is the same, but nobody knows since 21.
func doubted(t *testing.T) Row { return finish(t, send(t, seenRow(t, "a"), "x", 20), Doubt, 21, "") }

// settledRow is the same, applied, and a read at 30 showed "x".
func settledRow(t *testing.T) Row {
	row, _ := Observe(written(t), shows(30, "x").v("2"), Policy{})
	return row
}

// TestTable has one test or more for each line of the table, in its order.
func TestTable(t *testing.T) {
	ordered := Policy{Older: older}
	looker := Policy{Looks: true, Primary: true, RequestLife: 5 * time.Second}
	blind := Policy{RequestLife: 5 * time.Second}
	fields := []schema.Attribute{f0}

	for name, c := range map[string]struct {
		row   func(*testing.T) Row
		reads []Read
		p     Policy

		shown string // afterwards
		own   string // own evidence afterwards
		flag  Reason
		check func(*testing.T, Row, Report) // of the last read
	}{
		"a write is open: ignored, look": {
			row:   func(t *testing.T) Row { return send(t, seenRow(t, "a"), "x", 20) },
			reads: []Read{shows(30, "x").v("2")}, shown: "a", own: "a",
			check: func(t *testing.T, row Row, r Report) {
				require.True(t, r.NeedLook)
				require.True(t, row.Lineage.Look)
				require.True(t, row.Open())
				require.Zero(t, row.LookAt(Policy{}), "first the outcome")
			},
		},
		"as-of not after seen: ignored, look": {
			row:   func(t *testing.T) Row { return seenRow(t, "a") },
			reads: []Read{shows(10, "b")}, shown: "a", own: "a",
			check: func(t *testing.T, _ Row, r Report) {
				require.True(t, r.Ignored)
				require.True(t, r.NeedLook)
			},
		},
		"the same read again needs no look": {
			row:   func(t *testing.T) Row { return seenRow(t, "a") },
			reads: []Read{shows(10, "a")}, shown: "a", own: "a",
			check: func(t *testing.T, _ Row, r Report) {
				require.True(t, r.Ignored)
				require.False(t, r.NeedLook)
				require.False(t, r.Changed)
			},
		},
		"as-of not after the last outcome: ignored, look": {
			row: written, reads: []Read{shows(21, "a").v("1")}, shown: "a", own: "a",
			check: func(t *testing.T, row Row, r Report) {
				require.True(t, r.NeedLook)
				require.Equal(t, fields, row.Unsettled())
				require.Equal(t, at(21).Add(tick), row.LookAt(Policy{Primary: true}))
				require.Equal(t, at(26).Add(tick), row.LookAt(Policy{Lag: 5 * time.Second}))
			},
		},
		"a look at the primary is not held to the lag": {
			row: written, reads: []Read{shows(22, "x").v("2").look()}, p: Policy{Lag: 9 * time.Second, Looks: true, Primary: true}, shown: "x", own: "a",
			check: func(t *testing.T, _ Row, r Report) { require.Equal(t, fields, r.Settled) },
		},
		"a look that may lag is": {
			row: written, reads: []Read{shows(22, "a").v("1").look()}, p: Policy{Lag: 9 * time.Second, Looks: true}, shown: "a", own: "a",
			check: func(t *testing.T, row Row, r Report) {
				require.True(t, r.NeedLook)
				require.Empty(t, row.Flags())
			},
		},

		"in doubt: a read does not end it where we can look": {
			row: doubted, reads: []Read{shows(40, "x").v("2")}, p: looker, shown: "a", own: "a",
			check: func(t *testing.T, row Row, r Report) { require.True(t, row.InDoubt()); require.True(t, r.NeedLook) },
		},
		"in doubt: neither does a look while the request may live": {
			row: doubted, reads: []Read{shows(26, "x").v("2").look()}, p: looker, shown: "a", own: "a",
			check: func(t *testing.T, row Row, _ Report) { require.True(t, row.InDoubt()) },
		},
		"in doubt: a later look does": {
			row: doubted, reads: []Read{shows(27, "x").v("2").look()}, p: looker, shown: "x", own: "a",
			check: func(t *testing.T, row Row, r Report) {
				require.False(t, row.Open())
				require.Equal(t, fields, r.Settled)
			},
		},
		"in doubt, no looks: the first read after that": {
			row: doubted, reads: []Read{shows(26, "x").v("2"), shows(27, "x").v("2")}, p: blind, shown: "x", own: "a",
			check: func(t *testing.T, row Row, r Report) {
				require.False(t, row.Open())
				require.Equal(t, fields, r.Settled)
			},
		},

		"row version lower: look": {
			row: settledRow, reads: []Read{shows(40, "a").v("1")}, p: Policy{Older: older, Looks: true}, shown: "x", own: "a",
			check: func(t *testing.T, row Row, r Report) { require.True(t, r.Ignored); require.True(t, r.NeedLook) },
		},
		"row version lower, the look agrees: restored": {
			row: settledRow, reads: []Read{shows(40, "a").v("1"), shows(41, "a").v("1").look()},
			p: Policy{Older: older, Looks: true, Primary: true}, shown: "a", own: "a", flag: ReasonRestored,
			check: func(t *testing.T, row Row, r Report) { require.True(t, r.Restored); require.Equal(t, "1", row.Version) },
		},
		"row version lower, the look disagrees: a stale read": {
			row: settledRow, reads: []Read{shows(40, "a").v("1"), shows(41, "x").v("2").look()},
			p: Policy{Older: older, Looks: true, Primary: true}, shown: "x", own: "a",
		},
		"row version lower, nobody to ask: a later read that agrees": {
			row: settledRow, reads: []Read{shows(40, "a").v("1"), shows(50, "a").v("1")}, p: ordered, shown: "a", own: "a", flag: ReasonRestored,
		},

		"sent, S = sent: settled": {
			row: written, reads: []Read{shows(30, "x").v("2")}, shown: "x", own: "a",
			check: func(t *testing.T, row Row, r Report) {
				require.Equal(t, fields, r.Settled)
				require.Equal(t, 1, r.Echoes)
				require.False(t, r.EvidenceChanged)
			},
		},
		"sent, S means the same: settled": {row: written, reads: []Read{shows(30, " X ").v("3")}, shown: " X ", own: "a"},
		"sent, S predicted: settled": {
			row: written, reads: []Read{shows(30, "cut")}, shown: "cut", own: "a",
			p: Policy{Predict: func(schema.Attribute, string) []string { return []string{"cut"} }},
		},
		"sent, S a rendition known for the column: settled": {
			row: written, reads: []Read{shows(30, "cut")}, shown: "cut", own: "a",
			p: Policy{Rendition: func(_ schema.Attribute, sent, shown string) bool { return sent == "x" && shown == "cut" }},
		},
		"flag cleared if S is new": {row: written, reads: []Read{shows(30, "a").v("1"), shows(31, "x").v("2")}, shown: "x", own: "a"},

		"sent, S = base after a doubt: one retry": {
			row: doubted, reads: []Read{shows(40, "a").v("1")}, p: blind, shown: "a", own: "a",
			check: func(t *testing.T, row Row, r Report) {
				require.Equal(t, fields, r.Retry)
				again := Make(row, resident("x", 15), blind)
				require.Contains(t, again.Due, f0)
				row = finish(t, send(t, row, "x", 50), Doubt, 51, "")
				row, r = Observe(row, shows(70, "a").v("1"), blind)
				require.Equal(t, fields, r.NotTaken, "one retry, not two")
				require.Empty(t, Make(row, resident("x", 15), blind).Due)
			},
		},
		"sent, S = base after a doubt, the version moved: not taken": {
			row: doubted, reads: []Read{shows(40, "a").v("7")}, p: blind, shown: "a", own: "a", flag: ReasonIgnored,
		},
		"sent, S = base after a doubt, the agreement prefers to hold": {
			row: doubted, reads: []Read{shows(40, "a").v("1")}, p: Policy{Hold: true}, shown: "a", own: "a", flag: ReasonUnsure,
		},
		"sent, S = base: not taken": {
			row: written, reads: []Read{shows(30, "a").v("1")}, shown: "a", own: "a", flag: ReasonIgnored,
			check: func(t *testing.T, _ Row, r Report) { require.Equal(t, fields, r.NotTaken) },
		},
		"the version of our conditional write: a rendition": {
			row: written, reads: []Read{shows(30, "xx…").v("2")}, shown: "xx…", own: "a",
			check: func(t *testing.T, _ Row, r Report) { require.Equal(t, []Rendition{{f0, "x", "xx…"}}, r.Renditions) },
		},
		"anything else: altered, never evidence": {
			row: written, reads: []Read{shows(30, "b").v("3"), shows(31, "c").v("4")}, shown: "c", own: "a", flag: ReasonAltered,
			check: func(t *testing.T, row Row, r Report) {
				require.Equal(t, fields, r.Altered)
				_, ours := row.field(f0).inOurs(Say("b", "b"))
				require.True(t, ours)
				require.False(t, r.EvidenceChanged)
			},
		},

		"S = shown: nothing new": {
			row: settledRow, reads: []Read{shows(40, "x").v("2")}, shown: "x", own: "a",
			check: func(t *testing.T, row Row, r Report) { require.False(t, r.Changed); require.Equal(t, at(40), row.Seen) },
		},
		"S = shown in another spelling: nothing new": {
			row: settledRow, reads: []Read{shows(40, " X")}, shown: " X", own: "a",
		},
		"a declared default at first is no evidence": {
			row: func(*testing.T) Row { return Row{} }, reads: []Read{shows(10, "n/a")},
			p: Policy{Defaults: map[schema.Attribute][]string{f0: {"n/a"}}}, shown: "n/a",
		},
		"a declared default over the platform's own": {
			row: func(t *testing.T) Row { return seenRow(t, "a") }, reads: []Read{shows(20, "n/a")},
			p: Policy{Defaults: map[schema.Attribute][]string{f0: {"n/a"}}}, shown: "n/a", own: "a",
		},
		"a declared default over what we wrote: contested": {
			row: settledRow, reads: []Read{shows(40, "n/a")},
			p: Policy{Defaults: map[schema.Attribute][]string{f0: {"n/a"}}}, shown: "n/a", own: "a", flag: ReasonReset,
		},
		"S = sent again while flagged: settled, cleared": {
			row: settledRow, reads: []Read{shows(40, "a"), shows(41, "x")}, shown: "x", own: "a",
		},
		"something was sent, S = own.raw: contested": {row: settledRow, reads: []Read{shows(40, "a")}, shown: "a", own: "a", flag: ReasonReverted},
		"something was sent, S in past: contested": {
			row: func(t *testing.T) Row {
				row, _ := Observe(seenRow(t, "a"), shows(11, "b"), Policy{})
				row = finish(t, send(t, row, "x", 20), Applied, 21, "")
				row, _ = Observe(row, shows(30, "x"), Policy{})
				return row
			},
			reads: []Read{shows(40, "a")}, shown: "a", own: "b", flag: ReasonReverted,
		},
		"S in ours, after a clerk's own value: contested": {
			row: settledRow, reads: []Read{shows(40, "b"), shows(50, "x")}, shown: "x", own: "b", flag: ReasonReverted,
		},
		"nothing was sent, S in past: evidence": {
			row: func(t *testing.T) Row { return seenRow(t, "a") }, reads: []Read{shows(20, "b"), shows(30, "a")}, shown: "a", own: "a",
		},
		"mass: contested": {
			row: func(t *testing.T) Row { return seenRow(t, "a") }, reads: []Read{shows(20, "zero")},
			p: Policy{Mass: Mass{{Attribute: f0, To: "zero"}: true}}, shown: "zero", own: "a", flag: ReasonMass,
		},
		"mass, back to past: contested": {
			row: func(t *testing.T) Row { return seenRow(t, "a") }, reads: []Read{shows(20, "b"), shows(30, "a")},
			p: Policy{Mass: Mass{{Attribute: f0, Back: true}: true}}, shown: "a", own: "b", flag: ReasonMass,
		},
		"anything else: evidence": {
			row: settledRow, reads: []Read{shows(40, "b")}, shown: "b", own: "b",
			check: func(t *testing.T, row Row, r Report) {
				require.Equal(t, fields, r.Own)
				require.True(t, r.EvidenceChanged)
				require.Equal(t, []Claim{{f0, "b", at(30), at(40)}}, row.Evidence())
				require.Nil(t, row.field(f0).sent, "sent = none")
			},
		},
		"blank included": {
			row: func(t *testing.T) Row { return seenRow(t, "a") }, reads: []Read{shows(20, "-")}, shown: "-", own: "",
			check: func(t *testing.T, row Row, _ Report) {
				require.Equal(t, []Claim{{f0, "", at(10), at(20)}}, row.Evidence())
			},
		},
		"a text that cannot be read is the platform's own, and no evidence": {
			row: func(t *testing.T) Row { return seenRow(t, "a") }, reads: []Read{shows(20, "?!")}, shown: "?!",
			check: func(t *testing.T, row Row, r Report) {
				require.Empty(t, row.Evidence())
				require.False(t, row.field(f0).ownBlank())
			},
		},
		"a mirrored text is no evidence": {
			row: func(*testing.T) Row { return Row{} }, reads: []Read{shows(10, "a"), shows(20, "b")},
			p: Policy{Mirrors: map[schema.Attribute]bool{f0: true}}, shown: "b",
			check: func(t *testing.T, row Row, _ Report) { require.Empty(t, row.Evidence()) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := c.row(t)
			var report Report
			for _, r := range c.reads {
				row, report = Observe(row, r, c.p)
			}
			require.Equal(t, c.shown, row.Raw[f0])
			require.Equal(t, c.own, row.Own[f0])
			require.Equal(t, c.flag, row.Flags()[f0].Reason)
			if c.check != nil {
				c.check(t, row, report)
			}
		})
	}
}

// TestFirstLoadIsTiny: an untouched row holds every value once.
func TestFirstLoadIsTiny(t *testing.T) {
	read := Read{AsOf: at(10), Raw: map[schema.Attribute]string{}, Values: schema.Values{}}
	for _, d := range schema.Attributes() {
		read.Raw[d.Name], read.Values[d.Name] = "v", "v"
	}
	row, _ := Observe(Row{}, read, Policy{})
	require.True(t, row.Lineage.IsZero(), "%+v", row.Lineage)
	packed, err := json.Marshal(row)
	require.NoError(t, err)
	require.NotContains(t, string(packed), "lineage")
	require.Len(t, row.Evidence(), len(read.Raw))

	read.AsOf = at(20)
	same, report := Observe(row, read, Policy{})
	require.Equal(t, Report{}, report)
	require.Equal(t, at(20), same.Seen)
	require.Zero(t, testing.AllocsPerRun(100, func() { Observe(row, read, Policy{}) }), "an unchanged row costs nothing")
}

func TestIntervals(t *testing.T) {
	two := func(asOf int, a, b string) Read {
		return Read{AsOf: at(asOf), Raw: map[schema.Attribute]string{schema.Phone: a, schema.Workplace: b},
			Values: schema.Values{schema.Phone: a, schema.Workplace: b}}
	}
	clock := func(r Read, changed int) Read { c := at(changed); r.ChangedAt = &c; return r }
	p := Policy{Lag: 5 * time.Second}

	row, _ := Observe(Row{}, two(10, "a", "b"), p)
	require.Equal(t, []Claim{{schema.Phone, "a", time.Time{}, at(15)}, {schema.Workplace, "b", time.Time{}, at(15)}}, row.Evidence(),
		"what was there at first may have been there for ever")
	row, _ = Observe(row, two(20, "c", "b"), p)
	require.Equal(t, []Claim{{schema.Phone, "c", at(10), at(25)}, {schema.Workplace, "b", time.Time{}, at(15)}}, row.Evidence(),
		"between the last read that showed something else and the asking")

	one, _ := Observe(row, clock(two(30, "d", "b"), 27), p)
	require.Equal(t, Claim{schema.Phone, "d", at(27), at(27)}, one.Evidence()[0], "a trusted clock")
	both, _ := Observe(row, clock(two(30, "d", "e"), 27), p)
	require.Equal(t, Claim{schema.Phone, "d", at(20), at(27)}, both.Evidence()[0], "the row's clock, not known to be this field's")

	r := clock(two(90, "d", "b"), 95)
	r.Now = at(50)
	future, _ := Observe(row, r, p)
	require.Equal(t, at(50), future.Seen, "future times are clamped")
	require.Equal(t, at(50), future.Evidence()[0].Upto)
}

// TestReadsOvertake: two reads within one lag may arrive in the wrong order.
func TestReadsOvertake(t *testing.T) {
	p := Policy{Lag: 5 * time.Second}
	row, _ := Observe(seenRow(t, "a"), shows(30, "b"), p) // asked at 35
	back, report := Observe(row, shows(31, "a"), p)       // asked at 36, may show 31
	require.Equal(t, "b", back.Own[f0])
	require.True(t, report.NeedLook)
	back, _ = Observe(row, shows(36, "a"), p)
	require.Equal(t, "a", back.Own[f0], "certainly newer")
}

func TestDeleteAndReturn(t *testing.T) {
	row, report := Observe(settledRow(t), Read{AsOf: at(40), Deleted: true}, Policy{})
	require.True(t, row.Deleted)
	require.True(t, report.EvidenceChanged)
	require.Empty(t, row.Evidence(), "a row that is gone says nothing")
	require.Empty(t, Make(row, resident("y", 35), Policy{}).Due)

	stale, report := Observe(row, shows(39, "x"), Policy{})
	require.True(t, stale.Deleted)
	require.True(t, report.NeedLook)

	back, report := Observe(row, shows(50, "x").v("2"), Policy{})
	require.False(t, back.Deleted)
	require.True(t, report.EvidenceChanged)
	require.Equal(t, "a", back.Own[f0], "the echo is still an echo")

	changed, _ := Observe(row, shows(50, "b"), Policy{})
	require.Equal(t, []Claim{{f0, "b", at(30), at(50)}}, changed.Evidence(), "it may have changed before it vanished")
}

func TestUnmappedForAWhile(t *testing.T) {
	row := seenRow(t, "a")
	row, report := Observe(row, Read{AsOf: at(20), Raw: map[schema.Attribute]string{schema.Name: "n"}, Values: schema.Values{schema.Name: "n"}}, Policy{})
	require.Equal(t, []schema.Attribute{schema.Name}, report.Own)
	require.Equal(t, "a", row.Own[f0], "a column that is not in a read says nothing")
	row, _ = Observe(row, shows(30, "b"), Policy{})
	require.Equal(t, Claim{f0, "b", at(10), at(30)}, row.Evidence()[1])
}

func TestMappingReadsDifferently(t *testing.T) {
	row := seenRow(t, "a")
	r := shows(20, "a")
	r.Values[f0] = "A2"
	row, report := Observe(row, r, Policy{})
	require.True(t, report.EvidenceChanged)
	require.Equal(t, []Claim{{f0, "A2", time.Time{}, at(10)}}, row.Evidence(), "a better reading is no newer evidence")
}

func TestMass(t *testing.T) {
	var reports []Report
	for i := range 10 {
		text := "zero"
		if i >= 6 {
			text = "a"
		}
		_, r := Observe(seenRow(t, "a"), shows(20, text), Policy{})
		reports = append(reports, r)
	}
	require.Equal(t, Mass{{Attribute: f0, To: "zero"}: true}, FindMass(reports, MassLimit{Rows: 5, Share: 0.5}))
	require.Empty(t, FindMass(reports, MassLimit{Rows: 7, Share: 0.5}))
	require.Empty(t, FindMass(reports, MassLimit{Rows: 5, Share: 0.7}))

	var back Tally
	for range 3 {
		row, _ := Observe(seenRow(t, "a"), shows(20, "b"), Policy{})
		_, r := Observe(row, shows(30, "a"), Policy{})
		back.Add(r)
	}
	require.Contains(t, back.Mass(MassLimit{Rows: 3, Share: 1}), Move{Attribute: f0, Back: true})
}

// What was acknowledged is unseen until a read that is newer shows what became of it.
func TestUnseen(t *testing.T) {
	after := func(row Row, reads ...Read) Row {
		for _, r := range reads {
			row, _ = Observe(row, r, Policy{})
		}
		return row
	}
	for name, c := range map[string]struct {
		row  Row
		want bool
	}{
		"never written":                  {seenRow(t, "a"), false},
		"open":                           {send(t, seenRow(t, "a"), "x", 20), false},
		"in doubt":                       {doubted(t), false},
		"refused":                        {finish(t, send(t, seenRow(t, "a"), "x", 20), Failed, 21, ""), false},
		"acknowledged":                   {written(t), true},
		"a read that is older":           {after(written(t), shows(15, "a").v("1")), true},
		"shown":                          {settledRow(t), false},
		"not taken":                      {after(written(t), shows(30, "a").v("2")), false},
		"altered":                        {after(written(t), shows(30, "y").v("2")), false},
		"acknowledged, of a row we made": {finish(t, Created(Intent{ID: "i", At: at(20), Due: map[schema.Attribute]Due{f0: {Text: Say("x", "x")}}}), Applied, 21, ""), true},
	} {
		require.Equal(t, c.want, c.row.Unseen(), name)
	}
}

// A message that waits in a queue may arrive however late: that the old text is read
// once more does not end a doubt, that another one is there does, and so does a row
// that is gone.
func TestAQueueIsNotOverBecauseTheOldTextIsReadAgain(t *testing.T) {
	p := Policy{RequestLife: 5 * time.Second, Queue: true}
	for name, c := range map[string]struct {
		read Read
		open bool
	}{
		"as before":        {shows(90, "a"), true},
		"as it was sent":   {shows(90, "x"), false},
		"something else":   {shows(90, "y"), false},
		"before it is due": {shows(23, "x"), true},
	} {
		row, _ := Observe(doubted(t), c.read, p)
		require.Equal(t, c.open, row.Open(), name)
		require.Empty(t, Make(row, resident("x", 15), p).Due, name)
	}
	gone, _ := Observe(doubted(t), Read{AsOf: at(90), Deleted: true}, p)
	require.True(t, gone.Deleted)
	row, _ := Observe(doubted(t), shows(90, "a"), Policy{RequestLife: 5 * time.Second})
	require.NotEmpty(t, Make(row, resident("x", 15), p).Due, "a request has a longest life")
	// The platform's own answer comes, after the old text was read again.
	row, _ = Observe(doubted(t), shows(90, "a"), p)
	row = finish(t, row, Applied, 91, "")
	require.Empty(t, Make(row, resident("x", 15), p).Due, "it is not sent a second time")
}
