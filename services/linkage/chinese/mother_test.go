package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMotherLevels(t *testing.T) {
	t.Parallel()
	n := idOf(t, "1990-05-06", 122)
	other := idOf(t, "1990-05-06", 124)
	requireLevels(t, kindOf(t, "mother", 3, "未知"), []pair{
		{"her number", v(n), v(n), "same_id"},
		{"her number with another check character", v(n), v(wrongCheck(n)), "same_id"},
		{"her number with a slip", v(n), v(slip(n, 15)), "same_id"},
		{"her name", v("", "苏晚晴"), v("", "苏晚晴"), "same_name"},
		{"her name by its sound", v("", "苏晚晴"), v("", "苏婉晴"), "same_name"},
		{"her name romanised", v("", "苏晚晴"), v("", "Su Wanqing"), "same_name"},
		{"her name with a rare character", v("", "苏晚?"), v("", "苏晚晴"), "same_name"},
		{"her name within the newborn's", v("", "苏晚晴"), v("", "", "苏晚晴之女"), "same_name"},
		{"her surname within the newborn's", v("", "苏晚晴"), v("", "", "苏某之女"), "same_surname"},
		{"another number", v(n), v(other), "different"},
		{"another number under one name", v(n, "苏晚晴"), v(other, "苏晚晴"), "different"},
		{"another name", v("", "苏晚晴"), v("", "魏兰舟"), "different"},
		{"two numbers of which one is broken, another name", v(n, "苏晚晴"), v(slip(slip(n, 3), 15), "魏兰舟"), "different"},
		{"blank", v(n, "苏晚晴"), v("", ""), "missing"},
		{"a number and a name", v(n), v("", "苏晚晴"), "missing"},
		{"a withheld name that may be the father's", v("", "苏晚晴"), v("", "", "林某之女"), "missing"},
		{"placeholder", v("", "未知"), v("", "未知"), "missing"},
	})
}

func TestMotherKeys(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "mother", 3, "未知")
	n := idOf(t, "1990-05-06", 122)
	core := n[:6] + n[8:17]
	require.Equal(t, v(core), keysOf(c, "id", n, "苏晚晴", "林一诺"))
	require.Equal(t, v(core), keysOf(c, "id", n, "", "新生儿"))
	require.Empty(t, keysOf(c, "id", n, "", "林一诺"), "a grown-up is found by what is his own")
	require.Equal(t, v("suwanqing"), keysOf(c, "sound", "", "苏晚晴", "林一诺"))
	require.Equal(t, v("suwanqing"), keysOf(c, "sound", "", "", "苏晚晴之女"))
	require.Empty(t, keysOf(c, "sound", "", "", "苏某之女"), "a surname is shared by thousands")
	require.Empty(t, keysOf(c, "sound", "", "苏?晴", "林一诺"))
	require.Empty(t, keysOf(c, "sound", "", "未知", "新生儿"))
}
