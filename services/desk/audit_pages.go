package desk

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"heji/schema"
	"heji/services/audit"
	"heji/services/store"
)

// auditShown is how many rows of the audit trail one page holds, and auditPiece
// how many a file is read by.
const (
	auditShown = 100
	auditPiece = 1000
)

// auditKinds are what can have happened, for the filter: each also finds what is
// named below it.
var auditKinds = []string{"login", "account", "token", "read", "search", "reveal", "claim", "handover", "move", "entry", "decision", "risk", "merge", "write",
	"writes", "platform", "agreement", "dead", "relink", "parcel", "audit"}

// AuditBody is the page of the audit trail.
type AuditBody struct {
	Rows  []AuditLine
	Query url.Values
	Kinds []Option
	Older string // address of the next page; empty: this is the last
	File  string // address of the same as a file
}

// AuditLine is one row in words.
type AuditLine struct {
	AuditRow
	DidText string
}

// auditQuery reads what an address asks of the trail.
func (d *Desk) auditQuery(q url.Values) (store.AuditQuery, error) {
	ask := store.AuditQuery{Who: strings.TrimSpace(q.Get("who")), Did: q.Get("did"), What: strings.TrimSpace(q.Get("what")), Platform: q.Get("platform")}
	for name, into := range map[string]*time.Time{"from": &ask.From, "to": &ask.To} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			if t, err = time.ParseInLocation(time.DateOnly, text, d.o.Today().Location()); err == nil && name == "to" && q.Get("whole") != "" {
				t = t.AddDate(0, 0, 1) // a person means the last day whole
			}
		}
		if err != nil {
			return ask, fail(http.StatusBadRequest, "audit_query")
		}
		*into = t
	}
	for name, into := range map[string]*int64{"after": &ask.After, "before": &ask.Before} {
		if text := q.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return ask, fail(http.StatusBadRequest, "audit_query")
			}
			*into = n
		}
	}
	return ask, nil
}

// sealedPlatforms are those of whose rows nobody here is told (I7).
func (d *Desk) sealedPlatforms(r *http.Request) (map[string]bool, error) {
	platforms, err := d.o.Store.Platforms(r.Context())
	hidden := map[string]bool{}
	for _, p := range platforms {
		hidden[p.ID] = p.Class == schema.ClassD
	}
	return hidden, err
}

func (l Lang) did(did string) string {
	if text := l.T("did." + did); text != "did."+did {
		return text
	}
	kind, _, _ := strings.Cut(did, ".")
	if text := l.T("did." + kind); text != "did."+kind {
		return text + " " + did
	}
	return did
}

func (d *Desk) auditPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "audit")
	q := r.URL.Query()
	ask, err := d.auditQuery(q)
	if err != nil {
		return err
	}
	if ask.Before == 0 { // one look, however many pages it has
		if err := d.o.Store.Note(r.Context(), "", audit.Note{Did: "audit.read"}, nil); err != nil {
			return err
		}
	}
	ask.Newest, ask.Limit = true, auditShown+1
	list, err := d.o.Store.AuditRows(r.Context(), ask)
	if err != nil {
		return err
	}
	hidden, err := d.sealedPlatforms(r)
	if err != nil {
		return err
	}
	q.Del("lang")
	body := AuditBody{Query: q}
	if len(list) > auditShown {
		list = list[:auditShown]
		older := url.Values{}
		for k, v := range q {
			older[k] = v
		}
		older.Set("before", strconv.FormatInt(list[auditShown-1].Seq, 10))
		body.Older = "/audit?" + older.Encode()
	}
	for _, x := range list {
		if !hidden[x.Platform] {
			body.Rows = append(body.Rows, AuditLine{AuditRow: AuditRowOf(x), DidText: p.L.did(x.Did)})
		}
	}
	body.Kinds = []Option{{Text: p.T("audit.all")}}
	for _, k := range auditKinds {
		body.Kinds = append(body.Kinds, Option{Code: k, Text: p.L.did(k), Chosen: q.Get("did") == k})
	}
	file := url.Values{}
	for _, k := range []string{"who", "did", "what", "platform", "from", "to"} {
		if v := q.Get(k); v != "" {
			file.Set(k, v)
		}
	}
	file.Set("whole", "1")
	body.File = "/audit/export?" + file.Encode()
	p.Title, p.Body = p.T("audit.title"), body
	d.render(w, r, http.StatusOK, "audit", p)
	return nil
}

// auditExport answers with rows as a file that spreadsheets read: the oldest
// first, as they are chained. That it was taken is noted before the first byte.
func (d *Desk) auditExport(w http.ResponseWriter, r *http.Request) error {
	ask, err := d.auditQuery(r.URL.Query())
	if err != nil {
		return err
	}
	hidden, err := d.sealedPlatforms(r)
	if err != nil {
		return err
	}
	if err := d.o.Store.Note(r.Context(), "", audit.Note{Did: "audit.export"}, nil); err != nil {
		return err
	}
	ask.Limit, ask.Newest, ask.Before = auditPiece, false, 0
	list, err := d.o.Store.AuditRows(r.Context(), ask)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="audit-`+d.o.Today().Format(time.DateOnly)+`.csv"`)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte("\ufeff")) // for spreadsheets; when this fails, whoever asked is gone
	out := csv.NewWriter(w)
	_ = out.Write(AuditColumns)
	for len(list) > 0 {
		for _, x := range list {
			ask.After = x.Seq
			if hidden[x.Platform] {
				continue
			}
			_ = out.Write(AuditRowOf(x).Cells())
		}
		out.Flush()
		if out.Error() != nil {
			return nil // whoever asked is gone
		}
		if len(list) < auditPiece {
			return nil
		}
		if list, err = d.o.Store.AuditRows(r.Context(), ask); err != nil {
			d.o.Logger.Error("a file of the audit trail was broken off", "error", err)
			panic(http.ErrAbortHandler) // so that the file is not taken for whole
		}
	}
	return nil
}

// AuditColumns are the columns of a file of the audit trail.
var AuditColumns = []string{"seq", "note", "at", "who", "did", "what", "platform", "why", "detail", "hash", "sum"}

// Cells are a row's values in these columns.
func (r AuditRow) Cells() []string {
	return []string{strconv.FormatInt(r.Seq, 10), strconv.FormatInt(r.Note, 10), r.At.UTC().Format(time.RFC3339Nano), plainCell(r.Who), r.Did, r.What,
		r.Platform, plainCell(r.Why), r.Detail, r.Hash, r.Sum}
}

// plainCell keeps a spreadsheet from taking what somebody typed for a formula.
func plainCell(text string) string {
	if text != "" && strings.ContainsAny(text[:1], "=+-@\t") {
		return "'" + text
	}
	return text
}
