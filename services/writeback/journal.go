package writeback

import (
	"github.com/google/uuid"

	"heji/connectors"
	"heji/services/journal"
	"heji/services/store"
	"heji/services/telemetry"
)

// seal makes what is kept of a write.
func (w *worker) seal(intent uuid.UUID, c journal.Content) (string, error) {
	return journal.Seal(w.o.Journal.Ring(), intent, c)
}

// enter notes writes in the journal. What cannot be noted is not made: a store
// that is restored later could not know of it.
func (w *worker) enter(intents []store.Intent) error {
	lines := make([]journal.Line, 0, len(intents))
	for _, in := range intents {
		if in.Sealed == "" {
			continue // opened before there was a journal
		}
		lines = append(lines, journal.Line{Intent: in.ID, Platform: w.id, At: in.At, Fence: in.Fence, Sealed: in.Sealed})
	}
	return w.o.Journal.Begin(lines)
}

// endOf is the end that a verdict gives to the open write of a target, if any.
func endOf(t store.Target, v store.Verdict) []journal.End {
	if t.Open == nil || v.Ended == "" || v.Ended == string(connectors.Queued) || v.Ended == string(connectors.Doubt) {
		return nil
	}
	return []journal.End{{Intent: t.Open.ID, Platform: t.Platform, Status: v.Ended, Key: v.BoundKey}}
}

// exit notes outcomes that are stored. Where they cannot be noted, the writes
// are in doubt after a restore, and nothing is lost.
func (w *worker) exit(ends []journal.End) {
	if err := w.o.Journal.End(ends); err != nil {
		w.log.Warn("outcomes are missing in the journal", "error", telemetry.ErrorText(err), "writes", len(ends))
	}
}
