package desk

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"heji/schema"
	"heji/schema/canon"
	"heji/schema/idnum"
)

// Problems that only the desk knows; the others are package schema's.
const (
	problemUnknown     schema.Problem = "unknown_attribute"
	problemRequired    schema.Problem = "required"
	problemName        schema.Problem = "not_a_name"
	problemMarkup      schema.Problem = "markup"
	problemFuture      schema.Problem = "in_future"
	problemBeforeBirth schema.Problem = "before_birth"
	problemDwelling    schema.Problem = "which_dwelling"
)

// maxWho is the longest name of whoever enters something, in characters.
const maxWho = 60

// Warning is something odd that does not stand in the way of saving.
type Warning struct {
	Warning string `json:"warning"`
	Message string `json:"message"`
	// Resident is whom it is about, where that is somebody who is there already.
	Resident string `json:"resident,omitempty"`
}

// entered reads what somebody typed into canonical values. A blank text is the
// value "blank". master is what is known of the resident, nil for a new one.
func entered(l Lang, texts map[string]string, master schema.Values, today time.Time) (schema.Values, []FieldProblem) {
	values := schema.Values{}
	var problems []FieldProblem
	bad := func(attribute string, p schema.Problem) {
		problems = append(problems, fieldProblem(l, attribute, p))
	}
	for _, name := range sorted(texts) {
		a := schema.Attribute(name)
		d, ok := known(a)
		if !ok {
			// I7: the answer for a sealed attribute is the one for a misspelt one.
			bad(name, problemUnknown)
			continue
		}
		if unchangedNumber(a, texts[name], master[a]) {
			continue
		}
		v, problem := read(d, texts[name], today)
		if problem != "" {
			bad(name, problem)
			continue
		}
		values[a] = v
	}
	if v, said := values[schema.Name]; said && v == "" || !said && master == nil && texts[string(schema.Name)] == "" {
		bad(string(schema.Name), problemRequired)
	}
	derive(values, master)
	birth, death := either(values, master, schema.BirthDate), either(values, master, schema.DeathDate)
	if values[schema.DeathDate]+values[schema.BirthDate] != "" && birth != "" && death != "" && before(death, birth) {
		bad(string(schema.DeathDate), problemBeforeBirth)
	}
	return values, problems
}

func sorted(texts map[string]string) []string {
	names := make([]string, 0, len(texts))
	for n := range texts {
		names = append(names, n)
	}
	order := map[string]int{}
	for i, d := range visible {
		order[string(d.Name)] = i + 1
	}
	slices.SortFunc(names, func(a, b string) int {
		if n := order[a] - order[b]; n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	return names
}

// read brings one text into canonical form. Unlike a platform's row, of which
// the rest is used, what staff type is sent back until it is right: they have
// the person, or the paper, before them.
func read(d schema.Definition, text string, today time.Time) (string, schema.Problem) {
	v, problem := canon.Value(d.Name, text)
	if problem != "" {
		return "", problem
	}
	switch d.Kind {
	case schema.KindName:
		if !personal(v) {
			return "", problemName
		}
	case schema.KindText, schema.KindAddress:
		// Other systems show this text; not all of them know that it is text.
		if strings.ContainsAny(v, "<>") {
			return "", problemMarkup
		}
	case schema.KindDate:
		future := d.Name == schema.BirthDate || d.Name == schema.DeathDate
		if future && v != "" && before(today.Format(time.DateOnly), v) {
			return "", problemFuture
		}
	}
	return v, ""
}

// personal reports whether a text can be somebody's name: letters of any script
// (rare characters beyond the BMP and in private use included), and the signs
// that stand between parts of names.
func personal(name string) bool {
	for _, r := range name {
		if !unicode.In(r, unicode.L, unicode.M, unicode.Co) && !strings.ContainsRune("·'’.- ,()（）", r) {
			return false
		}
	}
	return true
}

// before reports whether a canonical date certainly lies before another one: as
// far as both are precise.
func before(a, b string) bool {
	n := min(len(a), len(b))
	return a[:n] < b[:n]
}

func either(values, master schema.Values, a schema.Attribute) string {
	if v, ok := values[a]; ok {
		return v
	}
	return master[a]
}

// derive adds what a valid ID number says and nobody has said yet: what is in
// the number need not be typed.
func derive(values, master schema.Values) {
	n := idnum.Parse(values[schema.IDNumber])
	if !n.Valid {
		return
	}
	put := func(a schema.Attribute, v string, ok bool) {
		if _, said := values[a]; ok && v != "" && (!said || values[a] == "") && !master.Known(a) {
			values[a] = v
		}
	}
	sex, ok := n.Sex()
	put(schema.Sex, sex, ok)
	birth, ok := n.Birth()
	put(schema.BirthDate, birth, ok)
	put(schema.IDType, n.Code(), true)
}

// oddities are warnings about values that are each right and do not fit.
func oddities(l Lang, values, master schema.Values) []Warning {
	list := []Warning{}
	warn := func(code string) { list = append(list, Warning{Warning: code, Message: l.T("warning." + code)}) }
	// A mobile number begins with 13 to 19 and has 11 digits; one more or less is a slip.
	if p := values[schema.Phone]; (len(p) == 10 || len(p) == 12) && p[0] == '1' && p[1] >= '3' {
		warn("phone_length")
	}
	n := idnum.Parse(either(values, master, schema.IDNumber))
	if !n.Valid {
		return list
	}
	touched := values[schema.IDNumber]+values[schema.BirthDate]+values[schema.Sex] != ""
	birth, ok := n.Birth()
	if said := either(values, master, schema.BirthDate); touched && ok && said != "" && !strings.HasPrefix(birth, said) {
		warn("birth_and_id")
	}
	sex, ok := n.Sex()
	if said := either(values, master, schema.Sex); touched && ok && (said == "1" || said == "2") && said != sex {
		warn("sex_and_id")
	}
	if !n.AreaKnown && values[schema.IDNumber] != "" {
		warn("area")
	}
	return list
}

func fieldProblem(l Lang, attribute string, p schema.Problem) FieldProblem {
	if len(attribute) > 64 {
		attribute = strings.ToValidUTF8(attribute[:64], "") + "…"
	}
	return FieldProblem{Attribute: attribute, Problem: string(p),
		Message: l.T("bad."+string(p), "attribute", l.Attribute(schema.Attribute(attribute)))}
}

// named reads the name of whoever acts. While there is no account it is what they say; then it is the account's (sign).
func named(who string) (string, bool) {
	v, problem := canon.Name(who)
	return v, problem == "" && v != "" && len([]rune(v)) <= maxWho && !strings.ContainsAny(v, "<>")
}
