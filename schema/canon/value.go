package canon

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"heji/schema"
	"heji/schema/codes"
)

// Value reads a text as a value of an attribute, by the kind that the attribute
// has. It is for input that speaks of the canonical tables: the desk, its API,
// and platforms without tables of their own. Codes are taken as codes or by
// their Chinese label, addresses in canonical form or as free text.
func Value(a schema.Attribute, text string) (string, schema.Problem) {
	d, ok := schema.Lookup(a)
	if !ok {
		return "", schema.ProblemUnreadable
	}
	switch d.Kind {
	case schema.KindName:
		return Name(text)
	case schema.KindDate:
		return Date(text, "")
	case schema.KindIDNumber:
		return IDNumber(text)
	case schema.KindPhone:
		return Phone(text)
	case schema.KindCode:
		return code(d.Codes, text)
	case schema.KindNumber:
		return count(text)
	case schema.KindAddress:
		return address(text)
	}
	switch a {
	case schema.Disability:
		return disability(text)
	case schema.Nationality:
		return nationality(text)
	case schema.DisabilityNo, schema.HealthFileNo, schema.MedicalNo, schema.PensionNo, schema.ResidencePass,
		schema.VeteranNo, schema.BirthCertNo, schema.HouseholdNo:
		return identifier(text)
	}
	return Text(text)
}

func code(table, text string) (string, schema.Problem) {
	s := halfWidth(text)
	if s == "" {
		return "", ""
	}
	for _, name := range []string{table, table + "_zh"} {
		if c, ok := codes.LookupCrosswalk(name); ok {
			if code, ok := c.ToCanonical(s); ok {
				return code, ""
			}
		}
	}
	if placeholderWord(s) {
		return "", schema.ProblemPlaceholder
	}
	return "", schema.ProblemCode
}

var reCount = regexp.MustCompile(`^0*([0-9]{1,9})(?:\.0+)?$`)

func count(text string) (string, schema.Problem) {
	s := halfWidth(text)
	if s == "" {
		return "", ""
	}
	if d, ok := numeral(strings.Trim(s, "第胎个")); ok {
		s = d
	}
	if m := reCount.FindStringSubmatch(s); m != nil {
		return m[1], ""
	}
	if placeholderWord(s) {
		return "", schema.ProblemPlaceholder
	}
	return "", schema.ProblemUnreadable
}

func address(text string) (string, schema.Problem) {
	clean, problem := Text(text)
	if clean == "" {
		return "", problem
	}
	if placeholderWord(clean) {
		return "", schema.ProblemPlaceholder
	}
	if strings.Count(clean, "|") == 10 {
		return schema.AddressFromCanonical(clean).Canonical(), problem
	}
	return Address(clean).Canonical(), problem
}

// identifier reads a register's own number: no blanks, upper case. Fillers are
// shared by strangers and must not be taken for a number.
func identifier(text string) (string, schema.Problem) {
	clean, problem := Text(text)
	s := norm.NFC.String(strings.ToUpper(strings.ReplaceAll(halfWidth(clean), " ", "")))
	if s != "" && (placeholderWord(s) || strings.Trim(s, "0-") == "" || len(s) >= 6 && strings.Count(s, s[:1]) == len(s)) {
		return "", schema.ProblemPlaceholder
	}
	return s, problem
}

// nationality reads ISO 3166-1 alpha-3, and China by the names that every
// register has.
func nationality(text string) (string, schema.Problem) {
	s, problem := identifier(text)
	switch s {
	case "中国", "中华人民共和国", "CN", "156", "CHINA":
		return "CHN", problem
	}
	return s, problem
}

var (
	reDisability     = regexp.MustCompile(`^([1-7])[-/., ]?([1-4])$`)
	reDisabilityOnly = regexp.MustCompile(`^([1-7])[-/]?$`)
	disabilityWords  = strings.NewReplacer("残疾", "", "残", "", "类", "", "级", "", "视力", "1", "听力", "2", "言语", "3", "语言", "3",
		"肢体", "4", "智力", "5", "精神", "6", "多重", "7", "一", "1", "二", "2", "三", "3", "四", "4", "壹", "1", "贰", "2", "叁", "3", "肆", "4")
)

// disability reads category and grade, 4-2, also from words (肢体残疾二级) and
// from the last two characters of a 残疾人证号.
func disability(text string) (string, schema.Problem) {
	s := halfWidth(text)
	switch {
	case s == "":
		return "", ""
	case placeholderWord(s):
		return "", schema.ProblemPlaceholder
	}
	s = disabilityWords.Replace(s)
	if len(s) == 20 {
		s = s[18:]
	}
	if m := reDisability.FindStringSubmatch(s); m != nil {
		return m[1] + "-" + m[2], ""
	}
	if m := reDisabilityOnly.FindStringSubmatch(s); m != nil {
		return m[1], ""
	}
	return "", schema.ProblemCode
}
