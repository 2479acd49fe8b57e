package roster

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"heji/connectors"
	"heji/connectors/internal/sheet"
	"heji/connectors/kit"
	"heji/schema"
	"heji/schema/codes"
)

// Bounds of a roster, beside those of package sheet.
const (
	MaxBytes = 20 << 20 // of a file
	MaxRows  = 50_000   // people
	// looked is how many rows the columns are judged by.
	looked = 300
)

// Roster is what a file holds.
type Roster struct {
	Sheet   string   `json:"sheet"`  // "" of a CSV file
	Header  int      `json:"header"` // line of the header's last row; 0: there is none
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"-"`
	Left    int      `json:"left"` // rows that are nobody: sums, remarks, the header once more
}

// Column is one column and what it probably means.
type Column struct {
	Name      string           `json:"name"`
	Attribute schema.Attribute `json:"attribute,omitempty"` // "": it is left out
	Codes     string           `json:"codes,omitempty"`     // how its codes are read; "": as canon does
	Samples   []string         `json:"-"`
}

// Row is one person.
type Row struct {
	Line  int // in the file, from 1
	Cells []string
}

// Codes are those of Error: of a file that cannot be read, and of one that is no
// list of people.
var Codes = []string{"empty", "large", "old", "page", "cut", "bomb", "wide", "long", "merged", "encoding", "quote", "no_rows", "no_columns", "people"}

// Error is why a file is no roster, by a code that the desk says in the reader's
// language.
type Error struct {
	Code string
	text string
}

func (e *Error) Error() string { return e.text }

// Read finds the table of people in a file: on the sheet whose header means most.
func Read(content []byte) (Roster, error) {
	if len(content) > MaxBytes {
		return Roster{}, &Error{"large", "it is larger than " + strconv.Itoa(MaxBytes>>20) + " MB"}
	}
	tables, err := sheet.All(content)
	var bad *sheet.Error
	if errors.As(err, &bad) {
		return Roster{}, &Error{bad.Code, bad.Error()}
	}
	if err != nil {
		return Roster{}, &Error{"cut", err.Error()}
	}
	best, most := Roster{}, -1
	for _, t := range tables {
		if r := read(t); r.worth() > most {
			best, most = r, r.worth()
		}
	}
	switch {
	case len(best.Rows) == 0:
		return best, &Error{"no_rows", "it has no rows"}
	case len(best.Rows) > MaxRows:
		return best, &Error{"people", "it has more than " + strconv.Itoa(MaxRows) + " people"}
	case best.worth() == 0:
		return best, &Error{"no_columns", "none of its columns looks like something of a person"}
	}
	return best, nil
}

// worth is how many columns of a roster mean something.
func (r Roster) worth() int {
	n := 0
	for _, c := range r.Columns {
		if c.Attribute != "" {
			n++
		}
	}
	return n
}

func read(t sheet.Table) Roster {
	from, rows := header(t.Rows)
	r := Roster{Sheet: t.Name, Header: from + rows}
	names := names(t.Rows[from : from+rows])
	width := len(names)
	for _, cells := range t.Rows[from+rows:] {
		width = max(width, len(cells))
	}
	head := strings.Join(t.Rows[max(0, from+rows-1)], "\x00")
	for i, cells := range t.Rows {
		if i < from+rows || strings.Join(cells, "") == "" {
			continue
		}
		if rows > 0 && strings.Join(cells, "\x00") == head {
			r.Left++ // each printed page begins with it
			continue
		}
		r.Rows = append(r.Rows, Row{Line: i + 1, Cells: cells})
	}
	for i := range width {
		c := Column{Name: "第 " + strconv.Itoa(i+1) + " 列"}
		if i < len(names) && names[i] != "" {
			c.Name = names[i]
		}
		for _, row := range r.Rows[:min(len(r.Rows), looked)] {
			c.Samples = append(c.Samples, row.Cell(i))
		}
		r.Columns = append(r.Columns, c)
	}
	r.guess()
	r.leave()
	return r
}

// Cell is what a row says in a column.
func (r Row) Cell(column int) string {
	if column >= len(r.Cells) {
		return ""
	}
	return r.Cells[column]
}

// guess proposes what each column means.
func (r *Roster) guess() {
	list := make([]connectors.Column, len(r.Columns))
	for i, c := range r.Columns {
		list[i] = connectors.Column{Name: c.Name, Samples: c.Samples}
	}
	for i, p := range kit.Propose(list) {
		if d, ok := schema.Lookup(p.Attribute); ok && d.Class != schema.ClassD { // I7
			r.Columns[i].Attribute, r.Columns[i].Codes = p.Attribute, p.Codes
		}
	}
}

// leave takes out the rows that are nobody: below the people stand sums, who
// made the list, and remarks. A row that says neither name nor number is one of
// them if it fills less than half of what a person's row does; anything else is
// kept, to be told as an error.
func (r *Roster) leave() {
	var who, meant []int
	for i, c := range r.Columns {
		if c.Attribute != "" {
			meant = append(meant, i)
		}
		if c.Attribute == schema.Name || c.Attribute == schema.IDNumber {
			who = append(who, i)
		}
	}
	if len(who) == 0 {
		return
	}
	before := len(r.Rows)
	r.Rows = slices.DeleteFunc(r.Rows, func(row Row) bool {
		first := ""
		for _, c := range row.Cells {
			if first = strings.TrimSpace(c); first != "" {
				break
			}
		}
		if slices.ContainsFunc(footers, func(w string) bool { return strings.HasPrefix(strings.ReplaceAll(first, " ", ""), w) }) && row.Cell(numberColumn(r.Columns)) == "" {
			return true
		}
		for _, i := range who {
			if row.Cell(i) != "" {
				return false
			}
		}
		filled := 0
		for _, i := range meant {
			if row.Cell(i) != "" {
				filled++
			}
		}
		return 2*filled < len(meant)
	})
	r.Left += before - len(r.Rows)
}

// footers begin the rows below a table.
var footers = []string{"合计", "小计", "总计", "共计", "备注：", "备注:", "说明：", "说明:", "注：", "注:", "制表", "填表", "审核", "统计时间", "填报"}

func numberColumn(columns []Column) int {
	if i := slices.IndexFunc(columns, func(c Column) bool { return c.Attribute == schema.IDNumber }); i >= 0 {
		return i
	}
	return 1 << 30 // a column that is not there says nothing
}

// Texts are what a row says, by attribute, as columns mean it. Blank cells say
// nothing. Of two columns that mean the same the first that is filled counts.
func Texts(row Row, columns []Column) map[string]string {
	out := map[string]string{}
	for i, c := range columns {
		text := strings.TrimSpace(row.Cell(i))
		if c.Attribute == "" || text == "" || nothing[text] {
			continue
		}
		if _, said := out[string(c.Attribute)]; said {
			continue
		}
		if walk, ok := codes.LookupCrosswalk(c.Codes); c.Codes != "" && ok {
			if code, ok := walk.ToCanonical(text); ok {
				text = code
			}
		}
		out[string(c.Attribute)] = text
	}
	return out
}

// nothing are the words by which a cell says that it says nothing.
var nothing = map[string]bool{"无": true, "/": true, "-": true, "—": true, "——": true, "\\": true, "空": true, "未填": true, "N/A": true, "n/a": true, "暂无": true, "没有": true}
