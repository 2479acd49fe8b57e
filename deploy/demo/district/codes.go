package district

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"heji/deploy/demo/population"
)

// codeTable is one platform's spelling of a code table: canonical → local. The
// tables are written out here, not taken from the hub.
type codeTable map[string]string

var (
	sexDigits  = codeTable{"1": "1", "2": "2"}
	sexChinese = codeTable{"1": "男", "2": "女"}

	maritalGB      = codeTable{"10": "10", "20": "20", "30": "30", "40": "40"}
	maritalOld     = codeTable{"10": "1", "20": "2", "30": "3", "40": "4"} // one digit: 未婚 有配偶 丧偶 离婚
	maritalChinese = codeTable{"10": "未婚", "20": "已婚", "30": "丧偶", "40": "离婚"}

	educationGB      = codeTable{"10": "10", "20": "20", "30": "30", "40": "40", "60": "60", "70": "70", "80": "80", "90": "90"}
	education1984    = codeTable{"10": "10", "20": "20", "30": "30", "40": "40", "60": "60", "70": "70", "80": "80"}
	educationChinese = codeTable{"10": "研究生", "20": "大学本科", "30": "大学专科", "40": "中专", "60": "高中", "70": "初中", "80": "小学", "90": "其他"}

	relationGB      = codeTable{"02": "02", "12": "12", "11": "11", "20": "20", "30": "30", "51": "51", "52": "52", "99": "99"}
	relationChinese = codeTable{"02": "户主", "12": "妻", "11": "夫", "20": "子", "30": "女", "51": "父", "52": "母", "99": "非亲属"}

	ethnicityNames = map[string]string{"01": "汉", "02": "蒙古", "03": "回", "04": "藏", "05": "维吾尔", "06": "苗", "07": "彝",
		"08": "壮", "10": "朝鲜", "11": "满", "15": "土家", "17": "哈萨克"}
	ethnicityGB    = keyed(func(code string) string { return code })
	ethnicityAlpha = map[string]string{"01": "HA", "02": "MG", "03": "HU", "04": "ZA", "05": "UG", "06": "MH", "07": "YI",
		"08": "ZH", "10": "CS", "11": "MA", "15": "TJ", "17": "KZ"}
	ethnicityLetters = keyed(func(code string) string { return ethnicityAlpha[code] })
	ethnicityShort   = keyed(func(code string) string { return strings.TrimPrefix(code, "0") }) // “5” for “05”
	ethnicityPeople  = keyed(func(code string) string { return ethnicityNames[code] + "族" })

	lifeDigits  = codeTable{population.Living: "1", population.Dead: "2", population.MovedOut: "3"}
	lifeChinese = codeTable{population.Living: "正常", population.Dead: "死亡", population.MovedOut: "迁出"}
	lifeVeteran = codeTable{population.Living: "健在", population.Dead: "已故", population.MovedOut: "迁出"}

	residenceDigits  = codeTable{population.ResidentHukou: "1", population.ResidentSeparated: "2", population.ResidentFloating: "3"}
	residenceChinese = codeTable{population.ResidentHukou: "户籍在住", population.ResidentSeparated: "人户分离", population.ResidentFloating: "流动人口"}
)

func keyed(local func(string) string) codeTable {
	t := codeTable{}
	for code := range ethnicityNames {
		t[code] = local(code)
	}
	return t
}

// coded is a field of one column with a code table.
func coded(fact, column string, table codeTable) Field {
	back := map[string]string{}
	for code, local := range table {
		back[local] = code
	}
	return Field{Fact: fact, Columns: []string{column},
		Encode: func(c string) ([]string, bool) {
			local, ok := table[c]
			if !ok && len(c) == 2 { // 21 初婚 where the platform only knows 20 已婚
				local, ok = table[c[:1]+"0"]
			}
			return []string{local}, ok
		},
		Decode: func(t []string) string { return back[strings.TrimSpace(t[0])] },
	}
}

// text is a field of one column that holds the value as it is.
func text(fact, column string) Field {
	return Field{Fact: fact, Columns: []string{column},
		Encode: func(c string) ([]string, bool) { return []string{c}, true },
		Decode: func(t []string) string {
			if blankText(t[0]) {
				return ""
			}
			return strings.TrimSpace(t[0])
		},
	}
}

// day is a date in a platform's own pattern (Go's layout).
func day(fact, column, pattern string) Field {
	return Field{Fact: fact, Columns: []string{column},
		Encode: func(c string) ([]string, bool) {
			t, err := time.Parse(time.DateOnly, c)
			return []string{t.Format(pattern)}, err == nil
		},
		Decode: func(t []string) string {
			d, err := time.Parse(pattern, strings.TrimSpace(t[0]))
			if err != nil {
				return ""
			}
			return d.Format(time.DateOnly)
		},
	}
}

// address is an address in one line; block is this platform's word for a
// building ("幢", "号楼", "栋").
func address(fact, column, block string) Field {
	return Field{Fact: fact, Columns: []string{column},
		Encode: func(c string) ([]string, bool) {
			a := population.ParseAddress(c)
			line := a.Province + a.City + a.County + a.Street + a.Community + a.Road + a.Compound
			for _, part := range []struct{ number, word string }{{a.Building, block}, {a.Unit, "单元"}, {a.Room, "室"}} {
				if part.number != "" {
					line += part.number + part.word
				}
			}
			return []string{line}, line != ""
		},
		Decode: func(t []string) string { return readAddress(t[0]) },
	}
}

// addressColumns is an address with one column for each of its ten parts.
func addressColumns(fact string, columns ...string) Field {
	return Field{Fact: fact, Columns: columns,
		Encode: func(c string) ([]string, bool) {
			a := population.ParseAddress(c)
			return []string{a.Province, a.City, a.County, a.Street, a.Community, a.Road, a.Compound, a.Building, a.Unit, a.Room}, true
		},
		Decode: func(t []string) string {
			return population.Address{Province: t[0], City: t[1], County: t[2], Street: t[3], Community: t[4],
				Road: t[5], Compound: t[6], Building: t[7], Unit: t[8], Room: t[9]}.Text()
		},
	}
}

var oneLine = regexp.MustCompile(`^(\p{Han}+?省)?(\p{Han}+?市)?(\p{Han}+?[区县])?(\p{Han}+?(?:街道|镇))?(\p{Han}+?(?:社区|村))?(\p{Han}+?路\d+号)?(\p{Han}+)?(?:(\d+)(?:幢|号楼|栋|楼))?(?:(\d+)单元)?(?:(\d+)室)?$`)

// readAddress reads the addresses that the platforms of this district write,
// "" for anything else.
func readAddress(line string) string {
	m := oneLine.FindStringSubmatch(strings.TrimSpace(line))
	if m == nil || line == "" {
		return ""
	}
	return population.Address{Province: m[1], City: m[2], County: m[3], Street: m[4], Community: m[5], Road: m[6],
		Compound: m[7], Building: m[8], Unit: m[9], Room: m[10]}.Text()
}

// padded is a field whose column has a fixed width: the platform fills it up
// with blanks.
func padded(f Field, width int) Field {
	encode := f.Encode
	f.Encode = func(c string) ([]string, bool) {
		texts, ok := encode(c)
		if ok && texts[0] != "" {
			texts = []string{texts[0] + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(texts[0])))}
		}
		return texts, ok
	}
	return f
}

// sameCodes is the table of a platform that writes the codes as they are.
func sameCodes(codes ...string) codeTable {
	t := codeTable{}
	for _, c := range codes {
		t[c] = c
	}
	return t
}

// disability is category and grade in two columns.
func disability(category, grade string) Field {
	return Field{Fact: population.Disability, Columns: []string{category, grade},
		Encode: func(c string) ([]string, bool) {
			a, b, ok := strings.Cut(c, "-")
			return []string{a, b}, ok
		},
		Decode: func(t []string) string {
			if blankText(t[0]) || blankText(t[1]) {
				return ""
			}
			return t[0] + "-" + t[1]
		},
	}
}

func required(f Field) Field {
	f.Required = true
	return f
}
