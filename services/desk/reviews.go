package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/linkage"
	"heji/services/store"
)

// Pair is two residents who may be one.
type Pair struct {
	A          Side   `json:"a"`
	B          Side   `json:"b"`
	Weight     int    `json:"weight"` // hundredths of a bit
	Reason     string `json:"reason"`
	ReasonText string `json:"reason_text"`
	// Waterfall is the comparison of what the two records themselves say; empty
	// where one of them only follows another record.
	Waterfall []Rung   `json:"waterfall"`
	Rows      []Facing `json:"-"`
}

// Side is one record of a pair.
type Side struct {
	Platform     string            `json:"platform"`
	PlatformName string            `json:"platform_name"`
	Key          string            `json:"key"`
	Resident     string            `json:"resident"`
	Values       map[string]string `json:"values"` // for people
}

// Facing is one attribute of both sides, for the page.
type Facing struct {
	Label, A, B string
	Same        bool // both say the same
	Differs     bool // both say something, and not the same
}

// Rung is one line of the waterfall.
type Rung struct {
	Factor    string `json:"factor"`
	FactorTxt string `json:"factor_text"`
	Level     string `json:"level"`
	LevelTxt  string `json:"level_text"`
	Weight    int    `json:"weight"` // hundredths of a bit
	Bits      string `json:"bits"`
}

// reviewPage is how many pairs are read at once.
const reviewPage = 20

// Reviews is the answer to GET /api/v1/reviews.
type Reviews struct {
	Open    int64  `json:"open"`
	Offset  int    `json:"offset"`
	Reviews []Pair `json:"reviews"`
	Next    int    `json:"next,omitempty"` // offset of the next page; 0: none
}

func (d *Desk) reviews(ctx context.Context, l Lang, offset int) (Reviews, error) {
	out := Reviews{Reviews: []Pair{}, Offset: offset}
	stats, err := d.o.Store.Stats(ctx)
	if err != nil {
		return out, err
	}
	out.Open = stats.ReviewsOpen
	platforms, _, err := d.platforms(ctx)
	if err != nil {
		return out, err
	}
	list, err := d.o.Store.Reviews(ctx, reviewPage+1, offset)
	if err != nil {
		return out, err
	}
	if len(list) > reviewPage {
		list, out.Next = list[:reviewPage], offset+reviewPage
	}
	for _, r := range list {
		p, err := d.pair(l, platforms, r)
		if err != nil {
			return out, err
		}
		out.Reviews = append(out.Reviews, p)
	}
	return out, nil
}

func (d *Desk) pair(l Lang, platforms []store.Platform, r store.Review) (Pair, error) {
	var a, b lineage.Row
	for _, x := range []struct {
		rec store.Record
		row *lineage.Row
	}{{r.A, &a}, {r.B, &b}} {
		if err := json.Unmarshal(x.rec.State, x.row); err != nil {
			return Pair{}, fmt.Errorf("record %d: read its state: %w", x.rec.ID, err)
		}
	}
	p := Pair{A: l.side(platforms, r.A, a), B: l.side(platforms, r.B, b), Weight: r.Weight, Reason: r.Reason,
		ReasonText: l.T("review." + r.Reason), Waterfall: []Rung{}}
	var alone []Facing
	for _, def := range visible {
		x, y := a.Own[def.Name], b.Own[def.Name]
		f := Facing{Label: l.Attribute(def.Name), A: l.Value(def.Name, x), B: l.Value(def.Name, y), Same: x == y, Differs: x != y}
		switch {
		case x != "" && y != "":
			p.Rows = append(p.Rows, f)
		case x+y != "": // says nothing for or against: below what both say
			f.Differs = false
			alone = append(alone, f)
		}
	}
	p.Rows = append(p.Rows, alone...)
	if len(r.A.Anchors)+len(r.B.Anchors) > 0 {
		return p, nil
	}
	// I6: own evidence only, as in the partition itself.
	c := d.o.Model.Compare(d.o.Model.Features(a.Own), d.o.Model.Features(b.Own))
	for _, s := range c.Steps() {
		p.Waterfall = append(p.Waterfall, Rung{Factor: s.Factor.String(), FactorTxt: s.Factor.Label(linkage.Language(l)),
			Level: s.Level.String(), LevelTxt: s.Level.Label(linkage.Language(l)), Weight: s.Weight, Bits: bits(s.Weight)})
	}
	return p, nil
}

func bits(weight int) string { return fmt.Sprintf("%+.2f", float64(weight)/100) }

func (l Lang) side(platforms []store.Platform, rec store.Record, row lineage.Row) Side {
	s := Side{Platform: rec.Ref.Platform, PlatformName: platformName(l, platforms, rec.Ref.Platform), Key: rec.Ref.Key,
		Resident: rec.Resident.String(), Values: map[string]string{}}
	for _, def := range visible {
		if v := row.Own[def.Name]; v != "" {
			s.Values[string(def.Name)] = l.Value(def.Name, v)
		}
	}
	return s
}

func offsetOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("offset")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fail(http.StatusBadRequest, "offset")
	}
	return n, nil
}

// getReviews answers GET /api/v1/reviews?offset=.
func (d *Desk) getReviews(r *http.Request, l Lang) (answer, error) {
	offset, err := offsetOf(r)
	if err != nil {
		return answer{}, err
	}
	reviews, err := d.reviews(r.Context(), l, offset)
	return answer{status: http.StatusOK, body: reviews}, err
}

// decisionBody is what POST /api/v1/decisions takes.
type decisionBody struct {
	Kind      string           `json:"kind"` // same, not_same, keep
	A         schema.RecordRef `json:"a"`
	B         schema.RecordRef `json:"b"`         // same, not_same
	Attribute schema.Attribute `json:"attribute"` // keep
	Value     string           `json:"value"`     // keep
	Who       string           `json:"who"`
	Why       string           `json:"why"`
}

// decide records what a person decided (I4): the machine keeps to it until a
// person revokes it.
func (d *Desk) decide(ctx context.Context, l Lang, b decisionBody) (int64, error) {
	c := store.Choice{Kind: b.Kind, A: b.A, Why: strings.TrimSpace(b.Why)}
	var ok bool
	if c.Who, ok = named(b.Who); !ok {
		return 0, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	if len([]rune(c.Why)) > 500 {
		return 0, fail(http.StatusUnprocessableEntity, "why")
	}
	refs := []schema.RecordRef{b.A}
	switch b.Kind {
	case "keep":
		def, ok := known(b.Attribute)
		if !ok {
			return 0, &failure{status: http.StatusUnprocessableEntity, code: "values",
				fields: []FieldProblem{fieldProblem(l, string(b.Attribute), problemUnknown)}}
		}
		v, problem := read(def, b.Value, d.o.Today())
		if problem != "" {
			return 0, &failure{status: http.StatusUnprocessableEntity, code: "values",
				fields: []FieldProblem{fieldProblem(l, string(b.Attribute), problem)}}
		}
		c.Attribute, c.Value = b.Attribute, v
	case "same", "not_same":
		c.B, refs = b.B, append(refs, b.B)
		if b.A == b.B {
			return 0, fail(http.StatusUnprocessableEntity, "one_record")
		}
	default:
		return 0, fail(http.StatusUnprocessableEntity, "kind")
	}
	for _, ref := range refs {
		if err := d.recordIsThere(ctx, ref); err != nil {
			return 0, err
		}
	}
	id, err := d.o.Store.Decide(ctx, c)
	if errors.Is(err, store.ErrContradicts) {
		return 0, fail(http.StatusConflict, "opposite") // I4
	}
	return id, err
}

// recordIsThere refuses decisions about records that nobody has seen: a typing
// error would lie in wait until such a record appears.
func (d *Desk) recordIsThere(ctx context.Context, ref schema.RecordRef) error {
	there, err := d.o.Store.HasRecord(ctx, ref)
	if err == nil && ref.Platform != deskPlatform {
		_, err = d.openPlatform(ctx, ref.Platform)
	}
	if err != nil {
		return err
	}
	if !there {
		return fail(http.StatusNotFound, "record")
	}
	return nil
}

// postDecision answers POST /api/v1/decisions.
func (d *Desk) postDecision(r *http.Request, l Lang) (answer, error) {
	var b decisionBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	id, err := d.decide(r.Context(), l, b)
	return answer{status: http.StatusCreated, body: map[string]int64{"id": id}}, err
}

// deleteDecision answers DELETE /api/v1/decisions/{id}?who=: it is revoked, and
// kept.
func (d *Desk) deleteDecision(r *http.Request, _ Lang) (answer, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return answer{}, store.ErrNotFound
	}
	who, ok := named(r.URL.Query().Get("who"))
	if !ok {
		return answer{}, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	err = d.o.Store.Revoke(r.Context(), id, who)
	return answer{status: http.StatusOK, body: map[string]any{"id": id, "revoked_by": who}}, err
}

// DeadRecord is one row that was set aside, with its reason.
type DeadRecord struct {
	ID           int64          `json:"id"`
	Platform     string         `json:"platform"`
	PlatformName string         `json:"platform_name"`
	Stage        string         `json:"stage"`
	Key          string         `json:"key,omitempty"`
	Place        string         `json:"place,omitempty"`
	Problem      schema.Problem `json:"problem"`
	Message      string         `json:"message"`
	Times        int            `json:"times"`
	At           string         `json:"at"`
}

// deadLimit is how many dead records one answer holds.
const deadLimit = 200

// getDead answers GET /api/v1/dead?platform=.
func (d *Desk) getDead(r *http.Request, l Lang) (answer, error) {
	platforms, err := d.o.Store.Platforms(r.Context())
	if err != nil {
		return answer{}, err
	}
	list, err := d.o.Store.DeadRecords(r.Context(), r.URL.Query().Get("platform"), deadLimit)
	if err != nil {
		return answer{}, err
	}
	out := []DeadRecord{}
	for _, x := range list {
		name := ""
		for _, p := range platforms {
			if p.ID == x.Platform && (open(p) || p.ID == deskPlatform) {
				name = l.Platform(p)
			}
		}
		if name == "" {
			continue // I7
		}
		out = append(out, DeadRecord{ID: x.ID, Platform: x.Platform, PlatformName: name, Stage: x.Stage, Key: x.Key, Place: x.Place,
			Problem: x.Problem, Message: l.problem(x.Problem), Times: x.Times, At: x.At.Format("2006-01-02T15:04:05Z07:00")})
	}
	return answer{status: http.StatusOK, body: map[string]any{"dead": out}}, nil
}
