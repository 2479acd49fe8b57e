package desk

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"heji/schema"
	"heji/schema/canon"
	"heji/schema/codes"
	"heji/schema/idnum"
)

// maxLine is the longest line that is taken apart, in characters.
const maxLine = 500

// labelled are the words that people write before a value.
var labelled = map[string]schema.Attribute{
	"姓名": schema.Name, "名字": schema.Name, "身份证": schema.IDNumber, "身份证号": schema.IDNumber, "身份证号码": schema.IDNumber, "证件号码": schema.IDNumber, "证件号": schema.IDNumber,
	"公民身份号码": schema.IDNumber, "性别": schema.Sex, "民族": schema.Ethnicity, "出生": schema.BirthDate, "出生日期": schema.BirthDate, "出生年月": schema.BirthDate, "生日": schema.BirthDate,
	"电话": schema.Phone, "手机": schema.Phone, "手机号": schema.Phone, "手机号码": schema.Phone, "联系电话": schema.Phone, "联系方式": schema.Phone,
	"住址": schema.Residence, "现住址": schema.Residence, "地址": schema.Residence, "居住地址": schema.Residence, "家庭住址": schema.Residence,
	"户籍地": schema.HukouAddress, "户籍地址": schema.HukouAddress, "户口所在地": schema.HukouAddress, "户号": schema.HouseholdNo, "与户主关系": schema.Relation, "关系": schema.Relation,
	"文化程度": schema.Education, "学历": schema.Education, "婚姻": schema.MaritalStatus, "婚姻状况": schema.MaritalStatus, "政治面貌": schema.Political, "工作单位": schema.Workplace, "单位": schema.Workplace,
	"曾用名": schema.FormerName, "母亲": schema.MotherName, "母亲姓名": schema.MotherName, "配偶": schema.SpouseName, "配偶姓名": schema.SpouseName, "监护人": schema.Guardian,
}

var (
	labelAhead  = regexp.MustCompile(`^(\p{Han}{2,6})[:：=]\s*(.*)$`)
	spacedLabel = regexp.MustCompile(`(\p{Han}{2,6})\s*([:：])\s*`)
	addressLike = regexp.MustCompile(`[路街巷村社区园苑]|号楼|单元|[0-9]+[栋幢座室]|^[0-9]{1,3}-[0-9]{1,2}-[0-9]{3,4}$`)
	numberInRow = regexp.MustCompile(`[1-9][0-9]{16}[0-9Xx]`)
)

// readLine takes a pasted line apart, as people copy it out of tables and
// messages: 张三 男 1901… 139… 幸福家园3号楼2单元1801室. What it is sure of comes
// back in canonical form, what it cannot tell in rest. A word after a label
// (电话：…) is what the label says.
func readLine(text string, today time.Time) (values schema.Values, rest []string) {
	values = schema.Values{}
	if utf8.RuneCountInString(text) > maxLine {
		return values, []string{text}
	}
	text = spacedLabel.ReplaceAllString(plainLine(text), " $1$2")
	take := func(a schema.Attribute, word string) bool {
		if _, said := values[a]; said || word == "" {
			return false
		}
		d, ok := known(a)
		if !ok {
			return false
		}
		v, problem := read(d, word, today)
		if problem != "" || v == "" {
			return false
		}
		values[a] = v
		return true
	}
	var words []string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",，、;；|。", r) }) {
		if at := numberInRow.FindStringIndex(w); at != nil && idnum.Parse(w[at[0]:at[1]]).Valid {
			words = append(words, w[:at[0]], w[at[0]:at[1]], w[at[1]:]) // a number between words without a blank
			continue
		}
		words = append(words, w)
	}
	for _, w := range words {
		if w == "" {
			continue
		}
		if m := labelAhead.FindStringSubmatch(w); m != nil {
			if a, ok := labelled[m[1]]; ok && (m[2] == "" || take(a, m[2])) {
				continue
			}
		}
		if !takeWord(w, take) {
			rest = append(rest, w)
		}
	}
	return values, rest
}

// plainLine folds width and drops what nobody sees.
func plainLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, norm.NFKC.String(strings.ToValidUTF8(text, "")))
}

// takeWord finds out what a word is by how it looks.
func takeWord(w string, take func(schema.Attribute, string) bool) bool {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, w)
	switch {
	case idnum.Parse(w).Type != "" && len(digits) >= 15:
		return take(schema.IDNumber, w)
	case w == "男" || w == "女" || w == "男性" || w == "女性":
		return take(schema.Sex, w)
	case len(digits) == len(w) && len(w) == 11 && w[0] == '1':
		return take(schema.Phone, w)
	case len(digits) >= 6 && (len(w) <= 11 || strings.ContainsAny(w, "年月日")) && take(schema.BirthDate, w):
		return true
	case len(digits) >= 7 && len(digits) >= len(w)-2:
		return take(schema.Phone, w)
	case addressLike.MatchString(w) && (digits != "" || utf8.RuneCountInString(w) > 4):
		return take(schema.Residence, w) || take(schema.HukouAddress, w)
	case strings.HasSuffix(w, "族"):
		return take(schema.Ethnicity, w)
	}
	for _, a := range []schema.Attribute{schema.Relation, schema.MaritalStatus, schema.Education, schema.Political, schema.Ethnicity} {
		d, _ := schema.Lookup(a)
		table, _ := codes.LookupTable(d.Codes)
		for _, e := range table.Entries() {
			if table.Label(e.Code, string(Chinese)) == w && take(a, w) {
				return true
			}
		}
	}
	if r, _ := utf8.DecodeRuneInString(w); digits == "" && unicode.IsLetter(r) && utf8.RuneCountInString(w) <= 20 {
		if v, problem := canon.Name(w); problem == "" && utf8.RuneCountInString(v) >= 2 {
			return take(schema.Name, w)
		}
	}
	return false
}
