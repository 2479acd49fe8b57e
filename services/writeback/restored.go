package writeback

import (
	"time"

	"heji/services/lineage"
	"heji/services/store"
)

// policyOf is the platform's policy with what the store knows of its own restore.
func (w *worker) policyOf(p store.Platform) lineage.Policy {
	policy := w.policy
	policy.Restored, policy.Unknown = p.Restoration()
	if w.blind {
		policy.Restored = time.Time{} // a read that never comes is not waited for
	}
	return policy
}
