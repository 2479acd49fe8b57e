package desk

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/linkage"
)

// alikeShown is how many residents who may be the same are shown at once.
const alikeShown = 3

// Alike is a resident who may be the one that is being entered, and why.
type Alike struct {
	Hit
	Reasons string `json:"reasons"` // in words: 姓名相同，联系电话差一位
	Weight  int    `json:"weight"`  // hundredths of a bit
	Place   int    `json:"-"`       // 1 is the first: the key that says 就是他
}

// alike finds residents who may be the same as whom the values describe, the
// likeliest first. It asks the engine that will judge the entry once it is saved.
func (d *Desk) alike(ctx context.Context, l Lang, values schema.Values, except uuid.UUID) ([]Alike, error) {
	keys := d.o.Keys
	if keys == nil {
		keys = d.o.Store.Keys
	}
	ids, err := d.o.Store.Sharing(ctx, keys(values))
	if err != nil {
		return nil, err
	}
	residents, err := d.o.Store.ResidentsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	// Namesakes share no key before anything else is known of them.
	if name := values[schema.Name]; name != "" {
		found, err := d.o.Store.Namesakes(ctx, name, searchLimit)
		if err != nil {
			return nil, err
		}
		for _, r := range found.Residents {
			residents[r.ID] = r
		}
	}
	mine := d.o.Model.Features(values)
	out := []Alike{}
	for id, r := range residents {
		if id == except || r.Redirect != uuid.Nil || r.Ended {
			continue
		}
		c := d.o.Model.Compare(mine, d.o.Model.Features(r.Values()))
		a := Alike{Hit: l.hit(r), Weight: c.Weight}
		var reasons []string
		for _, s := range c.Steps() {
			// How common a name is, and what a family shares, is for the review.
			if s.Weight > 0 && !strings.HasPrefix(s.Name, "frequency of ") && s.Level != "" {
				reasons = append(reasons, l.T("alike.reason", "factor", s.Label(linkage.Language(l)), "level", s.LevelLabel(linkage.Language(l))))
			}
		}
		// Neighbours of one sex are not worth a look.
		if len(reasons) == 0 || c.Weight < 0 && r.Values()[schema.Name] != values[schema.Name] {
			continue
		}
		a.Reasons = strings.Join(reasons, l.T("alike.separator"))
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Alike) int { return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.ID, b.ID)) })
	out = out[:min(len(out), alikeShown)]
	var shown []uuid.UUID
	for i := range out {
		out[i].Place = i + 1
		shown = append(shown, uuid.MustParse(out[i].ID))
	}
	if len(out) == 0 {
		return out, nil
	}
	return out, d.noteFound(ctx, shown, false, true)
}

// alikePart answers POST /residents/alike: who may be the same as whom a form
// describes so far, for the script that asks while somebody types.
func (d *Desk) alikePart(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	p := d.page(w, r, "new")
	values, _ := entered(p.L, filled(r.PostForm), nil, d.o.Today()) // what is not right yet is no hint
	list, err := d.alike(r.Context(), p.L, values, uuid.Nil)
	if err != nil {
		return err
	}
	p.Body = list
	d.renderPart(w, r, http.StatusOK, "form", "alike", p)
	return nil
}
