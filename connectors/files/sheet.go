package files

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Limits of a workbook. A real one of a million people is far below them.
const (
	maxUnzipped  = 2 << 30 // bytes of all its parts
	maxRatio     = 300     // unzipped to zipped, of a part that is not small
	maxEmptyRows = 100_000
	maxMerged    = 200_000
	maxMarked    = 4_000_000
)

// sheet is what a look through a worksheet's own text tells, which reading its
// cells does not: what is merged, what is computed, what is a number that Excel
// has rounded.
type sheet struct {
	merged []merge // by first row
	marks  map[cellAt]mark
	width  int // the last column with a mark
}

type cellAt struct{ row, col int }

type mark byte

const (
	formula mark = iota + 1
	rounded
)

type merge struct{ top, left, bottom, right int }

var (
	errOldExcel = flawed("file_old_xls")
	errNoBook   = flawed("file_no_book")
)

// survey looks through one worksheet of a workbook as a stream, and refuses what
// would fill the memory.
func survey(file, name string) (*sheet, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	magic := make([]byte, 8)
	if _, err := io.ReadFull(f, magic); err == nil && string(magic) == "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" {
		return nil, errOldExcel
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	book, err := zip.NewReader(f, info.Size())
	if err != nil {
		return nil, errNoBook
	}
	total := uint64(0)
	for _, part := range book.File {
		total += part.UncompressedSize64
		if part.UncompressedSize64 > 64<<20 && part.UncompressedSize64 > maxRatio*max(part.CompressedSize64, 1) {
			return nil, flawed("file_bomb", "limit", fmt.Sprint(maxRatio))
		}
	}
	if total > maxUnzipped {
		return nil, flawed("file_huge", "limit", fmt.Sprint(maxUnzipped>>30))
	}
	part, err := worksheet(book, name)
	if err != nil {
		return nil, err
	}
	in, err := part.Open()
	if err != nil {
		return nil, errNoBook
	}
	defer in.Close()
	return scanSheet(io.LimitReader(in, maxUnzipped))
}

// worksheet finds the part of a sheet by its name, "": the first.
func worksheet(book *zip.Reader, name string) (*zip.File, error) {
	var workbook struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"id,attr"`
		} `xml:"sheets>sheet"`
	}
	var links struct {
		To []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := errors.Join(decodePart(book, "xl/workbook.xml", &workbook), decodePart(book, "xl/_rels/workbook.xml.rels", &links)); err != nil {
		return nil, errNoBook
	}
	for _, s := range workbook.Sheets {
		if name != "" && s.Name != name {
			continue
		}
		for _, l := range links.To {
			if l.ID != s.ID {
				continue
			}
			target := path.Join("xl", l.Target)
			if strings.HasPrefix(l.Target, "/") {
				target = strings.TrimPrefix(l.Target, "/")
			}
			for _, part := range book.File {
				if part.Name == target {
					return part, nil
				}
			}
		}
		return nil, errNoBook
	}
	return nil, errors.New("it has no sheet " + name)
}

func decodePart(book *zip.Reader, name string, into any) error {
	f, err := book.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return xml.NewDecoder(io.LimitReader(f, 16<<20)).Decode(into)
}

var rounding = regexp.MustCompile(`^-?\d(?:\.\d+)?[eE]\+?(\d+)$`)

// scanSheet reads the worksheet's XML.
func scanSheet(in io.Reader) (*sheet, error) {
	s := &sheet{marks: map[cellAt]mark{}}
	d := xml.NewDecoder(in)
	row, col, filled, content := 0, 0, 0, false
	kind, value := "", false
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errNoBook
		}
		switch t := token.(type) {
		case xml.StartElement:
			value = false
			switch t.Name.Local {
			case "row":
				row++
				if r := attr(t, "r"); r != "" {
					_, _ = fmt.Sscan(r, &row) // a damaged number shows in the reading itself
				}
				col, content = 0, false
			case "c":
				col++
				if r := attr(t, "r"); r != "" {
					if c, _, err := excelize.CellNameToCoordinates(r); err == nil {
						col = c
					}
				}
				kind = attr(t, "t")
			case "f":
				s.marks[cellAt{row, col}], s.width = formula, max(s.width, col)
			case "v", "is":
				value, content = t.Name.Local == "v", true
			case "mergeCell":
				if m, ok := merged(attr(t, "ref")); ok {
					s.merged = append(s.merged, m)
				}
			}
		case xml.CharData:
			if value && (kind == "" || kind == "n") && s.marks[cellAt{row, col}] == 0 && isRounded(string(t)) {
				s.marks[cellAt{row, col}], s.width = rounded, max(s.width, col)
			}
		case xml.EndElement:
			value = false
			if t.Name.Local == "row" && content {
				filled++
			}
		}
		switch {
		case row-filled > maxEmptyRows:
			return nil, flawed("file_empty_rows", "limit", fmt.Sprint(maxEmptyRows))
		case len(s.merged) > maxMerged:
			return nil, flawed("file_merged", "limit", fmt.Sprint(maxMerged))
		case len(s.marks) > maxMarked:
			return nil, flawed("file_formulas", "limit", fmt.Sprint(maxMarked))
		}
	}
	slices.SortFunc(s.merged, func(a, b merge) int { return a.top - b.top })
	return s, nil
}

// isRounded: a number of more than 15 digits is no longer the one that was
// typed, however its cell shows it.
func isRounded(text string) bool {
	if m := rounding.FindStringSubmatch(text); m != nil {
		return len(m[1]) > 1 && m[1] >= "15" || len(m[1]) > 2
	}
	whole, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	return len(whole) > 15 && !strings.ContainsFunc(whole, func(r rune) bool { return r < '0' || r > '9' })
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func merged(ref string) (merge, bool) {
	from, to, ok := strings.Cut(ref, ":")
	if !ok {
		return merge{}, false
	}
	left, top, err := excelize.CellNameToCoordinates(from)
	right, bottom, err2 := excelize.CellNameToCoordinates(to)
	return merge{top, left, bottom, right}, err == nil && err2 == nil
}

type xlsxSource struct {
	book  *excelize.File
	rows  *excelize.Rows
	sheet *sheet
	head  int // rows of the header and above it: there, merged cells reach sideways too
	line  int
	open  []spread // merged cells that reach down to the next row
	ahead int      // the first of sheet.merged that has not begun
}

// spread is a merged cell and what it says.
type spread struct {
	merge
	text string
}

// openXLSX reads cells as Excel shows them, but dates always as yyyy-mm-dd: how
// a short date looks depends on the computer.
func openXLSX(file string, shape Shape) (source, error) {
	looked, err := survey(file, shape.Sheet)
	if err != nil {
		return nil, err
	}
	book, err := excelize.OpenFile(file, excelize.Options{ShortDatePattern: "yyyy-mm-dd", LongDatePattern: "yyyy-mm-dd", UnzipSizeLimit: maxUnzipped})
	if err != nil {
		return nil, errNoBook
	}
	name := shape.Sheet
	if name == "" {
		name = book.GetSheetName(0)
	}
	rows, err := book.Rows(name)
	if err != nil {
		_ = book.Close() // the first error is the one to tell
		return nil, errors.New("it has no sheet " + name)
	}
	return &xlsxSource{book: book, rows: rows, sheet: looked, head: shape.HeaderRow + shape.HeaderRows - 1}, nil
}

func (s *xlsxSource) next() (record, error) {
	if !s.rows.Next() {
		if err := s.rows.Error(); err != nil {
			return record{}, errCutOff
		}
		return record{}, io.EOF
	}
	s.line++
	cells, err := s.rows.Columns()
	if err != nil {
		return record{line: s.line, unreadable: true}, nil
	}
	return record{line: s.line, cells: s.spread(cells), marks: s.marksOf()}, nil
}

// spread gives every cell of a merged area what its first cell says: downwards
// everywhere, sideways in the header. In the file only the first cell says it.
func (s *xlsxSource) spread(cells []string) []string {
	for ; s.ahead < len(s.sheet.merged) && s.sheet.merged[s.ahead].top <= s.line; s.ahead++ {
		m := s.sheet.merged[s.ahead]
		if m.top == s.line && m.left <= len(cells) {
			s.open = append(s.open, spread{m, cells[m.left-1]})
		}
	}
	s.open = slices.DeleteFunc(s.open, func(m spread) bool { return m.bottom < s.line })
	for _, m := range s.open {
		right := m.left
		if s.line <= s.head {
			right = min(m.right, len(cells)+1000)
		}
		for col := m.left; col <= right && m.text != ""; col++ {
			for len(cells) < col {
				cells = append(cells, "")
			}
			if cells[col-1] == "" {
				cells[col-1] = m.text
			}
		}
	}
	return cells
}

// marksOf returns the marks of the row, nil where there are none.
func (s *xlsxSource) marksOf() map[int]mark {
	if len(s.sheet.marks) == 0 {
		return nil
	}
	var out map[int]mark
	for col := 1; col <= s.sheet.width; col++ {
		if m, ok := s.sheet.marks[cellAt{s.line, col}]; ok {
			if out == nil {
				out = map[int]mark{}
			}
			out[col-1] = m
		}
	}
	return out
}

func (s *xlsxSource) close() error {
	return errors.Join(s.rows.Close(), s.book.Close())
}

// headed makes one header of several rows: the names above a column, from the
// top, joined with a slash: 基本信息/姓名. A name that is there because of a merged
// cell counts once.
type headed struct {
	source
	at, rows int
	n        int
}

func (h *headed) next() (record, error) {
	rec, err := h.source.next()
	h.n++
	if err != nil || h.n != h.at || h.rows < 2 {
		return rec, err
	}
	above := [][]string{rec.cells}
	for range h.rows - 1 {
		more, err := h.source.next()
		if err != nil {
			return more, err
		}
		above = append(above, more.cells)
	}
	width := 0
	for _, cells := range above {
		width = max(width, len(cells))
	}
	joined := make([]string, width)
	for col := range joined {
		var parts []string
		for _, cells := range above {
			if col < len(cells) {
				if name := squeeze(cells[col]); name != "" && (len(parts) == 0 || parts[len(parts)-1] != name) {
					parts = append(parts, name)
				}
			}
		}
		joined[col] = strings.Join(parts, "/")
	}
	rec.cells = joined
	return rec, nil
}

// squeeze takes the blanks and line breaks out of a column's name: 姓　名.
func squeeze(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return r == ' ' || r == '\u3000' || r == '\n' || r == '\r' || r == '\t' || r == '\u00A0'
	}), "")
}
