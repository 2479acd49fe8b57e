package writeback

import (
	"fmt"
	"math/rand/v2"
	"time"

	"heji/connectors"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// conclude turns the outcome of one write into a verdict.
func (w *worker) conclude(t store.Target, o connectors.Outcome, at time.Time) (store.Verdict, error) {
	v := store.Verdict{Target: t.ID, Attempts: t.Attempts, Refused: t.Refused, Settles: t.Settles, Ended: string(o.Status), Reason: o.Reason}
	if t.Open == nil || t.Open.ID.String() != o.Intent {
		// The outcome of a write that is not open any more: a late or repeated
		// acknowledgement. It changes nothing.
		return store.Verdict{}, errNotOpen
	}
	fields := t.Open.Fields
	if t.Key == "" {
		return w.concludeCreate(t, o, at, v)
	}
	row, err := lineage.Decode(t.Record.State)
	if err != nil {
		return v, err
	}
	refusedField := w.attributeOf(o.Column)
	next, _ := lineage.Finish(row, lineage.Outcome{Intent: o.Intent, Status: lineage.Status(o.Status), At: at,
		Version: o.RowVersion, Attribute: refusedField, Words: o.Reason})
	if o.Status == connectors.Applied {
		next = w.believe(next, fields, at)
	}
	raw, err := next.Append(nil)
	if err != nil {
		return v, err
	}
	v.RecordID, v.RecordState = t.Record.ID, raw
	switch o.Status {
	case connectors.Applied:
		v.State, v.Attempts, v.Refused, v.Reason, v.Settles = store.TargetGreen, 0, nil, "", time.Time{}
		if len(t.Waits) > 0 {
			v.State, v.DueAt = store.TargetDue, at // looked at again: it may say what else waits
		}
	case connectors.Queued:
		v.State = store.TargetQueued
	case connectors.Refused:
		v.State, v.Refused = store.TargetRefused, map[schema.Attribute]string{}
		for a, f := range fields {
			if refusedField == "" || a == refusedField {
				v.Refused[a] = f.Wire
			}
		}
		// Looked at again: which fields wait for a person is then listed, and the
		// others of this row may still go.
		v.DueAt = at
	case connectors.Missed, connectors.Gone, connectors.Exists:
		v.State, v.Look, v.DueAt = store.TargetDue, w.looker != nil, at
	case connectors.Doubt:
		v.State, v.Look = store.TargetDoubt, true
		v.DueAt = next.LookAt(w.policy)
		if w.looker == nil { // nobody can be asked: it is handed over again, or held
			v.DueAt = at.Add(w.policy.RequestLife)
		}
	case connectors.Busy:
		v.State, v.Attempts = store.TargetDue, t.Attempts+1
		v.DueAt = at.Add(max(o.RetryAfter, backoff(v.Attempts)))
	default:
		return v, fmt.Errorf("the connector says %q, which is no outcome", o.Status)
	}
	return v, nil
}

func (w *worker) concludeCreate(t store.Target, o connectors.Outcome, at time.Time, v store.Verdict) (store.Verdict, error) {
	switch o.Status {
	case connectors.Applied:
		return w.bind(t, o.Key, o.RowVersion, at, v)
	case connectors.Queued:
		v.State = store.TargetQueued
	case connectors.Refused:
		v.State, v.Refused = store.TargetRefused, map[schema.Attribute]string{}
		for a, f := range t.Open.Fields {
			v.Refused[a] = f.Wire
		}
	case connectors.Exists:
		// Somebody is there under this natural key. The next pull shows who; then
		// either the record is this resident's, or a review must say.
		v.Attempts = t.Attempts + 1
		v.State, v.DueAt = store.TargetDue, at.Add(backoff(v.Attempts))
		if w.courier != nil {
			// The export that showed it is still on its way through the merge: another
			// create now would park its row for as long as people take to carry.
			v.DueAt = at.Add(time.Minute)
		}
		if v.Attempts > 8 {
			v.State, v.DueAt = store.TargetHold, time.Time{}
			v.Reason = "the platform has a row with this natural key that does not belong to this resident: a person decides"
		}
	case connectors.Doubt:
		v.State, v.DueAt = store.TargetDoubt, at.Add(w.lost())
	case connectors.Busy, connectors.Missed, connectors.Gone:
		v.State, v.Attempts = store.TargetDue, t.Attempts+1
		v.DueAt = at.Add(max(o.RetryAfter, backoff(v.Attempts)))
	default:
		return v, fmt.Errorf("the connector says %q, which is no outcome", o.Status)
	}
	return v, nil
}

// bind ties a create to the row that it made: target and shadow in one
// transaction, so that the row can never be taken for evidence (I6).
func (w *worker) bind(t store.Target, key, version string, at time.Time, v store.Verdict) (store.Verdict, error) {
	if key == "" {
		return v, fmt.Errorf("target %d: the platform made a row and did not say its key; its connector must look for it", t.ID)
	}
	due := map[schema.Attribute]lineage.Due{}
	for a, f := range t.Open.Fields {
		due[a] = lineage.Due{Text: lineage.Say(f.Wire, f.Value), Source: f.Source}
	}
	id := t.Open.ID.String()
	row, _ := lineage.Finish(lineage.Created(lineage.Intent{ID: id, At: t.Open.At, Due: due}),
		lineage.Outcome{Intent: id, Status: lineage.Applied, At: at, Version: version})
	raw, err := w.believe(row, w.whole(t.Open.Fields), at).Append(nil)
	if err != nil {
		return v, err
	}
	v.State, v.Ended, v.Attempts, v.Refused, v.Reason, v.Settles = store.TargetGreen, "applied", 0, nil, "", time.Time{}
	v.BoundKey, v.BoundState = key, raw
	return v, nil
}

// looked takes the answer to a look into account; row nil: it is not there.
func (w *worker) looked(p store.Platform, t store.Target, found *connectors.Row, asOf, now time.Time) (store.Verdict, error) {
	v := store.Verdict{Target: t.ID, State: store.TargetDue, DueAt: now, Attempts: t.Attempts, Refused: t.Refused, Settles: t.Settles}
	row, err := lineage.Decode(t.Record.State)
	if err != nil {
		return v, err
	}
	read := lineage.Read{AsOf: asOf, Now: now, Look: true, Deleted: found == nil}
	if found != nil {
		values, raw, _ := w.mapping.Read(*found)
		read.Values, read.Raw, read.Version = values, raw, found.RowVersion
		if w.trusted && !found.ChangedAt.IsZero() {
			at := found.ChangedAt
			read.ChangedAt = &at
		}
	}
	next, report := lineage.Observe(row, read, w.policyOf(p))
	raw, err := next.Append(nil)
	if err != nil {
		return v, err
	}
	v.RecordID, v.RecordState = t.Record.ID, raw
	if report.EvidenceChanged {
		v.Reopen, v.Keys = true, w.keys(next.Own)
	}
	if t.Open != nil && !next.Open() {
		v.Ended = "missed"
		if arrived(next, t.Open) {
			v.Ended = "applied"
		}
	}
	if next.Open() || report.NeedLook {
		v.Look, v.DueAt = true, next.LookAt(w.policy)
		if !v.DueAt.After(now) {
			v.DueAt = now.Add(time.Second)
		}
	} else if !p.Stage.Writes() {
		v.State, v.DueAt = store.TargetGreen, time.Time{} // asked for, and nothing may be written
	}
	return v, nil
}

// found takes the answer to a look by natural key into account, for a create
// whose answer was lost.
func (w *worker) found(t store.Target, rows []connectors.Row, now time.Time) (store.Verdict, error) {
	v := store.Verdict{Target: t.ID, State: store.TargetDue, DueAt: now, Attempts: t.Attempts, Refused: t.Refused, Settles: t.Settles}
	if t.Open == nil {
		return v, nil
	}
	for _, r := range rows { // a row that carries our token is ours, whatever else is there
		if r.Token != "" && r.Token == t.Open.ID.String() {
			return w.bind(t, r.Key, r.RowVersion, now, v)
		}
	}
	switch len(rows) {
	case 0:
		v.Ended = "void" // it did not arrive, and cannot arrive any more
		return v, nil
	case 1:
		return w.bind(t, rows[0].Key, rows[0].RowVersion, now, v)
	}
	v.State, v.DueAt, v.Ended = store.TargetHold, time.Time{}, "void"
	v.Reason = "the platform has several rows with this natural key: a person decides"
	return v, nil
}

// lost is how long after a lost answer a look can tell: the longest life of a
// request, and the lag where looks have one.
func (w *worker) lost() time.Duration {
	if w.policy.Primary {
		return w.policy.RequestLife
	}
	return w.policy.RequestLife + w.policy.Lag
}

// attributeOf finds the attribute behind a column that a platform names.
func (w *worker) attributeOf(column string) schema.Attribute {
	if column == "" {
		return ""
	}
	for _, a := range w.mapping.Attributes() {
		for c := range w.mapping.Columns(a, "") {
			if c == column {
				return a
			}
		}
	}
	return ""
}

// backoff grows to a minute. Up to a quarter of it is left to chance: the rows
// that a platform turned away together do not come back to it together.
func backoff(attempts int) time.Duration {
	longest := min(200*time.Millisecond<<min(max(attempts, 0), 10), time.Minute)
	return longest - rand.N(longest/4+1)
}
