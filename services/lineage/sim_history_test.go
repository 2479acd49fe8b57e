package lineage

import (
	"fmt"
	"slices"
	"strings"

	"heji/schema"
)

// chooser makes the choices of a history; 0 is always the plainest, so that a
// failing history shrinks towards nothing happening.
type chooser interface{ pick(label string, n int) int }

// mystery is something that happens in a history although no rule can tell it
// apart from something else. None is the rule: then nothing may go wrong at all.
type mystery string

const (
	noMystery      mystery = ""
	unseenEdits    mystery = "a clerk's edit that we could not see, just before an unconditional write"
	ourValue       mystery = "a clerk who sets exactly our value"
	putBack        mystery = "in doubt without versions, a clerk puts the old value back"
	blindRestore   mystery = "a restored platform without versions, or versions used again"
	platformResets mystery = "a platform's first reset looks like an edit"
	hiddenLag      mystery = "a platform lags more than it declares"
)

// mysteries lists what each may cost. Whatever else goes wrong is our fault.
var mysteries = map[mystery][]string{
	unseenEdits:    {newerLost, silentlyOff},
	ourValue:       {missedByAll, newerLost, silentlyOff},
	putBack:        {newerLost, repeated, silentlyOff, missedByAll},
	blindRestore:   {staleRead, echo, newerLost, silentlyOff, missedByAll},
	platformResets: {newerLost, silentlyOff},
	hiddenLag:      {hasty, echo, staleRead, repeated, newerLost, silentlyOff, missedByAll},
}

// violation classes, as RULES.md reports them.
const (
	neverQuiet  = "never quiet"
	echo        = "echo became evidence"
	staleRead   = "stale read became evidence"
	silentlyOff = "silently not what was wanted"
	repeated    = "repeated write"
	newerLost   = "newer value lost without a dispute"
	missedByAll = "clerk's value neither evidence nor flagged"
	hasty       = "verdict on a write from a read that could not know"
	unagreed    = "written without an agreement"
)

type deskEdit struct {
	anchor rowKey
	attr   schema.Attribute
	value  string
	at     int
}

type decision struct {
	anchor rowKey
	attr   schema.Attribute
	value  string
	at     int
	act    int
}

type flight struct {
	at int
	do func()
}

// history is one run of the world.
type history struct {
	c         chooser
	hub       brain
	mystery   mystery
	traced    bool
	now       int
	stamps    int
	values    int
	platforms [simPlatforms]*platform
	belongs   map[rowKey]int // which resident a row is believed to belong to
	edits     []deskEdit
	decided   []decision

	stale    []simRead
	flights  []flight
	acks     []func()
	journal  map[rowKey][]Written
	kept     any // a backup of the store
	keptActs map[cellKey]int
	intents  int

	// What the judge remembers.
	seenStamp map[cellKey]int // newest change of a cell that the hub accepted
	ownAct    map[cellKey]int // when the fact behind the own evidence happened
	lastWire  map[cellKey]sentFact
	applied   map[cellKey]int // the change that our last write made
	created   map[rowKey]bool
	asked     map[cellKey]bool // a person asked to write this cell again
	calm      bool

	violations map[string]int
	excused    map[string]int // by what no rule can tell apart
	seen       map[string]int // what happened at all: the simulator's own coverage
	trace      []string
}

type sentFact struct {
	wire string
	act  int
	held bool // an accepted read showed it
}

func newHistory(c chooser, hub brain, m mystery) *history {
	h := blankHistory(c, hub, m)
	for i := range h.platforms {
		h.platforms[i] = h.newPlatform(i)
	}
	return h
}

func blankHistory(c chooser, hub brain, m mystery) *history {
	return &history{
		c: c, hub: hub, mystery: m, now: 100, belongs: map[rowKey]int{},
		journal: map[rowKey][]Written{}, seenStamp: map[cellKey]int{}, ownAct: map[cellKey]int{},
		lastWire: map[cellKey]sentFact{}, asked: map[cellKey]bool{}, created: map[rowKey]bool{}, applied: map[cellKey]int{},
		violations: map[string]int{}, excused: map[string]int{}, seen: map[string]int{},
	}
}

func (h *history) chance(label string, oneIn int) bool { return h.c.pick(label, oneIn) == oneIn-1 }
func (h *history) half(label string) bool              { return h.c.pick(label, 2) == 1 }

func (h *history) newPlatform(id int) *platform {
	p := &platform{id: id, kind: simKinds[h.c.pick("kind", len(simKinds))], ignores: map[schema.Attribute]bool{}, mode: map[schema.Attribute]schema.Mode{},
		agreed: map[schema.Attribute]schema.Mode{}}
	switch p.kind {
	case "table":
		p.conditional, p.looks, p.primary, p.versions, p.clock = true, true, true, h.half("versions"), h.chance("clock", 4)
	case "rest":
		p.looks, p.versions, p.clock = true, h.half("versions"), h.chance("clock", 4)
		p.conditional = !h.half("unconditional")
	case "soap":
		p.looks, p.clock = true, h.chance("clock", 4)
	case "files", "template":
		p.queued = true
	case "kafka":
		p.queued, p.hold = true, h.half("hold")
	case "manual":
		p.queued, p.blind = true, h.half("no exports")
	default: // remote: a program may be anything
		p.conditional, p.versions, p.looks = !h.half("unconditional"), h.half("versions"), !h.chance("blind", 3)
		p.primary, p.queued, p.clock, p.hold = h.half("primary"), h.chance("queued", 4), h.chance("clock", 4), h.chance("hold", 8)
	}
	p.conditional = p.conditional && !p.queued // a file cannot compare
	p.ifMatch = p.conditional && p.versions && h.half("if-match")
	if h.half("lag") {
		p.lag = 3
	}
	if h.mystery == hiddenLag && h.half("hidden lag") {
		p.hiddenLag = 6
	}
	if h.chance("cut", 4) && !p.blind {
		p.cut, p.cutDeclared = 4, h.half("declared")
	}
	p.upper = h.chance("upper", 5) && !p.blind
	for _, a := range simFields {
		p.ignores[a] = h.chance("ignores", 10) && !p.blind
		p.agreed[a] = schema.Overwrite
		switch h.c.pick("mode", 12) {
		case 8, 9, 10:
			p.agreed[a] = schema.FillEmpty
		case 11:
			p.agreed[a] = []schema.Mode{schema.Propose, schema.Never}[h.c.pick("no write", 2)]
		}
		p.mode[a] = p.agreed[a]
	}
	h.populate(p)
	// A row that is not there may be created, if the agreement says so.
	if h.chance("creates", 4) {
		p.creates = true
		p.rows[1] = simRow{cells: map[schema.Attribute]cell{}}
	}
	p.save(h.now)
	return p
}

// populate gives a platform one row for each person.
func (h *history) populate(p *platform) {
	for i := range p.rows {
		cells := map[schema.Attribute]cell{}
		for _, a := range simFields {
			text := ""
			if !h.half("blank") {
				text = p.makes(h.fresh())
			}
			h.stamps++
			cells[a] = cell{text: text, cause: byClerk, stamp: h.stamps, act: 0, lastOwn: text}
		}
		p.rows[i] = simRow{exists: true, version: 1, changed: h.now - 50, cells: cells}
		h.belongs[rowKey{p.id, i}] = i
	}
}

// fresh is a text that nobody has used before.
func (h *history) fresh() string {
	h.values++
	return fmt.Sprintf("%03dvalue", h.values)
}

func (h *history) logf(format string, args ...any) {
	if !h.traced {
		return // a million histories are played, and one is read
	}
	h.trace = append(h.trace, fmt.Sprintf("%4d ", h.now)+fmt.Sprintf(format, args...))
}

func (h *history) violate(class, format string, args ...any) {
	h.logf("VIOLATION "+class+": "+format, args...)
	h.violations[class]++
}

// blame counts a violation, unless this history's mystery explains it.
func (h *history) blame(class, format string, args ...any) {
	if slices.Contains(mysteries[h.mystery], class) {
		h.logf("EXCUSED "+class+": "+format, args...)
		h.excused[class]++
		return
	}
	h.violate(class, format, args...)
}

// tick lets time pass and what is under way arrive.
func (h *history) tick(n int) {
	for range n {
		h.now++
		h.flights = slices.DeleteFunc(h.flights, func(f flight) bool {
			if f.at > h.now {
				return false
			}
			f.do()
			return true
		})
	}
}

// run plays a history of so many steps, then lets the world go quiet.
func (h *history) run(steps int) {
	for _, p := range h.platforms {
		h.pull(p, false)
	}
	for range steps {
		h.tick(1)
		h.step()
	}
	h.quieten()
}

func (h *history) step() {
	p := h.platforms[h.c.pick("platform", simPlatforms)]
	person := h.c.pick("person", simPersons)
	a := simFields[h.c.pick("field", len(simFields))]
	switch h.c.pick("event", 20) {
	case 0:
	case 1, 2, 3:
		h.clerk(p, person, a)
	case 4, 5:
		h.desk(rowKey{p.id, person}, a)
	case 6, 7, 8:
		h.pull(p, h.chance("stale", 3))
	case 9, 10, 11, 12:
		h.write(p)
	case 13:
		h.deliverStale()
	case 14:
		h.acknowledge()
	case 15:
		h.look(p)
	case 16:
		h.repoint(rowKey{p.id, person})
	case 17:
		h.vanishOrReturn(p, person)
	case 18:
		h.person(p, person, a)
	case 19:
		h.disaster(p)
	}
}

// pull reads all rows of a platform; content may be as old as the lag.
func (h *history) pull(p *platform, keep bool) {
	if p.blind && p.pulled {
		return // it was entered once from its own list, and has no exports
	}
	p.pulled = true
	start := h.now
	asOf := start - p.lag
	shows := start
	if p.lag+p.hiddenLag > 0 && !h.calm {
		shows = start - h.c.pick("behind", p.lag+p.hiddenLag+1)
	}
	rows := p.asAt(shows)
	for i := range rows {
		r := p.read(i, rows[i], asOf, h.now, false)
		if keep {
			h.stale = append(h.stale, r)
			if !h.half("again") {
				continue
			}
		}
		h.deliver(r)
	}
}

func (h *history) look(p *platform) {
	if !p.looks {
		return
	}
	for i := range p.rows {
		k := rowKey{p.id, i}
		row := h.hub.row(k)
		if !row.Lineage.Look {
			continue
		}
		due := row.LookAt(p.policy())
		if due.IsZero() || due.After(at(h.now)) {
			continue
		}
		content := p.asAt(h.now)[i]
		if !p.primary && p.lag > 0 && !h.calm {
			content = p.asAt(h.now - h.c.pick("look behind", p.lag+1))[i]
		}
		h.deliver(p.read(i, content, h.now, h.now, true))
	}
}

func (h *history) deliverStale() {
	if len(h.stale) == 0 {
		return
	}
	i := h.c.pick("which", len(h.stale))
	r := h.stale[i]
	if !h.half("twice") {
		h.stale = slices.Delete(h.stale, i, i+1)
	}
	r.read.Now = at(h.now)
	h.deliver(r)
}

// deliver gives a read to the hub and judges what became evidence.
func (h *history) deliver(r simRead) {
	p := h.platforms[r.key.platform]
	if known := h.hub.row(r.key); r.read.Deleted && known.Seen.IsZero() && !known.Open() {
		return // nobody ever showed us this row
	}
	report := h.hub.observe(r.key, r.read, p.policy())
	after := h.hub.row(r.key)
	if h.traced {
		h.logf("read %v look=%v asof=%d v=%s %v → %s", r.key, r.read.Look, r.read.AsOf.Unix(), r.read.Version, r.read.Raw, summary(report))
	}
	h.tally("settled", len(report.Settled))
	h.tally("altered", len(report.Altered))
	h.tally("not taken", len(report.NotTaken))
	h.tally("retry", len(report.Retry))
	h.tally("contested", len(report.Contested))
	h.tally("rendition", len(report.Renditions))
	h.tally("restored", b2i(report.Restored))
	h.tally("ignored", b2i(report.Ignored))
	if report.Ignored || r.read.Deleted {
		return
	}
	for _, a := range simFields {
		k := cellKey{r.key.platform, r.key.person, a}
		c := r.content.cells[a]
		if _, naive := h.hub.(*obvious); !naive && !after.field(a).seen.Equal(after.Seen) {
			continue // this field did not take part
		}
		if slices.Contains(report.Own, a) {
			h.judgeEvidence(k, c)
		}
		verdict := slices.Contains(report.NotTaken, a) || slices.Contains(report.Altered, a) || slices.Contains(report.Retry, a)
		if verdict && c.stamp < h.applied[k] {
			h.blame(hasty, "%v %q", k, c.text)
		}
		if c.stamp > h.seenStamp[k] {
			h.seenStamp[k] = c.stamp
		}
		if s, ok := h.lastWire[k]; ok && c.cause == byUs && c.wire == s.wire {
			s.held = true
			h.lastWire[k] = s
		}
	}
}

func (h *history) judgeEvidence(k cellKey, c cell) {
	switch {
	case c.cause == byUs:
		h.blame(echo, "%v %q", k, c.text)
	case c.stamp < h.seenStamp[k]:
		h.blame(staleRead, "%v %q", k, c.text)
	}
	h.ownAct[k] = c.act
}

func summary(r Report) string {
	var parts []string
	add := func(name string, list []schema.Attribute) {
		if len(list) > 0 {
			parts = append(parts, fmt.Sprintf("%s%v", name, list))
		}
	}
	add("settled", r.Settled)
	add("altered", r.Altered)
	add("nottaken", r.NotTaken)
	add("contested", r.Contested)
	add("retry", r.Retry)
	add("own", r.Own)
	if r.Ignored {
		parts = append(parts, "ignored")
	}
	if r.Restored {
		parts = append(parts, "restored")
	}
	return strings.Join(parts, " ")
}

func (h *history) tally(what string, n int) {
	if n > 0 {
		h.seen[what] += n
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
