package table

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"heji/connectors"
	"heji/schema"
)

// cursor is where the next pass goes on.
type cursor struct {
	// Change and Key are the last row read in the order of (change column, key);
	// Change nil: no row had a change time yet.
	Change *string  `json:"change,omitempty"`
	Key    []string `json:"key,omitempty"`
	// Snapshot is what was visible when everything up to there had been read.
	Snapshot snapshot `json:"snapshot,omitempty"`
	// Seen are rows that were read and that the next pass will meet again: key →
	// xmin, or a view's content.
	Seen map[string]string `json:"seen,omitempty"`
	// Log is the place in the log table, where there is one.
	Log *logPlace `json:"log,omitempty"`
	// Full is when the last full read began.
	Full time.Time `json:"full"`

	order []string // of Seen, oldest first; only in the process that saw them
}

// maxSeen bounds the list. What does not fit is read once more: a repeated row
// costs time, a lost one is lost. Of too many the first are left out: rows come in
// the order of their change time, and the last are those that are met again.
const maxSeen = 5000

// see remembers a row for the next pass.
func (c *cursor) see(s sighting) {
	if s.row.Op == schema.OpDead {
		return
	}
	if c.Seen == nil {
		c.Seen = map[string]string{}
	}
	if _, again := c.Seen[s.row.Key]; !again {
		c.order = append(c.order, s.row.Key)
	}
	c.Seen[s.row.Key] = s.mark
	for len(c.Seen) > maxSeen {
		delete(c.Seen, c.order[0])
		c.order = c.order[1:]
	}
}

// remember keeps a row where the next pass could meet it again: written by a
// transaction that its snapshot does not put before all open ones, or of a table
// that does not tell.
func (c *cursor) remember(s sighting) {
	if xmin, _ := c.Snapshot.bounds(); s.xid >= xmin {
		c.see(s)
	}
}

// sighting is a row with what tells that it is the same one again.
type sighting struct {
	row    connectors.Row
	mark   string // xmin; where there is none, the fingerprint of the content
	xid    uint64 // the transaction that wrote it; 0 where there is none
	place  string // ctid, where it was asked for
	keys   []string
	change string // these two as the database gave them, for positions
}

func decodeCursor(from connectors.Cursor) (*cursor, error) {
	if len(from) == 0 || string(from) == "null" {
		return nil, nil
	}
	c := &cursor{}
	if err := json.Unmarshal(from, c); err != nil {
		return nil, fmt.Errorf("the stored resume point is not one of this kind: %w", err)
	}
	return c, nil
}

func (c cursor) encode() connectors.Cursor {
	data, err := json.Marshal(c)
	if err != nil {
		panic("table: a cursor of strings and times cannot fail to encode: " + err.Error())
	}
	return data
}

// snapshot is pg_current_snapshot() as text, xmin:xmax:in progress.
type snapshot string

// bounds returns xmin, below which every transaction was over, and xmax, from
// which on none had begun. Both are 0 where there is no snapshot.
func (s snapshot) bounds() (xmin, xmax uint64) {
	parts := strings.SplitN(string(s), ":", 3)
	if len(parts) < 2 {
		return 0, 0
	}
	xmin, err := strconv.ParseUint(parts[0], 10, 64)
	if err != nil {
		return 0, 0
	}
	xmax, err = strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return 0, 0
	}
	return xmin, xmax
}

// restore gives a row's 32-bit xmin the upper bits back: no row of interest is
// 2^31 transactions old.
func (s snapshot) restore(xmin32 string) uint64 {
	low, err := strconv.ParseUint(xmin32, 10, 32)
	if err != nil {
		return 0
	}
	_, next := s.bounds()
	high := next &^ 0xFFFFFFFF
	if low > next&0xFFFFFFFF && high > 0 {
		high -= 1 << 32
	}
	return high | low
}
