package desk

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// progressDays is how far back a supervisor's figures look.
const progressDays = 7

// Standing is how one community stands.
type Standing struct {
	Body      string `json:"body"`
	Name      string `json:"name"`
	Residents int64  `json:"residents"`
	Entered   int64  `json:"entered"`   // entries in the last seven days
	Waiting   int64  `json:"waiting"`   // rows on their way to platforms
	Persons   int64  `json:"persons"`   // rows that wait for a person
	Risks     int64  `json:"risks"`     // grave changes that wait
	Handovers int64  `json:"handovers"` // requests without an answer
}

// Colleague is a worker whom a supervisor may send elsewhere.
type Colleague struct {
	Login  string   `json:"login"`
	Name   string   `json:"name"`
	Bodies []string `json:"bodies"`
}

// StaffReply is the answer to GET /api/v1/staff.
type StaffReply struct {
	Communities []Standing  `json:"communities"`
	Staff       []Colleague `json:"staff"`
}

// PostBody is what POST /api/v1/staff/{login}/posting takes.
type PostBody struct {
	Bodies []string `json:"bodies"`
	Heir   string   `json:"heir"` // who takes over what the worker leaves
	Who    string   `json:"who"`
}

func (d *Desk) routeStaff(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/staff", d.api(func(r *http.Request, _ Lang) (answer, error) {
		reply, err := d.staff(r.Context())
		return answer{status: http.StatusOK, body: reply}, err
	}))
	mux.HandleFunc("POST /api/v1/staff/{login}/posting", d.api(func(r *http.Request, _ Lang) (answer, error) {
		var b PostBody
		if err := decode(r, &b); err != nil {
			return answer{}, err
		}
		if err := d.o.Store.Post(r.Context(), r.PathValue("login"), b.Bodies, b.Heir); err != nil {
			return answer{}, err
		}
		reply, err := d.staff(r.Context())
		return answer{status: http.StatusOK, body: reply}, err
	}))
	mux.HandleFunc("GET /staff", d.html(d.staffPage))
	mux.HandleFunc("POST /staff/{login}/posting", d.act(func(r *http.Request, _ Lang) error {
		return d.o.Store.Post(r.Context(), r.PathValue("login"), r.PostForm["body"], r.PostForm.Get("heir"))
	}))
}

func (d *Desk) staff(ctx context.Context) (StaffReply, error) {
	now := d.o.Today()
	list, err := d.o.Store.Progress(ctx, now.Add(-progressDays*24*time.Hour), now)
	if err != nil {
		return StaffReply{}, err
	}
	reply := StaffReply{Communities: []Standing{}, Staff: []Colleague{}}
	for _, p := range list {
		reply.Communities = append(reply.Communities, Standing{Body: p.Body.ID, Name: p.Body.Name, Residents: p.Residents, Entered: p.Entered,
			Waiting: p.Waiting, Persons: p.Persons, Risks: p.Risks, Handovers: p.Handovers})
	}
	accounts, err := d.o.Store.Staff(ctx)
	if err != nil {
		return StaffReply{}, err
	}
	for _, a := range accounts {
		reply.Staff = append(reply.Staff, Colleague{a.Login, a.Name, a.Bodies})
	}
	return reply, nil
}

// StaffBody is the supervisor's page.
type StaffBody struct {
	StaffReply
	Posts []Post
}

// Post is the form of one worker.
type Post struct {
	Colleague
	Where  []Option // communities, chosen where the worker is posted
	Heirs  []Option
	Nobody bool // is posted nowhere
}

func (d *Desk) staffPage(w http.ResponseWriter, r *http.Request) error {
	reply, err := d.staff(r.Context())
	if err != nil {
		return err
	}
	bodies, err := d.o.Store.Bodies(r.Context())
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, b := range bodies {
		names[b.ID] = b.Name
	}
	p := d.page(w, r, "staff")
	body := StaffBody{StaffReply: reply}
	for _, c := range reply.Staff {
		post := Post{Colleague: c, Nobody: len(c.Bodies) == 0}
		var where []string
		for _, s := range reply.Communities {
			where = append(where, s.Body)
		}
		for _, b := range c.Bodies { // a street's own domains, say
			if !slices.Contains(where, b) {
				where = append(where, b)
			}
		}
		for _, b := range where {
			post.Where = append(post.Where, Option{Code: b, Text: names[b], Chosen: slices.Contains(c.Bodies, b)})
		}
		for _, o := range reply.Staff {
			if o.Login != c.Login {
				post.Heirs = append(post.Heirs, Option{Code: o.Login, Text: o.Name})
			}
		}
		body.Posts = append(body.Posts, post)
	}
	p.Title, p.Back, p.Body = p.T("staff.title"), "/staff", body
	d.render(w, r, http.StatusOK, "staff", p)
	return nil
}
