package writeback

import (
	"time"

	"heji/services/store"
)

// outside says where a row stands that a canary is not about: it waits for the
// next step, which looks at every row again.
func outside(v store.Verdict) store.Verdict {
	v.State, v.DueAt = store.TargetDue, time.Time{}
	v.Reason = "the canary is limited to one community: this row waits for the next step"
	return v
}

// spent takes one row from what a canary may write today, and reports whether
// none was left.
func (r *round) spent() bool {
	r.left--
	return r.left < 0
}

// tomorrow says where a row stands for which today has no room left.
func (r *round) tomorrow(v store.Verdict) store.Verdict {
	y, m, d := r.now.Date()
	v.State, v.DueAt = store.TargetDue, time.Date(y, m, d+1, 0, 0, 0, 0, r.now.Location())
	v.Reason = "the canary has written its rows of today: this one waits until tomorrow"
	return v
}
