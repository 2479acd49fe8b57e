package desk

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"heji/schema"
	"heji/schema/canon"
	"heji/schema/codes"
	"heji/services/store"
)

// Attribute is what staff call an attribute.
func (l Lang) Attribute(a schema.Attribute) string {
	d, ok := known(a)
	switch {
	case !ok:
		return string(a)
	case l == English:
		return d.En
	}
	return d.Zh
}

// Attributes joins names of attributes, in display order.
func (l Lang) Attributes(list []schema.Attribute) string {
	var names []string
	for _, d := range visible {
		if slices.Contains(list, d.Name) {
			names = append(names, l.Attribute(d.Name))
		}
	}
	return strings.Join(names, l.T("list.separator"))
}

// addressPattern is how an address is shown and, unchanged, read again.
const addressPattern = "{province}{city}{county}{street}{community}{road}{compound}[{building}号楼][{unit}单元][{room}室][（{rest}）]"

// Value writes a canonical value for people: codes by their label, addresses as
// they are spoken, numbers by their first four characters. Chinese addresses stay
// Chinese.
func (l Lang) Value(a schema.Attribute, value string) string {
	d, ok := schema.Lookup(a)
	if !ok || value == "" {
		return value
	}
	if numbered(a) {
		return mask(value)
	}
	switch d.Kind {
	case schema.KindCode:
		if t, ok := codes.LookupTable(d.Codes); ok {
			return t.Label(value, string(l))
		}
	case schema.KindAddress:
		return canon.FormatAddress(schema.AddressFromCanonical(value), addressPattern)
	}
	if a == schema.Disability {
		category, grade, _ := strings.Cut(value, "-")
		text := l.T("disability." + category)
		if grade != "" {
			text += l.T("disability.grade", "grade", grade)
		}
		return text
	}
	return value
}

// Platform is what staff call a platform.
func (l Lang) Platform(p store.Platform) string {
	if l == English && p.NameEn != "" {
		return p.NameEn
	}
	return p.Name
}

// visible are the attributes that the desk knows. I7: a sealed one is answered
// exactly as if it did not exist.
var visible = func() []schema.Definition {
	return slices.DeleteFunc(schema.Attributes(), func(d schema.Definition) bool { return d.Class == schema.ClassD })
}()

func known(a schema.Attribute) (schema.Definition, bool) {
	d, ok := schema.Lookup(a)
	return d, ok && d.Class != schema.ClassD // I7
}

// mask shows the first four characters of a number: the first six and last four
// of an ID number would hide only the birth date.
func mask(s string) string {
	if utf8.RuneCountInString(s) <= 4 {
		return s
	}
	r := []rune(s)
	return string(r[:4]) + strings.Repeat("*", len(r)-4)
}

// Status is where a platform stands with a resident, in plain words.
type Status struct {
	ID           int64      `json:"id,omitempty"`
	Platform     string     `json:"platform"`
	PlatformName string     `json:"platform_name"`
	Department   string     `json:"department,omitempty"`
	Key          string     `json:"key,omitempty"`
	State        string     `json:"state"` // a target's state, or not_written
	Icon         string     `json:"icon"`
	Word         string     `json:"word"`
	Detail       string     `json:"detail,omitempty"`
	Tone         string     `json:"tone"` // ok, wait, person, off: what colour it has
	Waiting      bool       `json:"waiting"`
	Since        *time.Time `json:"since,omitempty"`
	// Until: it waits for a time, such as the platform's hours.
	Until *time.Time `json:"until,omitempty"`
	// Retry: a person may have it tried again now.
	Retry bool `json:"retry,omitempty"`
}

// look is how a state looks: never by colour alone.
var look = map[store.TargetState]struct{ icon, tone string }{
	store.TargetGreen:     {"✓", "ok"},
	store.TargetDue:       {"…", "wait"},
	store.TargetOpen:      {"→", "wait"},
	store.TargetQueued:    {"⇢", "wait"},
	store.TargetDoubt:     {"?", "wait"},
	store.TargetHold:      {"!", "person"},
	store.TargetRefused:   {"×", "person"},
	store.TargetContested: {"≠", "person"},
	store.TargetWithdrawn: {"–", "off"},
}

// statuses says where every platform stands: its targets, and the platforms
// that hold a record which nobody writes to.
func (l Lang) statuses(platforms []store.Platform, targets []store.TargetView, records []store.Record, stopped bool) []Status {
	out := []Status{}
	for _, p := range platforms {
		if !open(p) {
			continue
		}
		had := map[string]bool{}
		for _, t := range targets {
			if t.Platform == p.ID {
				had[t.Key] = true
				out = append(out, l.status(p, t, stopped))
			}
		}
		for _, r := range records {
			if r.Ref.Platform != p.ID || r.Deleted || had[r.Ref.Key] {
				continue
			}
			if p.Writable && p.Stage.Writes() { // a campaign has still to look at it
				out = append(out, l.status(p, store.TargetView{Platform: p.ID, Key: r.Ref.Key, State: store.TargetDue, DueAt: &time.Time{}}, stopped))
				continue
			}
			s := Status{Platform: p.ID, PlatformName: l.Platform(p), Department: p.Department, Key: r.Ref.Key,
				State: "not_written", Icon: "–", Tone: "off", Word: l.T("target.not_written")}
			if p.Writable {
				s.Detail = l.T("target.not_written.stage", "stage", l.T("stage."+string(p.Stage)))
			} else {
				s.Detail = l.T("target.not_written.read_only")
			}
			out = append(out, s)
		}
	}
	return out
}

func (l Lang) status(p store.Platform, t store.TargetView, stopped bool) Status {
	s := Status{ID: t.ID, Platform: p.ID, PlatformName: l.Platform(p), Department: p.Department, Key: t.Key,
		State: string(t.State), Icon: look[t.State].icon, Tone: look[t.State].tone,
		Word: l.T("target." + string(t.State)), Waiting: t.Waiting() && p.Stage.Writes(), Since: t.Since}
	var said []string
	say := func(s string) {
		if s != "" && !slices.Contains(said, s) {
			said = append(said, s)
		}
	}
	switch {
	case !p.Stage.Writes():
		say(l.T("target.not_written.stage", "stage", l.T("stage."+string(p.Stage))))
	case s.Waiting && stopped:
		say(l.T("target.stopped"))
	case s.Waiting && p.Held():
		say(l.T("target.paused"))
	case s.Waiting && !p.Agreement.InForce(time.Now()):
		say(l.T("target.expired"))
	}
	if word, detail, ok := l.carriedWord(p, t.State); ok {
		s.Word = word
		say(detail)
	}
	if t.Key == "" && t.State != store.TargetGreen {
		say(l.T("target.create"))
	}
	for _, d := range visible { // in display order
		if why, held := t.Held[d.Name]; held {
			say(l.T("held."+why, "attribute", l.Attribute(d.Name)))
		}
	}
	switch t.State {
	case store.TargetRefused, store.TargetHold, store.TargetDoubt, store.TargetDue, store.TargetWithdrawn:
		say(l.Reason(t.Reason))
	}
	if t.State == store.TargetDue && t.Reason != "" && t.DueAt != nil && time.Until(*t.DueAt) > time.Minute && len(said) > 0 {
		s.Until = t.DueAt
		said[len(said)-1] += l.T("target.until", "when", t.DueAt.Local().Format("2006-01-02 15:04"))
	}
	s.Detail = strings.Join(said, l.T("sentence.separator"))
	s.Retry = t.ID != 0 && t.State.MayRetry() && p.Stage.Writes() && !stopped && !p.Held() && (t.State != store.TargetDue || s.Until != nil)
	return s
}

// open reports whether a platform may be seen by everybody. I7: that a sealed
// one is connected is known to IT and its owner only.
func open(p store.Platform) bool { return p.Class != schema.ClassD && p.ID != deskPlatform }

const deskPlatform = "desk"

func waiting(list []Status) bool {
	return slices.ContainsFunc(list, func(s Status) bool { return s.Waiting })
}

// problem says why a row was set aside; a reason that is no code (a sentence of
// a stage) is shown as it is.
func (l Lang) problem(p schema.Problem) string {
	key := "dead." + string(p)
	if text := l.T(key); text != key {
		return text
	}
	return string(p)
}

// responsible says who answers for a resident. The names of bodies stay as they
// are registered.
func (l Lang) responsible(list []store.Responsible) []Responsible {
	out := []Responsible{}
	domains, _ := codes.LookupTable("domain")
	for _, r := range list {
		out = append(out, Responsible{Domain: r.Domain, DomainText: domains.Label(r.Domain, string(l)), Body: r.Body.ID, BodyName: r.Body.Name,
			BodyKind: r.Body.Kind, Basis: r.Basis, Because: r.Because,
			Text: l.T("resident.responsible."+string(r.Because), "basis", l.T("resident.basis."+string(r.Basis)))})
	}
	return out
}
