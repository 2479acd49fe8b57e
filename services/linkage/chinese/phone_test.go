package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPhoneLevels(t *testing.T) {
	t.Parallel()
	requireLevels(t, kindOf(t, "phone", 1, "13800138000"), []pair{
		{"identical", v("12919030571"), v("12919030571"), "identical"},
		{"+86", v("+8612919030571"), v("12919030571"), "identical"},
		{"0086", v("008612919030571"), v("12919030571"), "identical"},
		{"blanks and hyphens", v("129 1903-0571"), v("12919030571"), "identical"},
		{"full width", v("１２９１９０３０５７１"), v("12919030571"), "identical"},
		{"a zero in front of a mobile number", v("012919030571"), v("12919030571"), "identical"},
		{"landline without its area code", v("0531-88190357"), v("88190357"), "identical"},
		{"landline with its area code in brackets", v("(0531)88190357"), v("053188190357"), "identical"},
		{"landline of a three-digit area", v("010-88190357"), v("88190357"), "identical"},
		{"landline with an extension in words", v("0531-88190357转802"), v("0531-88190357"), "identical"},
		{"landline with an extension after a hyphen", v("0531-88190357-802"), v("0531-88190357"), "identical"},
		{"a foreign number", v("+4420719030571"), v("+44 20 7190 30571"), "identical"},
		{"one digit", v("12919030571"), v("12919030572"), "near"},
		{"a swap", v("12919030571"), v("12919030517"), "near"},
		{"a digit lost", v("12919030571"), v("1291903057"), "near"},
		{"one digit of a landline", v("0531-88190357"), v("88190358"), "near"},
		{"one digit of an area code", v("0531-88190357"), v("0532-88190357"), "near"},
		{"different", v("12919030571"), v("12600190777"), "different"},
		{"landlines of two areas", v("0531-88190357"), v("0755-88190357"), "different"},
		{"blank", v("12919030571"), v(""), "missing"},
		{"shared by strangers", v("13800138000"), v("13800138000"), "missing"},
		{"shared by strangers, with +86", v("+8613800138000"), v("+8613800138000"), "missing"},
		{"one digit repeated", v("13333333333"), v("13333333333"), "missing"},
		{"too short", v("110"), v("110"), "missing"},
	})
}

func TestPhoneKeys(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "phone", 1, "13800138000")
	require.Equal(t, v("12919030571"), keysOf(c, "number", "+8612919030571"))
	require.Equal(t, v("88190357"), keysOf(c, "number", "0531-88190357"))
	require.Equal(t, v("88190357"), keysOf(c, "number", "88190357"))
	for _, s := range []string{"", "+", "+86", "1", "00000000000", "13800138000", "无"} {
		require.Empty(t, keysOf(c, "number", s), s)
	}
}

func FuzzPhone(f *testing.F) {
	for _, s := range []string{"12919030571", "+8612919030571", "0531-88190357转802", "+", "\xff", "0", "00000000001"} {
		f.Add(s)
	}
	c := kindOf(f, "phone", 1)
	f.Fuzz(func(t *testing.T, s string) {
		x := feature(c, s)
		if len(x) == 0 {
			return
		}
		require.Equal(t, phoneIdentical, c.Level(x, x))
		area, number := cutPhone(x)
		require.NotEmpty(t, number)
		require.Contains(t, []int{0, 3, 4}, len(area))
	})
}
