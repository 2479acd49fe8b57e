package sheet

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// maxMerged is how many merged ranges of one sheet are filled; who merges more
// has no list of people.
const maxMerged = 20_000

// All reads every visible sheet of a workbook, or the one table of a CSV file.
// What a merged range says holds for each of its cells: people merge the address
// of a household over its members, and a title over all columns.
func All(content []byte) ([]Table, error) {
	if len(content) > MaxBytes || !bytes.HasPrefix(content, []byte("PK")) {
		t, err := Read(content, Shape{Delimiter: delimiter(content)})
		return []Table{t}, err
	}
	book, err := Open(content)
	if err != nil {
		return nil, err
	}
	list, err := sheets(book)
	return list, errors.Join(err, book.Close())
}

func sheets(book *excelize.File) (list []Table, err error) {
	for _, name := range book.GetSheetList() {
		if shown, err := book.GetSheetVisible(name); err != nil || !shown {
			continue // a chart, or what somebody has put away
		}
		t := Table{Name: name}
		if err := t.read(book, name); err != nil {
			return nil, err
		}
		if len(t.Rows) == 0 {
			continue
		}
		if err := t.spread(book, name); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		return nil, refuse("empty", "it is empty")
	}
	return list, nil
}

// spread fills merged ranges, within the rows and columns that there are.
func (t *Table) spread(book *excelize.File, name string) error {
	merged, err := book.GetMergeCells(name, true)
	if err != nil {
		return refuse("cut", "its merged cells cannot be read")
	}
	if len(merged) > maxMerged {
		return refuse("merged", "it has too many merged cells for a list of people")
	}
	width := 0
	for _, cells := range t.Rows {
		width = max(width, len(cells))
	}
	for _, m := range merged {
		c1, r1, err := excelize.CellNameToCoordinates(m.GetStartAxis())
		c2, r2, err2 := excelize.CellNameToCoordinates(m.GetEndAxis())
		if err != nil || err2 != nil || r1 > len(t.Rows) || c1 > len(t.Rows[r1-1]) {
			continue
		}
		text := t.Rows[r1-1][c1-1]
		if text == "" {
			continue
		}
		for r := r1; r <= min(r2, len(t.Rows)); r++ {
			row := t.Rows[r-1]
			if n := min(c2, width); len(row) < n {
				row = append(row, slices.Repeat([]string{""}, n-len(row))...)
			}
			for c := c1; c <= min(c2, width); c++ {
				row[c-1] = text
			}
			t.Rows[r-1] = row
		}
	}
	return nil
}

// delimiter is what separates the cells of a text most often in its first lines:
// a comma, a tab (copied out of Excel) or a semicolon.
func delimiter(content []byte) rune {
	head := string(content[:min(len(content), 4096)])
	best, most := ',', 0
	for _, d := range []rune{',', '\t', ';', '|'} {
		if n := strings.Count(head, string(d)); n > most {
			best, most = d, n
		}
	}
	return best
}
