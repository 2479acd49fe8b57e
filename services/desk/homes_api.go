package desk

import (
	"net/http"

	"github.com/google/uuid"
)

// AlikeReply is the answer to POST /api/v1/residents/alike.
type AlikeReply struct {
	Alike []Alike `json:"alike"` // the likeliest first
}

// PicksReply is the answer to GET /api/v1/dwellings/pick.
type PicksReply struct {
	Dwellings []Pick `json:"dwellings"`
}

// MatesReply is the answer to GET /api/v1/residents/{id}/move.
type MatesReply struct {
	Mates []Mate `json:"mates"`
}

// moveBody is what POST /api/v1/residents/{id}/move takes.
type moveBody struct {
	Residence string   `json:"residence"` // where to, as it is spoken
	Hukou     bool     `json:"hukou"`     // the hukou moves as well
	Along     []string `json:"along"`     // of the household: who moves as well
	Sure      bool     `json:"sure"`      // what the answer move_sure said is meant
	Who       string   `json:"who"`
}

// routeHomes is the API of what the pages of homes and of moving do.
func (d *Desk) routeHomes(mux *http.ServeMux) {
	for route, f := range map[string]func(*http.Request, Lang) (answer, error){
		"POST /api/v1/residents/alike": d.postAlike,
		"GET /api/v1/buildings": func(r *http.Request, _ Lang) (answer, error) {
			b, err := d.buildings(r)
			return answer{status: http.StatusOK, body: b}, err
		},
		"GET /api/v1/buildings/chart": func(r *http.Request, l Lang) (answer, error) {
			c, err := d.chart(r, l)
			return answer{status: http.StatusOK, body: c}, err
		},
		"GET /api/v1/dwellings": func(r *http.Request, l Lang) (answer, error) {
			b, err := d.dwelling(r, l)
			return answer{status: http.StatusOK, body: b}, err
		},
		"GET /api/v1/dwellings/pick": func(r *http.Request, l Lang) (answer, error) {
			list, err := d.picks(r.Context(), l, r.URL.Query().Get("q"))
			return answer{status: http.StatusOK, body: PicksReply{list}}, err
		},
		"GET /api/v1/residents/{id}/move":  d.getMates,
		"POST /api/v1/residents/{id}/move": d.postMove,
	} {
		mux.HandleFunc(route, d.api(f))
	}
}

// postAlike answers POST /api/v1/residents/alike. As on the page, values that
// are not right yet are left out.
func (d *Desk) postAlike(r *http.Request, l Lang) (answer, error) {
	var b entryBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	values, _ := entered(l, b.Values, nil, d.o.Today())
	list, err := d.alike(r.Context(), l, values, uuid.Nil)
	return answer{status: http.StatusOK, body: AlikeReply{list}}, err
}

// getMates answers GET /api/v1/residents/{id}/move.
func (d *Desk) getMates(r *http.Request, _ Lang) (answer, error) {
	id, err := d.living(r)
	if err != nil {
		return answer{}, err
	}
	list, err := d.mates(r.Context(), id)
	return answer{status: http.StatusOK, body: MatesReply{list}}, err
}

// postMove answers POST /api/v1/residents/{id}/move?wait=seconds with the entry of
// the resident; those of whoever moves along are saved with it.
func (d *Desk) postMove(r *http.Request, l Lang) (answer, error) {
	id, err := d.living(r)
	if err != nil {
		return answer{}, err
	}
	request, err := requestKey(r.Header.Get("Idempotency-Key"))
	if err != nil {
		return answer{}, err
	}
	wait, err := waitFor(r)
	if err != nil {
		return answer{}, err
	}
	var b moveBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	who, ok := named(b.Who)
	if !ok {
		return answer{}, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	address, picks, err := d.destination(r.Context(), l, b.Residence)
	if err == nil && len(picks) > 0 {
		err = fail(http.StatusUnprocessableEntity, "move_which")
	}
	if err != nil {
		return answer{}, err
	}
	if err := d.move(r.Context(), l, request, who, id, moving{address, b.Hukou, b.Along, b.Sure}); err != nil {
		return answer{}, err
	}
	reply, err := d.await(r.Context(), l, request+"/"+id.String(), wait, true)
	a := answer{status: http.StatusAccepted, location: reply.Location, body: reply}
	if reply.State == entryMerged {
		a.status = http.StatusOK
	}
	return a, err
}
