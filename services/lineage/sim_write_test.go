package lineage

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"heji/schema"
)

// decisive is added to the time of a decision, which outranks every fact.
const decisive = 1 << 20

// wantedFact is what survivorship wants, and when the fact behind it happened.
type wantedFact struct {
	Wanted
	act int
}

// wanted is the simulated survivorship: a decision, else the most recent own
// evidence, ties by the platforms' order.
func (h *history) wanted(resident int) map[schema.Attribute]wantedFact {
	type claim struct {
		Claim
		source string
		act    int
	}
	wanted := map[schema.Attribute]wantedFact{}
	for _, a := range simFields {
		var claims []claim
		for _, k := range allRows() {
			if h.belongs[k] != resident {
				continue
			}
			for _, c := range h.hub.row(k).Evidence() {
				if c.Attribute == a && c.Value != "" {
					claims = append(claims, claim{c, k.source(), h.ownAct[cellKey{k.platform, k.person, a}]})
				}
			}
		}
		for i, e := range h.edits {
			if e.attr == a && h.belongs[e.anchor] == resident {
				t := at(e.at)
				claims = append(claims, claim{Claim{a, e.value, t, t}, "desk/" + strconv.Itoa(i), e.at})
			}
		}
		var w *wantedFact
		if len(claims) > 0 {
			win := claims[0]
			for _, c := range claims[1:] {
				if c.Upto.After(win.Upto) {
					win = c
				}
			}
			w = &wantedFact{Wanted{Value: win.Value, Wire: win.Value, Since: win.Upto, Source: win.source}, win.act}
			for _, c := range claims {
				// "if the intervals overlap and the values differ, their order is
				// unknown: a person (the first load excepted)".
				first := c.After.IsZero() && win.After.IsZero()
				if c.Value != win.Value && !first && c.Upto.After(win.After) && win.After.Before(win.Upto) {
					w.Disputed = true
				}
			}
		}
		for i, d := range h.decided {
			if d.attr == a && h.belongs[d.anchor] == resident {
				w = &wantedFact{Wanted{Value: d.value, Wire: d.value, Since: at(d.at), Decision: true, Source: "decision/" + strconv.Itoa(i)}, decisive + d.act}
			}
		}
		if w != nil {
			wanted[a] = *w
		}
	}
	return wanted
}

func (h *history) resident(k rowKey) (Resident, map[schema.Attribute]wantedFact) {
	id := h.belongs[k]
	facts := h.wanted(id)
	p := h.platforms[k.platform]
	r := Resident{
		Wanted: map[schema.Attribute]Wanted{},
		Mode:   func(a schema.Attribute) schema.Mode { return p.mode[a] },
		Has:    func(source string) bool { return h.has(id, source) },
		Read:   func(_ schema.Attribute, raw string) (string, bool) { return canon(raw) },
	}
	for a, f := range facts {
		r.Wanted[a] = f.Wanted
	}
	return r, facts
}

func (h *history) has(resident int, source string) bool {
	var k rowKey
	var n int
	if _, err := fmt.Sscanf(source, "p%d/%d", &k.platform, &k.person); err == nil {
		return h.belongs[k] == resident && !h.hub.row(k).Deleted
	}
	if _, err := fmt.Sscanf(source, "desk/%d", &n); err == nil {
		return h.belongs[h.edits[n].anchor] == resident
	}
	if _, err := fmt.Sscanf(source, "decision/%d", &n); err == nil {
		return h.belongs[h.decided[n].anchor] == resident
	}
	return false
}

// write computes and makes what is due on a platform. It returns how many
// writes were begun.
func (h *history) write(p *platform) int {
	n := 0
	for i := range p.rows {
		k := rowKey{p.id, i}
		if p.creates && len(p.rows[i].cells) == 0 {
			n += h.create(p, k)
			continue
		}
		resident, facts := h.resident(k)
		plan := h.hub.plan(k, resident, p.policy())
		h.seen["proposed"] += len(plan.Propose)
		h.seen["held by recency"] += len(plan.Contested)
		h.seen["disputed"] += len(plan.Disputed)
		if len(plan.Due) == 0 || h.mystery != unseenEdits && h.unseenEdit(p, k, plan.Due) {
			continue
		}
		if h.mystery != blindRestore && !p.ifMatch && h.fell(p, k) {
			continue // our write would use a row version again
		}
		n++
		h.seen["written to "+p.kind]++
		h.intents++
		intent := Intent{ID: strconv.Itoa(h.intents), At: at(h.now), Conditional: p.conditional, Due: plan.Due}
		if !h.hub.begin(k, intent) {
			h.violate(repeated, "%v: two writes at once", k)
			continue
		}
		acts := map[schema.Attribute]int{}
		for _, a := range sortedKeys(plan.Due) {
			d := plan.Due[a]
			acts[a] = facts[a].act
			if d.Source == Own {
				acts[a] = h.ownAct[cellKey{p.id, i, a}]
			}
			if m := p.mode[a]; !d.Retract && m != schema.Overwrite && m != schema.FillEmpty {
				h.violate(unagreed, "%v %s: %s", k, a, m)
			}
			h.seen["retractions"] += b2i(d.Retract)
			if key := (cellKey{p.id, i, a}); h.lastWire[key].wire != d.Raw {
				delete(h.lastWire, key) // something else in between: not the same write again
			}
			h.logf("write %v %s: %q if %q from %s retract=%v", k, a, d.Raw, d.If.Raw, d.Source, d.Retract)
		}
		h.journal[k] = append(h.journal[k], Journal(h.hub.row(k))...)
		h.tick(1)
		h.call(p, k, simIntent{intent, h.hub.row(k).Match()}, acts)
	}
	return n
}

// create makes the row that a platform lacks, once.
func (h *history) create(p *platform, k rowKey) int {
	_, facts := h.resident(k)
	agreed := slices.ContainsFunc(simFields, func(a schema.Attribute) bool {
		_, ok := facts[a]
		return ok && (p.mode[a] == schema.Overwrite || p.mode[a] == schema.FillEmpty)
	})
	if !agreed || h.hub.row(k).Open() || h.created[k] {
		return 0
	}
	h.intents++
	if !h.calm && h.chance("create gets lost", 6) {
		h.seen["creates that got lost"]++ // a look by natural key finds nobody: it is made again
		return 1
	}
	intent := Intent{ID: strconv.Itoa(h.intents), At: at(h.now), Due: map[schema.Attribute]Due{}}
	row := &p.rows[k.person]
	row.exists, row.version, row.changed = true, 1, h.now
	row.cells = map[schema.Attribute]cell{}
	for _, a := range simFields {
		h.stamps++
		c := cell{cause: byUs, stamp: h.stamps}
		if w, ok := facts[a]; ok && (p.mode[a] == schema.Overwrite || p.mode[a] == schema.FillEmpty) {
			intent.Due[a] = Due{Text: Say(w.Wire, w.Value), Source: w.Source}
			c = cell{text: p.makes(w.Wire), cause: byUs, stamp: h.stamps, act: w.act, wire: w.Wire, source: w.Source}
			h.lastWire[cellKey{k.platform, k.person, a}] = sentFact{wire: w.Wire, act: w.act}
		}
		row.cells[a] = c
	}
	h.created[k] = true // never again without a person
	h.hub.create(k, intent)
	h.journal[k] = append(h.journal[k], Journal(h.hub.row(k))...)
	p.save(h.now)
	h.tick(1)
	o := Outcome{Intent: intent.ID, Status: Applied, At: at(h.now)}
	if p.versions {
		o.Version = "1"
	}
	if !h.calm && !p.blind && h.chance("killed while creating", 4) {
		o = Outcome{Intent: intent.ID, Status: Doubt, At: at(h.now)}
	}
	h.note(k, o)
	h.hub.finish(k, o)
	if p.blind {
		whole := maps.Clone(intent.Due)
		for _, a := range simFields { // what was not sent is blank there
			if _, ok := whole[a]; !ok {
				whole[a] = Due{Text: Say("", "")}
			}
		}
		intent.Due = whole
		h.believe(p, k, intent)
	}
	h.seen["creates"]++
	h.logf("created %v: %v, %s", k, row.cells, o.Status)
	return 1
}

// unseenEdit reports whether an unconditional write would fall on an edit that
// the hub has not seen: no rule can prevent that.
func (h *history) unseenEdit(p *platform, k rowKey, due map[schema.Attribute]Due) bool {
	if p.conditional {
		return false
	}
	for a := range due {
		c := p.rows[k.person].cells[a]
		if c.cause != byUs && c.stamp > h.seenStamp[cellKey{k.platform, k.person, a}] {
			return true
		}
	}
	return false
}

// simIntent is what goes over the line.
type simIntent struct {
	Intent
	match string // If-Match
}

// call is the request itself, with all that can become of it.
func (h *history) call(p *platform, k rowKey, i simIntent, acts map[schema.Attribute]int) {
	finish := func(o Outcome) {
		o.Intent, o.At = i.ID, at(h.now)
		h.logf("outcome %v: %s %s", k, o.Status, o.Version)
		h.note(k, o)
		h.hub.finish(k, o)
		if p.blind && o.Status == Applied {
			h.believe(p, k, i.Intent)
		}
	}
	fate := 0
	if !h.calm {
		fate = h.c.pick("fate", 12)
	}
	if p.queued && fate != 9 {
		finish(Outcome{Status: Queued})
		h.acks = append(h.acks, func() {
			o := h.apply(p, k, i, acts)
			if h.half("ack later") && !h.calm {
				h.acks = append(h.acks, func() { finish(o) })
				return
			}
			h.tick(1)
			finish(o)
		})
		return
	}
	switch fate {
	case 7: // killed before the call
		finish(Outcome{Status: Doubt})
	case 8: // killed after the call
		h.apply(p, k, i, acts)
		h.tick(1)
		finish(Outcome{Status: Doubt})
	case 9:
		finish(Outcome{Status: Busy})
	case 10: // timed out; arrives later
		h.flights = append(h.flights, flight{h.now + 1 + h.c.pick("late", simLife-1), func() { h.apply(p, k, i, acts) }})
		finish(Outcome{Status: Doubt})
	case 11:
		if h.chance("refused", 3) {
			finish(Outcome{Status: Failed, Words: "no"})
			return
		}
		fallthrough
	default:
		o := h.apply(p, k, i, acts)
		h.tick(1)
		finish(o)
	}
}

// believe takes a platform at its word that shows nothing, as the hub does.
func (h *history) believe(p *platform, k rowKey, i Intent) {
	r := p.read(k.person, p.rows[k.person], h.now, h.now, false)
	r.read.AsOf, r.read.Now = r.read.AsOf.Add(time.Millisecond), r.read.Now.Add(time.Millisecond)
	r.read.Raw, r.read.Values, r.read.Version = map[schema.Attribute]string{}, schema.Values{}, ""
	for a, d := range i.Due {
		r.read.Raw[a] = d.Raw
		if v, ok := canon(d.Raw); ok {
			r.read.Values[a] = v
		}
	}
	h.deliver(r)
	h.seen["taken at its word"]++
}

// note keeps the journal as the hub would.
func (h *history) note(k rowKey, o Outcome) {
	h.journal[k] = slices.DeleteFunc(h.journal[k], func(j Written) bool {
		return j.Intent == o.Intent && o.Status != Applied && o.Status != Doubt && o.Status != Queued
	})
	for i, j := range h.journal[k] {
		if j.Intent == o.Intent && o.Status == Applied {
			h.journal[k][i].Applied = true
		}
	}
}

func (h *history) acknowledge() {
	due := h.acks
	h.acks = nil
	for _, ack := range due {
		ack()
	}
}

// apply is the platform taking a write.
func (h *history) apply(p *platform, k rowKey, i simIntent, acts map[schema.Attribute]int) Outcome {
	row := &p.rows[k.person]
	if !row.exists {
		return Outcome{Status: Gone}
	}
	fields := sortedKeys(i.Due)
	if i.Conditional {
		for _, a := range fields {
			if row.cells[a].text != i.Due[a].If.Raw {
				return Outcome{Status: Missed}
			}
		}
	}
	if p.ifMatch && strconv.Itoa(row.version) != i.match {
		return Outcome{Status: Missed}
	}
	changed := false
	for _, a := range fields {
		d, c := i.Due[a], row.cells[a]
		h.judgeWrite(p, k, a, d, c, acts[a])
		if p.ignores[a] {
			continue
		}
		h.stamps++
		key := cellKey{p.id, k.person, a}
		h.applied[key] = h.stamps
		if f := h.hub.row(k).field(a); f.sent != nil && f.sent.Raw == d.Raw && !f.sent.Settled && f.flag != nil {
			h.blame(hasty, "%v: flagged %s before it was done", key, f.flag.Reason)
		}
		row.cells[a] = cell{text: p.makes(d.Raw), cause: byUs, stamp: h.stamps, act: acts[a], wire: d.Raw, source: d.Source, lastOwn: c.lastOwn}
		changed = true
	}
	if changed {
		row.version++
		row.changed = h.now
		p.save(h.now)
	}
	h.logf("applied at %v: %v (v%d)", k, row.cells, row.version)
	o := Outcome{Status: Applied}
	if p.versions {
		o.Version = strconv.Itoa(row.version)
	}
	return o
}

// judgeWrite looks at a write as the platform takes it.
func (h *history) judgeWrite(p *platform, k rowKey, a schema.Attribute, d Due, c cell, act int) {
	key := cellKey{k.platform, k.person, a}
	last, asked := h.lastWire[key], h.asked[key]
	delete(h.asked, key)
	h.lastWire[key] = sentFact{wire: d.Raw, act: act}
	h.seen["writes"]++

	same := last.wire == d.Raw && last.act == act
	if same && !asked && (last.held || c.cause == byUs && c.wire == d.Raw) {
		h.blame(repeated, "%v %s %q", k, a, d.Raw)
	}
	if c.cause == byClerk && c.act > act && c.text != "" && !asked && c.text != p.makes(d.Raw) {
		h.blame(newerLost, "%v %s: %q of %d under %q of %d", k, a, c.text, c.act, d.Raw, act)
	}
}

// quieten ends all faults, lets the hub work until nothing happens any more, and
// compares the world with what it should be.
func (h *history) quieten() {
	h.calm = true
	h.logf("calm")
	for len(h.stale) > 0 {
		r := h.stale[0]
		h.stale = h.stale[1:]
		r.read.Now = at(h.now)
		h.deliver(r)
	}
	idle := 0
	for round := 0; idle < 3; round++ {
		if round == 15 {
			h.violate(neverQuiet, "still writing after %d rounds", round)
			break
		}
		writes := 0
		for _, p := range h.platforms {
			h.tick(simLife + 8)
			h.acknowledge()
			h.acknowledge()
			h.pull(p, false)
			h.look(p)
			writes += h.write(p)
			h.acknowledge()
		}
		idle++
		if writes > 0 {
			idle = 0
		}
	}
	h.judgeEnd()
}

func (h *history) judgeEnd() {
	for _, k := range allRows() {
		p := h.platforms[k.platform]
		if !p.rows[k.person].exists {
			continue
		}
		row := h.hub.row(k)
		resident, facts := h.resident(k)
		plan := h.hub.plan(k, resident, p.policy())
		flags := row.Flags()
		for _, a := range simFields {
			c := p.rows[k.person].cells[a]
			_, flagged := flags[a]
			flagged = flagged || slices.Contains(plan.Contested, a) || slices.Contains(plan.Disputed, a) || slices.Contains(plan.Flagged, a)
			h.seen["fields"]++
			if p.unknown {
				h.seen["unknown after the store was restored"]++
				continue
			}
			if flagged {
				h.seen["fields that wait for a person"]++
				continue
			}
			h.judgeCell(p, k, a, c, facts)
			h.judgeKept(p, k, a, c, row)
		}
	}
	for resident := range simPersons {
		h.judgeWinner(resident)
	}
}

// judgeCell: each field shows what is wanted, or says that it does not.
func (h *history) judgeCell(p *platform, k rowKey, a schema.Attribute, c cell, facts map[schema.Attribute]wantedFact) {
	w, ok := facts[a]
	if p.mode[a] != schema.Overwrite && p.mode[a] != schema.FillEmpty {
		ok = false // nothing is wanted here; what was ours before may stay while it is this resident's
	}
	own, _ := canon(c.lastOwn)
	shown, _ := canon(c.text)
	if p.mode[a] == schema.FillEmpty && own != "" {
		if shown != own {
			h.blame(silentlyOff, "%v %s shows %q over its own %q", k, a, c.text, c.lastOwn)
		}
		return
	}
	if !ok {
		if c.cause == byUs && c.source != Own && c.source != "" && !h.has(h.belongs[k], c.source) {
			h.blame(silentlyOff, "%v %s still shows %q of %s", k, a, c.text, c.source)
		}
		return
	}
	if shown != w.Value && c.text != p.makes(w.Wire) {
		h.blame(silentlyOff, "%v %s shows %q, wanted %q", k, a, c.text, w.Value)
	}
}

// judgeKept: what a clerk entered is evidence, or somebody is asked about it.
func (h *history) judgeKept(p *platform, k rowKey, a schema.Attribute, c cell, row Row) {
	if c.cause != byClerk {
		return
	}
	text, _ := canon(c.text)
	if row.Own[a] != text {
		h.blame(missedByAll, "%v %s: %q", k, a, c.text)
	}
}

// judgeWinner: the newest fact wins, or the order is disputed.
func (h *history) judgeWinner(resident int) {
	facts := h.wanted(resident)
	for _, a := range simFields {
		w, ok := facts[a]
		if !ok || w.Disputed || w.Decision {
			continue
		}
		for _, k := range allRows() {
			row := h.hub.row(k)
			own := row.Own[a]
			if h.belongs[k] != resident || row.Deleted || own == "" || own == w.Value {
				continue
			}
			if act := h.ownAct[cellKey{k.platform, k.person, a}]; act > w.act {
				h.blame(newerLost, "%v %s: %q of %d loses to %q of %d", k, a, own, act, w.Value, w.act)
			}
		}
	}
}
