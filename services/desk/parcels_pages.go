package desk

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrandsBody is the page of what is to be carried.
type ErrandsBody struct {
	Errands []Errand
	Idle    []Errand // platforms with nothing to carry
	Done    *ReceiptReply
	Name    string // of the platform that Done is about
	Said    string // what else was done just now
	Today   string
}

// CardPage is one card.
type CardPage struct {
	Platform string
	Name     string
	Page     string
	Parcel   ErrandParcel
}

func (d *Desk) routeParcelPages(mux *http.ServeMux) {
	for route, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /parcels":                           d.errandsPage,
		"GET /parcels/{platform}/{id}":           d.cardPage,
		"GET /parcels/{platform}/{id}/document":  d.document,
		"POST /parcels/{platform}/receipts":      d.receiptPost,
		"POST /parcels/{platform}/exports":       d.exportPost,
		"POST /parcels/{platform}/{id}/typed":    d.typedPost,
		"POST /parcels/{platform}/{id}/uploaded": d.carriedPost,
		"POST /parcels/{platform}/{id}/return":   d.carriedPost,
	} {
		mux.HandleFunc(route, d.html(f))
	}
}

func (d *Desk) errandsPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "parcels")
	list, err := d.errands(r.Context(), p.L)
	if err != nil {
		return err
	}
	body := ErrandsBody{Today: d.o.Today().Format(time.DateOnly)}
	q := r.URL.Query()
	for _, e := range list {
		if len(e.Parcels) > 0 || len(e.Strangers) > 0 {
			body.Errands = append(body.Errands, e)
		} else {
			body.Idle = append(body.Idle, e)
		}
		if e.Platform == q.Get("platform") {
			body.Name = e.Name
		}
	}
	if body.Name != "" {
		switch said := q.Get("said"); said {
		case "receipt":
			n := func(name string) int { v, _ := strconv.Atoi(q.Get(name)); return max(v, 0) } // what is no number is none
			body.Done = &ReceiptReply{Applied: n("applied"), Refused: n("refused"), Unknown: n("unknown"), Repeated: n("repeated"), Open: n("open")}
		case "typed", "refused", "uploaded", "returned", "export":
			body.Said = p.T("parcels.said."+said, "platform", body.Name)
		}
	}
	p.Title, p.Body = p.T("parcels.title"), body
	d.render(w, r, http.StatusOK, "parcels", p)
	return nil
}

func (d *Desk) cardPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "parcels")
	e, platform, x, err := d.openParcel(r, p.L)
	if err != nil {
		return err
	}
	if len(e.Card) == 0 {
		return fail(http.StatusNotFound, "no_parcel")
	}
	p.Title = p.T("parcels.card.title", "platform", p.L.Platform(platform))
	p.Body = CardPage{Platform: platform.ID, Name: p.L.Platform(platform), Page: webPage(x.Page), Parcel: e}
	d.render(w, r, http.StatusOK, "card", p)
	return nil
}

// webPage lets only addresses through that a link may hold.
func webPage(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}

func (d *Desk) back(w http.ResponseWriter, r *http.Request, said string, more url.Values) error {
	q := url.Values{"platform": {r.PathValue("platform")}, "said": {said}}
	for k, v := range more {
		q[k] = v
	}
	http.Redirect(w, r, "/parcels?"+q.Encode(), http.StatusSeeOther)
	return nil
}

func (d *Desk) receiptPost(w http.ResponseWriter, r *http.Request) error {
	reply, _, err := d.receive(r)
	if err != nil {
		return err
	}
	n := func(v int) []string { return []string{strconv.Itoa(v)} }
	return d.back(w, r, "receipt", url.Values{"applied": n(reply.Applied), "refused": n(reply.Refused),
		"unknown": n(reply.Unknown), "repeated": n(reply.Repeated), "open": n(reply.Open)})
}

func (d *Desk) exportPost(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.importExport(r); err != nil {
		return err
	}
	return d.back(w, r, "export", nil)
}

func (d *Desk) typedPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	b := typedBody{Taken: r.PostForm.Get("taken") == "yes", Reason: r.PostForm.Get("reason"), Who: r.PostForm.Get("who")}
	if err := d.typed(r, b); err != nil {
		return err
	}
	if b.Taken {
		return d.back(w, r, "typed", nil)
	}
	return d.back(w, r, "refused", nil)
}

func (d *Desk) carriedPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	if err := d.carried(r, r.PostForm.Get("who")); err != nil {
		return err
	}
	if strings.HasSuffix(r.URL.Path, "/return") {
		return d.back(w, r, "returned", nil)
	}
	return d.back(w, r, "uploaded", nil)
}
