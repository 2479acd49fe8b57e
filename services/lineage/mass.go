package lineage

import "heji/schema"

// Move is a change of one field's own value in one read. Compare only; it holds
// a person's value.
type Move struct {
	Attribute schema.Attribute
	To        string // the new text
	Back      bool   // it had been the own text before
}

// Mass is a set of changes that too many rows of one read made at once to be
// people's work: a nightly reset, a restored backup, a wrong import.
type Mass map[Move]bool

// MassLimit says how many is too many: at least Rows rows, and at least Share of
// the rows of the read.
type MassLimit struct {
	Rows  int
	Share float64
}

// Tally counts the moves of one read, over as many batches as it takes.
type Tally struct {
	rows  int
	moves map[Move]int
}

// Add counts one row's report.
func (t *Tally) Add(r Report) {
	t.rows++
	if len(r.Moves) == 0 {
		return
	}
	if t.moves == nil {
		t.moves = map[Move]int{}
	}
	for _, m := range r.Moves {
		t.moves[Move{Attribute: m.Attribute, To: m.To}]++
		if m.Back {
			t.moves[Move{Attribute: m.Attribute, Back: true}]++
		}
	}
}

// Mass returns the changes over the limit: "many rows of one read change to the
// same S, or go back to past". If there are any, the caller observes the same
// rows of the same read again, from their state before it, with Policy.Mass set,
// so that the fields are contested instead of believed; and holds the platform.
func (t *Tally) Mass(limit MassLimit) Mass {
	var mass Mass
	for m, n := range t.moves {
		if n < limit.Rows || float64(n) < limit.Share*float64(t.rows) {
			continue
		}
		if mass == nil {
			mass = Mass{}
		}
		mass[m] = true
	}
	return mass
}

// FindMass is Tally for a read that fits into one slice.
func FindMass(reports []Report, limit MassLimit) Mass {
	var t Tally
	for _, r := range reports {
		t.Add(r)
	}
	return t.Mass(limit)
}

// has reports whether a move belongs to a mass change.
func (m Mass) has(move Move) bool {
	if len(m) == 0 {
		return false
	}
	return m[Move{Attribute: move.Attribute, To: move.To}] ||
		move.Back && m[Move{Attribute: move.Attribute, Back: true}]
}
