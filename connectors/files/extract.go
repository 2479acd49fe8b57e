package files

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"heji/connectors"
	"heji/schema"
)

// extract is one file to be read.
type extract struct {
	identity
	mode string
	asOf time.Time

	header  map[string]int // column → index, of the columns that the platform's file names
	width   int            // cells of the header
	trailer int            // line of the counting row, 0: none
}

// where is the place of a record, for messages: never a value.
func (e *extract) where(line int) string { return fmt.Sprintf("%s:%d", e.Name, line) }

// open makes a file readable here and opens it.
func (r *reader) open(ctx context.Context, dir string, id identity, shape Shape, trailer string) (source, error) {
	path, err := r.drive.local(ctx, r.drive.join(dir, id.Name), id)
	if err != nil {
		return nil, fmt.Errorf("the file %s cannot be fetched: %w", id.Name, because(err))
	}
	src, err := open(path, shape, trailer)
	if err != nil {
		return nil, refuse(id.Name, err)
	}
	return src, nil
}

// inspect looks a file through before anything of it is given out: a file that
// fails here is refused as a whole.
func (r *reader) inspect(ctx context.Context, e *extract) error {
	src, err := r.open(ctx, r.settings.Dir, e.identity, r.settings.Shape, r.counting())
	if err != nil {
		return err
	}
	defer src.close()
	var rows, hurt int
	var last record
	for n := 1; ; n++ {
		if n%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		rec, err := src.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return refused(e.Name, "line %d: %s", rec.line, err)
		}
		if e.header == nil {
			r.readCell(e, n, rec)
			if n == r.settings.HeaderRow {
				if err := r.readHeader(e, rec); err != nil {
					return err
				}
			}
			continue
		}
		if r.nobody(rec) {
			continue
		}
		if column, ok := e.marked(rec, formula); ok && !r.counts(rec) {
			return connectors.NewTrouble("file_formula", "file", e.Name, "line", strconv.Itoa(rec.line), "column", column)
		}
		rows++
		if rec.damaged() {
			hurt++
		}
		last = rec
	}
	if e.header == nil {
		return refused(e.Name, "it has no header in line %d", r.settings.HeaderRow)
	}
	if hurt >= 2 && (hurt == rows || hurt >= 3 && hurt*10 > rows) {
		return connectors.NewTrouble("file_not_text", "file", e.Name, "rows", strconv.Itoa(hurt), "all", strconv.Itoa(rows), "declared", r.settings.Encoding)
	}
	if err := r.checkTrailer(e, last, rows); err != nil {
		return err
	}
	if e.asOf.IsZero() {
		return refused(e.Name, "it says nowhere what day it is of. Give as_of.name or as_of.cell")
	}
	return nil
}

// readCell takes the as-of time out of a cell above the header.
func (r *reader) readCell(e *extract, n int, rec record) {
	if r.settings.AsOf.Cell == "" {
		return
	}
	col, row, err := excelize.CellNameToCoordinates(r.settings.AsOf.Cell)
	if err != nil || row != n || col > len(rec.cells) {
		return
	}
	if t, ok := stampOf(rec.cells[col-1], r.settings.AsOf.Format, r.zone); ok {
		e.asOf = t
	}
}

func (r *reader) readHeader(e *extract, rec record) error {
	if rec.damaged() {
		return connectors.NewTrouble("file_header_not_text", "file", e.Name, "declared", r.settings.Encoding)
	}
	e.header, e.width = map[string]int{}, len(rec.cells)
	needed, written := map[string]bool{}, map[string]string{}
	for _, c := range r.columns {
		needed[c], written[squeeze(c)] = true, c
	}
	for i, cell := range rec.cells {
		name, ok := written[squeeze(cell)]
		if !ok {
			continue
		}
		if _, twice := e.header[name]; twice {
			return refused(e.Name, "its header has the column %s twice", name)
		}
		e.header[name] = i
	}
	var missing []string
	for name := range needed {
		if _, ok := e.header[name]; !ok && !(name == r.settings.DeleteColumn && e.mode == modeFull) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		sort.Strings(missing)
		return connectors.NewTrouble("file_columns", "file", e.Name, "line", strconv.Itoa(rec.line), "columns", strings.Join(missing, ", "))
	}
	return nil
}

// nobody reports whether a row is of no person: blank, or a note that skip names.
func (r *reader) nobody(rec record) bool {
	if rec.unreadable {
		return false
	}
	for _, cell := range rec.cells {
		text := strings.TrimSpace(cell)
		if text == "" {
			continue
		}
		for _, start := range r.settings.Skip {
			if strings.HasPrefix(text, start) {
				return true
			}
		}
		return false // only the first text of a row says what it is
	}
	return true
}

// counting is what the counting row begins with, "" where there is none.
func (r *reader) counting() string {
	if r.settings.Trailer == nil {
		return ""
	}
	return r.settings.Trailer.Starts
}

func (r *reader) counts(rec record) bool {
	return r.counting() != "" && len(rec.cells) > 0 && strings.HasPrefix(strings.TrimSpace(rec.cells[0]), r.counting())
}

// marked returns the first column that we need whose cell has the mark.
func (e *extract) marked(rec record, m mark) (string, bool) {
	for i, have := range rec.marks {
		if have != m {
			continue
		}
		for name, at := range e.header {
			if at == i {
				return name, true
			}
		}
	}
	return "", false
}

var number = regexp.MustCompile(`\d+`)

// checkTrailer verifies the counting row: an extract cut off half way must not
// look like a smaller population.
func (r *reader) checkTrailer(e *extract, last record, rows int) error {
	t := r.settings.Trailer
	if t == nil {
		return nil
	}
	if len(last.cells) == 0 || !strings.HasPrefix(strings.TrimSpace(last.cells[0]), t.Starts) {
		return refused(e.Name, "its last row is not the counting row %q: it was cut off or is not complete yet", t.Starts)
	}
	text := ""
	if t.Cell <= len(last.cells) {
		text = number.FindString(last.cells[t.Cell-1])
	}
	if text == "" {
		text = number.FindString(strings.TrimPrefix(strings.TrimSpace(last.cells[0]), t.Starts))
	}
	declared, err := strconv.Atoi(text)
	if err != nil {
		return refused(e.Name, "its counting row in line %d holds no number", last.line)
	}
	if declared != rows-1 {
		return connectors.NewTrouble("file_cut", "file", e.Name, "declared", strconv.Itoa(declared), "rows", strconv.Itoa(rows-1))
	}
	e.trailer = last.line
	return nil
}

// read gives the rows of an inspected file from its skip-th record on. page is
// called with each page and the number of records so far; lost counts rows
// whose key could not be read.
func (r *reader) read(ctx context.Context, e *extract, skip int, page func(rows []connectors.Row, records int, last bool, lost int) error) error {
	src, err := r.open(ctx, r.settings.Dir, e.identity, r.settings.Shape, r.counting())
	if err != nil {
		return err
	}
	defer src.close()
	var rows []connectors.Row
	records, lost := 0, 0
	for n := 1; ; n++ {
		rec, err := src.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return refused(e.Name, "line %d: %s", rec.line, err)
		}
		if n <= r.settings.HeaderRow || rec.line == e.trailer && e.trailer != 0 || r.nobody(rec) {
			continue
		}
		records++
		if records <= skip {
			continue
		}
		if len(rows) == r.settings.Page { // one page is held back, so that the last knows that it is
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := page(rows, records-1, false, lost); err != nil {
				return err
			}
			rows = nil
		}
		row, keyless := r.row(e, rec)
		if keyless {
			lost++
		}
		rows = append(rows, row)
	}
	return page(rows, records, true, lost)
}

// row makes a row of a record. keyless: it is not certain whose row it is.
func (r *reader) row(e *extract, rec record) (row connectors.Row, keyless bool) {
	row = connectors.Row{Op: schema.OpPut, Place: e.where(rec.line)}
	dead := func(p schema.Problem, keyless bool) (connectors.Row, bool) {
		row.Op, row.Problem, row.Columns = schema.OpDead, p, nil
		return row, keyless
	}
	if rec.unreadable {
		return dead(schema.ProblemUnreadable, true)
	}
	cells := rec.cells
	if r.settings.Format == xlsxFormat { // a workbook does not store empty cells at the end
		for len(cells) < e.width {
			cells = append(cells, "")
		}
	}
	for len(cells) > e.width && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) != e.width {
		// The cells may have shifted, so not even the key is sure.
		return dead(schema.ProblemColumns, true)
	}
	row.Columns = make(map[string]string, len(e.header))
	hurt := false
	for name, i := range e.header {
		row.Columns[name] = cells[i]
		hurt = hurt || damaged(cells[i])
	}
	if column, ok := e.marked(rec, rounded); ok {
		// An ID number in a number's cell has lost its last digits: the row could be
		// anybody's.
		row.Place += ", column " + column + ": a number that Excel has rounded; the cells must be text"
		return dead(schema.ProblemUnreadable, contains(r.platform.Key, column))
	}
	parts := make([]string, len(r.platform.Key))
	for i, k := range r.platform.Key {
		parts[i] = strings.TrimSpace(row.Columns[k])
		if damaged(parts[i]) {
			return dead(schema.ProblemEncoding, true)
		}
	}
	if problem := connectors.KeyProblem(parts...); problem != "" {
		return dead(problem, true)
	}
	row.Key = connectors.JoinKey(parts...)
	if hurt {
		return dead(schema.ProblemEncoding, false)
	}
	r.dress(&row)
	return row, false
}
