package linkage

import (
	"cmp"

	"heji/schema"
)

// Item is one living record, as Batch sees it.
type Item struct {
	Ref  schema.RecordRef // unique among the items
	F    Features         // not needed for anchored items
	Keys []int64          // blocking keys, from Model.Keys
	// Anchors, when there are any, make this an anchored record: a desk edit or a
	// row that Heji created. It is compared with nothing and goes where its first
	// living anchor goes.
	Anchors []schema.RecordRef
}

// Decision is what a person said about two records, not revoked.
type Decision struct {
	A, B schema.RecordRef
	Same bool // otherwise: not the same person
}

// Reason says why the two ends of an edge are not one resident.
type Reason string

const (
	// BelowLink: the weight asks for review, not for joining.
	BelowLink Reason = "below_link"
	// SameID: one ID number under clearly different people.
	SameID Reason = "same_id"
	// TwoIDs: joining would put two different valid ID numbers together (I3).
	TwoIDs Reason = "i3"
	// Decided: a person said that the two, or two records of their residents,
	// are not the same.
	Decided Reason = "decision"
	// GroupRule: the residents as wholes do not fit each other, or an ambiguous
	// pair fits a third one as well.
	GroupRule Reason = "group"
	// OneSource: joining would put two records of one source together, which
	// Limits.OnePerSource forbids.
	OneSource Reason = "source"
	// Undecided: two residents of the register fit a record about equally well
	// (Limits.Register), so that it belongs to neither until a person says so.
	Undecided Reason = "undecided"
)

// Edge is a pair of records of two residents worth keeping: the review queue,
// and what the stream's closure walks along.
type Edge struct {
	A, B   schema.RecordRef // A sorts before B
	Weight int              // hundredths of a bit
	Reason Reason
}

// Result is a partition of records.
type Result struct {
	// Groups are the residents: each sorted, and sorted by their first record.
	Groups [][]schema.RecordRef
	// Edges, sorted by A and then B.
	Edges []Edge
}

// Limits are the bounds that a partition needs to know.
type Limits struct {
	Link      int // weight from which a pair may join
	Review    int // weight from which a pair is worth a person's time
	Group     int // least mean weight over all cross pairs of two groups
	HotKey    int // a key with more living holders makes no pairs
	Component int // a closure with more records keeps its old partition

	// LinkOnly: records of one platform are never compared.
	LinkOnly bool
	// OnePerSource: weights alone put no two records of one platform together.
	OnePerSource bool
	// Register, where it is set, is the platform whose records are residents
	// already. Every other record is compared with them alone, and weights put it
	// to at most one of them: it joins nothing, and bridges nothing.
	Register string
	// Margin is by how much the best of the register must outweigh the next one
	// before a record is put to it; where it does not, a person decides.
	Margin int
}

// apart reports whether two records are never compared.
func (l *Limits) apart(a, b schema.RecordRef) bool {
	if l.Register != "" {
		return (a.Platform == l.Register) == (b.Platform == l.Register)
	}
	return l.LinkOnly && a.Platform == b.Platform
}

// Weight is what a Scorer says about a pair.
type Weight struct {
	Total int // hundredths of a bit
	// Conflict: one ID number under clearly different people. Such a pair is
	// kept for review whatever its weight, and never joins.
	Conflict bool
	// Ambiguous: what speaks for the pair may speak for somebody else as well. It
	// joins nothing while pairs of its kind also lead to somebody who cannot be the
	// same entity.
	Ambiguous bool
}

// Scorer weighs pairs. *Model is the one that is used; simulations bring their
// own.
type Scorer interface {
	// Weigh is symmetric, and its Total is below Limits().Link for a Conflict.
	Weigh(a, b Features) Weight
	// Identifier returns the number of which no two that differ can be one
	// person's (I3); empty where there is none.
	Identifier(f Features) []byte
	Limits() Limits
}

// CompareRefs orders records by platform and key.
func CompareRefs(a, b schema.RecordRef) int {
	return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Key, b.Key))
}
