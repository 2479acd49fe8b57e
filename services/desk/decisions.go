package desk

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
)

// decisionBody is what POST /api/v1/decisions takes.
type decisionBody struct {
	Kind string           `json:"kind"` // same, not_same, later, keep
	A    schema.RecordRef `json:"a"`
	B    schema.RecordRef `json:"b"` // same, not_same, later
	// X and Y are two residents, instead of a record of each.
	X         string           `json:"x"`
	Y         string           `json:"y"`
	Until     string           `json:"until"`     // later: a day, 2026-11-30; empty: in a week
	Attribute schema.Attribute `json:"attribute"` // keep
	Value     string           `json:"value"`     // keep
	// Revoke names the contradicting decisions that are taken back with it.
	Revoke []int64 `json:"revoke"`
	// AliasIDs: I know that two different valid ID numbers become one resident's.
	AliasIDs bool   `json:"alias_ids"`
	Seen     string `json:"seen"` // Pair.State
	Who      string `json:"who"`
	Why      string `json:"why"`
}

// How long "later" is, in days.
const (
	laterDefault = 7
	laterMost    = 366
)

// judgement checks what a person sends.
func (d *Desk) judgement(ctx context.Context, l Lang, b decisionBody) (store.Judgement, error) {
	if err := d.named(ctx, l, &b); err != nil {
		return store.Judgement{}, err
	}
	j := store.Judgement{Kind: b.Kind, A: b.A, Revoke: b.Revoke, Aliases: b.AliasIDs, Seen: b.Seen}
	refs := []schema.RecordRef{b.A}
	switch b.Kind {
	case "keep":
		def, ok := known(b.Attribute)
		if !ok {
			return j, badValue(l, b.Attribute, problemUnknown)
		}
		text, err := d.keptNumber(ctx, b.A, b.Attribute, b.Value)
		if err != nil {
			return j, err
		}
		v, problem := read(def, text, d.o.Today())
		if problem != "" {
			return j, badValue(l, b.Attribute, problem)
		}
		j.Attribute, j.Value = b.Attribute, v
	case "same", "not_same", "later":
		j.B, refs = b.B, append(refs, b.B)
		if b.A == b.B {
			return j, fail(http.StatusUnprocessableEntity, "one_record")
		}
	default:
		return j, fail(http.StatusUnprocessableEntity, "kind")
	}
	if b.Kind == "later" {
		var err error
		if j.Until, err = d.until(b.Until); err != nil {
			return j, err
		}
	}
	if b.AliasIDs && strings.TrimSpace(b.Why) == "" {
		return j, fail(http.StatusUnprocessableEntity, "alias_why") // I3: nobody does this without a reason
	}
	for _, ref := range refs {
		if err := d.recordIsThere(ctx, ref); err != nil {
			return j, err
		}
	}
	return j, nil
}

// named puts a record of each in the place of two residents.
func (d *Desk) named(ctx context.Context, l Lang, b *decisionBody) error {
	if b.X == "" && b.Y == "" {
		return nil
	}
	x, errX := uuid.Parse(b.X)
	y, errY := uuid.Parse(b.Y)
	if errX != nil || errY != nil {
		return store.ErrNotFound
	}
	p, err := d.pairOf(ctx, l, x, y)
	if err != nil {
		return err
	}
	whole := p.judgement(b.Kind, nil)
	b.A, b.B = whole.A, whole.B
	return nil
}

func badValue(l Lang, a schema.Attribute, p schema.Problem) error {
	return &failure{status: http.StatusUnprocessableEntity, code: "values", fields: []FieldProblem{fieldProblem(l, string(a), p)}}
}

// until is the morning of the day on which a pair comes back.
func (d *Desk) until(text string) (time.Time, error) {
	now := d.o.Today()
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	if text == "" {
		return today.AddDate(0, 0, laterDefault), nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, now.Location())
	if err != nil || !day.After(today) || day.After(today.AddDate(0, 0, laterMost)) {
		return day, fail(http.StatusUnprocessableEntity, "later_until")
	}
	return day, nil
}

// signed puts who and why under a judgement.
func signed(j store.Judgement, who, why string) (store.Judgement, error) {
	var ok bool
	if j.Who, ok = named(who); !ok {
		return j, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	if j.Why = strings.TrimSpace(why); len([]rune(j.Why)) > 500 || strings.ContainsRune(j.Why, 0) {
		return j, fail(http.StatusUnprocessableEntity, "why")
	}
	return j, nil
}

// decide stores what a person decided (I4): the machine keeps to it until a
// person takes it back.
func (d *Desk) decide(ctx context.Context, l Lang, j store.Judgement, who, why string) (store.Action, bool, error) {
	j, err := signed(j, who, why)
	if err != nil {
		return store.Action{}, false, err
	}
	if j.Aliases && j.Why == "" {
		return store.Action{}, false, fail(http.StatusUnprocessableEntity, "alias_why")
	}
	if err := d.within(ctx, l, j); err != nil {
		return store.Action{}, false, err
	}
	a, fresh, err := d.o.Store.Judge(ctx, j)
	if err != nil {
		return a, false, d.judgementFailure(ctx, l, err)
	}
	return a, fresh, nil
}

// recordIsThere refuses decisions about records that nobody has seen: a typing
// error would lie in wait until such a record appears.
func (d *Desk) recordIsThere(ctx context.Context, ref schema.RecordRef) error {
	if ref.Key != plainText(ref.Key) || ref.Platform != plainText(ref.Platform) {
		return fail(http.StatusNotFound, "record")
	}
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

// Acted is the answer to a decision.
type Acted struct {
	ID     int64 `json:"id"` // of its first decision; 0: it made none
	Action Act   `json:"action"`
}

// judged rehearses or stores a judgement, as the address asks: 201 for a new
// action, 200 for one that had been decided already, or a rehearsal.
func (d *Desk) judged(r *http.Request, l Lang, j store.Judgement, who, why string) (answer, error) {
	if isPreview(r) {
		f, err := d.forecast(r.Context(), l, j)
		return answer{status: http.StatusOK, body: f}, err
	}
	a, fresh, err := d.decide(r.Context(), l, j, who, why)
	if err != nil {
		return answer{}, err
	}
	acts, err := d.acts(r.Context(), l, []store.Action{a})
	if err != nil {
		return answer{}, err
	}
	out := answer{status: http.StatusOK, location: "/api/v1/actions/" + a.ID.String(), body: Acted{Action: acts[0], ID: firstID(a)}}
	if fresh {
		out.status = http.StatusCreated
	}
	return out, nil
}

func firstID(a store.Action) int64 {
	if len(a.Made) == 0 {
		return 0
	}
	return a.Made[0].ID
}

// postDecision answers POST /api/v1/decisions?preview=.
func (d *Desk) postDecision(r *http.Request, l Lang) (answer, error) {
	var b decisionBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	j, err := d.judgement(r.Context(), l, b)
	if err != nil {
		return answer{}, err
	}
	return d.judged(r, l, j, b.Who, b.Why)
}

// deleteDecision answers DELETE /api/v1/decisions/{id}?who=: it is revoked, and
// kept.
func (d *Desk) deleteDecision(r *http.Request, _ Lang) (answer, error) {
	id, who, err := d.revoke(r.Context(), r.PathValue("id"), r.URL.Query().Get("who"))
	return answer{status: http.StatusOK, body: Revoked{id, who}}, err
}

func (d *Desk) revoke(ctx context.Context, text, by string) (id int64, who string, err error) {
	if id, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, "", store.ErrNotFound
	}
	who, ok := named(by)
	if !ok {
		return 0, "", fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	err = d.o.Store.Revoke(ctx, id, who)
	if errors.Is(err, store.ErrNoUndo) {
		err = fail(http.StatusConflict, "no_undo")
	}
	return id, who, err
}

func idList(texts []string) ([]int64, error) {
	var out []int64
	for _, text := range texts {
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			id, err := strconv.ParseInt(part, 10, 64)
			if err != nil {
				return nil, fail(http.StatusBadRequest, "revoke")
			}
			out = append(out, id)
		}
	}
	return out, nil
}

// Act is what one person did in one go.
type Act struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Text     string    `json:"text"`
	Who      string    `json:"who"`
	Why      string    `json:"why,omitempty"`
	At       time.Time `json:"at"`
	Undoes   string    `json:"undoes,omitempty"`
	UndoneBy string    `json:"undone_by,omitempty"`
	Stands   bool      `json:"stands"` // something that it decided still holds
	CanUndo  bool      `json:"can_undo"`
	Made     []Decided `json:"made"`
	Revoked  []Decided `json:"revoked"`
}

// acts words actions. Decisions about sealed platforms or attributes are left
// out, and actions that consist of nothing else (I7).
func (d *Desk) acts(ctx context.Context, l Lang, list []store.Action) ([]Act, error) {
	platforms, err := d.o.Store.Platforms(ctx)
	if err != nil {
		return nil, err
	}
	out := []Act{}
	for _, a := range list {
		x := Act{ID: a.ID.String(), Kind: a.Kind, Who: a.Who, Why: a.Why, At: a.At, Stands: a.Stands(), CanUndo: a.CanUndo() && mayUndo(ctx, a),
			Made: l.decided(platforms, d.o.Today().Location(), a.Made), Revoked: l.decided(platforms, d.o.Today().Location(), a.Revoked)}
		if a.Undoes != uuid.Nil {
			x.Undoes = a.Undoes.String()
		}
		if a.UndoneBy != uuid.Nil {
			x.UndoneBy = a.UndoneBy.String()
		}
		if len(x.Made)+len(x.Revoked) == 0 && len(a.Made)+len(a.Revoked) > 0 {
			continue
		}
		x.Text = l.T("action." + a.Kind)
		if first := slices.Concat(x.Made, x.Revoked); len(first) > 0 && a.Kind != "split" && a.Kind != "unmerge" {
			x.Text += l.T("action.colon") + first[0].Text
			if n := len(first); n > 1 {
				x.Text += l.T("action.more", "count", n)
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// decided words decisions, whether they stand or not.
func (l Lang) decided(platforms []store.Platform, zone *time.Location, list []store.Choice) []Decided {
	out := []Decided{}
	shown := func(ref schema.RecordRef) bool {
		return ref.Platform == "" || slices.ContainsFunc(platforms, func(p store.Platform) bool { return p.ID == ref.Platform && (open(p) || p.ID == deskPlatform) })
	}
	for _, c := range list {
		if !c.Until.IsZero() {
			c.Until = c.Until.In(zone) // a day of the desk's calendar
		}
		if _, ok := known(c.Attribute); c.Attribute != "" && !ok || !shown(c.A) || !shown(c.B) {
			continue
		}
		x := Decided{ID: c.ID, Kind: c.Kind, Attribute: c.Attribute, Value: veiled(c.Attribute, c.Value), A: c.A, B: c.B, Until: timeOrNil(c.Until),
			Who: c.Who, Why: c.Why, At: c.At, Action: c.Action.String(), RevokedBy: c.RevokedBy, RevokedAt: timeOrNil(c.RevokedAt)}
		value := l.Value(c.Attribute, c.Value)
		if c.Kind == "field" {
			value = l.T("verdict." + c.Value)
		}
		x.Text = l.T("decision."+c.Kind, "attribute", l.Attribute(c.Attribute), "value", value, "until", c.Until.Format(time.DateOnly),
			"a", platformName(l, platforms, c.A.Platform)+" "+shownKey(c.A.Key), "b", platformName(l, platforms, c.B.Platform)+" "+shownKey(c.B.Key))
		out = append(out, x)
	}
	return out
}

func actionID(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return id, store.ErrNotFound
	}
	return id, nil
}

// actOf reads one action; ErrNotFound where nobody may see it.
func (d *Desk) actOf(ctx context.Context, l Lang, id uuid.UUID) (Act, error) {
	a, err := d.o.Store.Action(ctx, id)
	if err != nil {
		return Act{}, err
	}
	list, err := d.acts(ctx, l, []store.Action{a})
	if err == nil && len(list) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return Act{}, err
	}
	return list[0], nil
}

// getAction answers GET /api/v1/actions/{id}.
func (d *Desk) getAction(r *http.Request, l Lang) (answer, error) {
	id, err := actionID(r)
	if err != nil {
		return answer{}, err
	}
	a, err := d.actOf(r.Context(), l, id)
	return answer{status: http.StatusOK, body: a}, err
}

// getActionEffect answers GET /api/v1/actions/{id}/effect: what undoing it would do.
func (d *Desk) getActionEffect(r *http.Request, l Lang) (answer, error) {
	id, err := actionID(r)
	if err != nil {
		return answer{}, err
	}
	if _, err := d.actOf(r.Context(), l, id); err != nil {
		return answer{}, err
	}
	revoke, err := idList(r.URL.Query()["revoke"])
	if err != nil {
		return answer{}, err
	}
	f, err := d.forecast(r.Context(), l, store.Judgement{Kind: "undo", Undoes: id, Revoke: revoke})
	return answer{status: http.StatusOK, body: f}, err
}

// undoBody is what POST /api/v1/actions/{id}/undo takes.
type undoBody struct {
	Revoke []int64 `json:"revoke"`
	Who    string  `json:"who"`
	Why    string  `json:"why"`
}

// postUndo answers POST /api/v1/actions/{id}/undo?preview=.
func (d *Desk) postUndo(r *http.Request, l Lang) (answer, error) {
	id, err := actionID(r)
	if err != nil {
		return answer{}, err
	}
	var b undoBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	if _, err := d.actOf(r.Context(), l, id); err != nil {
		return answer{}, err
	}
	return d.judged(r, l, store.Judgement{Kind: "undo", Undoes: id, Revoke: b.Revoke}, b.Who, b.Why)
}
