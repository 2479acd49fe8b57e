package writeback

import (
	"time"

	"heji/schema"
	"heji/services/store"
)

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
