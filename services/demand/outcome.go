package demand

import (
	"slices"

	"heji/connectors/mapping"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// What becomes of one field.
const (
	Write    = "write"
	TakeBack = "take_back"
	Create   = "create"
	Propose  = "propose"
	Person   = "person" // it waits for one
	Withheld = "withheld"
	Same     = "same"
)

// Question is one row of a platform, with what is planned for it.
type Question struct {
	Platform store.Platform
	Map      *mapping.Map
	Master   store.Survivors
	InScope  bool
	Plan     lineage.Plan
	Waits    []schema.Attribute // risky changes that may not leave yet
}

// Outcome finds what becomes of one field that shows raw, and why where it is not
// written. The checks stand in the order in which a person would ask. unchanged:
// the value that is known stays as it is, so that whatever a platform still waits
// for has another cause.
func (q Question) Outcome(a schema.Attribute, raw string, shows, unchanged bool) (outcome, why string) {
	p := q.Platform
	if q.Plan.Due[a].Retract {
		switch {
		case !p.Stage.Writes():
			return Withheld, "stage"
		case p.Stage == schema.Canary && !p.Canary.Holds(q.Master):
			return Withheld, "canary"
		case p.Held():
			return TakeBack, "paused"
		}
		return TakeBack, ""
	}
	to, survives := q.Master[a]
	switch {
	case slices.Contains(p.Agreement.Authority, a):
		return Withheld, "authority"
	case p.Agreement.Mode(a) == schema.Never:
		return Withheld, "never"
	case !p.Writable:
		return Withheld, "no_way"
	case !q.Map.Writable(a):
		return Withheld, "read_only"
	case !survives:
		return Withheld, "nothing"
	case unchanged:
		return Withheld, "unchanged"
	case !q.InScope:
		return Withheld, "scope"
	case shows && q.Map.Shows(a, raw, to.Value):
		return Same, ""
	case !p.Stage.Writes():
		return Withheld, "stage"
	}
	if p.Stage == schema.Canary && !p.Canary.Holds(q.Master) {
		return Withheld, "canary"
	}
	if _, err := q.Map.Wire(a, to.Value); err != nil {
		return Withheld, "no_form"
	}
	if slices.Contains(q.Waits, a) {
		return Person, "risky"
	}
	if _, ok := q.Plan.Propose[a]; ok {
		return Propose, ""
	}
	if _, ok := q.Plan.Due[a]; ok || slices.Contains(q.Plan.Waiting, a) {
		if p.Held() {
			return Write, "paused"
		}
		return Write, ""
	}
	switch {
	case slices.Contains(q.Plan.Disputed, a):
		return Person, "disputed"
	case slices.Contains(q.Plan.Flagged, a), slices.Contains(q.Plan.Contested, a):
		return Person, "contested"
	case !shows:
		return Withheld, "not_shown"
	}
	return Withheld, "has_own"
}
