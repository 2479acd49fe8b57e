package district

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// sheet is how a file platform writes and reads its files.
type sheet interface {
	ext() string
	write(lines [][]string) ([]byte, error)
	read(b []byte) ([][]string, error)
}

// gbkSheet is CSV in GBK with Windows line ends.
type gbkSheet struct{}

func (gbkSheet) ext() string { return ".csv" }

func (gbkSheet) write(lines [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	if err := w.WriteAll(lines); err != nil {
		return nil, err
	}
	return toGBK(b.String()), nil
}

func (gbkSheet) read(b []byte) ([][]string, error) {
	text, err := simplifiedchinese.GBK.NewDecoder().Bytes(b)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	return r.ReadAll()
}

func (bomSheet) write(lines [][]string) ([]byte, error) {
	b := bytes.NewBufferString("\ufeff")
	w := csv.NewWriter(b)
	err := w.WriteAll(lines)
	return b.Bytes(), err
}

func (bomSheet) read(b []byte) ([][]string, error) {
	return csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff")))).ReadAll()
}

// toGBK writes what GBK has and a question mark of full width for the rest, as
// these platforms do with a rare character.
func toGBK(s string) []byte {
	e := simplifiedchinese.GBK.NewEncoder()
	var out []byte
	for _, c := range s {
		b, err := e.Bytes([]byte(string(c)))
		if err != nil {
			b = []byte{0xa3, 0xbf} // ？
		}
		out = append(out, b...)
	}
	return out
}

// inGB2312 is what a system of 1980's characters keeps of a text: a question
// mark of full width for every character that came later.
func inGB2312(s string) string {
	e := simplifiedchinese.HZGB2312.NewEncoder()
	return strings.Map(func(c rune) rune {
		if c < 0x80 {
			return c
		}
		if b, err := e.Bytes([]byte(string(c))); err != nil || len(b) < 4 {
			return '？'
		}
		return c
	}, s)
}

// xlsxSheet is one sheet of a workbook, every cell as text.
type xlsxSheet struct{ name string }

func (xlsxSheet) ext() string { return ".xlsx" }

func (x xlsxSheet) write(lines [][]string) (b []byte, err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SetSheetName("Sheet1", x.name); err != nil {
		return nil, err
	}
	w, err := f.NewStreamWriter(x.name)
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		cells := make([]any, len(line))
		for j, text := range line {
			cells[j] = text
		}
		if err := w.SetRow(fmt.Sprintf("A%d", i+1), cells); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = f.Write(&out)
	return out.Bytes(), err
}

func (xlsxSheet) read(b []byte) (lines [][]string, err error) {
	f, err := excelize.OpenReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.GetRows(f.GetSheetName(0))
}

// mergedSheet is a sheet as offices draw it: a title over everything, headings in
// one or two rows, a heading that several columns share in one merged cell.
type mergedSheet struct {
	name, title string
	rows        int // of headings
}

func (mergedSheet) ext() string { return ".xlsx" }

func (m mergedSheet) write(lines [][]string) (b []byte, err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SetSheetName("Sheet1", m.name); err != nil {
		return nil, err
	}
	cell := func(x, y int) string {
		name, cellErr := excelize.CoordinatesToCellName(x, y)
		err = errors.Join(err, cellErr)
		return name
	}
	set := func(x, y int, text string) { err = errors.Join(err, f.SetCellStr(m.name, cell(x, y), text)) }
	merge := func(x1, y1, x2, y2 int) {
		if x1 < x2 || y1 < y2 {
			err = errors.Join(err, f.MergeCell(m.name, cell(x1, y1), cell(x2, y2)))
		}
	}
	set(1, 1, m.title)
	merge(1, 1, len(lines[0]), 1)
	group := 1
	for i, c := range lines[0] {
		over, own, two := strings.Cut(c, "/")
		if m.rows == 1 || !two {
			set(i+1, 2, c)
			merge(i+1, 2, i+1, 1+m.rows)
			group = i + 2
			continue
		}
		set(i+1, 3, own)
		if i+1 > group && strings.HasPrefix(lines[0][i-1], over+"/") {
			merge(group, 2, i+1, 2)
			continue
		}
		group = i + 1
		set(group, 2, over)
	}
	for y, line := range lines[1:] {
		for x, text := range line {
			set(x+1, y+2+m.rows, text)
		}
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = f.Write(&out)
	return out.Bytes(), err
}

// read gives the lines below the title, the headings as one line.
func (m mergedSheet) read(b []byte) ([][]string, error) {
	lines, err := xlsxSheet{}.read(b)
	if err != nil || len(lines) < 1+m.rows {
		return nil, errors.Join(err, errors.New("没有表头"))
	}
	head, over := make([]string, 0, len(lines[m.rows])), ""
	for i, own := range lines[m.rows] {
		if m.rows == 2 && i < len(lines[1]) && lines[1][i] != "" {
			over = lines[1][i]
		}
		if m.rows == 2 && own != "" {
			own = over + "/" + own
		}
		head = append(head, own)
	}
	return append([][]string{head}, lines[1+m.rows:]...), nil
}

// table turns lines below a heading into rows.
func table(lines [][]string) (header []string, rows []Row) {
	if len(lines) == 0 {
		return nil, nil
	}
	header = lines[0]
	for _, line := range lines[1:] {
		row, filled := Row{}, false
		for i, c := range header {
			if i < len(line) && line[i] != "" {
				row[strings.TrimSpace(c)], filled = line[i], true
			}
		}
		if filled {
			rows = append(rows, row)
		}
	}
	return header, rows
}
