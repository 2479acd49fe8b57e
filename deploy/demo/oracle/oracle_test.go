package oracle

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/deploy/demo/district"
	p "heji/deploy/demo/population"
)

var today = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

const (
	home  = "云川省|临江市|青河区|柳营街道|安宁里社区|槐荫路12号|槐荫小区|3|2|501|"
	other = "云川省|临江市|青河区|柳营街道|永福里社区|柳岸路7号|柳岸小区|1|1|101|"
)

// person is somebody whom every hand-made case is about.
func person(more map[string]string) map[string]string {
	m := map[string]string{p.Name: "王伟", p.IDNumber: "290105199002280010", p.Sex: "1", p.BirthDate: "1990-02-28", p.Ethnicity: "01",
		p.Phone: "15400000001", p.Residence: home, p.LifeStatus: p.Living, p.ResidenceType: p.ResidentHukou, p.MaritalStatus: "20"}
	for a, v := range more {
		m[a] = v
	}
	return m
}

// registers are the platforms that keep people.
func registers() []string {
	return slices.DeleteFunc(slices.Clone(p.Platforms), func(platform string) bool { return district.LayoutOf(platform) == nil })
}

func row(platform, key string, facts map[string]string) district.Row {
	return district.LayoutOf(platform).Row(key, facts, today)
}

func mark(platform string, rows map[string]district.Row) district.Mark {
	return district.Mark{Platforms: map[string]map[string]district.Row{platform: rows}, Own: map[string]map[string]district.Row{platform: rows}}
}

// scene is one platform, one row "k", one resident "r".
func scene(platform string, shown, master map[string]string) Phase {
	rows := map[string]district.Row{"k": row(platform, "k", shown)}
	return Phase{Today: today, Before: mark(platform, rows), After: mark(platform, rows), Hub: Hub{
		Rows: map[Ref]string{{platform, "k"}: "r"}, Residents: map[string]map[string]string{"r": master}, Live: map[string]bool{platform: true}}}
}

// answer lets the hub set columns of "k" during the phase.
func (ph *Phase) answer(platform string, set district.Row) {
	after := map[string]district.Row{}
	for key, r := range ph.After.Platforms[platform] {
		after[key] = r
	}
	after["k"] = merged(after["k"], set)
	ph.After.Platforms = map[string]map[string]district.Row{platform: after}
	if ph.Writes == nil {
		ph.Writes = map[string][]district.Write{}
	}
	ph.Writes[platform] = append(ph.Writes[platform], district.Write{Key: "k", Set: set, Applied: true})
}

func merged(a, b district.Row) district.Row {
	out := district.Row{}
	for _, m := range []district.Row{a, b} {
		for c, v := range m {
			out[c] = v
		}
	}
	return out
}

func TestOverwriteIsNeededWhereTheRowShowsSomethingElse(t *testing.T) {
	t.Parallel()
	ph := scene(p.Pension, person(map[string]string{p.Phone: "15400000009"}), person(nil))
	res := Check(ph, p.Platforms)[p.Pension]
	require.Equal(t, 1, res.WritesNeeded)
	require.Equal(t, 1, res.Differs)
	require.Equal(t, []string{"k"}, res.Missing)
	require.Equal(t, []string{"k aae005"}, res.Different)

	ph.answer(p.Pension, district.Row{"aae005": "15400000001"})
	res = Check(ph, p.Platforms)[p.Pension]
	require.Equal(t, Result{Records: 1, WritesNeeded: 1, WritesReceived: 1}, counts(res))
	require.Equal(t, 3, res.Fields)
}

// counts is a result without the number of fields that were compared, which is the
// layout's affair.
func counts(r Result) Result {
	r.Fields = 0
	return r
}

func TestNothingIsNeededWhereTheRowSaysTheSameInItsOwnWay(t *testing.T) {
	t.Parallel()
	for _, platform := range registers() {
		shown := person(map[string]string{p.BirthDate: "2022-02-28", p.ResidenceType: p.ResidentFloating, p.MotherName: "李娜", p.Education: "20"})
		require.Equal(t, Result{Records: 1}, counts(Check(scene(platform, shown, shown), p.Platforms)[platform]), platform)
	}
}

func TestAPlatformThatIsNotLiveNeedsNothing(t *testing.T) {
	t.Parallel()
	ph := scene(p.Pension, person(map[string]string{p.Phone: "15400000009"}), person(nil))
	ph.Hub.Live = nil
	require.Equal(t, Result{Records: 1}, Check(ph, p.Platforms)[p.Pension])
}

func TestFillEmptyFillsOnlyWhatTheDepartmentLeftEmpty(t *testing.T) {
	t.Parallel()
	married := person(nil)
	ph := scene(p.Pension, person(map[string]string{p.MaritalStatus: "10"}), married)
	require.Zero(t, Check(ph, p.Platforms)[p.Pension].WritesNeeded, "it has a value of its own")

	ph = scene(p.Pension, person(map[string]string{p.MaritalStatus: ""}), married)
	require.Equal(t, 1, Check(ph, p.Platforms)[p.Pension].WritesNeeded)

	// What only the hub filled is still empty in the department's eyes.
	ph = scene(p.Pension, person(map[string]string{p.MaritalStatus: "10"}), married)
	ph.Before.Own = map[string]map[string]district.Row{p.Pension: {"k": row(p.Pension, "k", person(map[string]string{p.MaritalStatus: ""}))}}
	require.Equal(t, 1, Check(ph, p.Platforms)[p.Pension].WritesNeeded)
}

func TestWhatNobodySaysAnyMoreIsTakenBack(t *testing.T) {
	t.Parallel()
	ph := scene(p.Pension, person(nil), person(map[string]string{p.MaritalStatus: ""}))
	require.Zero(t, Check(ph, p.Platforms)[p.Pension].WritesNeeded, "the department's own value stays")
	ph.Before.Own = map[string]map[string]district.Row{p.Pension: {"k": row(p.Pension, "k", person(map[string]string{p.MaritalStatus: ""}))}}
	require.Equal(t, 1, Check(ph, p.Platforms)[p.Pension].WritesNeeded)
	ph.answer(p.Pension, district.Row{"aac017": ""})
	require.Zero(t, Check(ph, p.Platforms)[p.Pension].Differs)
}

func TestProposedAndForeignAttributesAreNeverWritten(t *testing.T) {
	t.Parallel()
	require.Zero(t, Check(scene(p.Pension, person(map[string]string{p.Name: "王玮", p.IDNumber: ""}), person(nil)), p.Platforms)[p.Pension].WritesNeeded)
	require.Zero(t, Check(scene(p.Gongan, person(map[string]string{p.Name: "王玮", p.HouseholdNo: "1"}), person(nil)), p.Platforms)[p.Gongan].WritesNeeded)
	require.Zero(t, Check(scene(p.Disabled, person(map[string]string{p.Disability: "1-1"}), person(map[string]string{p.Disability: "4-2"})), p.Platforms)[p.Disabled].WritesNeeded)
}

func TestWhatAPlatformCannotSayIsNotDemanded(t *testing.T) {
	t.Parallel()
	require.Zero(t, Check(scene(p.Pension, person(map[string]string{p.Ethnicity: ""}), person(map[string]string{p.Ethnicity: "98"})), p.Platforms)[p.Pension].WritesNeeded)
	wider := scene(p.Pension, person(nil), person(map[string]string{p.MaritalStatus: "22"}))
	wider.Before.Own = map[string]map[string]district.Row{p.Pension: {"k": {}}}
	require.Zero(t, Check(wider, p.Platforms)[p.Pension].WritesNeeded, "再婚 is 有配偶 there")
}

func TestOutOfScopeRowsAreLeftAsTheyAre(t *testing.T) {
	t.Parallel()
	moved := person(map[string]string{p.Phone: "15400000009"})
	require.Equal(t, 1, Check(scene(p.Medical, moved, person(nil)), p.Platforms)[p.Medical].WritesNeeded)
	require.Zero(t, Check(scene(p.Medical, moved, person(map[string]string{p.LifeStatus: p.Dead})), p.Platforms)[p.Medical].WritesNeeded)
	require.Zero(t, Check(scene(p.Maternal, moved, person(nil)), p.Platforms)[p.Maternal].WritesNeeded, "a mother is no child")
	require.Zero(t, Check(scene(p.Floating, moved, person(nil)), p.Platforms)[p.Floating].WritesNeeded, "no longer floating")
}

func TestHeldFieldsAreExcludedAndCounted(t *testing.T) {
	t.Parallel()
	ph := scene(p.Pension, person(map[string]string{p.Phone: "15400000009"}), person(nil))
	ph.Hub.Held = map[FieldRef]string{{p.Pension, "k", p.Phone}: "contested"}
	require.Equal(t, Result{Records: 1, Held: 1}, counts(Check(ph, p.Platforms)[p.Pension]))

	ph.Hub.Held[FieldRef{p.Pension, "k", p.Phone}] = Refused
	ph.Writes = map[string][]district.Write{p.Pension: {{Key: "k", Set: district.Row{"aae005": "15400000001"}, Reason: "no"}}}
	require.Equal(t, Result{Records: 1, WritesNeeded: 1, WritesReceived: 1, Refused: 1, Held: 1}, counts(Check(ph, p.Platforms)[p.Pension]))
}

func TestClerksEditsBelongToThePlatform(t *testing.T) {
	t.Parallel()
	// The clerk already put the new phone in: nothing is left to write.
	ph := scene(p.Pension, person(map[string]string{p.Phone: "15400000009"}), person(nil))
	ph.Edits = map[string][]district.Edit{p.Pension: {{Op: district.EditUpdate, Key: "k", Set: district.Row{"aae005": "15400000001"}}}}
	require.Zero(t, Check(ph, p.Platforms)[p.Pension].WritesNeeded)

	// A row taken out needs nothing, and its resident gets no new one.
	ph = scene(p.Medical, person(map[string]string{p.Phone: "15400000009"}), person(nil))
	ph.Edits = map[string][]district.Edit{p.Medical: {{Op: district.EditDelete, Key: "k"}}}
	ph.After = mark(p.Medical, nil)
	require.Equal(t, Result{}, Check(ph, p.Platforms)[p.Medical])
}

func TestRepeatedUnneededAndReplayedWrites(t *testing.T) {
	t.Parallel()
	ph := scene(p.Pension, person(map[string]string{p.Phone: "15400000009"}), person(nil))
	ph.answer(p.Pension, district.Row{"aae005": "15400000001"})
	writes := ph.Writes[p.Pension]
	ph.Writes[p.Pension] = append(slices.Clone(writes),
		district.Write{Key: "k", Set: district.Row{"aae005": "15400000001"}, Applied: true, Repeated: true},
		district.Write{Key: "k", Set: district.Row{"aae005": "15400000001"}, Applied: true, Replay: true})
	res := Check(ph, p.Platforms)[p.Pension]
	require.Equal(t, 2, res.WritesReceived)
	require.Equal(t, 1, res.WritesRepeated)
	require.Equal(t, []string{"k"}, res.Unneeded)
}

func TestCreates(t *testing.T) {
	t.Parallel()
	floating := person(map[string]string{p.ResidenceType: p.ResidentFloating})
	ph := Phase{Today: today, Hub: Hub{Residents: map[string]map[string]string{"r": floating}, Live: map[string]bool{p.Floating: true, p.Medical: true}}}
	res := Check(ph, p.Platforms)
	require.Equal(t, 1, res[p.Floating].WritesNeeded)
	require.Equal(t, 1, res[p.Medical].WritesNeeded)
	require.Equal(t, 1, res[p.Medical].Differs)
	require.Zero(t, res[p.Pension].WritesNeeded, "no creates agreed")

	ph.After = mark(p.Floating, map[string]district.Row{"n": row(p.Floating, "n", floating)})
	ph.Writes = map[string][]district.Write{p.Floating: {{Key: "n", Create: true, Applied: true}}}
	ph.Hub.Rows = map[Ref]string{{p.Floating, "n"}: "r"}
	require.Equal(t, Result{Records: 1, WritesNeeded: 1, WritesReceived: 1}, counts(Check(ph, p.Platforms)[p.Floating]))

	for why, change := range map[string]func(*Phase){
		"without a natural key":                func(ph *Phase) { ph.Hub.Residents["r"] = person(map[string]string{p.IDNumber: ""}) },
		"without what the platform requires":   func(ph *Phase) { ph.Hub.Residents["r"] = person(map[string]string{p.Name: ""}) },
		"while a review is open":               func(ph *Phase) { ph.Hub.NoCreate = map[string]map[string]bool{p.Medical: {"r": true}} },
		"out of scope":                         func(ph *Phase) { ph.Hub.Residents["r"] = person(map[string]string{p.LifeStatus: p.Dead}) },
		"where a row was taken out":            func(ph *Phase) { ph.Hub.Rows = map[Ref]string{{p.Medical, "gone"}: "r"} },
		"on a platform that is not live (yet)": func(ph *Phase) { ph.Hub.Live = nil },
	} {
		ph := Phase{Today: today, Hub: Hub{Residents: map[string]map[string]string{"r": person(nil)}, Live: map[string]bool{p.Medical: true}}}
		require.Equal(t, 1, Check(ph, p.Platforms)[p.Medical].WritesNeeded)
		change(&ph)
		require.Zero(t, Check(ph, p.Platforms)[p.Medical].WritesNeeded, why)
	}
	baby := person(map[string]string{p.BirthDate: "2026-11-01", p.IDNumber: "", p.MotherID: "290105199002280029", p.BirthOrder: "1"})
	ph = Phase{Today: today, Hub: Hub{Residents: map[string]map[string]string{"r": baby}, Live: map[string]bool{p.Maternal: true, p.Medical: true}}}
	require.Equal(t, 1, Check(ph, p.Platforms)[p.Maternal].WritesNeeded, "a child is known by its mother")
	require.Zero(t, Check(ph, p.Platforms)[p.Medical].WritesNeeded)
}

func TestCountPairs(t *testing.T) {
	t.Parallel()
	ref := func(k string) Ref { return Ref{p.Medical, k} }
	origins := map[Ref]int{ref("a"): 1, ref("b"): 1, ref("c"): 1, ref("d"): 2, ref("e"): 2, ref("f"): 3}
	resident := map[Ref]string{ref("a"): "x", ref("b"): "x", ref("c"): "y", ref("d"): "y", ref("e"): "z", ref("f"): "w", ref("made by the hub"): "x"}
	pairs := CountPairs(resident, origins)
	require.Equal(t, Pairs{True: 4, Found: 2, Right: 1}, pairs)
	require.InDelta(t, 0.5, pairs.Precision(), 1e-9)
	require.InDelta(t, 0.25, pairs.Recall(), 1e-9)
	require.Equal(t, 3, ResidentsTrue(origins))
	require.InDelta(t, 1, Pairs{}.Precision(), 1e-9)
}

func TestPairsOfARightHubAreAllRight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		origins, resident := map[Ref]int{}, map[Ref]string{}
		for i, person := range rapid.SliceOf(rapid.IntRange(1, 8)).Draw(t, "persons") {
			ref := Ref{p.Medical, string(rune('a' + i))}
			origins[ref], resident[ref] = person, string(rune('A'+person))
		}
		pairs := CountPairs(resident, origins)
		require.Equal(t, pairs.True, pairs.Found)
		require.Equal(t, pairs.True, pairs.Right)
	})
}

// A hub that writes exactly what is demanded is found right, whatever the rows.
func TestARightHubIsFoundRight(t *testing.T) {
	t.Parallel()
	pop := p.Generate(800, 5)
	for _, platform := range registers() {
		layout, deal := district.LayoutOf(platform), deals[platform]
		before, after := map[string]district.Row{}, map[string]district.Row{}
		ph := Phase{Today: pop.Today, Writes: map[string][]district.Write{}, Hub: Hub{
			Rows: map[Ref]string{}, Residents: map[string]map[string]string{}, Live: map[string]bool{platform: true}}}
		for i, o := range pop.Observe(platform) {
			key, person := string(rune(i+1)), pop.Person(o.Person)
			before[key] = layout.Row(key, o.Facts, o.ChangedAt)
			resident := person.Facts[p.IDNumber]
			ph.Hub.Rows[Ref{platform, key}] = resident
			ph.Hub.Residents[resident] = person.Facts
			set := district.Row{}
			for _, f := range layout.Fields {
				how := deal.modes[f.Fact]
				if (how == overwrite || how == fillEmpty && f.Blank(before[key])) && person.Facts[f.Fact] != "" && deal.scope(person.Facts, pop.Today) && f.Value(before[key]) != person.Facts[f.Fact] {
					for c, v := range layout.Set(f, person.Facts[f.Fact]) {
						set[c] = v
					}
				}
			}
			after[key] = merged(before[key], set)
			if len(set) > 0 {
				ph.Writes[platform] = append(ph.Writes[platform], district.Write{Key: key, Set: set, Applied: true})
			}
		}
		ph.Before, ph.After = mark(platform, before), mark(platform, after)
		res := Check(ph, p.Platforms)[platform]
		require.Equal(t, res.WritesReceived, res.WritesNeeded, platform)
		require.Zero(t, res.Differs, platform)
		require.Empty(t, res.Missing)
		require.Empty(t, res.Unneeded)
		if deal.modes != nil {
			require.Positive(t, res.WritesNeeded, platform)
		}
	}
}
