package kit

import (
	"fmt"
	"slices"
	"strings"

	"heji/connectors"
	"heji/schema"
	"heji/schema/codes"
	"heji/schema/idnum"
)

// Proposal is what a column probably is.
type Proposal struct {
	Column    connectors.Column
	Attribute schema.Attribute // "": no attribute of a person is proposed
	Role      Role
	Codes     string   // code table, "" for the canonical one
	Also      []string // other code tables that read the samples as well
	Left      []string // texts that the table does not read
	Format    string   // of dates
	Score     float64  // 0 … 1
	Why       string   // for a person, in both languages
	Warning   string
	Filled    int // samples that are not blank
}

func (p *Proposal) warn(s string) {
	if p.Warning != "" {
		p.Warning += "；"
	}
	p.Warning += s
}

// Role is what a column is to the file beside its attribute.
type Role string

// Roles.
const (
	RoleKey    Role = "key"
	RoleChange Role = "change_column"
)

// threshold is the score from which an attribute is proposed.
const threshold = 0.45

// Propose says what the columns of one platform probably are, each column and
// each attribute once. It is a function of the samples alone.
func Propose(columns []connectors.Column) []Proposal {
	out := make([]Proposal, len(columns))
	all := make([]content, len(columns))
	type candidate struct {
		column int
		a      schema.Attribute
		score  float64
		why    string
	}
	var list []candidate
	for i, c := range columns {
		all[i] = contentOf(c)
		out[i] = Proposal{Column: c, Filled: len(all[i].filled)}
		scores := all[i].scores()
		named, sure, ok := ByName(c.Name)
		if oneOf(c.Name, changeNames) || all[i].clock && all[i].date > 0.8 && !ok {
			continue // a time of day is when something was done, not who somebody is
		}
		if ok {
			list = append(list, candidate{i, named, nameScore(named, sure, all[i]), reason(named, sure, all[i], scores[named])})
		}
		for a, s := range scores {
			if a != named {
				list = append(list, candidate{i, a, s, reason(a, false, all[i], s)})
			}
		}
	}
	slices.SortFunc(list, func(x, y candidate) int {
		switch {
		case x.score != y.score:
			return map[bool]int{true: -1, false: 1}[x.score > y.score]
		case x.column != y.column:
			return x.column - y.column
		}
		return strings.Compare(string(x.a), string(y.a))
	})
	taken := map[schema.Attribute]bool{}
	for _, x := range list {
		if x.score < threshold || out[x.column].Attribute != "" || taken[x.a] {
			continue
		}
		taken[x.a] = true
		out[x.column].Attribute, out[x.column].Score, out[x.column].Why = x.a, x.score, x.why
	}
	details(out, all)
	roles(out, all)
	return out
}

// nameScore weighs a name with what the content says for or against it.
func nameScore(a schema.Attribute, sure bool, c content) float64 {
	score := 0.6
	if sure {
		score = 0.9
	}
	if len(c.filled) == 0 {
		return score - 0.1
	}
	def, _ := schema.Lookup(a)
	fits := 0.5 // the content says nothing
	switch def.Kind {
	case schema.KindIDNumber:
		fits = c.id
	case schema.KindPhone:
		fits = max(c.phone, 0.3)
	case schema.KindDate:
		fits = c.date
	case schema.KindName:
		fits = max(c.name, 0.4)
	case schema.KindAddress:
		fits = max(c.address, 0.4)
	case schema.KindCode:
		if _, share, _ := likely(a, connectors.Column{}, c.distinct, nil); share > 0 {
			fits = 0.5 + share/2
		}
	}
	return min(1, score*(0.7+0.4*fits))
}

func reason(a schema.Attribute, sure bool, c content, content float64) string {
	def, _ := schema.Lookup(a)
	var why []string
	if n, _, ok := ByName(def.Zh); ok && n == a && sure {
		why = append(why, "列名 its name")
	}
	percent := func(what string, share float64) {
		if share >= 0.05 {
			why = append(why, fmt.Sprintf("%s %.0f%%", what, 100*share))
		}
	}
	switch def.Kind {
	case schema.KindIDNumber:
		percent("校验码正确 right check digit", c.id)
	case schema.KindPhone:
		percent("电话 phones", c.phone)
	case schema.KindDate:
		percent("日期 dates", c.date)
	case schema.KindName:
		percent("姓氏+名 surname and name", c.name)
	case schema.KindAddress:
		percent("地址 addresses", c.address)
	case schema.KindCode:
		if content > 0 {
			why = append(why, "取值 its values")
		}
	}
	if len(why) == 0 {
		why = append(why, "列名近似 a name like it")
	}
	return strings.Join(why, ", ")
}

// details finds code tables and formats, and what a person should look at.
func details(out []Proposal, all []content) {
	sexes := sexesOf(out)
	for i := range out {
		p, c := &out[i], all[i]
		def, ok := schema.Lookup(p.Attribute)
		if !ok {
			continue
		}
		switch def.Kind {
		case schema.KindCode:
			if len(c.distinct) == 0 {
				break
			}
			var share float64
			p.Codes, share, p.Left = likely(p.Attribute, p.Column, c.distinct, sexes)
			for _, name := range append([]string{def.Codes}, codes.Crosswalks()...) {
				walk, _ := codes.LookupCrosswalk(name)
				if walk != nil && walk.Table == def.Codes && name != p.Codes && !(p.Codes == "" && name == def.Codes) && covered(walk, c.distinct) == share && share > 0 && !(strings.HasSuffix(name, "_zh") && strings.HasSuffix(p.Codes, "_zh")) {
					p.Also = append(p.Also, name)
				}
			}
		case schema.KindDate:
			p.Format = c.format
			if c.clock {
				p.Format = ""
			}
		case schema.KindIDNumber:
			if c.lost > 0 {
				p.warn(fmt.Sprintf("%d 个号码末位丢失（Excel 数值格式），须请部门重新导出为文本 numbers lost their last digits in a spreadsheet: ask for an export as text", c.lost))
			}
		}
	}
}

// sexesOf are the sexes that the ID numbers say, by row.
func sexesOf(out []Proposal) []string {
	for _, p := range out {
		if p.Attribute != schema.IDNumber {
			continue
		}
		sexes := make([]string, len(p.Column.Samples))
		for i, s := range p.Column.Samples {
			if n := idnum.Parse(s); idnum.Check(idnum.Clean(s)) {
				sexes[i], _ = n.Sex()
			}
		}
		return sexes
	}
	return nil
}

// roles finds the key and the change column.
func roles(out []Proposal, all []content) {
	best, key := 0, -1
	for i, p := range out {
		c := all[i]
		n := len(p.Column.Samples)
		unique := n > 0 && len(c.filled) == n && len(c.distinct) == n
		score := 0
		switch {
		case n > 0 && len(c.distinct)*10 < n*9 || len(c.filled)*10 < n*9:
		case oneOf(p.Column.Name, keyNames):
			score = 4 // also where some rows repeat it: then that is said
		case n > 0 && !unique:
		case p.Attribute == schema.PensionNo || p.Attribute == schema.MedicalNo || p.Attribute == schema.HealthFileNo:
			score = 3
		case unique && p.Attribute == "" && c.date < 0.5 && i == 0:
			score = 2
		case unique && p.Attribute == schema.IDNumber:
			score = 1 // people without a number, and numbers that are corrected: a poor key
		}
		if score > best {
			best, key = score, i
		}
	}
	if key >= 0 {
		out[key].Role = RoleKey
		n := len(out[key].Column.Samples)
		if again := n - len(all[key].distinct); again > 0 {
			out[key].warn(fmt.Sprintf("样本中有 %d 行没有编号或与别行相同 rows have none, or share it with another row", again))
		}
		if out[key].Why == "" {
			out[key].Why = "每行不同 different in every row"
		}
		if out[key].Attribute == schema.IDNumber {
			out[key].warn("身份证号会更正，也有人没有，不宜作行号；请问部门有没有自己的编号 an ID number gets corrected and some people have none: ask for the platform's own number")
		}
	}
	for i := range out {
		if p := &out[i]; p.Attribute == "" && p.Role == "" && oneOf(p.Column.Name, deletedNames) && len(all[i].distinct) <= 3 {
			p.Why = "像注销标志，见 connect 的 tombstone、deletes like a mark of deleted rows: see tombstone or deletes below connect"
		}
	}
	for i := range out {
		p := &out[i]
		named := oneOf(p.Column.Name, changeNames)
		if p.Attribute == "" && p.Role == "" && (named || all[i].clock && all[i].date > 0.8) {
			p.Role, p.Format = RoleChange, all[i].format
			if named {
				p.Why = "列名 its name"
			} else {
				p.Why = "带时分秒 has a time of day"
			}
			if len(all[i].filled) > 0 && all[i].date < 0.8 {
				p.Format = ""
			}
			return
		}
	}
}
