package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
)

// MoveBody is the page on which somebody, or a household, moves.
type MoveBody struct {
	Resident, Name string
	Mates          []Mate
	Problem        string
	Ask            bool   // for a tick: it is odd
	Picks          []Pick // several dwellings may be meant
	Typed          url.Values
}

// Along reports whether somebody was ticked.
func (b MoveBody) Along(id string) bool {
	for _, x := range b.Typed["along"] {
		if x == id {
			return true
		}
	}
	return false
}

func (d *Desk) movePage(w http.ResponseWriter, r *http.Request) error {
	id, done, err := d.residentID(w, r, "/move")
	if err != nil || done {
		return err
	}
	return d.showMove(w, r, http.StatusOK, id, MoveBody{Typed: url.Values{"request": {mustKey()}}})
}

func (d *Desk) showMove(w http.ResponseWriter, r *http.Request, status int, id uuid.UUID, body MoveBody) error {
	people, err := d.o.Store.ResidentsByID(r.Context(), []uuid.UUID{id})
	if err != nil {
		return err
	}
	if body.Mates, err = d.mates(r.Context(), id); err != nil {
		return err
	}
	p := d.page(w, r, "")
	body.Resident, body.Name = id.String(), people[id].Master[schema.Name].Value
	p.Title, p.Request, p.Body = p.T("move.title", "name", body.Name), body.Typed.Get("request"), body
	d.render(w, r, status, "move", p)
	return nil
}

// moving is a move that somebody is about to save.
type moving struct {
	Residence string // canonical
	Hukou     bool
	Along     []string
	Sure      bool // what is odd about it was said
}

// destination reads where somebody moves to. A short address is completed where one
// dwelling alone can be meant; where there are several they are returned. Whoever
// works for one community need not name it.
func (d *Desk) destination(ctx context.Context, l Lang, text string) (string, []Pick, error) {
	address, problem := read(mustDefinition(schema.Residence), text, d.o.Today())
	unclear := fail(http.StatusUnprocessableEntity, "move_place")
	if problem != "" {
		return "", nil, unclear
	}
	a := schema.AddressFromCanonical(address)
	if a.Community != "" {
		return address, nil, nil
	}
	if a.Building == "" || a.Room == "" {
		return "", nil, unclear
	}
	values := schema.Values{schema.Residence: address}
	list, err := d.theDwelling(ctx, l, a, values)
	if err != nil || len(list) > 0 {
		return "", list, err
	}
	if a = schema.AddressFromCanonical(values[schema.Residence]); a.Community == "" && store.Limited(ctx) && a.Compound != "" {
		communities, err := d.o.Store.Communities(ctx)
		if err != nil {
			return "", nil, err
		}
		var own []string
		for _, c := range communities {
			mine, err := d.o.Store.Mine(ctx, schema.Address{Community: c})
			if err != nil {
				return "", nil, err
			}
			if mine {
				own = append(own, c)
			}
		}
		if len(own) == 1 {
			a.Community = own[0]
		}
	}
	if a.Community == "" {
		return "", nil, unclear
	}
	return a.Canonical(), nil, nil
}

// move enters a new address for a resident and for those who move along.
func (d *Desk) move(ctx context.Context, l Lang, request, who string, id uuid.UUID, m moving) error {
	ids, err := residentIDs(m.Along)
	if err != nil {
		return err
	}
	if _, err := d.o.Store.EntryState(ctx, request+"/"+id.String()); errors.Is(err, store.ErrNotFound) {
		if err := d.checkMove(ctx, l, id, ids, m); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := d.o.Store.Move(ctx, request, who, id, ids, m.Residence, m.Hukou); err != nil {
		return claimFailure(err)
	}
	d.pullNow(deskPlatform)
	return nil
}

// checkMove refuses a move that makes no sense, and asks about one that is odd: into a
// dwelling where somebody is registered, or to where others answer for it.
func (d *Desk) checkMove(ctx context.Context, l Lang, id uuid.UUID, along []uuid.UUID, m moving) error {
	people, err := d.o.Store.ResidentsByID(ctx, []uuid.UUID{id})
	if err != nil {
		return err
	}
	to := schema.AddressFromCanonical(m.Residence)
	master := people[id].Master
	switch {
	case master[schema.LifeStatus].Value == "dead":
		return fail(http.StatusConflict, "move_dead")
	case sameDwelling(schema.AddressFromCanonical(master[schema.Residence].Value), to) && !m.Hukou:
		return fail(http.StatusConflict, "move_same")
	case m.Sure:
		return nil
	}
	var odd []string
	if key := to.Dwelling(); key != "" {
		there, err := d.o.Store.AtDwellings(ctx, []string{key})
		if err != nil {
			return err
		}
		there = slices.DeleteFunc(there, func(r store.Resident) bool { return r.ID == id || slices.Contains(along, r.ID) || gone(r) })
		if len(there) > 0 {
			odd = append(odd, l.T("move.occupied", "name", there[0].Master[schema.Name].Value, "count", len(there)))
		}
	}
	mine, err := d.o.Store.Mine(ctx, to)
	if err != nil {
		return err
	}
	if !mine {
		odd = append(odd, l.T("move.leaves", "community", to.Community))
	}
	if len(odd) > 0 {
		return fail(http.StatusConflict, "move_sure", "what", strings.Join(odd, l.T("sentence.separator")))
	}
	return nil
}

func sameDwelling(a, b schema.Address) bool {
	return a.Dwelling() != "" && a.Dwelling() == b.Dwelling() && a.Community == b.Community
}

// movePost enters the new address for everybody who moves, at once. What is missing or
// odd is said on the page itself.
func (d *Desk) movePost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	id, err := d.living(r)
	if err != nil {
		return err
	}
	f := r.PostForm
	l := pageLang(w, r)
	who, ok := named(f.Get("who"))
	request, err := requestKey(f.Get("request"))
	if err != nil {
		return err
	}
	if picked, _, _ := strings.Cut(f.Get("pick"), "\n"); picked != "" { // without a script
		f.Set("residence", strings.TrimSpace(picked))
		return d.showMove(w, r, http.StatusOK, id, MoveBody{Typed: f})
	}
	body := MoveBody{Typed: f}
	address, picks, err := d.destination(r.Context(), l, f.Get("residence"))
	switch {
	case err != nil:
	case !ok:
		err = fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	case len(picks) > 0:
		body.Picks, err = picks, fail(http.StatusUnprocessableEntity, "move_which")
	case f.Get("hukou") != "0" && f.Get("hukou") != "1":
		err = fail(http.StatusUnprocessableEntity, "move_hukou")
	default:
		err = d.move(r.Context(), l, request, who, id, moving{address, f.Get("hukou") == "1", f["along"], f.Get("sure") == "1"})
	}
	var refused *failure
	if errors.As(err, &refused) && refused.status != http.StatusNotFound {
		body.Problem, body.Ask = l.T("error."+refused.code+".detail", refused.pairs...), refused.code == "move_sure"
		return d.showMove(w, r, refused.status, id, body)
	}
	if err != nil {
		return err
	}
	return d.afterSaving(w, r, l, request+"/"+id.String())
}
