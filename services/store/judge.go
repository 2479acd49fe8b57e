package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/linkage"
)

// Judgement is what a person wants to decide. Only the fields that its kind
// names are read.
type Judgement struct {
	Kind string // same, not_same, later, keep, split, unmerge, undo

	A, B      schema.RecordRef     // same, not_same, later; keep: A
	Until     time.Time            // later
	Attribute schema.Attribute     // keep
	Value     string               // keep
	Resident  uuid.UUID            // split, unmerge
	Groups    [][]schema.RecordRef // split: every record that stands for itself, in one of them
	Merge     int64                // unmerge: Merge.ID
	// Hold, for split and unmerge, are the groups that nothing but a decision
	// would hold together once the others are gone: each gets "same" decisions.
	Hold   []int
	Undoes uuid.UUID // undo: the action

	// Revoke are the contradicting decisions that are taken back with it; all of
	// them must be named (I4).
	Revoke []int64
	// Aliases says that the person knows that two different valid ID numbers
	// become one resident's.
	Aliases bool
	// Seen is the State that the person looked at; empty: not compared.
	Seen string

	Who, Why string
}

// Judge stores what a person decided about residents as wholes, in one action
// (RULES A): "not the same", a split and an unmerge tell every record of one
// side apart from every record of the other, so that no third record can join
// them again. Nothing is stored where it contradicts a decision that stands
// (Contradiction), would put two valid ID numbers together unasked
// (ErrTwoNumbers), or where the residents are no longer what the person saw
// (ErrMoved). A decision that stands already makes no second one: its action is
// returned, and fresh is false.
func (s *Store) Judge(ctx context.Context, j Judgement) (a Action, fresh bool, err error) {
	for try := 0; ; try++ {
		err = s.tx(ctx, func(tx pgx.Tx) error {
			fresh = false
			d, err := planner{ctx: ctx, q: tx, lock: true}.plan(j)
			if err != nil {
				return err
			}
			if len(d.aliases) > 0 && !j.Aliases {
				return ErrTwoNumbers // I3
			}
			if len(d.makes)+len(d.revokes) == 0 {
				a, err = oneAction(ctx, tx, d.undoes)
				return err
			}
			fresh = true
			a, err = act(ctx, tx, d)
			return err
		})
		if !Conflict(err) || try >= 10 { // a resolver held the records, or a lock ring was cut
			break
		}
	}
	if err != nil {
		return Action{}, false, fmt.Errorf("decide: %w", err)
	}
	return a, fresh, nil
}

// Why a judgement is refused. None of the texts holds a value (I9).
var (
	// ErrTwoNumbers: two different valid ID numbers would become one resident's.
	ErrTwoNumbers = errors.New("two different valid ID numbers would become one resident's: confirm it, with a reason")
	// ErrOneResident: the two are one resident, who would have to be split.
	ErrOneResident = errors.New("the two records are one resident's: split the resident instead")
	// ErrMoved: the residents have changed since the person looked.
	ErrMoved = errors.New("the residents have changed meanwhile: look again")
	// ErrNotContradicting: a decision that was to be revoked does not stand in the way.
	ErrNotContradicting = errors.New("a decision that is to be revoked does not stand in the way, or stands no more")
	// ErrNothingJoined: of the records that joined in a merge none is left to be taken out.
	ErrNothingJoined = errors.New("none of the records that joined then is still here, or nothing else is")
)

// Contradiction refuses a judgement because of decisions that stand (I4).
type Contradiction struct{ Decisions []Choice }

func (c *Contradiction) Error() string {
	return fmt.Sprintf("decision %d and %d more: %s", c.Decisions[0].ID, len(c.Decisions)-1, ErrContradicts)
}

func (c *Contradiction) Unwrap() error { return ErrContradicts }

// SplitProblem says what is wrong with the groups of a split.
type SplitProblem struct {
	Problem string             // few, empty, unknown, twice, missing, anchored; of a pair: follows
	Refs    []schema.RecordRef // the records that it is about
}

func (p *SplitProblem) Error() string { return "the groups of the split: " + p.Problem }

// planner works out what a judgement makes and revokes. With lock it holds the
// records of every resident concerned until the transaction ends, so that what
// it has read is what is written; without, it only reads.
type planner struct {
	ctx  context.Context
	q    querier
	lock bool
}

var oppositeOf = map[string]string{"same": "not_same", "not_same": "same"}

func (p planner) plan(j Judgement) (deed, error) {
	switch j.Kind {
	case "same", "not_same", "later":
		return p.pair(j)
	case "keep":
		c := Choice{Kind: "keep", A: j.A, Attribute: j.Attribute, Value: j.Value}
		return deed{kind: "keep", who: j.Who, why: j.Why, makes: []Choice{c}}, nil
	case "split", "unmerge":
		return p.split(j)
	case "undo":
		return p.undo(j)
	}
	return deed{}, fmt.Errorf("no such decision: %q", j.Kind)
}

// pair plans a decision about two residents, each named by one of its records.
func (p planner) pair(j Judgement) (deed, error) {
	d := deed{kind: j.Kind, who: j.Who, why: j.Why}
	all, err := companyOf(p, []schema.RecordRef{j.A, j.B})
	if err != nil {
		return d, err
	}
	if j.Seen != "" && j.Seen != all.state() {
		return d, ErrMoved
	}
	x, y := all.side(j.A), all.side(j.B)
	if len(x) == 0 || len(y) == 0 {
		return d, ErrNotFound
	}
	for _, m := range []*member{all.find(j.A), all.find(j.B)} {
		if len(m.anchors) > 0 {
			return d, &SplitProblem{Problem: "follows", Refs: []schema.RecordRef{m.ref}}
		}
	}
	one := x[0].resident != uuid.Nil && x[0].resident == y[0].resident
	if one && j.Kind != "same" {
		return d, ErrOneResident
	}
	switch {
	case j.Kind == "later":
		d.makes, d.revokes, err = p.postpone(j, x, y)
		return d, err
	case j.Kind == "not_same":
		for _, a := range x {
			for _, b := range y {
				d.makes = append(d.makes, choiceOf("not_same", a.ref, b.ref))
			}
		}
	case one: // holds the two together, whatever comes
		x, y = []member{*all.find(j.A)}, []member{*all.find(j.B)}
		d.makes = []Choice{choiceOf("same", j.A, j.B)}
	default:
		d.makes = []Choice{choiceOf("same", j.A, j.B)}
		d.aliases = twoNumbers(x, y)
	}
	clash, err := decidedBetween(p.ctx, p.q, oppositeOf[j.Kind], refsOf(x), refsOf(y))
	if err != nil {
		return d, err
	}
	if d.revokes, err = revoking(clash, j.Revoke); err != nil {
		return d, err
	}
	return p.new(d)
}

// postpone takes a pair out of the queue: each edge between the two sides, or
// the two records where there is none. An earlier "later" is superseded.
func (p planner) postpone(j Judgement, x, y []member) (makes, revokes []Choice, err error) {
	rows, err := p.q.Query(p.ctx, `SELECT a.platform, a.key, b.platform, b.key FROM edges e
			JOIN records a ON a.id = e.a JOIN records b ON b.id = e.b
		WHERE (e.a = ANY($1) AND e.b = ANY($2)) OR (e.a = ANY($2) AND e.b = ANY($1)) ORDER BY e.a, e.b`, idsOf(x), idsOf(y))
	if err != nil {
		return nil, nil, fmt.Errorf("read edges: %w", err)
	}
	var a, b schema.RecordRef
	if _, err := pgx.ForEachRow(rows, []any{&a.Platform, &a.Key, &b.Platform, &b.Key}, func() error {
		c := choiceOf("later", a, b)
		c.Until = j.Until
		makes = append(makes, c)
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("read edges: %w", err)
	}
	if len(makes) == 0 {
		c := choiceOf("later", j.A, j.B)
		c.Until = j.Until
		makes = append(makes, c)
	}
	revokes, err = decidedBetween(p.ctx, p.q, "later", refsOf(x), refsOf(y))
	return makes, revokes, err
}

// undo plans the reverse of an action: what it made is revoked, what it revoked
// is decided again. So undoing an undo decides again.
func (p planner) undo(j Judgement) (deed, error) {
	d := deed{kind: "undo", who: j.Who, why: j.Why, undoes: j.Undoes}
	was, err := oneAction(p.ctx, p.q, j.Undoes)
	if err != nil {
		return d, err
	}
	if was.Kind == "field" {
		return d, ErrNoUndo
	}
	var refs []schema.RecordRef
	for _, c := range slices.Concat(was.Made, was.Revoked, was.Again) {
		refs = append(refs, c.A)
		if c.B.Platform != "" {
			refs = append(refs, c.B)
		}
	}
	all, err := companyOf(p, refs)
	if err != nil {
		return d, err
	}
	if was, err = oneAction(p.ctx, p.q, j.Undoes); err != nil { // again, under the locks
		return d, err
	}
	if was.UndoneBy != uuid.Nil {
		return d, ErrUndone
	}
	for _, c := range slices.Concat(was.Made, was.Again) {
		if c.RevokedBy == "" {
			d.revokes = append(d.revokes, c)
		}
	}
	gone := map[int64]bool{}
	for _, c := range d.revokes {
		gone[c.ID] = true
	}
	var clash []Choice
	for _, c := range was.Revoked {
		again := Choice{Kind: c.Kind, A: c.A, B: c.B, Attribute: c.Attribute, Value: c.Value, Until: c.Until, Again: c.ID}
		opposite := oppositeOf[c.Kind]
		if opposite == "" {
			d.makes = append(d.makes, again)
			continue
		}
		x, y := []schema.RecordRef{c.A}, []schema.RecordRef{c.B}
		if c.Kind == "same" {
			x, y = refsOf(all.side(c.A)), refsOf(all.side(c.B))
		}
		list, err := decidedBetween(p.ctx, p.q, opposite, x, y)
		if err != nil {
			return d, err
		}
		for _, o := range list {
			if !gone[o.ID] && !slices.ContainsFunc(clash, func(c Choice) bool { return c.ID == o.ID }) {
				clash = append(clash, o)
			}
		}
		d.makes = append(d.makes, again)
	}
	more, err := revoking(clash, j.Revoke)
	if err != nil {
		return d, err
	}
	d.revokes = append(d.revokes, more...)
	if d.makes, err = p.missing(d.makes); err == nil && len(d.makes)+len(d.revokes) == 0 {
		err = ErrUndone
	}
	return d, err
}

// new keeps of a deed what is not decided already. With nothing left, undoes
// names the action that decided it.
func (p planner) new(d deed) (deed, error) {
	all := d.makes
	var err error
	if d.makes, err = p.missing(all); err != nil || len(d.makes)+len(d.revokes) > 0 || len(all) == 0 {
		return d, err
	}
	was, err := decidedBetween(p.ctx, p.q, all[0].Kind, []schema.RecordRef{all[0].A}, []schema.RecordRef{all[0].B})
	if err == nil && len(was) > 0 {
		d.undoes = was[len(was)-1].Action
	}
	return d, err
}

// missing drops pairs that are decided in the same way already.
func (p planner) missing(list []Choice) ([]Choice, error) {
	var out []Choice
	for _, kind := range []string{"same", "not_same"} {
		var x, y []schema.RecordRef
		for _, c := range list {
			if c.Kind == kind {
				x, y = append(x, c.A), append(y, c.B)
			}
		}
		if len(x) == 0 {
			continue
		}
		was, err := decidedBetween(p.ctx, p.q, kind, x, y)
		if err != nil {
			return nil, err
		}
		known := map[[2]schema.RecordRef]bool{}
		for _, c := range was {
			known[pairOf(c)] = true
		}
		for _, c := range list {
			if c.Kind == kind && !known[pairOf(c)] {
				out = append(out, c)
			}
		}
	}
	for _, c := range list {
		if c.Kind != "same" && c.Kind != "not_same" {
			out = append(out, c)
		}
	}
	return out, nil
}

// decidedBetween returns the decisions of a kind that stand and have one end
// among x and the other among y.
func decidedBetween(ctx context.Context, q querier, kind string, x, y []schema.RecordRef) ([]Choice, error) {
	xp, xk := refColumns(x)
	yp, yk := refColumns(y)
	return readChoices(ctx, q, `WITH x AS (SELECT DISTINCT platform, key FROM unnest($2::text[], $3::text[]) AS x(platform, key)),
			y AS (SELECT DISTINCT platform, key FROM unnest($4::text[], $5::text[]) AS y(platform, key))
		SELECT `+choiceColumns+` FROM decisions d WHERE d.revoked_at IS NULL AND d.kind = $1 AND (
			((d.a_platform, d.a_key) IN (SELECT platform, key FROM x) AND (d.b_platform, d.b_key) IN (SELECT platform, key FROM y)) OR
			((d.b_platform, d.b_key) IN (SELECT platform, key FROM x) AND (d.a_platform, d.a_key) IN (SELECT platform, key FROM y)))
		ORDER BY d.id`, kind, xp, xk, yp, yk)
}

// revoking checks that a person named every decision that stands in the way, and
// no other (I4).
func revoking(clash []Choice, named []int64) ([]Choice, error) {
	for _, id := range named {
		if !slices.ContainsFunc(clash, func(c Choice) bool { return c.ID == id }) {
			return nil, ErrNotContradicting
		}
	}
	if slices.ContainsFunc(clash, func(c Choice) bool { return !slices.Contains(named, c.ID) }) {
		return nil, &Contradiction{Decisions: clash}
	}
	return clash, nil
}

func choiceOf(kind string, a, b schema.RecordRef) Choice {
	c := Choice{Kind: kind, A: a, B: b}
	if linkage.CompareRefs(a, b) > 0 {
		c.A, c.B = b, a
	}
	return c
}

func pairOf(c Choice) [2]schema.RecordRef {
	if linkage.CompareRefs(c.A, c.B) > 0 {
		return [2]schema.RecordRef{c.B, c.A}
	}
	return [2]schema.RecordRef{c.A, c.B}
}
