package schema

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDefinitionsAreWhole(t *testing.T) {
	seen := map[Attribute]bool{}
	for _, d := range Attributes() {
		require.False(t, seen[d.Name], "%s is defined twice", d.Name)
		seen[d.Name] = true
		require.NotEmpty(t, d.Zh, d.Name)
		require.NotEmpty(t, d.En, d.Name)
		require.Contains(t, []Class{ClassA, ClassB, ClassC, ClassD}, d.Class, d.Name)
		require.Equal(t, d.Kind == KindCode, d.Codes != "", "%s: a code has a table, and nothing else has", d.Name)
		found, ok := Lookup(d.Name)
		require.True(t, ok)
		require.Equal(t, d, found)
	}
	_, ok := Lookup("shoe_size")
	require.False(t, ok)
}

func TestUnmappedBlankAndUnknownAreThreeThings(t *testing.T) {
	v := Values{Sex: "9", MaritalStatus: "", Name: "张伟"}
	require.True(t, v.Known(Name))
	require.False(t, v.Known(Sex), "not stated")
	require.False(t, v.Known(MaritalStatus), "blank")
	require.False(t, v.Known(Phone), "unmapped")
	_, mapped := v[MaritalStatus]
	require.True(t, mapped)
}

func TestAddressCanonicalComesBack(t *testing.T) {
	require.Empty(t, Address{}.Canonical())
	require.Equal(t, Address{}, AddressFromCanonical(""))
	part := rapid.StringMatching(`[\p{Han}0-9]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		var p [11]string
		for i := range p {
			p[i] = part.Draw(t, "part")
		}
		a := Address{p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10]}
		require.Equal(t, a, AddressFromCanonical(a.Canonical()))
	})
}

func TestDwelling(t *testing.T) {
	home := Address{Community: "和平社区", Compound: "平安小区", Building: "3", Unit: "2", Room: "1801"}
	require.Equal(t, "平安小区|3|2|1801", home.Dwelling())
	require.Equal(t, "和平社区|3|2|1801", Address{Community: "和平社区", Building: "3", Unit: "2", Room: "1801"}.Dwelling())
	require.Empty(t, Address{Road: "解放路12号", Room: "101"}.Dwelling(), "a street is no dwelling")
}

func TestAgreementModes(t *testing.T) {
	g := Agreement{Receives: map[Attribute]Mode{Phone: Overwrite, Residence: FillEmpty}, Authority: []Attribute{Residence}}
	require.Equal(t, Overwrite, g.Mode(Phone))
	require.Equal(t, Never, g.Mode(Name), "I7: what is not named does not leave")
	require.Equal(t, Never, g.Mode(Residence), "an authority never receives its own attribute")
	require.ErrorContains(t, g.Validate(), "authority")

	for want, bad := range map[string]Agreement{
		"sealed":     {Receives: map[Attribute]Mode{Corrections: FillEmpty}},
		"no attrib":  {Receives: map[Attribute]Mode{"shoe_size": FillEmpty}},
		"mode":       {Receives: map[Attribute]Mode{Phone: "sometimes"}},
		"authority":  {Authority: []Attribute{"shoe_size"}},
		"scope: no ": {Scope: []Condition{{Attribute: "shoe_size"}}},
	} {
		require.ErrorContains(t, bad.Validate(), want)
	}
}

func TestScope(t *testing.T) {
	today := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	yes, no := true, false
	v := Values{BirthDate: "1966-11-23", LifeStatus: "alive", Disability: "4-2"}
	for _, c := range []struct {
		scope Condition
		want  bool
	}{
		{Condition{Attribute: BirthDate, OlderThan: 60}, true}, {Condition{Attribute: BirthDate, OlderThan: 61}, false},
		{Condition{Attribute: BirthDate, YoungerThan: 60}, false}, {Condition{Attribute: BirthDate, YoungerThan: 61}, true},
		{Condition{Attribute: DeathDate, OlderThan: 1}, false},
		{Condition{Attribute: LifeStatus, In: []string{"alive"}}, true}, {Condition{Attribute: LifeStatus, NotIn: []string{"alive"}}, false},
		{Condition{Attribute: Disability, Present: &yes}, true}, {Condition{Attribute: Disability, Present: &no}, false},
		{Condition{Attribute: Phone, Present: &no}, true},
	} {
		require.Equal(t, c.want, Agreement{Scope: []Condition{c.scope}}.InScope(v, today), "%+v", c.scope)
	}
	require.True(t, Agreement{}.InScope(v, today))
	for birth, want := range map[string]int{"1966-11-24": 59, "1966-11": 60, "1966": 60, "2026-11-23": 0} {
		age, ok := AgeAt(birth, today)
		require.True(t, ok)
		require.Equal(t, want, age, birth)
	}
	for _, bad := range []string{"", "196", "1966-02-30"} {
		_, ok := AgeAt(bad, today)
		require.False(t, ok, bad)
	}
}

func TestVersionsAndStages(t *testing.T) {
	require.True(t, Version{2, 1}.Newer(Version{1, 9}), "a new lease comes after everything of the old one")
	require.True(t, Version{2, 2}.Newer(Version{2, 1}))
	require.False(t, Version{2, 1}.Newer(Version{2, 1}))
	require.False(t, ReadOnly.Writes() || Shadow.Writes())
	require.True(t, Canary.Writes() && Live.Writes())
}

// An attribute that is named without a mode only fills what is empty; one that is
// not named, or that the platform is the authority for, is never received (I7).
// Two platforms may have the last word on one attribute only where nobody is in
// both scopes.
func TestOverlap(t *testing.T) {
	yes, no := true, false
	cond := func(c Condition) Agreement {
		return Agreement{Authority: []Attribute{Phone, Grid}, Scope: []Condition{c}}
	}
	other := Agreement{Authority: []Attribute{Education, Grid}}
	require.Equal(t, []Attribute{Grid}, Agreement{Authority: []Attribute{Phone, Grid}}.Overlap(other))
	require.Empty(t, Agreement{Authority: []Attribute{Phone}}.Overlap(other))
	for _, c := range []struct {
		a, b  Condition
		apart bool
	}{
		{Condition{Attribute: Sex, In: []string{"1"}}, Condition{Attribute: Sex, In: []string{"2"}}, true},
		{Condition{Attribute: Sex, In: []string{"1", "2"}}, Condition{Attribute: Sex, In: []string{"2"}}, false},
		{Condition{Attribute: Sex, In: []string{"1"}}, Condition{Attribute: Sex, NotIn: []string{"1"}}, true},
		{Condition{Attribute: Sex, NotIn: []string{"1"}}, Condition{Attribute: Sex, NotIn: []string{"2"}}, false},
		{Condition{Attribute: Sex, In: []string{"1"}}, Condition{Attribute: Education, In: []string{"21"}}, false},
		{Condition{Attribute: Phone, Present: &yes}, Condition{Attribute: Phone, Present: &no}, true},
		{Condition{Attribute: BirthDate, OlderThan: 60}, Condition{Attribute: BirthDate, YoungerThan: 60}, true},
		{Condition{Attribute: BirthDate, OlderThan: 50}, Condition{Attribute: BirthDate, YoungerThan: 60}, false},
	} {
		require.Equal(t, c.apart, len(cond(c.a).Overlap(cond(c.b))) == 0, "%+v", c)
		require.Equal(t, c.apart, len(cond(c.b).Overlap(cond(c.a))) == 0, "%+v", c)
	}
}

func TestAgreementMode(t *testing.T) {
	g := Agreement{Receives: map[Attribute]Mode{Phone: Overwrite, Education: "", Name: Propose}, Authority: []Attribute{Name}}
	require.Equal(t, Overwrite, g.Mode(Phone))
	require.Equal(t, FillEmpty, g.Mode(Education))
	require.Equal(t, Never, g.Mode(Name))
	require.Equal(t, Never, g.Mode(Residence))
	require.ErrorContains(t, g.Validate(), "the platform is its authority")

	g = Agreement{From: "2026-01-01", Until: "2026-12-31"}
	for day, want := range map[string]bool{"2025-12-31": false, "2026-01-01": true, "2026-12-31": true, "2027-01-01": false} {
		at, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		require.Equal(t, want, g.InForce(at), day)
	}
}
