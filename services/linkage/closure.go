package linkage

import "heji/schema"

// Row is one record as the store holds it.
type Row struct {
	ID       int64
	Ref      schema.RecordRef
	F        Features // may be nil for deleted and anchored records
	Keys     []int64  // current blocking keys; none for deleted and anchored records
	OldKeys  []int64  // every other key that it has had since it was last resolved
	Anchors  []int64  // ids of the records that an anchored record follows, in order
	Resident string   // of the last resolution; empty: none yet
	Rev      int64    // counts the changes of the record; handed through to Outside
	Deleted  bool     // a tombstone: keeps its resident until resolved
	// Unresolved: changed, or a decision about it did, or one of its keys
	// flipped, since it was last resolved.
	Unresolved bool
}

// Neighbourhood is how Close reads the store. Each method is one set-based
// question (RULES D says under which locks).
type Neighbourhood interface {
	// Lock locks the records, given in id order, reads them again in a later
	// statement, and returns those that exist. Every record is asked for once.
	Lock(ids []int64) ([]Row, error)
	// Hot counts the living, unanchored holders of count, and says which of
	// count and others are listed as hot. It reads after Lock.
	Hot(count, others []int64) (HotState, error)
	// Look finds what the records are connected to.
	Look(q Look) (Found, error)
}

// Look asks for everything that newly locked records are connected to. The
// slices are sorted and hold nothing twice.
type Look struct {
	// Residents whose current records are wanted (mates).
	Residents []string
	// Records, by id and by name, of which are wanted: stored edges at or above
	// the link threshold whatever their reason, active decisions, and for "same"
	// decisions the record at the other end.
	Records []int64
	Refs    []schema.RecordRef
	// Anchored are records among Records whose anchors are wanted, Anchors those
	// that other records may be anchored to.
	Anchored []int64
	Anchors  []int64
	// Keys of which all living, unanchored holders are wanted as candidates. None
	// of them is hot, so none has more holders than the cap.
	Keys []int64
}

// Found answers a Look. What was already known may be in it again.
type Found struct {
	Mates map[string][]int64 // resident → its records, tombstones included
	// Pairs are connected records: both ends of a stored edge at or above the
	// link threshold, of an active "same" decision whose records exist, and an
	// anchored record with each record that it is anchored to.
	Pairs      [][2]int64
	Decisions  []Decision
	Candidates []Row // read without a lock
}

// Closure is what Close found.
type Closure struct {
	// Flips, when there are any, are all that is set: list them, mark all their
	// holders unresolved, commit, and start again.
	Flips []Flip
	// Components are complete and can be written, each on its own.
	Components []Component
	// Oversize components have more living records than Limits.Component. They keep
	// their old partition and their records stay unresolved (flagged): a
	// component is never truncated. The ids are those seen until it was given up.
	Oversize [][]int64
}

// Component is one connected piece of the closure with its new partition.
type Component struct {
	Members []Row // locked and read again; by id
	// Groups of member ids, one for each resident, without tombstones.
	Groups [][]int64
	// Changed are the members that were unresolved. Writing means: delete every
	// stored edge with an end in Changed of any component, or with both ends in
	// Members of the same one, then insert the Edges of all. An edge between two
	// components whose ends both changed is in both, alike; one whose ends did not
	// is in neither, and stays.
	Changed []int64
	Edges   []RowEdge
	// Outside are the records at the other end of edges that leave the component,
	// as they were read, without a lock. Lock them for sharing before writing, and
	// start again where Rev has moved on: otherwise a worker that resolves such a
	// record at the same time and this one overwrite each other's edges.
	Outside []Outside
}

// Outside is a record that an edge leads to.
type Outside struct {
	ID, Rev int64
}

// RowEdge is an Edge between rows; A < B.
type RowEdge struct {
	A, B   int64
	Weight int
	Reason Reason
}
