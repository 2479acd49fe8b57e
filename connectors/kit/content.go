package kit

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"heji/connectors"
	"heji/schema"
	"heji/schema/canon"
	"heji/schema/codes"
	"heji/schema/hanzi"
	"heji/schema/idnum"
)

// content is what a column's samples look like.
type content struct {
	filled   []string // non-blank samples, trimmed
	distinct []string // different ones, most frequent first
	id       float64  // shares of the filled samples
	lost     int      // long numbers that lost their last digits in a spreadsheet
	phone    float64
	name     float64
	address  float64
	date     float64
	format   string // of the dates
	clock    bool   // they carry a time of day
	newest   int    // year
}

var (
	mobile     = regexp.MustCompile(`^(\+?86[- ]?)?1\d{10}$`)
	landline   = regexp.MustCompile(`^0\d{2,3}-?\d{7,8}$`)
	scientific = regexp.MustCompile(`^\d\.\d+[eE]\+1[4-7]$`)
	roundedID  = regexp.MustCompile(`^\d{15}000$`)
	addressish = regexp.MustCompile(`(路|街|道|巷|弄|村|小区|社区|花园|号|幢|栋|单元|室|层|组)`)
)

func contentOf(c connectors.Column) content {
	out := content{}
	counts := map[string]int{}
	var ids, phones, names, addresses int
	for _, s := range c.Samples {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		out.filled = append(out.filled, s)
		counts[s]++
		if scientific.MatchString(s) || roundedID.MatchString(s) {
			out.lost++
		}
		switch clean := idnum.Clean(s); {
		case len(clean) == 18 && idnum.Check(clean):
			ids++
		case len(clean) == 15 && digits(clean) == 15:
			if full, ok := idnum.Upgrade15(clean); ok {
				if _, ok := idnum.Parse(full).Birth(); ok {
					ids++
				}
			}
		}
		if mobile.MatchString(s) || landline.MatchString(s) {
			phones++
		}
		if r := []rune(s); len(r) >= 2 && len(r) <= 4 && isHan(s) && !addressish.MatchString(s) {
			if surname, given := hanzi.Surname(s); surname != "" && given != "" {
				names++
			}
		}
		if len([]rune(s)) >= 5 && len(addressish.FindAllString(s, 4)) >= 2 {
			addresses++
		}
	}
	for s := range counts {
		out.distinct = append(out.distinct, s)
	}
	slices.SortFunc(out.distinct, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	if n := float64(len(out.filled)); n > 0 {
		out.id, out.phone, out.name, out.address = float64(ids)/n, float64(phones)/n, float64(names)/n, float64(addresses)/n
	}
	out.dates()
	return out
}

// dateForms are the formats that are looked for; the first that fits most wins.
var dateForms = []struct {
	format string
	form   *regexp.Regexp
	clock  bool
}{
	{"yyyyMMdd", regexp.MustCompile(`^(1[89]|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$`), false},
	{"yyyy-MM-dd", regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}$`), false},
	{"yyyy/MM/dd", regexp.MustCompile(`^\d{4}/\d{1,2}/\d{1,2}$`), false},
	{"yyyy-MM-dd", regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[ T]00:00(:00(\.0+)?)?$`), false},
	{"yyyyMMddHHmmss", regexp.MustCompile(`^20\d{12}$`), true},
	{"yyyy-MM-dd HH:mm:ss", regexp.MustCompile(`^\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2}(\.\d+)?)?([+-]\d{2}(:?\d{2})?)?$`), true},
	{"rfc3339", regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})$`), true},
	{"unix_ms", regexp.MustCompile(`^1[5-9]\d{11}$`), true},
	{"unix", regexp.MustCompile(`^1[5-9]\d{8}$`), true},
}

func (c *content) dates() {
	for _, f := range dateForms {
		n, newest := 0, 0
		for _, s := range c.filled {
			if !f.form.MatchString(s) {
				continue
			}
			n++
			if day, problem := canon.Date(s[:min(len(s), 10)], ""); problem == "" && len(day) >= 4 {
				year := 0
				for _, d := range day[:4] {
					year = year*10 + int(d-'0')
				}
				newest = max(newest, year)
			}
		}
		if share := float64(n) / float64(max(1, len(c.filled))); share > c.date {
			c.date, c.format, c.clock, c.newest = share, f.format, f.clock, newest
		}
	}
}

// scores are how much the content alone speaks for attributes.
func (c *content) scores() map[schema.Attribute]float64 {
	out := map[schema.Attribute]float64{}
	if len(c.filled) == 0 {
		return out
	}
	put := func(a schema.Attribute, share, weight float64) {
		if share >= 0.6 {
			out[a] = share * weight
		}
	}
	put(schema.IDNumber, c.id, 0.95)
	put(schema.Phone, c.phone, 0.85)
	put(schema.Name, c.name, 0.75)
	put(schema.Residence, c.address, 0.7)
	if c.date >= 0.8 && !c.clock && c.newest > 0 && c.newest <= time.Now().Year() {
		out[schema.BirthDate] = 0.5
	}
	if len(c.distinct) >= 2 && len(c.distinct) <= 60 && c.date < 0.5 {
		for _, d := range schema.Attributes() {
			if d.Kind != schema.KindCode || d.Class == schema.ClassD {
				continue
			}
			// Words speak for themselves; digits are codes of anything.
			if walk, ok := codes.LookupCrosswalk(d.Codes + "_zh"); ok && isHan(c.distinct[0]) {
				if share := covered(walk, c.distinct); share == 1 {
					out[d.Name] = max(out[d.Name], 0.7)
				}
			}
		}
		if set(c.distinct, "M", "F") || set(c.distinct, "男", "女", "未知") {
			out[schema.Sex] = 0.85
		} else if set(c.distinct, "0", "1", "2", "9") && len(c.distinct) <= 4 {
			out[schema.Sex] = 0.3
		}
	}
	return out
}

func set(have []string, allowed ...string) bool {
	for _, s := range have {
		if !slices.Contains(allowed, strings.ToUpper(s)) {
			return false
		}
	}
	return true
}

func covered(walk *codes.Crosswalk, texts []string) float64 {
	n := 0
	for _, s := range texts {
		if _, ok := walk.ToCanonical(s); ok {
			n++
		}
	}
	return float64(n) / float64(max(1, len(texts)))
}

// likely are the code tables of an attribute by how many of the texts they
// read; sexes (by row, "" unknown) are what the ID numbers of the same rows say,
// which tells the two ways round of 0 and 1 apart.
func likely(a schema.Attribute, c connectors.Column, distinct []string, sexes []string) (name string, share float64, left []string) {
	def, _ := schema.Lookup(a)
	best, bestAgree := -1.0, -1
	for _, candidate := range append([]string{def.Codes}, codes.Crosswalks()...) {
		walk, ok := codes.LookupCrosswalk(candidate)
		if !ok || walk.Table != def.Codes {
			continue
		}
		got, agree := covered(walk, distinct), 0
		for i, s := range c.Samples {
			if a == schema.Sex && i < len(sexes) && sexes[i] != "" {
				if code, ok := walk.ToCanonical(strings.TrimSpace(s)); ok && code == sexes[i] {
					agree++
				}
			}
		}
		if agree > bestAgree || agree == bestAgree && got > best {
			best, bestAgree, name = got, agree, candidate
		}
	}
	if walk, ok := codes.LookupCrosswalk(name); ok {
		for _, s := range distinct {
			if _, ok := walk.ToCanonical(s); !ok {
				left = append(left, s)
			}
		}
	}
	if name == def.Codes {
		name = "" // the table itself needs no name
	}
	return name, best, left
}
