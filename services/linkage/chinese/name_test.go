package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/linkage/comparator"
)

func TestNameLevels(t *testing.T) {
	t.Parallel()
	requireLevels(t, kindOf(t, "chinese_name", 3, "不详"), []pair{
		{"identical", v("林佳怡"), v("林佳怡"), "identical"},
		{"identical with blanks around", v(" 林佳怡 "), v("林佳怡"), "identical"},

		{"traditional and simplified", v("歐陽沐辰"), v("欧阳沐辰"), "variant"},
		{"traditional surname 劉", v("劉沐辰"), v("刘沐辰"), "variant"},
		{"variant 峯", v("林青峯"), v("林青峰"), "variant"},
		{"variant 喆", v("陶喆明"), v("陶哲明"), "variant"},
		{"variant 堃", v("林堃"), v("林坤"), "variant"},
		{"a variant that is another name in law, 昇", v("林昇"), v("林升"), "variant"},
		{"a variant that is another name in law, 淼", v("林淼"), v("林渺"), "variant"},
		{"a variant that is another surname in law, 於", v("於佳怡"), v("于佳怡"), "variant"},
		{"dots left out", v("阿布都·热合曼"), v("阿布都热合曼"), "variant"},
		{"another dot", v("阿布都•热合曼"), v("阿布都．热合曼"), "variant"},
		{"full width", v("Ｗang Wei"), v("Wang Wei"), "variant"},
		{"a stretched name", v("林　怡"), v("林怡"), "variant"},
		{"a rare character and its ordinary form, 𠮷", v("𠮷佳怡"), v("吉佳怡"), "variant"},
		{"a remark in brackets", v("林佳怡(小)"), v("林佳怡"), "variant"},

		{"question mark for a rare character", v("林佳?"), v("林佳𬱖"), "unknown_char"},
		{"full-width question mark", v("林佳？"), v("林佳怡"), "unknown_char"},
		{"two question marks for one character", v("林??"), v("林㛃"), "unknown_char"},
		{"box for a rare character", v("林佳□"), v("林佳怡"), "unknown_char"},
		{"star for a rare character", v("林佳*"), v("林佳怡"), "unknown_char"},
		{"zero sign for a rare character", v("林佳〇"), v("林佳怡"), "unknown_char"},
		{"private-use code for a rare character", v("林佳\uE7C7"), v("林佳怡"), "unknown_char"},
		{"a description for a rare character", v("林⿰女吉"), v("林姞"), "unknown_char"},
		{"pinyin in the place of a character", v("林jie"), v("林婕"), "unknown_char"},
		{"pinyin in brackets", v("林(jie)"), v("林婕"), "unknown_char"},
		{"unknown in both", v("林佳?"), v("林佳?"), "unknown_char"},
		{"pinyin of another character", v("林jie"), v("林伟"), "same_surname"},

		{"the former name", v("林远", "林佳怡"), v("林佳怡"), "former"},
		{"both know the former name", v("林远", "林佳怡"), v("林舟", "林佳怡"), "former"},

		{"same toneless pinyin", v("林佳怡"), v("林嘉宜"), "same_sound"},
		{"a polyphone within the name", v("林乐"), v("林月"), "same_sound"},
		{"a polyphone within the name, the other way", v("林乐"), v("林勒"), "same_sound"},
		{"a polyphonic surname is read as a surname", v("单雨"), v("山雨"), "same_sound"},
		{"romanised", v("王伟"), v("Wang Wei"), "same_sound"},
		{"romanised, surname last", v("王伟"), v("Wei Wang"), "same_sound"},
		{"romanised in one word", v("王伟"), v("WANGWEI"), "same_sound"},
		{"romanised, surname first with a comma", v("王晓明"), v("WANG, Xiao-ming"), "same_sound"},
		{"romanised polyphonic surname", v("单伟"), v("Wei Shan"), "same_sound"},
		{"romanised surname of two characters", v("尉迟恭明"), v("Gongming Yuchi"), "same_sound"},
		{"romanised polyphonic given name", v("王乐"), v("Yue Wang"), "same_sound"},
		{"romanised ü", v("吕布"), v("Lü Bu"), "same_sound"},
		{"romanised ü as v", v("吕布"), v("LV BU"), "same_sound"},
		{"romanised ü as yu", v("吕布"), v("LYU BU"), "same_sound"},
		{"romanised ü without its dots", v("吕布"), v("Bu Lu"), "same_sound"},
		{"two romanised ones in two orders", v("Wei Wang"), v("Wang Wei"), "same_sound"},
		{"another transcription", v("阿布都·热合曼"), v("阿不都·热合曼"), "same_sound"},

		{"similar shape: another radical", v("林清"), v("林倩"), "similar_shape"},
		{"similar shape: one stroke", v("林末雨"), v("林未雨"), "similar_shape"},
		{"similar shape: a part left out", v("林倩雨"), v("林青雨"), "similar_shape"},
		{"similar shape, but it sounds the same", v("林颢"), v("林浩"), "same_sound"},

		{"reordered", v("林佳怡"), v("林怡佳"), "reordered"},
		{"reordered halves", v("阿布都·热合曼"), v("热合曼·阿布都"), "reordered"},
		{"surname last", v("林雨"), v("雨林"), "reordered"},

		{"one character off in a short name", v("林建军"), v("林建国"), "one_char"},
		{"one character left out of a short name", v("林建"), v("林建国"), "one_char"},
		{"one character off in a long name", v("阿布都热合曼"), v("阿布都热合木"), "one_char_long"},
		{"one character left out of a long name", v("阿布都热合曼"), v("阿布都热合"), "one_char_long"},

		{"same surname", v("王伟"), v("王芳"), "same_surname"},
		{"same surname of two characters", v("欧阳沐辰"), v("欧阳远"), "same_surname"},
		{"same surname, one romanised", v("王伟"), v("Wang Fang"), "same_surname"},

		{"a newborn and a name", v("苏晚晴之女"), v("林一诺"), "newborn"},
		{"a newborn of somebody's and a name", v("苏某之女"), v("苏一诺"), "newborn"},
		{"two newborns", v("苏晚晴之女"), v("苏晚晴之子"), "newborn_both"},
		{"a newborn is not her mother", v("苏晚晴之女"), v("苏晚晴"), "different"},
		{"a newborn is not her mother, who is named beside", v("新生儿", "", "苏晚晴"), v("苏晚晴"), "different"},

		{"nothing in common", v("王伟"), v("林佳怡"), "different"},
		{"blank", v("王伟"), v(""), "missing"},
		{"placeholder", v("不详"), v("不详"), "missing"},
		{"no letter at all", v("王伟"), v("123"), "missing"},
		{"a newborn and nothing", v("苏晚晴之女"), v(""), "missing"},
	})
}

// Brothers share a character and a radical, and are no slips of the pen.
func TestSiblingsAreNotSimilar(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "chinese_name", 1)
	for _, p := range [][2]string{{"林建军", "林建国"}, {"林海", "林涛"}, {"林琳", "林琪"}, {"林大伟", "林小伟"}, {"林玉兰", "林玉梅"}} {
		require.Contains(t, []string{"one_char", "same_surname"}, levelOf(t, c, v(p[0]), v(p[1])), p)
	}
}

func TestNameKeys(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "chinese_name", 3, "不详")
	for _, tt := range []struct {
		part string
		name string
		want []string
	}{
		{"sounds", "林佳怡", v("linjiayi")},
		{"sounds", "林乐", v("linle", "linyue")},
		{"sound", "林乐", v("linle")},
		{"surname", "尉迟恭明", v("yuchi")},
		{"given", "尉迟恭明", v("gongming")},
		{"given", "覃伟", v("wei")},
		{"sounds", "Wei Wang", v("weiwang", "wangwei")},
		{"sound", "Wei Wang", v("weiwang")},
		{"surname", "Wei Wang", v("wei", "wang")},
		{"given", "Wei Wang", v("wang", "wei")},
		{"sounds", "林佳?", nil},
		{"given", "林佳?", nil},
		{"surname", "林佳?", v("lin")},
		{"sounds", "林jie", v("linjie")},
		{"sound", "阿布都·热合曼", v("abudureheman")},
		{"surname", "阿布都·热合曼", nil},
		{"sounds", "不详", nil},
		{"sounds", "苏晚晴之女", nil},
	} {
		require.Equal(t, tt.want, keysOf(c, tt.part, tt.name), "%s of %s", tt.part, tt.name)
	}
	require.Equal(t, v("linjiayi"), keysOf(c, "former", "林远", "林佳怡"))
	require.Empty(t, keysOf(c, "former", "林远", "林远"))
	require.Empty(t, keysOf(c, "former", "林远", "不详"))
}

func TestNameTerms(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "chinese_name", 1).(comparator.Termer)
	require.Equal(t, []string{"surname", "given"}, c.Terms())
	for name, want := range map[string][2]string{
		"歐陽沐辰": {"欧阳", "沐辰"}, "王伟": {"王", "伟"}, "阿布都·热合曼": {"", "阿布都热合曼"}, "𠮷田": {"吉", "田"},
	} {
		f := feature(c.(comparator.Comparator), name)
		for table := range want {
			term, known := c.Term(f, table)
			require.True(t, known)
			require.Equal(t, want[table], term, name)
		}
	}
	for _, name := range []string{"Wang Wei", "苏晚晴之女", "新生儿"} {
		_, known := c.Term(feature(c.(comparator.Comparator), name), 0)
		require.False(t, known, "%s stands for many", name)
	}
}
