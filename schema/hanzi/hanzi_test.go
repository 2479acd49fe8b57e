package hanzi

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNormalise(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"张伟", "张伟"}, {" 张　伟 ", "张伟"}, {"張偉", "张伟"}, {"葉赟", "叶赟"}, {"陶喆", "陶哲"},
		{"阿布都·热合曼", "阿布都热合曼"}, {"阿布都•热合曼", "阿布都热合曼"}, {"阿布都．热合曼", "阿布都热合曼"},
		{"阿布都.热合曼", "阿布都热合曼"}, {"阿布都・热合曼", "阿布都热合曼"}, {"阿布都‧热合曼", "阿布都热合曼"},
		{"王？", "王□"}, {"王?", "王□"}, {"王□", "王□"}, {"王\uE7C7", "王□"}, {"王\uFFFD", "王□"},
		{"王jie", "王□"}, {"王(jie)", "王□"}, {"王（）", "王□"}, {"王Xiaoming", "王□□"},
		{"张伟(大)", "张伟"}, {"张伟（zhangwei）", "张伟"}, {"张伟2", "张伟"},
		{"李乾", "李乾"}, {"𠮷田", "吉田"}, {"Zhang Wei", "zhangwei"}, {"ZHANG WEI", "zhangwei"}, {"Ｚhang　Wei", "zhangwei"},
		{"⾦⼀", "金一"}, {"", ""},
	} {
		require.Equal(t, c.want, Normalise(c.in), "%q", c.in)
	}
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{" 张　伟 ", "张伟"}, {"張偉", "張偉"}, {"阿布都•热合曼", "阿布都·热合曼"}, {"阿布都．热合曼", "阿布都·热合曼"},
		{"阿布都 热合曼", "阿布都·热合曼"}, {"阿布都 · 热合曼", "阿布都·热合曼"}, {"·阿布都·热合曼·", "阿布都·热合曼"},
		{"欧阳 娜娜", "欧阳娜娜"}, {"Zhang  Wei", "Zhang Wei"}, {"Jean-Luc", "Jean-Luc"}, {"J. Smith", "J. Smith"},
		{"王？", "王?"}, {"⾦一", "金一"}, {"𠮷田", "𠮷田"}, {"\uF900", "豈"}, {"", ""}, {"···", ""},
	} {
		require.Equal(t, c.want, Canonical(c.in), "%q", c.in)
	}
}

func TestPinyin(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"张伟", "zhang wei"}, {"單雄信", "shan xiong xin"}, {"仇英", "qiu ying"}, {"解缙", "xie jin"}, {"查良镛", "zha liang yong"},
		{"曾国藩", "zeng guo fan"}, {"区伟", "ou wei"}, {"朴树", "piao shu"}, {"尉迟恭", "yu chi gong"}, {"万俟卨", "mo qi xie"},
		{"欧阳修", "ou yang xiu"}, {"吕布", "lv bu"}, {"Zhang Wei", "zhang wei"}, {"zhangwei", "zhang wei"}, {"LYU BU", "lv bu"},
		{"王jie", "wang jie"}, {"阿布都·热合曼", "a bu du re he man"}, {"王？", "wang □"}, {"Xi'an", "xi an"}, {"Smith", "smith"},
	} {
		require.Equal(t, c.want, strings.Join(Pinyin(c.in), " "), "%q", c.in)
	}
}

func TestPinyinKeys(t *testing.T) {
	require.Equal(t, []string{"zhangwei"}, PinyinKeys("张伟"))
	require.Equal(t, PinyinKeys("ZHANG WEI"), PinyinKeys("张伟"))
	require.Equal(t, []string{"shanwei"}, PinyinKeys("单伟"))
	require.Equal(t, []string{"yuchigong"}, PinyinKeys("尉迟恭"))
	require.Equal(t, []string{"zw"}, Initials("张伟"))
	require.Equal(t, []string{"zw"}, Initials("ZhangWei"))
	require.Equal(t, []string{"sw"}, Initials("单伟"))
	require.Empty(t, PinyinKeys("王？"), "half a key would be everybody's")
	require.Empty(t, PinyinKeys(""))
	require.Contains(t, PinyinKeys("张乐"), "zhangle")
	require.Contains(t, PinyinKeys("张乐"), "zhangyue")
	require.NotEmpty(t, PinyinKeys("𠮷田"), "beyond the BMP")
	require.Equal(t, PinyinKeys("阿布都热合曼")[0], PinyinKeys("阿不都.热合曼")[0])
}

// A surname is read as a surname and in no other way, so that zw finds no 丁婉清.
func TestSurnamesHaveTheirReadingOnly(t *testing.T) {
	for surname, reading := range map[string]string{
		"丁": "ding", "曾": "zeng", "单": "shan", "單": "shan", "解": "xie", "查": "zha", "仇": "qiu", "区": "ou", "朴": "piao",
		"任": "ren", "华": "hua", "宁": "ning", "盛": "sheng", "葛": "ge", "于": "yu", "王": "wang", "沈": "shen", "石": "shi",
		"冯": "feng", "纪": "ji", "尉": "wei", "阚": "kan", "褚": "chu", "员": "yun", "那": "na", "都": "du", "万": "wan", "尉迟": "yuchi",
		"长孙": "zhangsun", "万俟": "moqi", "澹台": "tantai",
	} {
		require.Equal(t, []string{reading + "wei"}, PinyinKeys(surname+"伟"), surname)
		require.Len(t, Initials(surname+"伟"), 1, surname)
	}
	for surname, readings := range map[string][]string{"乐": {"yue", "le"}, "盖": {"ge", "gai"}, "覃": {"qin", "tan"}, "翟": {"zhai", "di"}} {
		require.Equal(t, []string{readings[0] + "wei", readings[1] + "wei"}, PinyinKeys(surname+"伟"), "two surnames are written %s", surname)
	}
	require.NotContains(t, Initials("丁婉清"), "zwq")
	for _, name := range []string{"王单", "王曾", "王盛", "王乐"} {
		require.Greater(t, len(PinyinKeys(name)), 1, "within a given name %s keeps its readings", name)
	}
	require.Equal(t, []string{"zeng"}, PinyinKeys("曾"), "a surname alone")
	require.Equal(t, "ding □", strings.Join(Pinyin("丁？"), " "))
}

func TestSurname(t *testing.T) {
	for _, c := range []struct{ in, surname, given string }{
		{"张伟", "张", "伟"}, {"欧阳修", "欧阳", "修"}, {"歐陽修", "歐陽", "修"}, {"欧阳", "欧", "阳"}, {"司马相如", "司马", "相如"},
		{"张王伟民", "张", "王伟民"}, {"阿布都·热合曼", "", "阿布都·热合曼"}, {"阿布都热合曼", "", "阿布都热合曼"},
		{"Zhang Wei", "Zhang", "Wei"}, {"𠮷田", "𠮷", "田"}, {"", "", ""}, {"王", "王", ""},
	} {
		surname, given := Surname(c.in)
		require.Equal(t, []string{c.surname, c.given}, []string{surname, given}, "%q", c.in)
	}
}

func TestCompatible(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"王□", "王㛃", true}, {"王□□", "王㛃", true}, {"王□□", "王小明", true}, {"王□", "李㛃", false}, {"王□", "王", false},
		{"王□明", "王小明", true}, {"王□明", "王小丽", false}, {"□□", "□", true}, {"张伟", "张伟", true}, {"张伟", "张玮", false},
	} {
		require.Equal(t, c.want, Compatible(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, Compatible(c.b, c.a), "%s %s", c.b, c.a)
	}
}

func TestSimilarShape(t *testing.T) {
	require.True(t, SimilarShape('淋', '琳'))
	require.True(t, SimilarShape('己', '已'))
	require.True(t, SimilarShape('偉', '玮'), "compared in simplified form")
	require.True(t, SimilarShape('張', '张'))
	require.False(t, SimilarShape('张', '李'))
	require.False(t, SimilarShape('张', '张'))
}

func TestDataFiles(t *testing.T) {
	for _, row := range read("data/variants.csv") {
		require.NotEqual(t, row[0], row[1])
		require.Equal(t, only(row[1]), simplified(only(row[1])), "%s is folded to %s, which is folded again", row[0], row[1])
	}
	for _, row := range read("data/similar.csv") {
		for _, r := range row[0] {
			require.Equal(t, 1, strings.Count(fold(row[0]), string(simplified(r))), "similar.csv: %c is twice in a group", r)
		}
	}
	for _, file := range []string{"data/surnames.csv", "data/readings.csv"} {
		for name, readings := range loadReadings(file) {
			require.Equal(t, fold(name), name, "readings are kept by the simplified form")
			for _, r := range readings {
				require.Len(t, strings.Fields(r), utf8.RuneCountInString(name), name)
				for _, syllable := range strings.Fields(r) {
					require.True(t, sounds.known[syllable], "%s: %s is no syllable", name, syllable)
				}
			}
		}
	}
}

var alphabet = []rune("张王单欧阳伟小明热合曼阿布都張偉喆𠮷㛃· •．.・‧　 -?？□()（）abZhangWei2ü\uE7C7\u0301")

func TestFormsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 12, -1).Draw(t, "name")
		canonical := Canonical(name)
		require.Equal(t, canonical, Canonical(canonical), "canonical")
		normal := Normalise(name)
		require.Equal(t, normal, Normalise(normal), "normalised")
		require.True(t, Compatible(normal, normal))
		require.LessOrEqual(t, len(PinyinKeys(name)), maxKeys)
		require.LessOrEqual(t, len(Initials(name)), maxKeys)
		surname, given := Surname(name)
		require.Equal(t, strings.ReplaceAll(canonical, " ", ""), strings.ReplaceAll(surname+given, " ", ""))
	})
}

// Separators, blanks and traditional characters change no key.
func TestSpellingsShareTheirKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("阿布都热合曼买提江古丽")), 2, 4, -1), 2, 3).Draw(t, "parts")
		plain := strings.Join(parts, "")
		dots := rapid.SampledFrom([]string{"·", "•", "．", ".", "・", "‧", " · "}).Draw(t, "dot")
		require.Equal(t, Normalise(plain), Normalise(strings.Join(parts, dots)))
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"张伟", "阿布都·热合曼", "王?", "Zhang Wei", "𠮷田", "\xff", "张(", "()"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len(s) > 300 {
			return
		}
		c := Canonical(s)
		require.Equal(t, c, Canonical(c))
		n := Normalise(s)
		require.True(t, Compatible(n, n))
		PinyinKeys(s)
		Initials(s)
		Surname(s)
	})
}

// FuzzRead: whatever stands where a name should, in characters or in pinyin.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"欧阳娜娜", "阿布都·热合曼", "单□", "Ouyang Nana", "lü xiu", "zhuangzhuang", "王jie", "⿰亻尔", "\xff", "a\u0301", "·", "un-known'"} {
		f.Add(s, "伟")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		n := Read(s)
		require.LessOrEqual(t, len(n.Sounds), MaxSounds)
		require.Equal(t, n, Read(s), "the same every time")
		for _, word := range latinSyllables(s) {
			require.NotEmpty(t, word)
		}
		for _, a := range s {
			for _, b := range other {
				require.Equal(t, SimilarShape(a, b), SimilarShape(b, a))
				break
			}
		}
		Romanised(s)
		Pinyin(s)
	})
}

func BenchmarkKeys(b *testing.B) {
	for b.Loop() {
		Normalise("欧阳娜娜")
		PinyinKeys("欧阳娜娜")
	}
}

// What registers write in the place of one another is one character when names
// are compared; what is another name stays another.
func TestVariants(t *testing.T) {
	for _, pair := range []string{"峯峰", "喆哲", "堃坤", "昇升", "淼渺", "劉刘", "於于", "甦苏", "邨村", "陞升", "龢和", "𠮷吉", "祐佑", "珪圭",
		"崧嵩", "璿璇", "悊哲", "甯宁", "犇奔", "菉绿", "頫𫖯", "暐𬀩", "濛蒙", "呉吴", "戸户", "鎭镇", "仝同", "澂澄", "煇辉", "鉄铁", "勅敕"} {
		r := []rune(pair)
		require.Equal(t, Normalise("王"+string(r[0])), Normalise("王"+string(r[1])), pair)
	}
	for _, pair := range []string{"伟玮", "佳嘉", "晨辰", "钟种", "余俞", "肖萧", "傅付", "乾干", "後厚", "琳霖", "萍苹", "沈沉"} {
		r := []rune(pair)
		require.NotEqual(t, Normalise("王"+string(r[0])), Normalise("王"+string(r[1])), pair)
	}
}

func TestGeneratedShapes(t *testing.T) {
	for _, pair := range []string{"清倩", "颖颍", "洁桔", "浩皓", "淳惇", "玲铃", "梅海", "昱煜", "霖淋", "青晴", "青清", "即却", "字宇", "逢逄"} {
		r := []rune(pair)
		require.True(t, SimilarShape(r[0], r[1]), pair)
		require.True(t, SimilarShape(r[1], r[0]), pair)
	}
	for _, pair := range []string{"国军", "海涛", "琳琪", "兰梅", "大小", "英红", "明亮", "志建"} {
		r := []rune(pair)
		require.False(t, SimilarShape(r[0], r[1]), pair)
	}
}

// Read agrees with what it is made of.
func TestReadAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 8, -1),
			rapid.StringOfN(rapid.SampledFrom([]rune("单乐曾尉迟欧阳於劉淼重长行覃盖王伟𠮷")), 0, 6, -1),
		).Draw(t, "name")
		n := Read(name)
		require.Equal(t, Normalise(name), n.Text)
		if n.Text == "" {
			require.Equal(t, Name{}, n)
			return
		}
		require.Equal(t, Romanised(name), n.Latin)
		require.LessOrEqual(t, len(n.Sounds), MaxSounds)
		require.NotEmpty(t, n.Sounds)
		if n.Latin {
			return
		}
		surname, _ := Surname(n.Text)
		require.Equal(t, utf8.RuneCountInString(surname), n.Surname)
		keys := PinyinKeys(name)
		if len(keys) == 0 {
			keys = []string{n.Text}
		}
		require.Equal(t, keys[:min(len(keys), MaxSounds)], n.Sounds)
		require.Len(t, n.Surnames, 1)
		require.Len(t, n.Givens, 1)
	})
}

func TestReadRomanised(t *testing.T) {
	for _, c := range []struct {
		name   string
		sounds []string
	}{
		{"Wang Wei", []string{"wangwei", "weiwang"}},
		{"WANG, Wei", []string{"wangwei", "weiwang"}},
		{"wangwei", []string{"wangwei", "weiwang"}},
		{"Xiaoming Wang", []string{"xiaomingwang", "wangxiaoming"}},
		{"Xiao Ming Wang", []string{"xiaomingwang", "wangxiaoming"}},
		{"Nana Ouyang", []string{"nanaouyang", "ouyangnana"}},
		{"Nana Ou Yang", []string{"nanaouyang", "ouyangnana"}},
		{"Nana Ou-Yang", []string{"nanaouyang", "ouyangnana"}},
		{"Lü Bu", []string{"lvbu", "bulv"}},
		{"Lyu Bu", []string{"lvbu", "bulv"}},
		{"Lu Bu", []string{"lubu", "bulu", "lvbu", "bulv"}},
		{"Smith", []string{"smith"}},
	} {
		n := Read(c.name)
		require.Equal(t, c.sounds, n.Sounds[:min(len(n.Sounds), len(c.sounds))], c.name)
		require.True(t, n.Latin)
	}
}

func TestReadHalves(t *testing.T) {
	for _, c := range []struct{ name, surname, given string }{
		{"王伟", "wang", "wei"}, {"尉迟恭", "yuchi", "gong"}, {"覃伟", "qin", "wei"}, {"單雄信", "shan", "xiongxin"},
		{"王？明", "wang", "□明"}, {"阿布都·热合曼", "", "abudureheman"}, {"王jie", "wang", "jie"},
	} {
		n := Read(c.name)
		require.Equal(t, []string{c.surname}, n.Surnames, c.name)
		require.Equal(t, []string{c.given}, n.Givens, c.name)
	}
	require.True(t, Read("王jie").Spelt)
	require.False(t, Read("王?").Spelt)
}

func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"王伟", "欧阳娜娜", "單樂", "阿布都·热合曼", "Wang Xiaoming"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Read(name)
			}
		})
	}
}
