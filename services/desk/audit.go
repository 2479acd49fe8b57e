package desk

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"heji/services/audit"
	"heji/services/store"
)

// probably puts whoever last signed in this browser into the request's context:
// what is read is signed by nobody, and a button that asks for no name neither.
func probably(r *http.Request) *http.Request {
	if who := signer(r); who != "" {
		return r.WithContext(audit.Perhaps(r.Context(), who))
	}
	return r
}

// signer is the name in the cookie, "" where there is none.
func signer(r *http.Request) string {
	c, err := r.Cookie(whoCookie)
	if err != nil {
		return ""
	}
	text, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	who, _ := named(text)
	return who
}

// lists are the answers that show several persons at once.
var lists = map[string]string{"/{$}": "list/home", "/start": "list/home", "/risks": "list/risks", "/reviews": "list/reviews", "/dead": "list/dead",
	"/parcels": "list/parcels", "/handovers": "list/handovers", "/dwellings": "list/dwelling", "/buildings/chart": "list/building", "/entries/{request}": "list/entry",
	"/imports": "list/imports", "/imports/{id}": "list/import", "/imports/{id}/failed": "list/import"}

// reads are the persons whose data a request asks for, as far as its route says so.
func reads(r *http.Request) []string {
	route, ok := strings.CutPrefix(r.Pattern, "GET ")
	if !ok {
		return nil
	}
	route = strings.TrimPrefix(route, "/api/v1")
	if what, ok := lists[route]; ok {
		return []string{what}
	}
	var kinds []string
	var names []string
	switch {
	case strings.HasPrefix(route, "/residents/{id}"):
		kinds, names = []string{"resident"}, []string{"id"}
	case strings.HasPrefix(route, "/reviews/{x}/{y}"):
		kinds, names = []string{"resident", "resident"}, []string{"x", "y"}
	case strings.HasPrefix(route, "/actions/{id}"):
		kinds, names = []string{"action"}, []string{"id"}
	}
	var out []string
	for i, name := range names {
		if id, err := uuid.Parse(r.PathValue(name)); err == nil { // whatever else was typed is not found, and not kept
			out = append(out, kinds[i]+"/"+id.String())
		}
	}
	return out
}

// lately remembers what was noted in the running minute: pages ask for the same
// again and again.
type lately struct {
	mu     sync.Mutex
	minute int64
	noted  map[string]bool
}

func (l *lately) has(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.minute == time.Now().Unix()/60 && l.noted[key]
}

func (l *lately) add(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().Unix() / 60; l.minute != now {
		l.minute, l.noted = now, map[string]bool{}
	}
	l.noted[key] = true
}

// trail notes what is about to be read. What cannot be noted is not shown.
func (d *Desk) trail(r *http.Request) error {
	who := audit.Who(r.Context(), "")
	for _, what := range reads(r) {
		if id, ok := strings.CutPrefix(what, "resident/"); ok && store.Limited(r.Context()) {
			// Nobody and somebody else's are one answer, in the trail too.
			_, err := d.o.Store.Living(r.Context(), uuid.MustParse(id))
			if errors.Is(err, store.ErrNotFound) {
				if noted := d.o.Store.Note(r.Context(), "", audit.Note{Did: "read.refused", What: what}, nil); noted != nil {
					return noted
				}
			}
			if err != nil {
				return err
			}
		}
		key := who + "\x00" + what
		if d.lately.has(key) {
			continue
		}
		if err := d.o.Store.Note(r.Context(), "", audit.Note{Did: "read", What: what}, nil); err != nil {
			return err
		}
		d.lately.add(key)
	}
	return nil
}

// parcelNote notes what is done with a parcel that is there.
func (d *Desk) parcelNote(r *http.Request, who, did, platform, parcel string, detail any) error {
	what := ""
	if parcel != "" {
		what = "parcel/" + parcel
	}
	return d.o.Store.Note(r.Context(), who, audit.Note{Did: did, What: what, Platform: platform}, detail)
}

// AuditRow is one row of the audit trail: all that its hash covers.
type AuditRow struct {
	Seq      int64     `json:"seq"`
	Note     int64     `json:"note"`
	At       time.Time `json:"at"`
	Who      string    `json:"who"`
	Did      string    `json:"did"`
	What     string    `json:"what"`
	Platform string    `json:"platform"`
	Why      string    `json:"why"`
	Detail   string    `json:"detail"` // JSON, as the text that was hashed
	Hash     string    `json:"hash"`
	Sum      string    `json:"sum"`
}

// AuditRowOf is a stored row as the API and an export show it.
func AuditRowOf(r audit.Row) AuditRow {
	return AuditRow{r.Seq, r.NoteID, r.At, r.Who, r.Did, r.What, r.Platform, r.Why, r.Detail, r.Hash, hex.EncodeToString(r.Sum)}
}

// AuditReply is the answer to GET /api/v1/audit.
type AuditReply struct {
	Audit []AuditRow `json:"audit"`
	Next  int64      `json:"next"` // as after: the rows that follow, those of a later time too
}

// getAudit answers GET /api/v1/audit?after=&limit=&from=&to=&who=&did=&what=&platform=.
// That it was asked is noted as well.
func (d *Desk) getAudit(r *http.Request, _ Lang) (answer, error) {
	q := r.URL.Query()
	ask, err := d.auditQuery(q)
	if err != nil {
		return answer{}, err
	}
	ask.Limit, ask.Before = 100, 0
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return answer{}, fail(http.StatusBadRequest, "audit_query")
		}
		ask.Limit = n
	}
	if ask.After == 0 { // one look, however many pages it has
		if err := d.o.Store.Note(r.Context(), "", audit.Note{Did: "audit.read"}, nil); err != nil {
			return answer{}, err
		}
	}
	list, err := d.o.Store.AuditRows(r.Context(), ask)
	if err != nil {
		return answer{}, err
	}
	hidden, err := d.sealedPlatforms(r)
	if err != nil {
		return answer{}, err
	}
	reply := AuditReply{Audit: []AuditRow{}, Next: ask.After}
	for _, x := range list {
		reply.Next = x.Seq
		if !hidden[x.Platform] {
			reply.Audit = append(reply.Audit, AuditRowOf(x))
		}
	}
	return answer{status: http.StatusOK, body: reply}, nil
}

// AuditVerified is the answer to POST /api/v1/audit/verify.
type AuditVerified struct {
	Head    string `json:"head"`
	Rows    int64  `json:"rows"`
	Closed  int64  `json:"closed"`
	Waiting int64  `json:"waiting"`
}

// postAuditVerify answers POST /api/v1/audit/verify: 409 names the first row that
// is not what it was.
func (d *Desk) postAuditVerify(r *http.Request, _ Lang) (answer, error) {
	var body auditHeads
	if err := decode(r, &body); err != nil {
		return answer{}, err
	}
	var noted []audit.Head
	for _, text := range body.Heads {
		h, err := audit.ParseHead(text)
		if err != nil {
			return answer{}, fail(http.StatusBadRequest, "audit_head")
		}
		noted = append(noted, h)
	}
	report, err := d.o.Store.VerifyAudit(r.Context(), noted)
	var broken *audit.Broken
	if errors.As(err, &broken) {
		return answer{}, fail(http.StatusConflict, "audit_broken", "row", broken.Seq, "why", broken.Says)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: AuditVerified{report.Head.String(), report.Rows, report.Closed, report.Waiting}}, nil
}

func (d *Desk) getAuditKeep(r *http.Request, _ Lang) (answer, error) {
	days, err := d.o.Store.AuditKeep(r.Context())
	return answer{status: http.StatusOK, body: AuditKept{days}}, err
}

// postAuditKeep answers POST /api/v1/audit/keep: for how many days rows are kept.
func (d *Desk) postAuditKeep(r *http.Request, l Lang) (answer, error) {
	var body auditKeepBody
	if err := decode(r, &body); err != nil {
		return answer{}, err
	}
	who, ok := named(body.Who)
	if !ok {
		return answer{}, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	err := d.o.Store.SetAuditKeep(r.Context(), body.Days, who, body.Why)
	if errors.Is(err, store.ErrAuditKeep) {
		return answer{}, fail(http.StatusUnprocessableEntity, "audit_keep", "least", store.AuditKeepLeast)
	}
	if err != nil {
		return answer{}, err
	}
	return d.getAuditKeep(r, l)
}

func (d *Desk) routeAudit(mux *http.ServeMux) {
	mux.HandleFunc("GET /audit", d.html(d.auditPage))
	mux.HandleFunc("GET /audit/export", d.html(d.auditExport))
	mux.HandleFunc("GET /api/v1/audit", d.api(d.getAudit))
	mux.HandleFunc("POST /api/v1/audit/verify", d.api(d.postAuditVerify))
	mux.HandleFunc("GET /api/v1/audit/keep", d.api(d.getAuditKeep))
	mux.HandleFunc("POST /api/v1/audit/keep", d.api(d.postAuditKeep))
}
