package charset

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHolds(t *testing.T) {
	for text, in := range map[string][]string{
		"欧阳沐辰 Ａ1": {"gb2312", "gbk", "gb18030", "utf-8"},
		"朱镕":      {"gbk", "gb18030", "utf-8"},
		"㛃":       {"gb18030", "utf-8"},
		"䶮":       {"gb18030", "utf-8"}, // FE9F in GBK: read differently
		"𠮷":       {"gb18030", "utf-8"},
		"€":       {"gb18030", "utf-8"},
	} {
		for _, name := range Names() {
			want := false
			for _, n := range in {
				want = want || n == name || name == "utf-8-bom"
			}
			require.Equal(t, want, Holds(name, text), "%s in %s", text, name)
		}
	}
	require.False(t, Holds("utf-8", "\xff"))
	require.False(t, Known("big5"))
}
