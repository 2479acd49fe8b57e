package lineage

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"heji/schema"
)

// The simulated world: three platforms that hold two residents each, the clerks
// who work on them, and what the simulator alone knows to be true: who put each
// text where it stands.

const (
	simPlatforms = 3
	simPersons   = 2
	simLife      = 4 // longest life of a request, in seconds
)

var simFields = []schema.Attribute{schema.Phone, schema.Workplace}

// cause says who put a text into a cell.
type cause string

const (
	byClerk    cause = "clerk" // a clerk, or the platform's own beginning
	byUs       cause = "us"    // our write, or what the platform made of it
	byPlatform cause = "reset" // the platform itself
)

type cell struct {
	text  string
	cause cause
	stamp int // the number of the change that put it there
	act   int // when the person acted whose fact this is
	// Ours only.
	wire   string
	source string
	// lastOwn is the last text that a clerk put here.
	lastOwn string
}

type simRow struct {
	exists  bool
	version int
	changed int
	cells   map[schema.Attribute]cell
}

func (r simRow) copy() simRow {
	cells := make(map[schema.Attribute]cell, len(r.cells))
	for a, c := range r.cells {
		cells[a] = c
	}
	r.cells = cells
	return r
}

type snapshot struct {
	at   int
	rows [simPersons]simRow
}

// simKinds are the kinds of platforms, remote last: it may be like any other.
var simKinds = []string{"table", "rest", "soap", "files", "kafka", "template", "manual", "remote"}

type platform struct {
	id          int
	kind        string
	blind       bool // shows nothing: what it says that it took is all that is known
	pulled      bool
	unknown     bool                             // blind, and the store was restored: nobody can say what it shows
	agreed      map[schema.Attribute]schema.Mode // what is in force unless it was withdrawn
	conditional bool
	versions    bool
	looks       bool
	primary     bool
	queued      bool
	clock       bool // trusted
	hold        bool
	creates     bool
	ifMatch     bool // compares the row version, too
	lag         int
	hiddenLag   int // undeclared
	cut         int // keeps so many characters
	cutDeclared bool
	upper       bool // stores upper case: the same meaning
	ignores     map[schema.Attribute]bool
	mode        map[schema.Attribute]schema.Mode
	rows        [simPersons]simRow
	log         []snapshot
}

type cellKey struct {
	platform, person int
	attr             schema.Attribute
}

type rowKey struct{ platform, person int }

func (k rowKey) source() string { return fmt.Sprintf("p%d/%d", k.platform, k.person) }

// canon is the simulated mapping: surrounding blanks and case mean nothing, "-"
// means blank, "?…" cannot be read.
func canon(raw string) (string, bool) {
	if strings.HasPrefix(raw, "?") {
		return "", false
	}
	v := strings.ToLower(strings.TrimSpace(raw))
	if v == "-" {
		v = ""
	}
	return v, true
}

func at(n int) time.Time { return time.Unix(int64(n), 0).UTC() }

// makes is what the platform stores when it is sent a text.
func (p *platform) makes(wire string) string {
	if p.cut > 0 && len(wire) > p.cut {
		wire = wire[:p.cut]
	}
	if p.upper {
		wire = strings.ToUpper(wire)
	}
	return wire
}

func (p *platform) policy() Policy {
	pol := Policy{
		Lag: time.Duration(p.lag) * time.Second, RequestLife: simLife * time.Second,
		Looks: p.looks, Primary: p.primary, Hold: p.hold,
	}
	if p.versions {
		pol.Older = func(a, b string) bool {
			x, _ := strconv.Atoi(a)
			y, _ := strconv.Atoi(b)
			return x < y
		}
	}
	if p.cutDeclared {
		pol.Predict = func(_ schema.Attribute, wire string) []string { return []string{p.makes(wire)} }
	}
	return pol
}

// save notes the platform's state, for lagging reads and restores.
func (p *platform) save(now int) {
	s := snapshot{at: now}
	for i, r := range p.rows {
		s.rows[i] = r.copy()
	}
	p.log = append(p.log, s)
}

// asAt returns the rows as they were at a time.
func (p *platform) asAt(t int) [simPersons]simRow {
	for i := len(p.log) - 1; i >= 0; i-- {
		if p.log[i].at <= t {
			return p.log[i].rows
		}
	}
	return p.log[0].rows
}

// read turns a row's content into what a connector would report, and keeps the
// content for the judge.
type simRead struct {
	key     rowKey
	read    Read
	content simRow
}

func (p *platform) read(person int, content simRow, asOf, now int, look bool) simRead {
	r := Read{AsOf: at(asOf), Now: at(now), Look: look, Deleted: !content.exists}
	if content.exists {
		r.Raw, r.Values = map[schema.Attribute]string{}, schema.Values{}
		for a, c := range content.cells {
			r.Raw[a] = c.text
			if v, ok := canon(c.text); ok {
				r.Values[a] = v
			}
		}
		if p.versions {
			r.Version = strconv.Itoa(content.version)
		}
		if p.clock {
			t := at(content.changed)
			r.ChangedAt = &t
		}
	}
	return simRead{key: rowKey{p.id, person}, read: r, content: content}
}
