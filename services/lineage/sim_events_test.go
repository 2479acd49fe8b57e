package lineage

import (
	"maps"
	"strconv"

	"heji/schema"
)

// clerk edits one cell of a platform.
func (h *history) clerk(p *platform, person int, a schema.Attribute) {
	k := rowKey{p.id, person}
	row := &p.rows[person]
	if !row.exists || p.blind { // what clerks do where nothing is shown, nobody can see
		return
	}
	c := row.cells[a]
	text := p.makes(h.fresh())
	switch h.c.pick("edit", 8) {
	case 6:
		text = ""
	case 7:
		text = c.lastOwn
	}
	if h.mystery == ourValue && h.chance("our value", 6) {
		if f := h.hub.row(k).field(a); f.sent != nil {
			text = p.makes(f.sent.Raw)
		}
	}
	if text == c.text {
		return
	}
	if h.blindSpot(p, k, a, text) {
		return
	}
	h.stamps++
	row.cells[a] = cell{text: text, cause: byClerk, stamp: h.stamps, act: h.now, lastOwn: text}
	row.version++
	row.changed = h.now
	p.save(h.now)
	h.logf("clerk %v %s: %q → %q (v%d)", k, a, c.text, text, row.version)
}

// blindSpot reports whether an edit now would be one that no rule can tell from
// something else; those happen only in histories of that mystery.
func (h *history) blindSpot(p *platform, k rowKey, a schema.Attribute, text string) bool {
	row := h.hub.row(k)
	f := row.field(a)
	waiting := f.sent != nil && (f.sent.Doubted || row.Open())
	spots := map[mystery]bool{
		unseenEdits:  row.Open() && !p.conditional,
		putBack:      waiting && !p.versions && text == f.sent.Base.Raw,
		ourValue:     f.sent != nil && p.makes(f.sent.Raw) == p.makes(text),
		blindRestore: h.fell(p, k), // the numbers would be used again
	}
	for m, spot := range spots {
		if spot && m != h.mystery {
			return true
		}
	}
	return false
}

// fell reports whether a row's version is lower than the hub has seen.
func (h *history) fell(p *platform, k rowKey) bool {
	seen, _ := strconv.Atoi(h.hub.row(k).Version)
	return p.versions && seen > p.rows[k.person].version
}

func (h *history) desk(k rowKey, a schema.Attribute) {
	e := deskEdit{anchor: k, attr: a, value: h.fresh(), at: h.now}
	h.edits = append(h.edits, e)
	h.logf("desk %v %s: %q", k, a, e.value)
}

// repoint moves a row to the other resident: a merge, or its undoing.
func (h *history) repoint(k rowKey) {
	h.belongs[k] = 1 - h.belongs[k]
	h.logf("repoint %v → resident %d", k, h.belongs[k])
}

func (h *history) vanishOrReturn(p *platform, person int) {
	row := &p.rows[person]
	if len(row.cells) == 0 || p.blind || row.exists && h.half("stay") {
		return
	}
	row.exists = !row.exists
	row.version++
	row.changed = h.now
	p.save(h.now)
	h.logf("row %d/%d exists=%v", p.id, person, row.exists)
}

// person decides something.
func (h *history) person(p *platform, person int, a schema.Attribute) {
	k := rowKey{p.id, person}
	if h.half("decision") {
		w, ok := h.wanted(h.belongs[k])[a]
		if !ok {
			return
		}
		d := decision{anchor: k, attr: a, value: w.Value, at: h.now, act: h.now}
		h.decided = append(h.decided, d)
		for _, q := range allRows() {
			if h.belongs[q] == h.belongs[k] {
				h.asked[cellKey{q.platform, q.person, a}] = true
			}
		}
		h.logf("decided %v %s: keep %q", k, a, w.Value)
		return
	}
	h.resolve(p, k, a)
}

// resolve lets a person who knows the truth answer a flag.
func (h *history) resolve(p *platform, k rowKey, a schema.Attribute) {
	row := h.hub.row(k)
	flag, ok := row.Flags()[a]
	if !ok || row.Open() {
		return
	}
	c := p.rows[k.person].cells[a]
	if c.text != row.Raw[a] {
		return // they would look at the platform and see something else
	}
	v := WriteAgain
	switch {
	case c.cause == byUs && flag.Kind == Contested && row.field(a).sent != nil && c.wire == row.field(a).sent.Raw:
		v = AsRendition
	case c.cause == byClerk && flag.Kind == Contested:
		v = AsTheirs
	}
	if !h.hub.resolve(k, a, v) {
		return
	}
	key := cellKey{k.platform, k.person, a}
	switch v {
	case WriteAgain:
		h.asked[key] = true
	case AsTheirs:
		h.ownAct[key] = c.act
	}
	h.logf("resolved %v %s: %s", k, a, v)
}

// withdraw ends the agreement about a field, or grants it again.
func (h *history) withdraw(p *platform, a schema.Attribute) {
	if p.agreed[a] != schema.Overwrite && p.agreed[a] != schema.FillEmpty {
		return
	}
	if p.mode[a] == schema.Never {
		p.mode[a] = p.agreed[a]
		h.seen["granted again"]++
	} else {
		p.mode[a] = schema.Never
		h.seen["withdrawn"]++
	}
	h.logf("agreement of %d about %s: %s", p.id, a, p.mode[a])
}

func (h *history) disaster(p *platform) {
	switch h.c.pick("disaster", 5) {
	case 4:
		h.withdraw(p, simFields[h.c.pick("field", len(simFields))])
	case 1:
		h.restorePlatform(p)
	case 2:
		h.kept, h.keptActs = h.hub.backup(), maps.Clone(h.ownAct)
		h.logf("store backed up")
	case 3:
		h.restoreStore()
	case 0:
		if h.mystery == platformResets {
			h.reset(p)
		}
	}
}

// reset puts the same text into a field of all rows, undeclared.
func (h *history) reset(p *platform) {
	a := simFields[0]
	for i := range p.rows {
		h.stamps++
		if !p.rows[i].exists || h.fell(p, rowKey{p.id, i}) {
			continue
		}
		p.rows[i].cells[a] = cell{text: "reset", cause: byPlatform, stamp: h.stamps, act: h.now, lastOwn: "reset"}
		p.rows[i].version++
		p.rows[i].changed = h.now
	}
	p.save(h.now)
	h.logf("reset %d", p.id)
}

// restorePlatform takes a platform back to an older state.
func (h *history) restorePlatform(p *platform) {
	free := h.mystery == blindRestore
	if !free && !p.versions {
		return
	}
	for _, k := range allRows() {
		if k.platform == p.id && h.hub.row(k).Open() {
			return
		}
	}
	old := p.log[h.c.pick("snapshot", len(p.log))]
	if !free {
		// The hub has read the newest versions: otherwise what is lost was never seen.
		for i := range p.rows {
			if seen, _ := strconv.Atoi(h.hub.row(rowKey{p.id, i}).Version); seen != p.rows[i].version {
				return
			}
		}
	}
	for i := range p.rows {
		p.rows[i] = old.rows[i].copy()
		for _, a := range simFields {
			delete(h.applied, cellKey{p.id, i, a})
		}
	}
	p.save(h.now)
	h.logf("platform %d restored to %d", p.id, old.at)
	h.seen["platform restores"]++
}

// restoreStore loses the hub's state since the last backup.
func (h *history) restoreStore() {
	if h.kept == nil || len(h.flights) > 0 || len(h.acks) > 0 {
		return
	}
	h.hub.restore(h.kept, maps.Clone(h.journal), at(h.now))
	h.kept, h.ownAct = nil, h.keptActs
	// The judge forgets what the hub forgot.
	for _, k := range allRows() {
		for _, a := range simFields {
			key := cellKey{k.platform, k.person, a}
			delete(h.seenStamp, key)
		}
	}
	for _, p := range h.platforms {
		p.unknown = p.unknown || p.blind
	}
	h.logf("store restored")
	h.seen["store restores"]++
}
