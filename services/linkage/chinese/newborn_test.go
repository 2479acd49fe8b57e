package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewbornNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]newborn{
		"张丽之女":     {parent: "张丽", sex: '2'},
		"张丽之子":     {parent: "张丽", sex: '1'},
		"张某之女":     {parent: "张", surnameOnly: true, sex: '2'},
		"张某某之长子":   {parent: "张", surnameOnly: true, sex: '1', rank: 1},
		"张*之女":     {parent: "张", surnameOnly: true, sex: '2'},
		"张丽之次女":    {parent: "张丽", sex: '2', rank: 2},
		"张丽之双胞胎女1": {parent: "张丽", sex: '2', rank: 1},
		"张丽之女婴":    {parent: "张丽", sex: '2'},
		"张丽之婴":     {parent: "张丽"},
		"张丽之女儿":    {parent: "张丽", sex: '2'},
		"新生儿":      {},
		"男婴":       {sex: '1'},
		" 女婴 ":     {sex: '2'},
	} {
		got, ok := parseNewborn(name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "张之洞", "王羲之", "之女", "林敏之", "张丽", "张丽之", "杨之子龙女郎君"} {
		_, ok := parseNewborn(name)
		require.False(t, ok, name)
	}
}

func FuzzNewborn(f *testing.F) {
	for _, s := range []string{"张丽之女", "张某之双胞胎女1", "之之之", "\xff之女", "新生儿"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		b, ok := parseNewborn(name)
		if !ok {
			require.Empty(t, b)
			return
		}
		require.Contains(t, []byte{0, '1', '2'}, b.sex)
		require.LessOrEqual(t, b.rank, byte(rankBits))
		require.Contains(t, name, b.parent)
	})
}
