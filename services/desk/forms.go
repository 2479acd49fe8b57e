package desk

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"heji/schema"
	"heji/schema/canon"
	"heji/schema/codes"
)

// formGroups are the sections of the form, in the order in which staff ask. A
// test holds that every attribute is in exactly one of them.
var formGroups = []struct {
	key   string
	first bool // open from the start
	list  []schema.Attribute
}{
	{"identity", true, []schema.Attribute{schema.Name, schema.IDNumber, schema.Sex, schema.BirthDate, schema.Ethnicity,
		schema.IDType, schema.FormerName}},
	{"contact", true, []schema.Attribute{schema.Phone, schema.PhoneOwner}},
	{"home", true, []schema.Attribute{schema.Residence, schema.ResidenceType, schema.HukouAddress, schema.HouseholdNo, schema.Relation,
		schema.Grid, schema.Landlord, schema.HukouRegion, schema.Registered}},
	{"life", false, []schema.Attribute{schema.LifeStatus, schema.DeathDate, schema.MoveOutDate}},
	{"background", false, []schema.Attribute{schema.MaritalStatus, schema.SpouseName, schema.Education, schema.Political, schema.Employment,
		schema.Workplace, schema.Nationality, schema.NamePinyin, schema.Interests, schema.VolunteerNo}},
	{"child", false, []schema.Attribute{schema.MotherName, schema.MotherID, schema.BirthOrder, schema.Guardian, schema.BirthCertNo,
		schema.ChildHealth, schema.MaternalStatus, schema.ChildCategory}},
	{"department", false, []schema.Attribute{schema.LowIncome, schema.LowIncomeUntil, schema.Disability, schema.DisabilityNo,
		schema.PensionStatus, schema.PensionNo, schema.MedicalStatus, schema.MedicalNo, schema.VeteranCategory, schema.VeteranNo,
		schema.PartyMember, schema.PartyBranch, schema.HealthFileNo, schema.ChronicDisease, schema.FamilyDoctor, schema.ResidencePass,
		schema.PassUntil, schema.MigrationNotice, schema.Contraception, schema.PregnancyCheck, schema.FamilyReward, schema.JobStatus,
		schema.OldAgeAllowance, schema.CareLevel, schema.ServiceDate}},
}

// Group is a section of the form.
type Group struct {
	Title  string
	Open   bool
	Fields []Field
}

// Field is one question of the form.
type Field struct {
	Name     schema.Attribute
	Label    string
	Value    string // what the box holds
	Was      string // the canonical value when the form was made
	Options  []Option
	Parts    []Field // of a structured address
	Hint     string
	Error    string
	Mode     string // the keyboard that a phone should show
	Required bool
	Focus    bool
	Wide     bool
}

// Option is one code of a select.
type Option struct {
	Code, Text string
	Chosen     bool
}

// addressParts are the boxes of a structured address; the first five stand in
// sight, the wider ones behind "more".
var addressParts = []struct {
	name string
	part func(*schema.Address) *string
}{
	{"community", func(a *schema.Address) *string { return &a.Community }},
	{"compound", func(a *schema.Address) *string { return &a.Compound }},
	{"building", func(a *schema.Address) *string { return &a.Building }},
	{"unit", func(a *schema.Address) *string { return &a.Unit }},
	{"room", func(a *schema.Address) *string { return &a.Room }},
	{"province", func(a *schema.Address) *string { return &a.Province }},
	{"city", func(a *schema.Address) *string { return &a.City }},
	{"county", func(a *schema.Address) *string { return &a.County }},
	{"street", func(a *schema.Address) *string { return &a.Street }},
	{"road", func(a *schema.Address) *string { return &a.Road }},
	{"rest", func(a *schema.Address) *string { return &a.Rest }},
}

// InParts reports whether somebody has begun to fill in the parts of an address.
func (f Field) InParts() bool {
	return f.Value == "" && slices.ContainsFunc(f.Parts, func(p Field) bool { return p.Value != "" })
}

// Near and Wider split the parts of an address for the page.
func (f Field) Near() []Field  { return f.Parts[:5] }
func (f Field) Wider() []Field { return f.Parts[5:] }

// form makes the form from what a box should hold: what was typed (a form that
// is sent back), else the value that is known.
func form(l Lang, known schema.Values, typed url.Values, problems []FieldProblem) []Group {
	wrong := map[string]string{}
	for _, p := range problems {
		wrong[p.Attribute] = p.Message
	}
	var groups []Group
	for _, g := range formGroups {
		group := Group{Title: l.T("group." + g.key), Open: g.first}
		for _, a := range g.list {
			f := field(l, a, known, typed)
			f.Error = wrong[string(a)]
			group.Open = group.Open || f.Error != "" || f.Was != "" || f.Value != ""
			group.Fields = append(group.Fields, f)
		}
		groups = append(groups, group)
	}
	return groups
}

func field(l Lang, a schema.Attribute, known schema.Values, typed url.Values) Field {
	d, _ := schema.Lookup(a)
	f := Field{Name: a, Label: l.Attribute(a), Was: veiled(a, known[a]), Required: a == schema.Name, Focus: a == schema.Name && known == nil,
		Hint: l.hint("hint." + string(a))}
	f.Value = l.Value(a, f.Was)
	if d.Kind == schema.KindCode || a == schema.Disability {
		f.Value = f.Was
	}
	if typed != nil {
		f.Value, f.Was = typed.Get(string(a)), typed.Get("was."+string(a))
	}
	switch d.Kind {
	case schema.KindCode:
		table, _ := codes.LookupTable(d.Codes)
		for _, e := range table.Entries() {
			f.Options = append(f.Options, Option{Code: e.Code, Text: table.Label(e.Code, string(l)), Chosen: e.Code == f.Value})
		}
		// Not known is what people look for last.
		unknown := func(o Option) int { return map[bool]int{true: 1}[schema.IsUnknown(a, o.Code)] }
		slices.SortStableFunc(f.Options, func(x, y Option) int { return unknown(x) - unknown(y) })
	case schema.KindDate:
		f.Mode = "numeric"
		if f.Hint == "" {
			f.Hint = l.T("hint.date")
		}
	case schema.KindPhone:
		f.Mode = "tel"
	case schema.KindNumber:
		f.Mode = "numeric"
	case schema.KindAddress:
		f.Wide = true
		if a == schema.Residence {
			f.Parts = addressFields(l, a, f.Was, typed)
			if typed == nil {
				f.Value = "" // the parts hold it
			}
		}
	}
	return f
}

func (l Lang) hint(key string) string {
	if text := l.T(key); text != key {
		return text
	}
	return ""
}

func addressFields(l Lang, a schema.Attribute, canonical string, typed url.Values) []Field {
	address := schema.AddressFromCanonical(canonical)
	var parts []Field
	for _, p := range addressParts {
		f := Field{Name: a + "." + schema.Attribute(p.name), Label: l.T("address." + p.name), Value: *p.part(&address), Hint: l.hint("address." + p.name + ".hint")}
		if typed != nil {
			f.Value = typed.Get(string(f.Name))
		}
		parts = append(parts, f)
	}
	return parts
}

// typedText is what a form says of one attribute.
func typedText(a schema.Attribute, typed url.Values) string {
	text := strings.TrimSpace(typed.Get(string(a)))
	if a != schema.Residence || text != "" {
		return text
	}
	return composed(a, typed)
}

var (
	buildingWords = regexp.MustCompile(`(?:号楼|号幢|号栋|号座|楼栋|幢|栋|座|楼|号|#)$`)
	unitWords     = regexp.MustCompile(`(?:单元|单位|门洞|门)$`)
	roomWords     = regexp.MustCompile(`(?:号房|号室|室|房|户|号)$`)
)

// composed puts the boxes of an address together. Numbers lose the words that
// people type after them (3号楼 in the box 楼栋).
func composed(a schema.Attribute, typed url.Values) string {
	var out schema.Address
	for _, p := range addressParts {
		text, _ := canon.Text(typed.Get(string(a) + "." + p.name))
		*p.part(&out) = strings.ReplaceAll(text, "|", " ")
	}
	out.Building, out.Unit, out.Room = buildingWords.ReplaceAllString(out.Building, ""), unitWords.ReplaceAllString(out.Unit, ""), roomWords.ReplaceAllString(out.Room, "")
	out.Building = oneNumber(out.Building, "号楼", func(n string) schema.Address { return schema.Address{Building: n} })
	out.Unit = oneNumber(out.Unit, "单元1室", func(n string) schema.Address { return schema.Address{Unit: n, Room: "1"} })
	out.Room = oneNumber(out.Room, "室", func(n string) schema.Address { return schema.Address{Room: n} })
	return out.Canonical()
}

// oneNumber spells a number as the parser of free text does: 三 is 3, 03 is 3.
// What the parser would take for something else stays as it was typed.
func oneNumber(typed, word string, alone func(string) schema.Address) string {
	if typed == "" {
		return ""
	}
	read := canon.Address(typed + word)
	for _, n := range []string{read.Building, read.Unit, read.Room} {
		if n != "" && read == alone(n) {
			return n
		}
	}
	return typed
}

// changed lists what a form says otherwise than it did when it was made. What
// somebody else changed meanwhile is not touched.
func changed(l Lang, typed url.Values) map[string]string {
	out := map[string]string{}
	for _, d := range visible {
		text, was := typedText(d.Name, typed), typed.Get("was."+string(d.Name))
		if text == was || text == l.Value(d.Name, was) {
			continue
		}
		if v, problem := canon.Value(d.Name, text); problem == "" && v == was {
			continue
		}
		out[string(d.Name)] = text
	}
	return out
}

// filled lists what a form for a new resident says.
func filled(typed url.Values) map[string]string {
	out := map[string]string{}
	for _, d := range visible {
		if text := typedText(d.Name, typed); text != "" {
			out[string(d.Name)] = text
		}
	}
	return out
}
