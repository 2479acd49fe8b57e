package desk

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/linkage"
	"heji/services/store"
	"heji/services/survivorship"
)

// Pair is two residents beside each other.
type Pair struct {
	A          Side   `json:"a"`
	B          Side   `json:"b"`
	Weight     int    `json:"weight"` // hundredths of a bit
	Reason     string `json:"reason"` // empty: not in the queue
	ReasonText string `json:"reason_text"`
	// Stakes counts the rows that are written to and the benefits of both.
	Stakes int `json:"stakes"`
	// Waterfall is the comparison of the two records that speak loudest.
	Waterfall []Rung `json:"waterfall"`
	Total     string `json:"total"` // in bits
	Needed    string `json:"needed"`
	// Rows are the attributes, those that both sides name first.
	Rows []Facing `json:"rows"`
	// Decisions that stand between the two.
	Decisions []Decided `json:"decisions"`
	// State names what is shown here: sent back as seen, a decision is refused if
	// the residents have changed meanwhile.
	State string `json:"state"`
	// Masked: numbers stand there by their first four characters.
	Masked bool `json:"masked"`
}

// Side is one of the two residents, and its record that speaks loudest.
type Side struct {
	Resident     string            `json:"resident"`
	Name         string            `json:"name"`
	Platform     string            `json:"platform"`
	PlatformName string            `json:"platform_name"`
	Key          string            `json:"key"`
	Values       map[string]string `json:"values"` // of that record, for people
	Records      []Witness         `json:"records"`
}

// telling are the attributes by which people know one another apart: the queue
// shows them, and what differs. Everything is on the page of the pair.
var telling = []schema.Attribute{schema.Name, schema.IDNumber, schema.BirthDate, schema.Residence}

// Telling is the pair with what tells the two apart alone.
func (p Pair) Telling() Pair {
	rows := p.Rows
	p.Rows = nil
	for _, f := range rows {
		if f.Differs || slices.Contains(telling, f.Attribute) {
			p.Rows = append(p.Rows, f)
		}
	}
	return p
}

// Witness is one record of a side.
type Witness struct {
	RefName
	FirstSeen time.Time  `json:"first_seen"`
	Seen      *time.Time `json:"seen,omitempty"`
	Follows   bool       `json:"follows,omitempty"` // another record: no evidence
}

// Facing is one attribute of both sides.
type Facing struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	A         []Said           `json:"a"`
	B         []Said           `json:"b"`
	Same      bool             `json:"same"`    // they have a value in common
	Differs   bool             `json:"differs"` // both say something, and have none in common
}

// Said is one value that a side's records say.
type Said struct {
	Text     string    `json:"text"`
	Marks    []Mark    `json:"marks,omitempty"` // the text in pieces, where it differs from the other side's
	From     []RefName `json:"from"`
	Observed string    `json:"observed,omitempty"` // the day on which it was last seen to appear
	Survives bool      `json:"survives"`           // it is the master value
	value    string
}

// Sources are the names of the platforms that say it, each once.
func (s Said) Sources() []string {
	var out []string
	for _, f := range s.From {
		if !slices.Contains(out, f.PlatformName) {
			out = append(out, f.PlatformName)
		}
	}
	return out
}

// Mark is a piece of a text.
type Mark struct {
	Text    string `json:"text"`
	Differs bool   `json:"differs"`
}

// Rung is one line of the waterfall.
type Rung struct {
	Factor    string `json:"factor"`
	FactorTxt string `json:"factor_text"`
	Level     string `json:"level"`
	LevelTxt  string `json:"level_text"`
	Weight    int    `json:"weight"` // hundredths of a bit
	Bits      string `json:"bits"`
}

// For and Against are the rungs as a person would tell them, the heaviest first.
func (p Pair) For() []Rung     { return p.rungs(func(r Rung) bool { return r.Weight > 0 }) }
func (p Pair) Against() []Rung { return p.rungs(func(r Rung) bool { return r.Weight < 0 }) }

func (p Pair) rungs(of func(Rung) bool) []Rung {
	out := slices.DeleteFunc(slices.Clone(p.Waterfall), func(r Rung) bool { return !of(r) })
	slices.SortStableFunc(out, func(a, b Rung) int { return cmp.Compare(max(b.Weight, -b.Weight), max(a.Weight, -a.Weight)) })
	return out
}

// Apart and Together are the decisions that stand in the way of the other word.
func (p Pair) Apart() []Decided    { return p.standing("not_same") }
func (p Pair) Together() []Decided { return p.standing("same") }

// Postponed is the "later" that stands, if any.
func (p Pair) Postponed() *Decided {
	if list := p.standing("later"); len(list) > 0 && list[len(list)-1].Until != nil && list[len(list)-1].Until.After(time.Now()) {
		return &list[len(list)-1]
	}
	return nil
}

func (p Pair) standing(kind string) []Decided {
	return slices.DeleteFunc(slices.Clone(p.Decisions), func(d Decided) bool { return d.Kind != kind })
}

func (p Pair) judgement(kind string, revoke []int64) store.Judgement {
	return store.Judgement{Kind: kind, Revoke: revoke, A: schema.RecordRef{Platform: p.A.Platform, Key: p.A.Key},
		B: schema.RecordRef{Platform: p.B.Platform, Key: p.B.Key}}
}

// comparer puts two residents beside each other.
type comparer struct {
	lang      Lang
	model     *linkage.Model
	platforms []store.Platform
	zone      *time.Location
	masked    bool // numbers by their first four characters
}

func (c comparer) pair(v store.PairView) (Pair, error) {
	rows := map[int64]lineage.Row{}
	for _, r := range slices.Concat(v.X.Records, v.Y.Records) {
		row, err := rowOf(r)
		if err != nil {
			return Pair{}, err
		}
		rows[r.ID] = row
	}
	if v.A.ID == 0 {
		v.A, v.B = c.closest(v, rows)
	}
	p := Pair{A: c.side(v.X, v.A, rows), B: c.side(v.Y, v.B, rows), Reason: v.Reason, Rows: []Facing{},
		Decisions: c.lang.decided(c.platforms, c.zone, v.Decisions), State: v.State, Masked: c.masked}
	if v.Reason != "" {
		p.ReasonText = c.lang.T("review." + v.Reason)
	}
	total := 0
	p.Waterfall, total = waterfall(c.lang, c.model, rows[v.A.ID].Own, rows[v.B.ID].Own)
	p.Weight, p.Total, p.Needed = total, bits(total), bits(c.model.Limits().Link)
	if v.Reason != "" {
		p.Weight = v.Weight // as it was found
	}
	c.face(&p, v, rows)
	return p, nil
}

// waterfall is the only place where the desk asks the engine: each step with its
// words and its weight, and the sum. I6: own evidence only, as in the partition.
func waterfall(l Lang, model *linkage.Model, a, b schema.Values) ([]Rung, int) {
	c := model.Compare(model.Features(a), model.Features(b))
	out := []Rung{}
	for _, s := range c.Steps() {
		out = append(out, Rung{Factor: s.Name, FactorTxt: s.Label(linkage.Language(l)),
			Level: s.Level, LevelTxt: s.LevelLabel(linkage.Language(l)), Weight: s.Weight, Bits: bits(s.Weight)})
	}
	return out, c.Weight
}

func bits(weight int) string { return fmt.Sprintf("%+.2f", float64(weight)/100) }

// closest finds the two records that are most alike, for a pair that no edge
// brings together.
func (c comparer) closest(v store.PairView, rows map[int64]lineage.Row) (a, b store.Record) {
	a, b = v.X.Records[0], v.Y.Records[0]
	best, found := 0, false
	for _, x := range v.X.Records {
		for _, y := range v.Y.Records {
			if len(x.Anchors)+len(y.Anchors) > 0 {
				continue
			}
			if _, w := waterfall(c.lang, c.model, rows[x.ID].Own, rows[y.ID].Own); !found || w > best {
				a, b, best, found = x, y, w, true
			}
		}
	}
	return a, b
}

func (c comparer) side(v store.SideView, loudest store.Record, rows map[int64]lineage.Row) Side {
	s := Side{Resident: v.Resident.ID.String(), Name: v.Resident.Master[schema.Name].Value, Platform: loudest.Ref.Platform,
		PlatformName: platformName(c.lang, c.platforms, loudest.Ref.Platform), Key: loudest.Ref.Key, Values: map[string]string{}, Records: []Witness{}}
	for _, def := range visible {
		if t := rows[loudest.ID].Own[def.Name]; t != "" {
			s.Values[string(def.Name)] = c.text(def, t)
		}
	}
	for _, r := range v.Records {
		s.Records = append(s.Records, Witness{RefName: c.name(r.Ref), FirstSeen: v.FirstSeen[r.ID], Seen: timeOrNil(rows[r.ID].Seen), Follows: len(r.Anchors) > 0})
	}
	return s
}

func (c comparer) name(ref schema.RecordRef) RefName {
	return RefName{Platform: ref.Platform, PlatformName: platformName(c.lang, c.platforms, ref.Platform), Key: ref.Key}
}

func (c comparer) text(def schema.Definition, value string) string {
	if numbered(def.Name) && !c.masked {
		return value
	}
	return c.lang.Value(def.Name, value)
}

// face compares attribute by attribute.
func (c comparer) face(p *Pair, v store.PairView, rows map[int64]lineage.Row) {
	var alone []Facing
	for _, def := range visible {
		f := Facing{Attribute: def.Name, Label: c.lang.Attribute(def.Name), A: c.said(def, v.X, rows), B: c.said(def, v.Y, rows)}
		switch {
		case len(f.A)+len(f.B) == 0:
			continue
		case len(f.A) == 0 || len(f.B) == 0: // says nothing for or against: below what both say
			alone = append(alone, f)
			continue
		}
		f.Same = slices.ContainsFunc(f.A, func(a Said) bool {
			return slices.ContainsFunc(f.B, func(b Said) bool { return a.value == b.value })
		})
		f.Differs = !f.Same
		if f.Differs && def.Kind != schema.KindCode && (!c.masked || !numbered(def.Name)) {
			f.A[0].Marks, f.B[0].Marks = differences(f.A[0].Text, f.B[0].Text)
		}
		p.Rows = append(p.Rows, f)
	}
	p.Rows = append(p.Rows, alone...)
}

// said lists what a side's records say of an attribute, the master value first.
func (c comparer) said(def schema.Definition, v store.SideView, rows map[int64]lineage.Row) []Said {
	out := []Said{}
	upto := map[string]time.Time{}
	for _, r := range v.Records {
		for _, claim := range rows[r.ID].Evidence() {
			if claim.Attribute != def.Name || claim.Value == "" || schema.IsUnknown(def.Name, claim.Value) {
				continue
			}
			i := slices.IndexFunc(out, func(s Said) bool { return s.value == claim.Value })
			if i < 0 {
				i = len(out)
				out = append(out, Said{Text: c.text(def, claim.Value), value: claim.Value, From: []RefName{},
					Survives: v.Resident.Master[def.Name].Value == claim.Value})
			}
			out[i].From = append(out[i].From, c.name(r.Ref))
			if claim.Upto.After(upto[claim.Value]) {
				upto[claim.Value] = claim.Upto
				out[i].Observed = claim.Upto.Format(time.DateOnly)
			}
		}
	}
	if s := v.Resident.Master[def.Name]; s.Rule == survivorship.Decision && !slices.ContainsFunc(out, func(x Said) bool { return x.value == s.Value }) {
		out = append(out, Said{Text: c.text(def, s.Value), value: s.Value, From: []RefName{}, Survives: true})
	}
	slices.SortStableFunc(out, func(a, b Said) int {
		switch {
		case a.Survives == b.Survives:
			return 0
		case a.Survives:
			return -1
		}
		return 1
	})
	return out
}

// longest text that is compared character by character.
const markLimit = 200

// differences cuts two texts into pieces that they share, in order, and pieces
// that they do not: the longest common subsequence of their characters.
func differences(a, b string) (inA, inB []Mark) {
	x, y := []rune(a), []rune(b)
	if len(x) > markLimit || len(y) > markLimit {
		return []Mark{{a, true}}, []Mark{{b, true}}
	}
	table := make([][]int, len(x)+1)
	for i := range table {
		table[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			inA, inB = mark(inA, x[i], false), mark(inB, y[j], false)
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && table[i+1][j] >= table[i][j+1]:
			inA = mark(inA, x[i], true)
			i++
		default:
			inB = mark(inB, y[j], true)
			j++
		}
	}
	return inA, inB
}

func mark(list []Mark, r rune, differs bool) []Mark {
	if n := len(list); n > 0 && list[n-1].Differs == differs {
		list[n-1].Text += string(r)
		return list
	}
	return append(list, Mark{string(r), differs})
}
