package hanzi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpellings(t *testing.T) {
	for name, want := range map[string][]string{
		"张伟":  {"zhangwei", "zw", "wei", "w"},
		"王建国": {"wangjianguo", "wjg", "jianguo", "jg", "guo", "g"},
		"单雄":  {"shanxiong", "danxiong", "sx", "dx", "xiong", "x"},
		"曾敏":  {"zengmin", "cengmin", "zm", "cm", "min", "m"},
		"丁一":  {"dingyi", "dy", "yi", "y"},
		"":    nil,
		"□":   nil,
	} {
		require.Equal(t, want, Spellings(name), name)
	}
	require.Subset(t, Spellings("仇英"), []string{"qiuying", "chouying"})
	require.Subset(t, Spellings("解放"), []string{"xiefang", "jiefang"})
	require.Subset(t, Spellings("查良"), []string{"zhaliang", "chaliang"})
	require.Subset(t, Spellings("欧阳沐辰"), []string{"ouyangmuchen", "oymc", "muchen", "mc"})
	require.Subset(t, Spellings("Wang Wei"), []string{"wangwei", "ww"})
}

func TestTyped(t *testing.T) {
	for word, want := range map[string][]string{"zhangjg": {"zhang", "j", "g"}, "zhangjianguo": {"zhang", "jian", "guo"}, "zw": {"z", "w"}, "": nil} {
		require.Equal(t, want, Typed(word), word)
	}
}
