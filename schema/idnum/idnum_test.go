package idnum

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

func made(t require.TestingT, area, birth string, order int) string {
	s, err := Make(area, birth, order)
	require.NoError(t, err)
	return s
}

func TestParse(t *testing.T) {
	resident := made(t, "190101", "1990-03-07", 12)
	hmt := made(t, "830000", "1985-12-31", 7)
	foreign := made(t, "911840", "1979-05-06", 3) // 9, Beijing, 840 United States
	wrongCheck := resident[:17] + otherDigit(resident[17])
	withX := ""
	for order := 0; withX == ""; order++ {
		if s := made(t, "290101", "1972-02-29", order); s[17] == 'X' {
			withX = s
		}
	}

	for _, c := range []struct {
		name, in, text string
		typ            Type
		problem        schema.Problem
		areaKnown      bool
	}{
		{"resident", resident, resident, Resident18, "", false},
		{"blanks of all kinds", " " + resident[:6] + " " + resident[6:14] + "\u3000" + resident[14:] + "\u200b\t", resident, Resident18, "", false},
		{"hyphens and an apostrophe", "'" + resident[:6] + "-" + resident[6:14] + "－" + resident[14:], resident, Resident18, "", false},
		{"full width", fullWidth(resident), resident, Resident18, "", false},
		{"lower x", strings.ToLower(withX), withX, Resident18, "", false},
		{"full-width lower x", fullWidth(strings.ToLower(withX)), withX, Resident18, "", false},
		{"Roman ten for X", withX[:17] + "Ⅹ", withX, Resident18, "", false},
		{"wrong check digit", wrongCheck, wrongCheck, Resident18, schema.ProblemCheckDigit, false},
		{"no such day", mustCheck("19010119900230012"), mustCheck("19010119900230012"), Resident18, schema.ProblemDate, false},
		{"no such year", mustCheck("19010101900220012"), mustCheck("19010101900220012"), Resident18, schema.ProblemDate, false},
		{"15 digits", "190101900307012", "190101900307012", Resident15, "", false},
		{"15 digits, no such day", "190101900231012", "190101900231012", Resident15, schema.ProblemDate, false},
		{"Hong Kong, Macao, Taiwan", hmt, hmt, HMT, "", true},
		{"foreigner", foreign, foreign, Foreign, "", true},
		{"foreigner, old card", "usa110079050612", "USA110079050612", ForeignOld, "", true},
		{"known area", made(t, "370000", "1990-03-07", 0), made(t, "370000", "1990-03-07", 0), Resident18, "", true},
		{"blank", "", "", "", schema.ProblemIDNumber, false},
		{"words", "身份证丢失", "", "", schema.ProblemIDNumber, false},
		{"spoilt by a spreadsheet", "1.90101E+17", "", "", schema.ProblemIDNumber, false},
		{"17 digits", resident[:17], "", "", schema.ProblemIDNumber, false},
		{"X inside", resident[:10] + "X" + resident[11:], "", "", schema.ProblemIDNumber, false},
		{"zeros", "000000000000000000", "", "", schema.ProblemPlaceholder, false},
		{"none", "无", "", "", schema.ProblemPlaceholder, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := Parse(c.in)
			require.Equal(t, Number{Text: c.text, Type: c.typ, Valid: c.problem == "", Problem: c.problem, AreaKnown: c.areaKnown}, n)
		})
	}
}

func TestPlaceholder(t *testing.T) {
	for _, s := range []string{"000000", "111111111111111", "999999999999999999", "99999999999999999X", "无", "不详", " 未知 ",
		"NULL", "n/a", "/", "-0-", "123456789012345678", "012345678901234", "XXXXXX", "190101000000000000", "190101000000000"} {
		require.True(t, Placeholder(s), "%q", s)
	}
	for _, s := range []string{"", "190101199003070120", "190101900307012", "USA110079050612", "张伟"} {
		require.False(t, Placeholder(s), "%q", s)
	}
}

func TestUpgrade15(t *testing.T) {
	up, ok := Upgrade15("190101900307012")
	require.True(t, ok)
	require.Equal(t, made(t, "190101", "1990-03-07", 12), up)

	for _, s := range []string{"190101850307996", "190101850307999", "190101900231012", "", "19010190030701", "000000000000000"} {
		_, ok := Upgrade15(s)
		require.False(t, ok, s)
	}
	require.Equal(t, "1885-03-07", birth(t, "190101850307996"), "a centenarian's order")
	require.Equal(t, "1985-03-07", birth(t, "190101850307995"))
}

func TestSameCore(t *testing.T) {
	of1990 := made(t, "190101", "1990-03-07", 12)
	of1890 := made(t, "190101", "1890-03-07", 997)
	badCheck := of1990[:17] + otherDigit(of1990[17])

	require.Equal(t, "190101900307012", Core15(of1990))
	require.Equal(t, "190101900307012", Core15("190101900307012"))
	require.Empty(t, Core15("USA110079050612"))
	require.Empty(t, Core15("无"))

	require.True(t, SameCore(of1990, "190101900307012"))
	require.True(t, SameCore("190101900307012", of1990))
	require.True(t, SameCore(of1990, badCheck), "upgraded by hand, with a wrong check digit")
	require.True(t, SameCore(of1890, "190101900307997"))
	require.True(t, SameCore("usa110079050612", "USA110079050612"))

	require.False(t, SameCore(of1990, made(t, "190101", "2090-03-07", 12)), "another century")
	require.False(t, SameCore("190101900307012", made(t, "190101", "2090-03-07", 12)), "no 15 digits in this century")
	require.False(t, SameCore(of1990, made(t, "190101", "1990-03-07", 13)))
	require.False(t, SameCore("", ""))
	require.False(t, SameCore("无", "无"))
	require.False(t, SameCore("USA110079050612", "USA110079050613"))
}

func TestWhatANumberSays(t *testing.T) {
	for _, c := range []struct{ text, sex, area, code string }{
		{made(t, "190101", "1990-03-07", 13), "1", "190101", "111"},
		{made(t, "190101", "1990-03-07", 14), "2", "190101", "111"},
		{"190101900307013", "1", "190101", "111"},
		{"190101900307014", "2", "190101", "111"},
		{made(t, "820000", "1979-05-06", 3), "1", "820000", "571"},
		{made(t, "830000", "1979-05-06", 3), "1", "830000", "572"},
		{made(t, "911840", "1979-05-06", 3), "1", "", "553"},
	} {
		n := Parse(c.text)
		sex, ok := n.Sex()
		require.True(t, ok)
		require.Equal(t, c.sex, sex)
		require.Equal(t, c.area, n.Area())
		require.Equal(t, c.code, n.Code())
	}
	_, ok := Parse("USA110079050612").Sex()
	require.False(t, ok)
	_, ok = Parse("USA110079050612").Birth()
	require.False(t, ok)
}

func TestMakeRefuses(t *testing.T) {
	for _, c := range []struct {
		area, birth string
		order       int
	}{{"19010", "1990-01-01", 1}, {"19010a", "1990-01-01", 1}, {"190101", "1990-02-30", 1}, {"190101", "1700-01-01", 1},
		{"190101", "1990-01-01", 1000}, {"190101", "1990-01-01", -1}} {
		_, err := Make(c.area, c.birth, c.order)
		require.Error(t, err)
		require.NotContains(t, err.Error(), c.birth, "I9: no values in an error")
	}
}

// The check digit finds every single wrong digit and every swap of neighbours.
func TestCheckDigitFindsTypos(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawNumber(t)
		n := Parse(s)
		require.True(t, n.Valid)
		require.Equal(t, s, n.Text)
		require.True(t, SameCore(s, s))

		i := rapid.IntRange(0, 16).Draw(t, "place")
		d := rapid.IntRange(0, 9).Draw(t, "digit")
		wrong := s[:i] + fmt.Sprint(d) + s[i+1:]
		require.Equal(t, wrong == s, Check(wrong))
		if i < 16 {
			swapped := s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
			require.Equal(t, swapped == s, Check(swapped))
		}
	})
}

func TestUpgradeKeepsTheCore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawNumber(t)
		core := Core15(s)
		up, ok := Upgrade15(core)
		if !ok {
			require.True(t, core[12:] >= "996" || core[0] == '8', "only a centenarian or a residence permit has none")
			return
		}
		require.True(t, Parse(up).Valid)
		require.True(t, SameCore(core, up))
		require.Equal(t, s[6:8] == "19", up == s)
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"190101199003070120", "190101900307012", "USA110079050612", "无", "１９０１０１", "0", "\xff", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := Parse(s)
		require.Equal(t, n.Problem == "", n.Valid)
		require.Equal(t, n.Text == "", n.Type == "")
		if n.Text != "" {
			require.Equal(t, n, Parse(n.Text), "parsing again changes nothing")
			require.True(t, SameCore(s, n.Text))
		}
		if n.Valid {
			require.Contains(t, []int{15, 18}, len(n.Text))
		}
		n.Sex()
		n.Birth()
		n.Area()
		Upgrade15(s)
	})
}

func drawNumber(t *rapid.T) string {
	area := rapid.SampledFrom([]string{"190101", "290101", "390101", "490101", "830000"}).Draw(t, "area")
	days := rapid.IntRange(0, 365*150).Draw(t, "days")
	day := time.Date(1890, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days)
	return made(t, area, day.Format(time.DateOnly), rapid.IntRange(1, 999).Draw(t, "order"))
}

func mustCheck(seventeen string) string {
	c, _ := CheckDigit(seventeen)
	return seventeen + string(c)
}

func birth(t *testing.T, s string) string {
	b, ok := Parse(s).Birth()
	require.True(t, ok)
	return b
}

func otherDigit(c byte) string {
	if c == '1' {
		return "2"
	}
	return "1"
}

func fullWidth(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r - '!' + '！')
	}
	return b.String()
}
