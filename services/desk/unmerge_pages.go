package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
)

// SplitBody is the page on which a resident is taken apart.
type SplitBody struct {
	Resident, Name string
	Records        []Piece
	Numbers        []string // the groups to choose from
	Merges         []Together
	State          string
	// Effect is set once the groups are drawn: what splitting would do.
	Effect  *Prospect
	Merge   int64 // the merge that is undone; 0: a split along drawn groups
	MergeAt time.Time
	Error   string
	Why     string
}

// Piece is one record of a resident that is being split.
type Piece struct {
	Witness
	Values  string // what tells it apart: name, number, birth date
	Field   string // of the form
	Group   string
	Options []Option
}

// splitGroups is how many people a page can take a resident apart into; the API
// knows no limit.
const splitGroups = 4

func (d *Desk) splitPage(w http.ResponseWriter, r *http.Request) error {
	id, done, err := d.residentID(w, r, "/split")
	if err != nil || done {
		return err
	}
	groups := url.Values{}
	for _, ref := range r.URL.Query()["apart"] {
		groups.Set("group."+ref, "2")
	}
	p := d.page(w, r, "")
	body, err := d.splitBody(r.Context(), p.L, id, groups)
	if err != nil {
		return err
	}
	d.renderSplit(w, r, http.StatusOK, p, body)
	return nil
}

func (d *Desk) renderSplit(w http.ResponseWriter, r *http.Request, status int, p page, body SplitBody) {
	p.Title, p.Body = p.T("split.title", "name", body.Name), body
	d.render(w, r, status, "split", p)
}

func (d *Desk) splitBody(ctx context.Context, l Lang, id uuid.UUID, groups url.Values) (SplitBody, error) {
	person, err := d.person(ctx, l, id)
	if err != nil {
		return SplitBody{}, err
	}
	view, err := d.livingView(ctx, id)
	if err != nil {
		return SplitBody{}, err
	}
	merges, err := d.merges(ctx, l, id)
	if err != nil {
		return SplitBody{}, err
	}
	body := SplitBody{Resident: id.String(), Name: person.Name, Merges: merges.Merges, State: merges.State}
	for _, s := range person.Records {
		if s.Deleted {
			continue
		}
		piece := Piece{Field: "group." + s.Platform + "/" + s.Key, Witness: Witness{FirstSeen: s.FirstSeen, Seen: s.Seen, Follows: s.Anchored,
			RefName: RefName{Platform: s.Platform, PlatformName: s.PlatformName, Key: s.Key}}}
		piece.Group = groups.Get(piece.Field)
		for n := range splitGroups {
			code := strconv.Itoa(n + 1)
			piece.Options = append(piece.Options, Option{Code: code, Text: l.T("split.person", "number", code), Chosen: piece.Group == code})
		}
		for _, rec := range view.Records {
			if rec.Ref.Platform != s.Platform || rec.Ref.Key != s.Key {
				continue
			}
			row, err := rowOf(rec)
			if err != nil {
				return body, err
			}
			var said []string
			for _, a := range []schema.Attribute{schema.Name, schema.Sex, schema.BirthDate, schema.IDNumber, schema.Phone} {
				if v := row.Own[a]; v != "" {
					said = append(said, l.Value(a, v))
				}
			}
			piece.Values = strings.Join(said, " · ")
		}
		body.Records = append(body.Records, piece)
	}
	return body, nil
}

// splitPost shows what splitting would do, and splits when that has been seen.
func (d *Desk) splitPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	id, err := d.living(r)
	if err != nil {
		return err
	}
	p := d.page(w, r, "")
	form := r.PostForm
	p.Who = form.Get("who")
	body, err := d.splitBody(r.Context(), p.L, id, form)
	if err != nil {
		return err
	}
	body.Why = form.Get("why")
	j, held, err := d.drawnWith(r.Context(), p.L, id, &body, form)
	if err == nil && form.Get("step") == "save" {
		var a store.Action
		if a, _, err = d.decide(r.Context(), p.L, j, p.Who, body.Why); err == nil {
			http.Redirect(w, r, "/actions/"+a.ID.String(), http.StatusSeeOther)
			return nil
		}
	}
	status := http.StatusOK
	var refused *failure
	if errors.As(err, &refused) {
		status, body.Error = refused.status, p.T("error."+refused.code+".detail", refused.pairs...)
	} else if err != nil {
		return err
	}
	if j.Kind != "" {
		prospect, err := d.prospect(r.Context(), p.L, j, held)
		if err != nil {
			return err
		}
		body.Effect = &prospect
	}
	d.renderSplit(w, r, status, p, body)
	return nil
}

// drawnWith is drawn, and where decisions stand in the way of a look it takes
// them along: the page says so, and they are taken back when it is confirmed.
func (d *Desk) drawnWith(ctx context.Context, l Lang, id uuid.UUID, body *SplitBody, form url.Values) (store.Judgement, []Decided, error) {
	j, err := d.drawn(ctx, l, id, body, form)
	var refused *failure
	if errors.As(err, &refused) && refused.code == "opposite" && form.Get("step") != "save" {
		form.Set("revoke", decisionIDs(refused.decisions))
		held := refused.decisions
		j, err = d.drawn(ctx, l, id, body, form)
		return j, held, err
	}
	return j, nil, err
}

// drawn reads the groups, or the merge, from the form.
func (d *Desk) drawn(ctx context.Context, l Lang, id uuid.UUID, body *SplitBody, form url.Values) (store.Judgement, error) {
	revoke, err := idList(form["revoke"])
	if err != nil {
		return store.Judgement{}, err
	}
	if text := form.Get("merge"); text != "" {
		body.Merge, _ = strconv.ParseInt(text, 10, 64)
		for _, m := range body.Merges {
			if m.ID == body.Merge {
				body.MergeAt = m.At
			}
		}
		return valid(d.holding(ctx, l, store.Judgement{Kind: "unmerge", Resident: id, Merge: body.Merge, Revoke: revoke, Seen: form.Get("seen")}))
	}
	by := map[string][]schema.RecordRef{}
	for _, piece := range body.Records {
		if !piece.Follows { // what follows another record goes with it
			g := form.Get(piece.Field)
			by[g] = append(by[g], schema.RecordRef{Platform: piece.Platform, Key: piece.Key})
		}
	}
	var groups [][]schema.RecordRef
	for n := range splitGroups {
		if g := by[strconv.Itoa(n+1)]; len(g) > 0 {
			groups = append(groups, g)
		}
	}
	return valid(d.splitting(ctx, l, id, splitBody{Groups: groups, Revoke: revoke, Seen: form.Get("seen")}))
}

// valid keeps a judgement that was refused from being foreseen.
func valid(j store.Judgement, err error) (store.Judgement, error) {
	if err != nil {
		return store.Judgement{}, err
	}
	return j, nil
}
