package desk

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
)

// Together is one time that records of another resident joined this one.
type Together struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Other  string    `json:"other"`  // whom they came from
	Joined []RefName `json:"joined"` // those that are still here
	Splits bool      `json:"splits"` // it can be undone
}

// Merges is the answer to GET /api/v1/residents/{id}/merges.
type Merges struct {
	Merges []Together `json:"merges"`
	State  string     `json:"state"` // for seen
}

func (d *Desk) merges(ctx context.Context, l Lang, id uuid.UUID) (Merges, error) {
	list, state, err := d.o.Store.Merges(ctx, id)
	if err != nil {
		return Merges{}, err
	}
	platforms, err := d.o.Store.Platforms(ctx)
	if err != nil {
		return Merges{}, err
	}
	out := Merges{Merges: []Together{}, State: state}
	for _, m := range list {
		t := Together{ID: m.ID, At: m.At, Other: m.Other.String(), Joined: []RefName{}, Splits: m.Splits}
		for _, ref := range m.Joined {
			t.Joined = append(t.Joined, RefName{Platform: ref.Platform, PlatformName: platformName(l, platforms, ref.Platform), Key: ref.Key})
		}
		if len(t.Joined) > 0 {
			out.Merges = append(out.Merges, t)
		}
	}
	return out, nil
}

// living reads the id of an address and follows merges.
func (d *Desk) living(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return id, store.ErrNotFound
	}
	return d.o.Store.Living(r.Context(), id)
}

// getMerges answers GET /api/v1/residents/{id}/merges.
func (d *Desk) getMerges(r *http.Request, l Lang) (answer, error) {
	id, err := d.living(r)
	if err != nil {
		return answer{}, err
	}
	m, err := d.merges(r.Context(), l, id)
	return answer{status: http.StatusOK, body: m}, err
}

// getResidentActions answers GET /api/v1/residents/{id}/actions.
func (d *Desk) getResidentActions(r *http.Request, l Lang) (answer, error) {
	id, err := d.living(r)
	if err != nil {
		return answer{}, err
	}
	list, err := d.o.Store.ActionsOf(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	acts, err := d.acts(r.Context(), l, list)
	if err == nil {
		acts, err = d.veilActs(r.Context(), id, acts)
	}
	return answer{status: http.StatusOK, body: ActionsReply{acts}}, err
}

// splitBody is what POST /api/v1/residents/{id}/split takes: all groups, or only
// the records that are somebody else's.
type splitBody struct {
	Groups [][]schema.RecordRef `json:"groups"`
	Apart  []schema.RecordRef   `json:"apart"`
	Revoke []int64              `json:"revoke"`
	Seen   string               `json:"seen"`
	Who    string               `json:"who"`
	Why    string               `json:"why"`
}

// postSplit answers POST /api/v1/residents/{id}/split?preview=.
func (d *Desk) postSplit(r *http.Request, l Lang) (answer, error) {
	id, err := d.living(r)
	if err != nil {
		return answer{}, err
	}
	var b splitBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	j, err := d.splitting(r.Context(), l, id, b)
	if err != nil {
		return answer{}, err
	}
	return d.judged(r, l, j, b.Who, b.Why)
}

// splitting makes the judgement of a split: with the groups complete, and held
// together where nothing else would.
func (d *Desk) splitting(ctx context.Context, l Lang, id uuid.UUID, b splitBody) (store.Judgement, error) {
	j := store.Judgement{Kind: "split", Resident: id, Groups: b.Groups, Revoke: b.Revoke, Seen: b.Seen}
	if len(b.Apart) > 0 {
		if len(b.Groups) > 0 {
			return j, fail(http.StatusUnprocessableEntity, "split_both")
		}
		rest, err := d.alone(ctx, id)
		if err != nil {
			return j, err
		}
		j.Groups = [][]schema.RecordRef{b.Apart, slices.DeleteFunc(rest, func(ref schema.RecordRef) bool { return slices.Contains(b.Apart, ref) })}
	}
	return d.holding(ctx, l, j)
}

// alone lists the records of a resident that stand for themselves.
func (d *Desk) alone(ctx context.Context, id uuid.UUID) ([]schema.RecordRef, error) {
	view, err := d.livingView(ctx, id)
	if err != nil {
		return nil, err
	}
	platforms, err := d.o.Store.Platforms(ctx)
	if err != nil {
		return nil, err
	}
	var out []schema.RecordRef
	for _, r := range view.Records {
		shown := slices.ContainsFunc(platforms, func(p store.Platform) bool { return p.ID == r.Ref.Platform && p.Class != schema.ClassD })
		if shown && !r.Deleted && len(r.Anchors) == 0 {
			out = append(out, r.Ref)
		}
	}
	return out, nil
}

// holding finds out whether the groups would stay together by themselves. What a
// person drew as one person is one: where a group would fall apart without the
// others, it is held by decisions of its own.
func (d *Desk) holding(ctx context.Context, l Lang, j store.Judgement) (store.Judgement, error) {
	groups := j.Groups
	if j.Kind == "unmerge" {
		list, _, err := d.o.Store.Merges(ctx, j.Resident)
		if err != nil {
			return j, err
		}
		all, err := d.alone(ctx, j.Resident)
		if err != nil {
			return j, err
		}
		i := slices.IndexFunc(list, func(m store.Merge) bool { return m.ID == j.Merge })
		if i < 0 {
			return j, store.ErrNotFound
		}
		rest := slices.DeleteFunc(slices.Clone(all), func(ref schema.RecordRef) bool { return slices.Contains(list[i].Joined, ref) })
		groups = [][]schema.RecordRef{list[i].Joined, rest}
	}
	var err error
	j.Hold, err = d.loose(ctx, l, j, groups)
	return j, err
}

// unmergeBody is what POST /api/v1/residents/{id}/unmerge takes.
type unmergeBody struct {
	Merge  int64   `json:"merge"`
	Revoke []int64 `json:"revoke"`
	Seen   string  `json:"seen"`
	Who    string  `json:"who"`
	Why    string  `json:"why"`
}

// postUnmerge answers POST /api/v1/residents/{id}/unmerge?preview=.
func (d *Desk) postUnmerge(r *http.Request, l Lang) (answer, error) {
	id, err := d.living(r)
	if err != nil {
		return answer{}, err
	}
	var b unmergeBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	j, err := d.holding(r.Context(), l, store.Judgement{Kind: "unmerge", Resident: id, Merge: b.Merge, Revoke: b.Revoke, Seen: b.Seen})
	if err != nil {
		return answer{}, err
	}
	return d.judged(r, l, j, b.Who, b.Why)
}

// getResidentEffect answers GET /api/v1/residents/{id}/effect?apart=platform/key&revoke=
// and ?merge=ID: what a split by these records, or that unmerge, would do.
func (d *Desk) getResidentEffect(r *http.Request, l Lang) (answer, error) {
	id, err := d.living(r)
	if err != nil {
		return answer{}, err
	}
	q := r.URL.Query()
	revoke, err := idList(q["revoke"])
	if err != nil {
		return answer{}, err
	}
	var j store.Judgement
	if text := q.Get("merge"); text != "" {
		merge, parseErr := strconv.ParseInt(text, 10, 64)
		if parseErr != nil {
			return answer{}, store.ErrNotFound
		}
		j, err = d.holding(r.Context(), l, store.Judgement{Kind: "unmerge", Resident: id, Merge: merge, Revoke: revoke})
	} else {
		j, err = d.splitting(r.Context(), l, id, splitBody{Apart: refList(q["apart"]), Revoke: revoke})
	}
	if err != nil {
		return answer{}, err
	}
	f, err := d.forecast(r.Context(), l, j)
	return answer{status: http.StatusOK, body: f}, err
}

// refList reads records written as platform/key.
func refList(texts []string) []schema.RecordRef {
	var out []schema.RecordRef
	for _, text := range texts {
		platform, key, _ := strings.Cut(text, "/")
		out = append(out, schema.RecordRef{Platform: platform, Key: key})
	}
	return out
}
