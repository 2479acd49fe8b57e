package oracle

import (
	"time"

	"heji/deploy/demo/district"
)

// Ref names one row of one platform.
type Ref struct{ Platform, Key string }

// FieldRef names one attribute of one row.
type FieldRef struct {
	Platform, Key, Attribute string
}

// Hub is the hub's merged truth at a quiet moment, handed in as plain data.
type Hub struct {
	// Rows: the resident of each row of each platform: rows that the hub created
	// and rows that are gone, too. A row that vanished is not made again without
	// a person, so residents of gone rows need no new one.
	Rows map[Ref]string
	// Residents: the master values, canonical attribute → canonical text.
	Residents map[string]map[string]string
	// Live lists the platforms whose agreement stage is live.
	Live map[string]bool
	// Held lists fields that the hub says are contested, held, not taken or
	// refused, with its word for it: excluded from what is demanded, counted.
	Held map[FieldRef]string
	// NoCreate lists residents for whom a create must wait, by platform: an
	// open review, a possible double found by looking.
	NoCreate map[string]map[string]bool
}

// Phase is one stretch of the demo from quiet to quiet.
type Phase struct {
	Name   string
	Today  time.Time
	Before district.Mark
	After  district.Mark
	Edits  map[string][]district.Edit  // by platform, those made in the phase
	Writes map[string][]district.Write // by platform, those received in the phase
	Hub    Hub
}

// Result is what one phase did to one platform.
type Result struct {
	Records        int `json:"records"` // rows that the platform shows at the end
	WritesNeeded   int `json:"writes_needed"`
	WritesReceived int `json:"writes_received"` // applied or refused, replays of one request not counted
	WritesRepeated int `json:"writes_repeated"` // the row already held exactly that content
	Refused        int `json:"refused"`
	Differs        int `json:"differs"` // fields that at the end do not show what is demanded, and missing rows
	Held           int `json:"held"`    // fields excluded because the hub holds them
	Fields         int `json:"fields"`  // fields compared at the end
	// Missing and Unneeded name rows, for whoever looks for the reason: rows
	// that needed a write and got none, and the other way round. Different
	// names fields as "key column".
	Missing   []string `json:"missing,omitempty"`
	Unneeded  []string `json:"unneeded,omitempty"`
	Different []string `json:"different,omitempty"`
}

// Pairs counts pairs of rows of the same resident against pairs of rows of the
// same true person.
type Pairs struct {
	True, Found, Right int
}

// Precision is right pairs among found ones, 1 when none was found.
func (p Pairs) Precision() float64 { return ratio(p.Right, p.Found) }

// Recall is right pairs among true ones, 1 when there are none.
func (p Pairs) Recall() float64 { return ratio(p.Right, p.True) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}
