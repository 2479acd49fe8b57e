package schema

import (
	"fmt"
	"time"
)

// Mode is how a platform receives one attribute.
type Mode string

const (
	FillEmpty Mode = "fill_empty" // only where the platform has nothing of its own (the default)
	Overwrite Mode = "overwrite"
	Propose   Mode = "propose" // goes to the owner as a proposal (校核纠错)
	Never     Mode = "never"
)

// Stage is a platform's step on the ladder.
type Stage string

const (
	ReadOnly Stage = "read_only"
	Shadow   Stage = "shadow"
	Canary   Stage = "canary"
	Live     Stage = "live"
)

// Writes reports whether rows may become due in this stage.
func (s Stage) Writes() bool { return s == Canary || s == Live }

// Agreement says what may be brought to a platform, and how (准入).
type Agreement struct {
	LegalBasis string             `json:"legal_basis,omitempty" yaml:"legal_basis,omitempty"`
	Purpose    string             `json:"purpose,omitempty" yaml:"purpose,omitempty"`
	From       string             `json:"from,omitempty" yaml:"from,omitempty"`   // yyyy-mm-dd
	Until      string             `json:"until,omitempty" yaml:"until,omitempty"` // yyyy-mm-dd, empty: open
	Receives   map[Attribute]Mode `json:"receives,omitempty" yaml:"receives,omitempty"`
	Creates    bool               `json:"creates,omitempty" yaml:"creates,omitempty"`
	// Withdraw says how a row that Heji made is closed when nobody stands behind it
	// any more: attribute and value, such as a status. Empty: it stays as it is, for
	// a person.
	Withdraw map[Attribute]string `json:"withdraw,omitempty" yaml:"withdraw,omitempty"`
	// Resend says what may be done with a message whose arrival is in doubt: upsert
	// (the platform takes the same message twice as once) or nothing, so that it
	// waits for an answer or a person.
	Resend string      `json:"resend,omitempty" yaml:"resend,omitempty"`
	Scope  []Condition `json:"scope,omitempty" yaml:"scope,omitempty"` // all must hold; on master values only
	// Authority lists the attributes for which this platform has the last word.
	// It never receives one of them.
	Authority []Attribute `json:"authority,omitempty" yaml:"authority,omitempty"`
	// Mirrors lists attributes that it merely copies from another platform:
	// they are no evidence.
	Mirrors []Attribute `json:"mirrors,omitempty" yaml:"mirrors,omitempty"`
}

// ResendUpsert is the one value of Agreement.Resend.
const ResendUpsert = "upsert"

// Condition is one test on a resident's master values.
type Condition struct {
	Attribute   Attribute `json:"attribute" yaml:"attribute"`
	In          []string  `json:"in,omitempty" yaml:"in,omitempty"`
	NotIn       []string  `json:"not_in,omitempty" yaml:"not_in,omitempty"`
	Present     *bool     `json:"present,omitempty" yaml:"present,omitempty"`
	YoungerThan int       `json:"younger_than,omitempty" yaml:"younger_than,omitempty"` // whole years; dates only
	OlderThan   int       `json:"older_than,omitempty" yaml:"older_than,omitempty"`     // at least so many years
}

// Mode returns the mode for a: FillEmpty where the agreement names it without a
// mode, Never where the agreement does not name it or
// where the platform is a's authority.
func (g Agreement) Mode(a Attribute) Mode {
	for _, own := range g.Authority {
		if own == a {
			return Never
		}
	}
	m, ok := g.Receives[a]
	switch {
	case !ok:
		return Never
	case m == "":
		return FillEmpty // named without a mode
	}
	return m
}

// InForce reports whether the agreement holds on a day: outside its dates
// nothing leaves.
func (g Agreement) InForce(today time.Time) bool {
	day := today.Format(time.DateOnly)
	return (g.From == "" || g.From <= day) && (g.Until == "" || day <= g.Until)
}

// InScope evaluates the scope on master values at a given day. Master values
// only, so that what we write can never change who is in scope of itself.
func (g Agreement) InScope(master Values, today time.Time) bool {
	for _, c := range g.Scope {
		if !c.Holds(master, today) {
			return false
		}
	}
	return true
}

// Holds evaluates one condition.
func (c Condition) Holds(master Values, today time.Time) bool {
	v := master[c.Attribute]
	if c.Present != nil && (v != "") != *c.Present {
		return false
	}
	if len(c.In) > 0 && !contains(c.In, v) {
		return false
	}
	if len(c.NotIn) > 0 && contains(c.NotIn, v) {
		return false
	}
	if c.YoungerThan > 0 || c.OlderThan > 0 {
		age, ok := AgeAt(v, today)
		if !ok {
			return false
		}
		if c.YoungerThan > 0 && age >= c.YoungerThan {
			return false
		}
		if c.OlderThan > 0 && age < c.OlderThan {
			return false
		}
	}
	return true
}

// Validate reports attributes and modes that an agreement must not hold.
func (g Agreement) Validate() error {
	for a, m := range g.Receives {
		d, ok := Lookup(a)
		if !ok {
			return fmt.Errorf("receives: no attribute is called %q", a)
		}
		if d.Class == ClassD {
			return fmt.Errorf("receives: %s is sealed and never leaves its owner", a)
		}
		switch m {
		case "", FillEmpty, Overwrite, Propose, Never:
		default:
			return fmt.Errorf("receives: %s: mode %q is none of fill_empty, overwrite, propose, never", a, m)
		}
		if m != Never && contains(g.Authority, a) {
			return fmt.Errorf("receives: %s: the platform is its authority and cannot receive it", a)
		}
	}
	for a := range g.Withdraw {
		d, ok := Lookup(a)
		switch {
		case !ok:
			return fmt.Errorf("withdraw: no attribute is called %q", a)
		case d.Class == ClassD:
			return fmt.Errorf("withdraw: %s is sealed and never leaves its owner", a)
		}
	}
	for _, list := range [][]Attribute{g.Authority, g.Mirrors} {
		for _, a := range list {
			if _, ok := Lookup(a); !ok {
				return fmt.Errorf("authority, mirrors: no attribute is called %q", a)
			}
		}
	}
	for _, c := range g.Scope {
		if _, ok := Lookup(c.Attribute); !ok {
			return fmt.Errorf("scope: no attribute is called %q", c.Attribute)
		}
	}
	return nil
}

// Overlap returns the attributes of which two platforms would both have the last
// word for somebody: which of them is right, nobody could say. Their scopes keep
// them apart only where a condition of one shuts out a condition of the other.
func (g Agreement) Overlap(other Agreement) []Attribute {
	var both []Attribute
	for _, a := range g.Authority {
		if contains(other.Authority, a) {
			both = append(both, a)
		}
	}
	for _, x := range g.Scope {
		for _, y := range other.Scope {
			if x.apart(y) || y.apart(x) {
				return nil
			}
		}
	}
	return both
}

// apart reports whether nobody can meet both conditions.
func (c Condition) apart(other Condition) bool {
	if c.Attribute != other.Attribute {
		return false
	}
	if c.Present != nil && other.Present != nil && *c.Present != *other.Present {
		return true
	}
	if c.OlderThan > 0 && other.YoungerThan > 0 && c.OlderThan >= other.YoungerThan {
		return true
	}
	if len(c.In) == 0 {
		return false
	}
	for _, v := range c.In {
		if !contains(other.NotIn, v) && (len(other.In) == 0 || contains(other.In, v)) {
			return false
		}
	}
	return true
}

// AgeAt returns the whole years from a canonical birth date to a day.
func AgeAt(birth string, today time.Time) (years int, ok bool) {
	if len(birth) < 4 {
		return 0, false
	}
	full := birth
	switch len(birth) {
	case 4:
		full += "-01-01"
	case 7:
		full += "-01"
	}
	t, err := time.Parse(time.DateOnly, full)
	if err != nil {
		return 0, false
	}
	years = today.Year() - t.Year()
	if today.Month() < t.Month() || today.Month() == t.Month() && today.Day() < t.Day() {
		years--
	}
	return years, true
}

func contains[T comparable](list []T, v T) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}
