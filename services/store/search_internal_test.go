package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
	"heji/services/survivorship"
)

// like is what LIKE does, for tests of patterns without a database.
func like(text, pattern string) bool {
	t, p := []rune(text), []rune(pattern)
	reach := make([]bool, len(t)+1)
	reach[0] = true
	for i := 0; i < len(p); i++ {
		next := make([]bool, len(t)+1)
		switch {
		case p[i] == '%':
			on := false
			for j := range next {
				on = on || reach[j]
				next[j] = on
			}
		default:
			c, any := p[i], p[i] == '_'
			if c == '\\' {
				i++
				c = p[i]
			}
			for j := 1; j <= len(t); j++ {
				next[j] = reach[j-1] && (any || t[j-1] == c)
			}
		}
		reach = next
	}
	return reach[len(t)]
}

func master(values map[schema.Attribute]string) Survivors {
	m := Survivors{}
	for a, v := range values {
		m[a] = survivorship.Survivor{Value: v}
	}
	return m
}

// finds reports by which step a query finds a resident: exact, loose, near, "".
func finds(query string, m Survivors) string {
	text, terms := SearchText(m), searchTerms(query)
	for i, step := range searchSteps {
		all := len(terms) > 0
		for _, t := range terms {
			one := false
			for _, p := range step.patterns(t) {
				one = one || like(text, p)
			}
			all = all && one
		}
		if all {
			return []string{"exact", "loose", "near"}[i]
		}
	}
	return ""
}

func TestSearchFindsByWhatStaffType(t *testing.T) {
	home := schema.Address{Community: "阳光社区", Compound: "幸福家园", Building: "3", Unit: "2", Room: "1801"}.Canonical()
	for _, c := range []struct{ name, query, by string }{
		{"张建国", "张建国", "exact"}, {"张建国", "建国", "exact"}, {"张建国", "张建", "loose"}, {"张建国", "张", "loose"},
		{"张建国", "zhangjianguo", "exact"}, {"张建国", "zhangj", "loose"}, {"张建国", "jianguo", "exact"}, {"张建国", "zhang jian guo", "loose"},
		{"张建国", "zjg", "exact"}, {"张建国", "zj", "loose"}, {"张建国", "ZJG", "exact"}, {"张建国", "ｚｊｇ", "exact"}, {"张建国", "張建國", "exact"},
		{"张建国", "张jg", "loose"}, {"张建国", "张 jg", "loose"}, {"张建国", "z", ""}, {"张建国", "1", ""}, {"张建国", "", ""}, {"张建国", "%", ""}, {"张建国", "__", ""},
		{"张建国", "0501", "loose"}, {"张建国", "123x", "loose"}, {"张建国", "123X", "loose"}, {"张建国", "39123419800501123X", "exact"}, {"张建国", "1111", "loose"}, {"张建国", "１３８０", "loose"},
		{"张建国", "3-2-1801", "exact"}, {"张建国", "3-2", "exact"}, {"张建国", "3-2-", "exact"}, {"张建国", "3—2—1801", "exact"}, {"张建国", "3-2-18", "loose"}, {"张建国", "3-1", ""},
		{"张建国", "3号楼2单元1801", "exact"}, {"张建国", "3栋", "exact"}, {"张建国", "三号楼", "exact"}, {"张建国", "幸福家园3号楼2单元1801室", "exact"}, {"张建国", "1801室", "exact"},
		{"张建国", "幸福", "loose"}, {"张建国", "福家园", "loose"}, {"张建国", "zjg 3-2", "exact"}, {"张建国", "zj 3-2", "loose"}, {"张建国", "zj 3", "loose"}, {"张建国", "zj 4-2", ""},
		{"张建国", "张健国", "near"}, {"张建国", "zhangjiangou", "near"}, {"张建国", "zangjianguo", "near"}, {"张建国", "zhangjinguo", "near"}, {"张建国", "13800001112", "near"}, {"张建国", "13800010111", "near"},
		{"张建国", "张建军", "near"}, {"张建国", "李建国", "near"}, {"张建国", "李建军", ""}, {"张建国", "\u202e张\u200b建国", "exact"}, {"张建国", "<script>", ""},
		{"单小军", "shan", "loose"}, {"单小军", "dan", "loose"}, {"单小军", "sxj", "exact"}, {"单小军", "dxj", "exact"}, {"单小军", "danxj", "loose"}, {"单小军", "danxiaoj", "loose"}, {"单小军", "danjx", ""}, {"张建国", "zhangjg", "loose"},
		{"仇英", "qiuying", "exact"}, {"仇英", "chouying", "exact"}, {"解放", "xiefang", "exact"}, {"解放", "jiefang", "exact"},
		{"查理", "zhali", "exact"}, {"查理", "chali", "exact"}, {"曾敏", "zengmin", "exact"}, {"曾敏", "cengmin", "exact"}, {"丁婉清", "zwq", ""}, {"丁婉清", "dwq", "exact"},
		{"欧阳沐辰", "ouyang", "loose"}, {"欧阳沐辰", "oymc", "exact"}, {"欧阳沐辰", "muchen", "exact"}, {"𠮷田秀英", "𠮷田", "loose"}, {"㛃芳", "㛃芳", "exact"},
		{"阿卜杜热合曼·买买提明", "买买提", "loose"}, {"阿卜杜热合曼·买买提明", "阿卜杜热合曼买买提明", "exact"}, {"阿卜杜热合曼·买买提明", "阿卜杜热合曼·买买提明", "exact"}, {"吕梅", "lvmei", "exact"}, {"吕梅", "lümei", "exact"},
	} {
		values := map[schema.Attribute]string{"name": c.name}
		if c.name == "张建国" {
			values["id_number"], values["phone"], values["residence"] = "39123419800501123X", "13800001111", home
		}
		assert.Equal(t, c.by, finds(c.query, master(values)), "%s by %q", c.name, c.query)
	}
}

// Whatever is typed, the patterns are few, and none is empty of text.
func TestSearchTermsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := searchTerms(rapid.String().Draw(t, "query"))
		require.LessOrEqual(t, len(terms), maxTerms)
		for _, term := range terms {
			require.NotEmpty(t, term.exact)
			require.NotEmpty(t, term.loose)
			require.Less(t, len(term.typo), 100)
			for _, p := range append(append(term.exact, term.loose...), term.typo...) {
				require.NotEmpty(t, strings.Trim(p, "% "), "%q", p)
				require.True(t, strings.HasPrefix(p, "%") && strings.HasSuffix(p, "%"))
			}
		}
	})
}
