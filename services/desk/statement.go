package desk

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"heji/services/audit"
	"heji/services/store"
)

// StatementRow is one line of the monthly statement.
type StatementRow struct {
	Department    string `json:"department"`
	Platform      string `json:"platform"`
	PlatformName  string `json:"platform_name"`
	Attribute     string `json:"attribute"` // "": whole writes
	AttributeName string `json:"attribute_name"`
	Applied       int64  `json:"applied"`
	Back          int64  `json:"given_back"` // of the applied ones
	Refused       int64  `json:"refused"`
	Overtaken     int64  `json:"overtaken"`
	Open          int64  `json:"open"`
}

// Statement is the answer to GET /api/v1/statement?month=: what was written to
// which platform in a month. No person is in it.
type Statement struct {
	Month string         `json:"month"`
	From  time.Time      `json:"from"`
	To    time.Time      `json:"to"`
	Lines []StatementRow `json:"lines"`
}

// monthForm is how a month is written.
const monthForm = "2006-01"

// statement counts a month in the zone of the pages; "" is the one before this.
func (d *Desk) statement(ctx context.Context, l Lang, month string) (Statement, error) {
	zone := d.o.Today().Location()
	from := time.Date(d.o.Today().Year(), d.o.Today().Month()-1, 1, 0, 0, 0, 0, zone)
	if month != "" {
		var err error
		if from, err = time.ParseInLocation(monthForm, month, zone); err != nil {
			return Statement{}, fail(http.StatusBadRequest, "month")
		}
	}
	s := Statement{Month: from.Format(monthForm), From: from, To: from.AddDate(0, 1, 0), Lines: []StatementRow{}}
	list, err := d.o.Store.Statement(ctx, s.From, s.To)
	if err != nil {
		return s, err
	}
	for _, x := range list {
		row := StatementRow{x.Department, x.Platform, l.Platform(store.Platform{Name: x.Name, NameEn: x.NameEn}), string(x.Attribute), l.T("statement.writes"),
			x.Applied, x.Back, x.Refused, x.Overtaken, x.Open}
		if x.Attribute != "" {
			row.AttributeName = l.Attribute(x.Attribute)
		}
		s.Lines = append(s.Lines, row)
	}
	return s, d.o.Store.Note(ctx, "", audit.Note{Did: "statement", What: "month/" + s.Month}, nil)
}

// getStatement answers GET /api/v1/statement?month=2026-11, and with format=csv
// as a table for spreadsheets.
func (d *Desk) getStatement(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("format") != "csv" {
		d.api(func(r *http.Request, l Lang) (answer, error) {
			s, err := d.statement(r.Context(), l, r.URL.Query().Get("month"))
			return answer{status: http.StatusOK, body: s}, err
		})(w, r)
		return
	}
	l := apiLang(r)
	s, err := d.statement(r.Context(), l, r.URL.Query().Get("month"))
	if err != nil {
		writeProblem(w, l, d.failureOf(r, err))
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Language", string(l))
	w.Header().Set("Content-Disposition", `attachment; filename="heji-`+s.Month+`.csv"`)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(s.csv(l)) // when this fails, whoever asked is gone
}

// csv writes the lines with a byte order mark: office programs here take a file
// without one for GBK.
func (s Statement) csv(l Lang) []byte {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	table := csv.NewWriter(&b)
	lines := [][]string{{l.T("statement.month"), l.T("statement.department"), l.T("statement.platform"), l.T("statement.attribute"), l.T("statement.applied"),
		l.T("statement.back"), l.T("statement.refused"), l.T("statement.overtaken"), l.T("statement.open")}}
	for _, x := range s.Lines {
		line := []string{s.Month, x.Department, x.PlatformName, x.AttributeName}
		for _, n := range []int64{x.Applied, x.Back, x.Refused, x.Overtaken, x.Open} {
			line = append(line, strconv.FormatInt(n, 10))
		}
		lines = append(lines, line)
	}
	if err := table.WriteAll(lines); err != nil {
		panic("desk: a buffer refuses to be written: " + err.Error()) // it never does
	}
	return b.Bytes()
}

// statementPage shows a month, to be printed.
func (d *Desk) statementPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "platforms")
	s, err := d.statement(r.Context(), p.L, r.URL.Query().Get("month"))
	if err != nil {
		return err
	}
	p.Title, p.Body = p.T("statement.title", "month", s.Month), s
	d.render(w, r, http.StatusOK, "statement", p)
	return nil
}

func (d *Desk) routeStatement(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/statement", d.getStatement)
	mux.HandleFunc("GET /statement", d.html(d.statementPage))
}
