package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"heji/connectors/roster"
	"heji/schema"
	"heji/services/access"
	"heji/services/store"
)

const (
	importChunk   = 200             // lines that are entered in one transaction
	importSweep   = 5 * time.Second // how long an import waits that nobody has told of
	importChecked = 1000            // lines that are tried before somebody starts an import
	importShown   = 8               // of them are shown
	importBad     = 100             // lines with errors that are shown
	importsShown  = 30
)

// ImportReply is an import as staff look at it.
type ImportReply struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"` // of the file
	Sheet     string            `json:"sheet,omitempty"`
	Who       string            `json:"who"`
	At        time.Time         `json:"at"`
	State     store.ImportState `json:"state"` // draft, running, stopped, done, undone
	StateText string            `json:"state_text"`
	Lines     int64             `json:"lines"`
	Waiting   int64             `json:"waiting"`
	Made      int64             `json:"made"`
	Same      int64             `json:"same"` // there already, from this file or another
	Bad       int64             `json:"bad"`
	Undone    int64             `json:"undone"`
	Kept      int64             `json:"kept"` // not undone: somebody changed it since, or another import has it
	Left      int               `json:"left"` // rows of the file that are nobody
	Columns   []ImportColumn    `json:"columns,omitempty"`
	Tried     *ImportTrial      `json:"tried,omitempty"`  // drafts
	Errors    []ImportError     `json:"errors,omitempty"` // the first of them
}

// ImportColumn is one column and what it is taken for.
type ImportColumn struct {
	Name      string           `json:"name"`
	Attribute schema.Attribute `json:"attribute"` // "": left out
	Label     string           `json:"label,omitempty"`
	Samples   []string         `json:"samples"`
}

// ImportTrial is what would become of the first lines.
type ImportTrial struct {
	Lines  int           `json:"lines"`
	Right  int           `json:"right"`
	Bad    int           `json:"bad"`
	Rows   []ImportRow   `json:"rows"`
	Errors []ImportError `json:"errors"`
}

// ImportRow is a line as it would be entered, by the columns that are taken.
type ImportRow struct {
	Line  int      `json:"line"`
	Cells []string `json:"cells"`
	Bad   bool     `json:"bad"`
}

// ImportError is a line that is not entered, and why.
type ImportError struct {
	Line     int            `json:"line"`
	Name     string         `json:"name,omitempty"`
	Problems []FieldProblem `json:"problems"`
}

// startBody says what the columns are taken for: one attribute for each, "" leaves
// a column out. Without columns they are taken as they were guessed.
type startBody struct {
	Columns []schema.Attribute `json:"columns"`
	Try     bool               `json:"try"` // only say what would become of it
	Who     string             `json:"who"`
}

func (d *Desk) routeImports(mux *http.ServeMux) {
	for route, f := range map[string]func(*http.Request, Lang) (answer, error){
		"GET /api/v1/imports":             d.getImports,
		"POST /api/v1/imports":            d.postImport,
		"GET /api/v1/imports/{id}":        d.getImport,
		"POST /api/v1/imports/{id}/start": d.postStart,
		"POST /api/v1/imports/{id}/undo":  d.postUndoImport,
	} {
		mux.HandleFunc(route, d.api(f))
	}
	mux.HandleFunc("GET /api/v1/imports/{id}/failed", func(w http.ResponseWriter, r *http.Request) {
		err := d.trail(r)
		if err == nil {
			err = d.failed(w, r, apiLang(r))
		}
		if err != nil {
			writeProblem(w, apiLang(r), d.failureOf(r, err))
		}
	})
	mux.HandleFunc("GET /imports", d.html(d.importsPage))
	mux.HandleFunc("POST /imports", d.html(d.importPost))
	mux.HandleFunc("GET /imports/{id}", d.html(d.importPage))
	mux.HandleFunc("POST /imports/{id}/start", d.html(d.startPost))
	mux.HandleFunc("POST /imports/{id}/undo", d.html(d.undoImportPost))
	mux.HandleFunc("GET /imports/{id}/failed", d.html(func(w http.ResponseWriter, r *http.Request) error { return d.failed(w, r, pageLang(w, r)) }))
}

// Run enters what was imported, until ctx ends. It goes on where a process that
// was killed has stopped.
func (d *Desk) Run(ctx context.Context) error {
	for {
		worked, err := d.o.Store.EnterImport(ctx, importChunk, d.lineReader, d.joins(ctx))
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			d.o.Logger.Error("an import cannot be entered; it is tried again", "error", err)
		case worked:
			if d.o.Wake != nil {
				d.o.Wake(deskPlatform)
			}
			continue
		}
		timer := time.NewTimer(importSweep)
		select {
		case <-ctx.Done():
		case <-d.imports:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// lineReader reads lines as the columns of their roster mean.
func (d *Desk) lineReader(raw json.RawMessage) (store.ReadLine, error) {
	var r roster.Roster
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("read the columns of an import: %w", err)
	}
	return func(cells []string) (schema.Values, []schema.ValueProblem) {
		values, problems := d.readLine(roster.Texts(roster.Row{Cells: cells}, r.Columns))
		var out []schema.ValueProblem
		for _, p := range problems {
			out = append(out, schema.ValueProblem{Attribute: schema.Attribute(p.Attribute), Problem: schema.Problem(p.Problem)})
		}
		return values, out
	}, nil
}

// readLine reads what a line says by the rules of the form. Words that stand for
// nothing (不详) are nothing: who typed them years ago cannot be asked any more.
func (d *Desk) readLine(texts map[string]string) (schema.Values, []FieldProblem) {
	values, problems := entered(Chinese, texts, nil, d.o.Today())
	again := false
	for _, p := range problems {
		if p.Problem == string(schema.ProblemPlaceholder) {
			delete(texts, p.Attribute)
			again = true
		}
	}
	if again {
		values, problems = entered(Chinese, texts, nil, d.o.Today())
	}
	for a, v := range values {
		if v == "" {
			delete(values, a) // a line blanks nothing
		}
	}
	return values, problems
}

// owner is whose imports whoever asks sees: their own, once there are accounts.
func owner(r *http.Request) string { return access.From(r.Context()).Name }

// importOf is the import of an address.
func (d *Desk) importOf(r *http.Request) (store.Import, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return store.Import{}, store.ErrNotFound
	}
	return d.o.Store.Import(r.Context(), owner(r), id)
}

// bring reads a file and keeps it, to be looked at.
func (d *Desk) bring(r *http.Request) (uuid.UUID, error) {
	name, content, form, err := uploaded(r)
	if err != nil {
		return uuid.Nil, err
	}
	who, ok := named(form.Get("who"))
	if !ok {
		return uuid.Nil, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	list, err := roster.Read(content)
	var bad *roster.Error
	if errors.As(err, &bad) {
		code := "import_" + bad.Code
		return uuid.Nil, fail(http.StatusUnprocessableEntity, code)
	}
	if err != nil {
		return uuid.Nil, err
	}
	lines := make([]store.ImportLine, len(list.Rows))
	for i, row := range list.Rows {
		lines[i] = store.ImportLine{Line: row.Line, Cells: row.Cells}
	}
	return d.o.Store.NewImport(r.Context(), who, short(name), list, lines)
}

// start begins to enter an import as its columns are taken.
func (d *Desk) start(r *http.Request, b startBody) (uuid.UUID, error) {
	i, err := d.importOf(r)
	if err != nil {
		return uuid.Nil, err
	}
	who, ok := named(b.Who)
	if !ok {
		return i.ID, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	var list roster.Roster
	if err := json.Unmarshal(i.Roster, &list); err != nil {
		return i.ID, fmt.Errorf("read the columns of an import: %w", err)
	}
	if b.Columns != nil {
		if err := take(list.Columns, b.Columns); err != nil {
			return i.ID, err
		}
	}
	if b.Try {
		err = d.o.Store.ReadImportAs(r.Context(), i.ID, list)
	} else {
		err = d.o.Store.StartImport(r.Context(), who, i.ID, list)
	}
	if errors.Is(err, store.ErrImportState) {
		return i.ID, fail(http.StatusConflict, "import_past")
	}
	if err != nil {
		return i.ID, err
	}
	if b.Try {
		return i.ID, nil
	}
	select {
	case d.imports <- struct{}{}:
	default: // it is told already
	}
	return i.ID, nil
}

// take says of each column what it is. Nobody can be entered without a name.
func take(columns []roster.Column, as []schema.Attribute) error {
	if len(as) != len(columns) {
		return fail(http.StatusUnprocessableEntity, "import_columns")
	}
	for i, a := range as {
		if _, ok := known(a); !ok && a != "" || a != "" && slices.Contains(as[:i], a) {
			return fail(http.StatusUnprocessableEntity, "import_columns")
		}
		if columns[i].Attribute != a {
			columns[i].Attribute, columns[i].Codes = a, ""
		}
	}
	if !slices.Contains(as, schema.Name) {
		return fail(http.StatusUnprocessableEntity, "import_name")
	}
	return nil
}

func (d *Desk) undoImport(r *http.Request, given string) (uuid.UUID, error) {
	i, err := d.importOf(r)
	if err != nil {
		return uuid.Nil, err
	}
	who, ok := named(given)
	if !ok {
		return i.ID, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	err = d.o.Store.UndoImport(r.Context(), who, i.ID)
	if errors.Is(err, store.ErrImportState) {
		return i.ID, fail(http.StatusConflict, "import_past")
	}
	if err == nil && d.o.Wake != nil {
		d.o.Wake(deskPlatform)
	}
	return i.ID, err
}

func (l Lang) importReply(i store.Import) ImportReply {
	return ImportReply{ID: i.ID.String(), Name: i.Name, Who: i.Who, At: i.At, State: i.State, StateText: l.T("import.state." + string(i.State)),
		Lines: i.All(), Waiting: i.Waiting, Made: i.Made, Same: i.Same, Bad: i.Bad, Undone: i.Undone, Kept: i.Kept}
}

// importReply is everything about one import.
func (d *Desk) importReply(ctx context.Context, l Lang, i store.Import) (ImportReply, error) {
	out := l.importReply(i)
	var list roster.Roster
	if err := json.Unmarshal(i.Roster, &list); err != nil {
		return out, fmt.Errorf("read the columns of an import: %w", err)
	}
	out.Sheet, out.Left = list.Sheet, list.Left
	var lines []store.ImportLine
	var err error
	if i.State == store.ImportDraft {
		if lines, err = d.o.Store.ImportLines(ctx, i.ID, "waiting", 0, importChecked); err != nil {
			return out, err
		}
		out.Tried = d.try(l, list.Columns, lines)
	}
	for c, column := range list.Columns {
		reply := ImportColumn{Name: column.Name, Attribute: column.Attribute, Samples: []string{}}
		if column.Attribute != "" {
			reply.Label = l.Attribute(column.Attribute)
		}
		for _, line := range lines {
			text := roster.Row{Cells: line.Cells}.Cell(c)
			if text != "" && len(reply.Samples) < 2 && !slices.Contains(reply.Samples, shownCell(column.Attribute, text)) {
				reply.Samples = append(reply.Samples, shownCell(column.Attribute, text))
			}
		}
		out.Columns = append(out.Columns, reply)
	}
	if i.Bad > 0 {
		bad, err := d.o.Store.ImportLines(ctx, i.ID, "bad", 0, importBad)
		if err != nil {
			return out, err
		}
		for _, line := range bad {
			out.Errors = append(out.Errors, l.importError(list.Columns, line))
		}
	}
	return out, nil
}

// try reads the first lines as they would be entered.
func (d *Desk) try(l Lang, columns []roster.Column, lines []store.ImportLine) *ImportTrial {
	t := &ImportTrial{Lines: len(lines), Rows: []ImportRow{}, Errors: []ImportError{}}
	for _, line := range lines {
		values, problems := d.readLine(roster.Texts(roster.Row{Cells: line.Cells}, columns))
		if len(problems) > 0 {
			t.Bad++
			for _, p := range problems {
				line.Problems = append(line.Problems, schema.ValueProblem{Attribute: schema.Attribute(p.Attribute), Problem: schema.Problem(p.Problem)})
			}
			if len(t.Errors) < importShown {
				t.Errors = append(t.Errors, l.importError(columns, line))
			}
		} else {
			t.Right++
		}
		if len(t.Rows) < importShown {
			row := ImportRow{Line: line.Line, Bad: len(problems) > 0}
			for i, c := range columns {
				if c.Attribute == "" {
					continue
				}
				text := l.Value(c.Attribute, values[c.Attribute])
				if text == "" {
					text = shownCell(c.Attribute, roster.Row{Cells: line.Cells}.Cell(i))
				}
				row.Cells = append(row.Cells, text)
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// shownCell is a cell as it stands; a number is shown by its first four
// characters, in whichever column it stands.
func shownCell(a schema.Attribute, text string) string {
	digits := 0
	for _, r := range text {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	if numbered(a) || a == "" && digits >= 7 {
		return mask(text)
	}
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}

func (l Lang) importError(columns []roster.Column, line store.ImportLine) ImportError {
	out := ImportError{Line: line.Line, Name: roster.Texts(roster.Row{Cells: line.Cells}, columns)[string(schema.Name)], Problems: []FieldProblem{}}
	for _, p := range line.Problems {
		said := fieldProblem(l, string(p.Attribute), p.Problem)
		if p.Problem == store.ProblemElsewhere {
			said.Message = l.T("claim.elsewhere")
		}
		out.Problems = append(out.Problems, said)
	}
	return out
}

// failed answers with the lines that were not entered, as they stood, with the
// reason behind each: to be corrected there and brought again.
func (d *Desk) failed(w http.ResponseWriter, r *http.Request, l Lang) error {
	i, err := d.importOf(r)
	if err != nil {
		return err
	}
	var list roster.Roster
	if err := json.Unmarshal(i.Roster, &list); err != nil {
		return fmt.Errorf("read the columns of an import: %w", err)
	}
	lines, err := d.o.Store.ImportLines(r.Context(), i.ID, "bad", 0, roster.MaxRows)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return fail(http.StatusNotFound, "import_none")
	}
	book := excelize.NewFile()
	defer book.Close() //nolint:errcheck // in memory
	out, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	text := func(s string) any { return s } // a text stays one: numbers of eighteen digits
	head := make([]any, 0, len(list.Columns)+1)
	for _, c := range list.Columns {
		head = append(head, text(c.Name))
	}
	head = append(head, text(l.T("import.reason")))
	if err := out.SetRow("A1", head); err != nil {
		return err
	}
	for n, line := range lines {
		cells := make([]any, 0, len(head))
		for c := range list.Columns {
			cells = append(cells, text(roster.Row{Cells: line.Cells}.Cell(c)))
		}
		reason := l.T("import.line", "line", line.Line)
		for _, p := range l.importError(list.Columns, line).Problems {
			reason += p.Message
		}
		if err := out.SetRow("A"+strconv.Itoa(n+2), append(cells, text(reason))); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	buffer, err := book.WriteToBuffer()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	w.Header().Set("Content-Disposition", `attachment; filename="failed.xlsx"; filename*=UTF-8''`+url.PathEscape(l.T("import.failed.file")+".xlsx"))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(buffer.Bytes()) // when this fails, whoever asked is gone
	return nil
}

// getImports answers GET /api/v1/imports.
func (d *Desk) getImports(r *http.Request, l Lang) (answer, error) {
	list, err := d.o.Store.Imports(r.Context(), owner(r), importsShown)
	out := []ImportReply{}
	for _, i := range list {
		out = append(out, l.importReply(i))
	}
	return answer{status: http.StatusOK, body: ImportsReply{out}}, err
}

// importAnswer is an import after something was done with it.
func (d *Desk) importAnswer(r *http.Request, l Lang, status int, id uuid.UUID) (answer, error) {
	i, err := d.o.Store.Import(r.Context(), owner(r), id)
	if err != nil {
		return answer{}, err
	}
	reply, err := d.importReply(r.Context(), l, i)
	return answer{status: status, location: "/api/v1/imports/" + id.String(), body: reply}, err
}

// postImport answers POST /api/v1/imports?name=…&who=…: the body is the file.
func (d *Desk) postImport(r *http.Request, l Lang) (answer, error) {
	id, err := d.bring(r)
	if err != nil {
		return answer{}, err
	}
	return d.importAnswer(r, l, http.StatusCreated, id)
}

// getImport answers GET /api/v1/imports/{id}.
func (d *Desk) getImport(r *http.Request, l Lang) (answer, error) {
	i, err := d.importOf(r)
	if err != nil {
		return answer{}, err
	}
	return d.importAnswer(r, l, http.StatusOK, i.ID)
}

// postStart answers POST /api/v1/imports/{id}/start.
func (d *Desk) postStart(r *http.Request, l Lang) (answer, error) {
	var b startBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	id, err := d.start(r, b)
	if err != nil {
		return answer{}, err
	}
	return d.importAnswer(r, l, http.StatusAccepted, id)
}

// postUndoImport answers POST /api/v1/imports/{id}/undo.
func (d *Desk) postUndoImport(r *http.Request, l Lang) (answer, error) {
	var b whoBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	id, err := d.undoImport(r, b.Who)
	if err != nil {
		return answer{}, err
	}
	return d.importAnswer(r, l, http.StatusOK, id)
}
