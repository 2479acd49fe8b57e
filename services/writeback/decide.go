package writeback

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/connectors"
	"heji/schema"
	"heji/services/demand"
	"heji/services/journal"
	"heji/services/lineage"
	"heji/services/store"
)

// round is one evaluation of due targets: what is decided inside the
// transaction, and what must be asked of the platform after it.
type round struct {
	w        *worker
	now      time.Time
	creates  bool // rows may be created now (RULES C)
	left     int  // rows that a canary may still write today
	allowed  *allowance
	batch    uuid.UUID
	looks    []store.Target // rows to ask for
	finding  []store.Target // creates in doubt: look by natural key
	again    []store.Intent // writes in doubt that are handed over again
	ended    []journal.End  // doubts that a read has ended
	verdicts []store.Verdict
}

// decide gives a verdict on each target.
func (r *round) decide(p store.Platform, list []store.Target) ([]store.Verdict, error) {
	r.looks, r.finding, r.again, r.ended, r.verdicts = nil, nil, nil, nil, nil
	r.left = p.Canary.Left
	for _, t := range list {
		var v store.Verdict
		var err error
		if t.Key == "" {
			v, err = r.create(p, t)
		} else {
			v, err = r.update(p, t)
		}
		if err != nil {
			return nil, fmt.Errorf("target %d: %w", t.ID, err)
		}
		v.Target = t.ID
		r.ended = append(r.ended, endOf(t, v)...)
		r.verdicts = append(r.verdicts, v)
	}
	return r.verdicts, nil
}

// update decides about a row that is there.
func (r *round) update(p store.Platform, t store.Target) (store.Verdict, error) {
	row, err := lineage.Decode(t.Record.State)
	if err != nil {
		return store.Verdict{}, err
	}
	v := store.Verdict{State: store.TargetGreen, Attempts: t.Attempts, Refused: t.Refused, Settles: t.Settles}
	if row.Deleted {
		v.State, v.Reason = store.TargetWithdrawn, "the row is no longer at the platform"
		for a, m := range p.Agreement.Receives {
			if m == schema.Propose {
				v.Moot = moot(v.Moot, a, "")
			}
		}
		return v, nil
	}
	if row.Open() {
		return r.doubtful(p, t, row, v), nil
	}
	if t.Open != nil {
		v.Ended = "missed" // a read ended the doubt: lineage says below what is due now
		if arrived(row, t.Open) {
			v.Ended = "applied"
		}
	}
	if t.Look || row.Lineage.Look {
		if r.w.looker != nil {
			v.State, v.Look = store.TargetDue, true
			if at := row.LookAt(r.w.policy); at.After(r.now) {
				v.DueAt = at
				return v, nil
			}
			r.looks = append(r.looks, t)
			v.DueAt = r.now.Add(time.Second) // in case the answer gets lost
			return v, nil
		}
	}
	if !p.Writes {
		v.State, v.DueAt = store.TargetDue, r.now.Add(time.Second) // stopped or paused: it waits
		if !p.Stage.Writes() {
			v.State, v.DueAt = store.TargetGreen, time.Time{}
		}
		return v, nil
	}
	if r.w.halt.now().Err() != nil && !r.w.pace.shut(r.now) {
		// It may leave, and the pushes have not been told yet: a write begun now would
		// only be called off.
		v.State, v.DueAt = store.TargetDue, r.now.Add(haltEvery)
		return v, nil
	}
	if p.Stage == schema.Canary && !p.Canary.Holds(t.Resident.Master) {
		return outside(v), nil
	}
	who, impossible := demand.Of(p, r.w.mapping, t.Resident.Master, t.Members, r.now)
	row, changed := demand.Unflag(row, who, t.Refused)
	plan := lineage.Make(row, who, r.w.policyOf(p))
	waiting := demand.Hold(t.Waits, &plan)
	for a, d := range plan.Propose {
		v.Proposals = append(v.Proposals, store.Proposal{Platform: t.Platform, Key: t.Key, Attribute: a,
			Resident: t.Resident.ID, Shown: row.Raw[a], Proposed: d.Raw})
	}
	for a, m := range p.Agreement.Receives {
		if _, stands := plan.Propose[a]; m == schema.Propose && !stands {
			v.Moot = moot(v.Moot, a, row.Raw[a])
		}
	}
	v.Again = again(row, plan, impossible)
	if len(plan.Due) == 0 {
		v.Settles = time.Time{} // the next change begins anew
	} else {
		rested := r.rest(row, plan, impossible, v)
		if r.paces(t, plan.Due, &rested) {
			for _, a := range waiting {
				rested.Held[a] = riskyHeld
			}
			return rested, nil
		}
		v.Settles = rested.Settles
	}
	if len(plan.Due) > 0 && p.Stage == schema.Canary && r.spent() {
		return r.tomorrow(v), nil
	}
	if len(plan.Due) > 0 && !r.may(p, t, &v) {
		return v, nil
	}
	if len(plan.Due) > 0 {
		return r.open(t, row, plan.Due, v)
	}
	if changed {
		raw, err := row.Append(nil)
		if err != nil {
			return v, err
		}
		v.RecordID, v.RecordState = t.Record.ID, raw
	}
	v = r.rest(row, plan, impossible, v)
	if v.State == store.TargetGreen && lineage.Abandoned(row, who) {
		v = abandoned(row, who, v)
	}
	if len(waiting) > 0 {
		v = r.waits(t.Waits, waiting, v)
	}
	return v, nil
}

// abandoned says what becomes of a row that we made when the last record that it
// followed is gone: closed as the agreement says, or before a person. The row
// vanishing at the platform, or the person coming back, ends it.
func abandoned(row lineage.Row, who lineage.Resident, v store.Verdict) store.Verdict {
	closed := len(who.Close) > 0
	for a, w := range who.Close {
		shown, known := row.Raw[a]
		if f := row.Lineage.Fields[a]; f.Sent != nil && !f.Sent.Settled {
			shown, known = f.Sent.Raw, true // acknowledged, and not read yet
		}
		value, _ := who.Read(a, shown)
		closed = closed && known && value == w.Value
	}
	if closed {
		v.State, v.Reason = store.TargetWithdrawn, "Heji made this row and has closed it as the agreement says: no other platform shows the person any more"
		return v
	}
	v.State, v.Reason = store.TargetHold, "Heji made this row, and no other platform shows the person any more: a person decides what becomes of it there"
	return v
}

func moot(m map[schema.Attribute]string, a schema.Attribute, shown string) map[schema.Attribute]string {
	if m == nil {
		m = map[schema.Attribute]string{}
	}
	m[a] = shown
	return m
}

// again reports whether the row must be looked at once more when a read has
// confirmed what was written to it: a field waits for that read, or for a person
// (what is being rolled back will, once it has been), or was written before and may
// be wanted as it was.
func again(row lineage.Row, plan lineage.Plan, impossible []string) bool {
	for _, d := range plan.Due {
		if d.Back {
			return true
		}
	}
	return len(row.Unsettled())+len(plan.Waiting)+len(plan.Flagged)+len(plan.Contested)+len(plan.Disputed)+len(impossible) > 0
}

// rest says where a row stands that needs no write now.
func (r *round) rest(row lineage.Row, plan lineage.Plan, impossible []string, v store.Verdict) store.Verdict {
	flags := row.Flags()
	refused := false
	v.Held = held(flags, plan)
	for _, a := range plan.Flagged {
		refused = refused || flags[a].Kind == lineage.Refused
	}
	switch {
	case refused:
		v.State, v.Reason = store.TargetRefused, flagWords(flags, plan.Flagged)
	case len(plan.Flagged)+len(plan.Contested)+len(plan.Disputed) > 0:
		v.State = store.TargetContested
		v.Reason = "a person decides: " + attributeList(slices.Concat(plan.Flagged, plan.Contested, plan.Disputed))
	case len(plan.Waiting) > 0 && !acknowledged(row, plan.Waiting):
		v.State = store.TargetDue // a read, or its sweep, brings it back
	case len(impossible) > 0:
		v.State, v.Reason = store.TargetRefused, strings.Join(impossible, "; ")
	default:
		v.State, v.Refused = store.TargetGreen, nil
	}
	return v
}

// held names the fields that wait for a person, and why.
func held(flags map[schema.Attribute]lineage.Flag, plan lineage.Plan) map[schema.Attribute]string {
	out := map[schema.Attribute]string{}
	for a, f := range flags {
		out[a] = string(f.Kind)
	}
	for _, a := range plan.Contested {
		out[a] = string(lineage.Contested)
	}
	for _, a := range plan.Disputed {
		out[a] = "disputed"
	}
	return out
}

// acknowledged reports whether every waiting field was written and acknowledged,
// and only no read has shown it yet. That is green: the platform said yes.
func acknowledged(row lineage.Row, waiting []schema.Attribute) bool {
	unsettled := row.Unsettled()
	for _, a := range waiting {
		if !slices.Contains(unsettled, a) {
			return false
		}
	}
	return !row.Open()
}

// arrived reports whether the fields of an intent stand as sent.
func arrived(row lineage.Row, in *store.Intent) bool {
	for a, f := range in.Fields {
		sent := row.Lineage.Fields[a].Sent
		if sent == nil || sent.Raw != f.Wire || sent.Retry {
			return false
		}
	}
	return true
}

// resends reports whether a write in doubt may be handed over again: where the
// same batch is the same file, or the agreement says that the platform takes the
// same message twice as once.
func (w *worker) resends(p store.Platform) bool {
	return w.acks != nil && p.Stage.Writes() && (!w.repeats || p.Agreement.Resend == schema.ResendUpsert)
}

// handOver hands a write in doubt over again, once nothing that was sent before
// can still arrive: it would then be newer than what follows it.
func (r *round) handOver(p store.Platform, t store.Target, since time.Time, v store.Verdict) store.Verdict {
	v.State, v.Reason = store.TargetDoubt, "the answer to the last write was lost: handing the same over again"
	if !p.Writes {
		v.Look, v.DueAt = true, r.now.Add(time.Second) // stopped or paused: it waits
		return v
	}
	if at := r.w.pace.window.Next(later(r.now, since.Add(r.w.policy.RequestLife))); at.After(r.now) {
		v.DueAt = at
		return v
	}
	r.again = append(r.again, *t.Open)
	v.DueAt = r.now.Add(r.w.policy.RequestLife) // in case this is lost, too
	return v
}

// doubtful waits, or looks when the time has come.
func (r *round) doubtful(p store.Platform, t store.Target, row lineage.Row, v store.Verdict) store.Verdict {
	v.State, v.Reason = store.TargetDoubt, "the answer to the last write was lost: looking before anything else"
	if r.w.looker == nil && t.Open != nil && row.InDoubt() && r.w.resends(p) {
		return r.handOver(p, t, row.Lineage.Write.Doubt, v)
	}
	if r.w.looker == nil {
		v.State, v.Reason = store.TargetHold, "the answer to the last write was lost, and the platform cannot be asked: the next export decides"
		return v
	}
	v.Look = true
	at := row.LookAt(r.w.policy)
	if at.After(r.now) {
		v.DueAt = at
		return v
	}
	r.looks = append(r.looks, t)
	v.DueAt = r.now.Add(time.Second)
	return v
}

// open makes the intent of an update. It is durable, with the row's new
// lineage, before anything is called (I5).
func (r *round) open(t store.Target, row lineage.Row, due map[schema.Attribute]lineage.Due, v store.Verdict) (store.Verdict, error) {
	id := uuid.Must(uuid.NewV7())
	next, err := lineage.Begin(row, lineage.Intent{ID: id.String(), At: r.now, Conditional: r.w.conditional, Due: due})
	if err != nil {
		return v, err
	}
	raw, err := next.Append(nil)
	if err != nil {
		return v, err
	}
	v.State, v.Reason = store.TargetOpen, ""
	v.RecordID, v.RecordState = t.Record.ID, raw
	v.Intent = &store.Intent{ID: id, Target: t.ID, Key: t.Key, Batch: r.batch, Fields: fieldsOf(due), RowVersion: row.Version, At: r.now}
	v.Intent.Sealed, err = r.w.seal(id, journal.Content{Key: t.Key, Written: lineage.Journal(next)})
	return v, err
}

func fieldsOf(due map[schema.Attribute]lineage.Due) map[schema.Attribute]store.IntentField {
	out := make(map[schema.Attribute]store.IntentField, len(due))
	for a, d := range due {
		f := store.IntentField{Wire: d.Raw, Base: d.If.Raw, Source: d.Source}
		if d.Value != nil {
			f.Value = *d.Value
		}
		if d.Back {
			f.Source = lineage.Own // counted as given back, whoever's it was before
		}
		out[a] = f
	}
	return out
}

// create decides about a row that does not exist yet (RULES C).
func (r *round) create(p store.Platform, t store.Target) (store.Verdict, error) {
	v := store.Verdict{State: store.TargetDue, Attempts: t.Attempts, Refused: t.Refused, Settles: t.Settles}
	if t.Open != nil {
		v.State, v.Reason = store.TargetDoubt, "the answer to the create was lost: looking before anything else"
		if r.w.looker == nil && r.w.resends(p) {
			return r.handOver(p, t, t.Open.At, v), nil
		}
		if r.w.looker == nil {
			v.State, v.Reason = store.TargetHold, "the answer to the create was lost, and the platform cannot be asked: a person decides"
			return v, nil
		}
		if at := t.Open.At.Add(r.w.lost()); at.After(r.now) {
			v.DueAt = at
			return v, nil
		}
		r.finding = append(r.finding, t)
		v.DueAt = r.now.Add(time.Second)
		return v, nil
	}
	values := t.Resident.Values()
	switch {
	case t.Has || !p.Agreement.Creates || !p.Agreement.InScope(values, r.now) || t.Resident.Redirect != uuid.Nil || t.Resident.Ended:
		v.Drop = true
		return v, nil
	case p.Stage == schema.Canary && !p.Canary.Holds(t.Resident.Master):
		return outside(v), nil
	case !r.creates:
		v.Reason = "creates wait until everything that the platform shows is merged"
		v.DueAt = r.now.Add(500 * time.Millisecond)
		return v, nil
	case len(t.Waits) > 0:
		return r.waits(t.Waits, slices.Collect(maps.Keys(t.Waits)), v), nil
	case t.Blocked:
		v.State, v.Reason = store.TargetHold, "a review must say first whether this person is there already"
		v.DueAt = r.now.Add(30 * time.Second)
		return v, nil
	}
	due, impossible := demand.Created(p, r.w.mapping, t.Resident.Master)
	if !demand.Natural(r.w.mapping, due) {
		v.State, v.Reason = store.TargetHold, "the natural key is not complete, so nobody could tell whether the person is there already"
		return v, nil
	}
	if missing := r.w.required(due); len(missing) > 0 {
		v.State = store.TargetHold
		v.Reason = strings.Join(append([]string{"the platform requires " + attributeList(missing)}, impossible...), "; ")
		return v, nil
	}
	if sameAsRefused(due, t.Refused) {
		v.State, v.Reason = store.TargetRefused, t.Reason
		return v, nil
	}
	if r.paces(t, due, &v) {
		return v, nil
	}
	if p.Stage == schema.Canary && r.spent() {
		return r.tomorrow(v), nil
	}
	if !r.may(p, t, &v) {
		return v, nil
	}
	id := uuid.Must(uuid.NewV7())
	v.State, v.Reason = store.TargetOpen, ""
	v.Intent = &store.Intent{ID: id, Target: t.ID, Batch: r.batch, Fields: fieldsOf(due), At: r.now}
	var err error
	v.Intent.Sealed, err = r.w.seal(id, journal.Content{Anchor: &t.For,
		Written: lineage.Journal(lineage.Created(lineage.Intent{ID: id.String(), At: r.now, Due: due}))})
	return v, err
}

func sameAsRefused(due map[schema.Attribute]lineage.Due, refused map[schema.Attribute]string) bool {
	if len(refused) == 0 {
		return false
	}
	for a, d := range due {
		if refused[a] != d.Raw {
			return false
		}
	}
	return len(due) == len(refused)
}

// write makes the connector's view of an intent.
func (w *worker) write(in store.Intent) connectors.Write {
	out := connectors.Write{Intent: in.ID.String(), Batch: in.Batch.String(), Key: in.Key, RowVersion: in.RowVersion,
		Set: map[string]string{}, If: map[string]string{}}
	values := schema.Values{}
	maps.Copy(out.Set, w.mapping.Constants(slices.Collect(maps.Keys(in.Fields)), in.Key == ""))
	for a, f := range in.Fields {
		for column, text := range w.mapping.Columns(a, f.Wire) {
			out.Set[column] = text
		}
		values[a] = f.Value
		if in.Key == "" {
			continue
		}
		for column, text := range w.mapping.Columns(a, f.Base) {
			out.If[column] = text
		}
	}
	if in.Key == "" {
		out.Token = in.ID.String()
		out.Natural = w.mapping.Natural(values)
	}
	return out
}

func attributeList(list []schema.Attribute) string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = string(a)
		if d, ok := schema.Lookup(a); ok {
			names[i] = d.Zh
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "、")
}

func flagWords(flags map[schema.Attribute]lineage.Flag, list []schema.Attribute) string {
	var words []string
	for _, a := range list {
		d, _ := schema.Lookup(a)
		words = append(words, strings.TrimRight(d.Zh+"："+flags[a].Words, "："))
	}
	return strings.Join(words, "；")
}
