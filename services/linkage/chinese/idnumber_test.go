package chinese

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/linkage/comparator"
)

func TestIDNumberLevels(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "id_number", 2)
	valid := idOf(t, "1984-03-07", 121)
	fifteen := valid[:6] + valid[8:17]
	withX := valid
	for order := 0; withX[17] != 'X'; order++ {
		withX = idOf(t, "1984-03-07", order)
	}
	next := idOf(t, "1984-03-07", 122)
	requireLevels(t, c, []pair{
		{"identical", v(valid), v(valid), "identical"},
		{"15 digits and 18", v(fifteen), v(valid), "identical"},
		{"lower case x, full width and blanks", v(strings.ToLower(withX)), v("１９０１０１ " + withX[6:14] + "-" + withX[14:]), "identical"},
		{"a disability card starts with its holder's number", v("", valid+"43"), v(valid), "identical"},
		{"a foreigner's old card", v("XYZ999999999999"), v("XYZ999999999999"), "identical"},
		{"the same, but it cannot be right", v(slip(valid, 15)), v(slip(valid, 15)), "identical_invalid"},
		{"same 15-digit core: only the check character differs", v(valid), v(wrongCheck(valid)), "same_core"},
		{"same 15-digit core: a centenarian's century is open", v("190101850307998"), v(idOf(t, "1885-03-07", 998)), "same_core"},
		{"one edit where one is invalid", v(valid), v(slip(valid, 15)), "near"},
		{"one edit in the birth date where one is invalid", v(valid), v(slip(valid, 13)), "near"},
		{"one swap where one is invalid", v(valid), v(valid[:9] + "04" + valid[11:]), "near"},
		{"one edit in the core of 15 digits", v("190101841307121"), v(valid), "near"},
		{"a character lost", v(valid[:7] + valid[8:]), v(valid), "near"},
		{"a character typed twice", v(valid[:7] + valid[6:]), v(valid), "near"},
		{"both valid and different", v(valid), v(idOf(t, "1984-03-07", 123)), "contradicts"},
		{"twins with neighbouring numbers", v(valid), v(next), "contradicts"},
		{"a child of another century", v(idOf(t, "1920-03-07", 121)), v(idOf(t, "2020-03-07", 121)), "contradicts"},
		{"15 digits are never of this century", v(fifteen), v(idOf(t, "2084-03-07", 121)), "contradicts"},
		{"two foreigners' old cards", v("XYZ999999999998"), v("XYZ999999999997"), "contradicts"},
		{"two edits", v(valid), v(slip(slip(valid, 15), 3)), "different"},
		{"blank", v(valid), v(""), "missing"},
		{"placeholder", v(valid), v("000000000000000000"), "missing"},
		{"not a number", v(valid), v("无"), "missing"},
		{"a broken number that is near nothing", v(valid), v("49010119771212002"), "missing"},
		{"a card without a valid number", v(valid), v("", wrongCheck(valid)+"43"), "missing"},
	})
}

// I3: only a number that can be right, and of which the century is known,
// identifies anybody.
func TestIdentifier(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "id_number", 2)
	identifier := func(number string) string {
		return string(c.(comparator.Identifier).Identifier(feature(c, number)))
	}
	valid := idOf(t, "1984-03-07", 121)
	require.Equal(t, valid[:17], identifier(valid))
	require.Equal(t, valid[:17], identifier(valid[:6]+valid[8:17]))
	require.NotEqual(t, identifier(valid), identifier(idOf(t, "1984-03-07", 123)))
	require.Equal(t, "XYZ999999999999", identifier("XYZ999999999999"))
	for _, n := range []string{"", wrongCheck(valid), slip(valid, 4), "190101850307998", "190101841307121", valid[1:], "无"} {
		require.Empty(t, identifier(n), n)
	}
}

func TestIDNumberKeys(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "id_number", 2)
	valid := idOf(t, "1984-03-07", 121)
	core := valid[:6] + valid[8:17]
	for _, n := range []string{valid, core, wrongCheck(valid)} {
		require.Equal(t, []string{core}, keysOf(c, "core", n), n)
		require.Equal(t, []string{core}, keysOf(c, "text", n), n)
		require.Equal(t, []string{"190101121"}, keysOf(c, "slip", n), n)
		require.Equal(t, []string{"19840307"}, keysOf(c, "birth", n), n)
	}
	require.Equal(t, keysOf(c, "slip", valid), keysOf(c, "slip", slip(valid, 11)), "a slip in the birth date leaves it")
	require.Empty(t, keysOf(c, "core", "XYZ999999999999"))
	require.Equal(t, []string{"XYZ999999999999"}, keysOf(c, "text", "XYZ999999999999"))
	require.Empty(t, keysOf(c, "birth", "190101841307121"), "month 13")
	for _, part := range []string{"core", "text", "slip", "birth"} {
		require.Empty(t, keysOf(c, part, valid[1:]), "a broken number finds nobody")
		require.Empty(t, keysOf(c, part, "不详"))
	}
}
