package template

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"heji/connectors"
	"heji/connectors/internal/ledger"
	"heji/connectors/internal/sheet"
)

// layout is an open workbook with its columns found.
type layout struct {
	book  *excelize.File
	sheet string
	at    map[string]int // column → number, from 1
	last  int            // the last column that is used
}

// open opens the platform's template, or draws a sheet, and finds the columns.
func (c *connector) open() (*layout, error) {
	if c.settings.Template == "" {
		return c.draw()
	}
	content, err := c.template()
	if err != nil {
		return nil, err
	}
	book, err := sheet.Open(content)
	if err != nil {
		return nil, connectors.NewTrouble("template_wrong", "file", c.settings.Template, "words", err.Error())
	}
	l := &layout{book: book, sheet: c.settings.Sheet, at: map[string]int{}}
	if l.sheet == "" {
		l.sheet = book.GetSheetName(0)
	}
	if err := c.find(l); err != nil {
		return nil, errors.Join(fmt.Errorf("the template %s: %w: %w", c.settings.Template, err, connectors.ErrLayout), book.Close())
	}
	return l, nil
}

// find finds the columns by their headers, merged ones included.
func (c *connector) find(l *layout) error {
	paths, err := l.headers(c.settings.StartRow-c.settings.Headers, c.settings.StartRow-1)
	if err != nil {
		return err
	}
	var missing []string
	for _, column := range c.settings.Columns {
		if column.At != "" {
			n, _ := excelize.ColumnNameToNumber(column.At) // checked when the file was read
			l.at[column.Column] = n
			continue
		}
		var found []int
		for n, path := range paths {
			if headerIs(path, column.Header) {
				found = append(found, n)
			}
		}
		switch len(found) {
		case 0:
			missing = append(missing, column.Header)
		case 1:
			l.at[column.Column] = found[0]
		default:
			return fmt.Errorf("it has the header %s more than once: write it with what stands above it, such as 基本信息/%s, or give at", column.Header, column.Header)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("it has no header %s in the rows %d to %d. Has the platform a new template? Correct start_row, headers or columns", strings.Join(missing, ", "), c.settings.StartRow-c.settings.Headers, c.settings.StartRow-1)
	}
	for n := range paths {
		l.last = max(l.last, n)
	}
	for _, n := range l.at {
		l.last = max(l.last, n)
	}
	return nil
}

// headers returns for each column what stands in the header rows, from top to
// bottom; a merged cell stands in all its columns.
func (l *layout) headers(from, to int) (map[int][]string, error) {
	rows, err := l.book.GetRows(l.sheet)
	if err != nil {
		return nil, fmt.Errorf("it has no sheet %q", l.sheet)
	}
	cells := map[[2]int]string{}
	for r := from; r <= to && r <= len(rows); r++ {
		for i, text := range rows[r-1] {
			cells[[2]int{r, i + 1}] = text
		}
	}
	merged, err := l.book.GetMergeCells(l.sheet)
	if err != nil {
		return nil, err
	}
	for _, m := range merged {
		x1, y1, err1 := excelize.CellNameToCoordinates(m.GetStartAxis())
		x2, y2, err2 := excelize.CellNameToCoordinates(m.GetEndAxis())
		if err1 != nil || err2 != nil || y2 < from || y1 > to {
			continue
		}
		for y := max(y1, from); y <= min(y2, to); y++ {
			for x := x1; x <= min(x2, x1+1000); x++ {
				cells[[2]int{y, x}] = m.GetCellValue()
			}
		}
	}
	out := map[int][]string{}
	for at, text := range cells {
		if tidy(text) == "" {
			continue
		}
		out[at[1]] = nil
	}
	for x := range out {
		for y := from; y <= to; y++ {
			text := tidy(cells[[2]int{y, x}])
			if path := out[x]; text != "" && (len(path) == 0 || path[len(path)-1] != text) {
				out[x] = append(path, text)
			}
		}
	}
	return out, nil
}

// headerIs compares a path of headers with how the YAML writes it: the last
// ones, with / between them.
func headerIs(path []string, written string) bool {
	want := strings.Split(written, "/")
	for i := range want {
		want[i] = tidy(want[i])
	}
	return len(path) >= len(want) && slices.Equal(path[len(path)-len(want):], want) || slices.Equal(path, []string{tidy(written)})
}

// tidy takes out of a header what is not its name: breaks, spaces, the star of
// a required column.
func tidy(header string) string {
	header = strings.NewReplacer("\n", "", "\r", "", " ", "", "　", "", "\u00a0", "").Replace(header)
	return strings.Trim(header, "*＊")
}

// draw makes the sheet that the YAML describes.
func (c *connector) draw() (*layout, error) {
	book := excelize.NewFile()
	l := &layout{book: book, sheet: c.settings.Sheet, at: map[string]int{}, last: len(c.settings.Columns)}
	if l.sheet == "" {
		l.sheet = "Sheet1"
	}
	d := drawing{l: l}
	d.err = book.SetSheetName(book.GetSheetName(0), l.sheet)
	head, err := book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "center", WrapText: true}})
	d.err = errors.Join(d.err, err)
	for i, text := range c.settings.Title {
		d.text(1, i+1, text, head)
		d.merge(1, i+1, l.last, i+1)
	}
	top := c.settings.StartRow - c.settings.Headers
	paths := make([][]string, len(c.settings.Columns))
	for i, column := range c.settings.Columns {
		x := i + 1
		l.at[column.Column] = x
		paths[i] = strings.Split(column.Header, "/")
		if len(paths[i]) > c.settings.Headers {
			paths[i] = []string{column.Header}
		}
		for y, text := range paths[i] {
			d.text(x, top+y, text, head)
		}
		d.merge(x, top+len(paths[i])-1, x, top+c.settings.Headers-1) // down to the data
	}
	for y := 0; y < c.settings.Headers-1; y++ { // and over columns of one group
		for i := 0; i < len(paths); {
			j := i + 1
			for j < len(paths) && len(paths[i]) > y+1 && len(paths[j]) > y+1 && slices.Equal(paths[i][:y+1], paths[j][:y+1]) {
				j++
			}
			d.merge(i+1, top+y, j, top+y)
			i = j
		}
	}
	if d.err != nil {
		return nil, errors.Join(d.err, book.Close())
	}
	return l, nil
}

// drawing writes cells and remembers the first error.
type drawing struct {
	l   *layout
	err error
}

func (d *drawing) text(x, y int, text string, style int) {
	cell, err := excelize.CoordinatesToCellName(x, y)
	d.err = errors.Join(d.err, err)
	if d.err == nil {
		d.err = d.l.book.SetCellStr(d.l.sheet, cell, text)
	}
	if d.err == nil && style != 0 {
		d.err = d.l.book.SetCellStyle(d.l.sheet, cell, cell, style)
	}
}

func (d *drawing) merge(x1, y1, x2, y2 int) {
	if x1 >= x2 && y1 >= y2 {
		return
	}
	from, err1 := excelize.CoordinatesToCellName(x1, y1)
	to, err2 := excelize.CoordinatesToCellName(x2, y2)
	d.err = errors.Join(d.err, err1, err2)
	if d.err == nil {
		d.err = d.l.book.MergeCell(d.l.sheet, from, to)
	}
}

// fill makes the workbook of a batch.
func (c *connector) fill(p *ledger.Parcel) ([]byte, error) {
	l, err := c.open()
	if err != nil {
		return nil, err
	}
	content, err := c.fillIn(l, p)
	return content, errors.Join(err, l.book.Close())
}

func (c *connector) fillIn(l *layout, p *ledger.Parcel) ([]byte, error) {
	d := drawing{l: l}
	if err := l.clear(c.settings.StartRow, len(p.Rows)); err != nil {
		return nil, err
	}
	text, err := l.book.NewStyle(&excelize.Style{NumFmt: 49}) // text: Excel would make numbers of ID numbers
	if err != nil {
		return nil, err
	}
	styles := map[int]int{}
	for _, column := range c.settings.Columns {
		x := l.at[column.Column]
		cell, err := excelize.CoordinatesToCellName(x, c.settings.StartRow)
		if err != nil {
			return nil, err
		}
		if styles[x], err = l.book.GetCellStyle(l.sheet, cell); err != nil {
			return nil, err
		}
		if styles[x] == 0 {
			styles[x] = text
		}
	}
	hidden := 0
	if t := c.settings.Token; t != nil && t.Hidden {
		hidden = l.last + 1
		d.text(hidden, c.settings.StartRow-1, t.Header, 0)
		name, err := excelize.ColumnNumberToName(hidden)
		if err = errors.Join(err, l.book.SetColVisible(l.sheet, name, false)); err != nil {
			return nil, err
		}
	}
	for i, row := range p.Rows {
		y := c.settings.StartRow + i
		token := ledger.Token(p.ID, i+1)
		for _, column := range c.settings.Columns {
			value := row.Cells[column.Column]
			if t := c.settings.Token; t != nil && t.Column == column.Column {
				value = token
			}
			x := l.at[column.Column]
			d.text(x, y, value, styles[x])
		}
		if hidden > 0 {
			d.text(hidden, y, token, text)
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	// A platform that gives the same workbook back gives this back, too.
	if err := l.book.SetDocProps(&excelize.DocProperties{Identifier: p.ID, Keywords: p.ID, Creator: "heji"}); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := l.book.Write(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// clear takes out what stands where data belongs: the template's examples.
func (l *layout) clear(from, rows int) error {
	all, err := l.book.GetRows(l.sheet)
	if err != nil {
		return err
	}
	for y := from; y <= len(all); y++ {
		for x := range all[y-1] {
			cell, err := excelize.CoordinatesToCellName(x+1, y)
			if err = errors.Join(err, l.book.SetCellValue(l.sheet, cell, nil)); err != nil {
				return err
			}
		}
	}
	return nil
}
