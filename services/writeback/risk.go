package writeback

import (
	"slices"
	"time"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// hold takes out of a plan what may not leave yet: a death, a move, a new number
// or anything of a merge that touches benefits, until a second person has agreed
// or the time to undo it is over. It returns the attributes.
func hold(waits store.Waits, plan *lineage.Plan) []schema.Attribute {
	if len(waits) == 0 {
		return nil
	}
	var held []schema.Attribute
	for a := range plan.Due {
		if _, wait := waits.For(a); wait {
			held = append(held, a)
			delete(plan.Due, a)
		}
	}
	for a := range plan.Propose {
		if _, wait := waits.For(a); wait {
			held = append(held, a)
			delete(plan.Propose, a)
		}
	}
	slices.Sort(held)
	return held
}

// riskyHeld is the reason of a field that waits so.
const riskyHeld = "risky"

// waits says where a row stands of which something may not leave yet. What a
// person must look at anyway stays in front.
func (r *round) waits(waits store.Waits, held []schema.Attribute, v store.Verdict) store.Verdict {
	if v.Held == nil {
		v.Held = map[schema.Attribute]string{}
	}
	var until time.Time
	stopped := false
	for _, a := range held {
		v.Held[a] = riskyHeld
		at, _ := waits.For(a)
		stopped = stopped || at.IsZero()
		if !at.IsZero() && (until.IsZero() || at.Before(until)) {
			until = at
		}
	}
	if v.State == store.TargetRefused || v.State == store.TargetContested {
		v.DueAt = until
		return v
	}
	v.State, v.DueAt = store.TargetDue, until
	v.Reason = "a risky change waits for a second person, or until it can no longer be undone"
	if stopped && until.IsZero() {
		v.State, v.Reason = store.TargetHold, "a risky change was stopped: it leaves when another person lets it go"
	}
	return v
}
