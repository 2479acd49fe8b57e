package roster

import (
	"strings"

	"heji/connectors/kit"
	"heji/schema"
)

const (
	headSearched = 30 // rows in which the header is looked for
	headRows     = 3  // rows that a header may have
)

// header finds where the header is: the one, two or three rows whose names mean
// most. rows 0: there is none, and people stand from the first row on.
func header(table [][]string) (from, rows int) {
	best := 1 // one name that happens to stand in a title is no header
	for i := range table[:min(len(table), headSearched)] {
		for n := 1; n <= headRows && i+n <= len(table); n++ {
			if title(table[i]) || n > 1 && !label(table[i+n-1]) {
				break
			}
			worth := meaning(names(table[i : i+n]))
			if worth > best || worth == best && i == from && n == rows+1 && parts(table[i+n-2], table[i+n-1]) {
				best, from, rows = worth, i, n
			}
		}
	}
	return from, rows
}

// title reports whether a row is one text over the whole table.
func title(cells []string) bool {
	said := map[string]bool{}
	for _, c := range cells {
		if c != "" {
			said[c] = true
		}
	}
	return len(said) <= 1 && len(cells) != 1
}

// parts reports whether a row says what the parts of the columns above it are
// (手机 below 联系方式): few of its cells say something of their own, and one of
// them is the name of something.
func parts(above, below []string) bool {
	own, known := 0, false
	for c, text := range below {
		if text == "" || c < len(above) && above[c] == text {
			continue
		}
		own++
		_, sure, ok := kit.ByName(clean(text))
		known = known || ok && sure
	}
	return known && 2*own <= max(len(above), len(below))
}

// label reports whether a row can be part of a header: it holds no numbers as
// those of people.
func label(cells []string) bool {
	for _, c := range cells {
		digits := 0
		for _, r := range c {
			if r >= '0' && r <= '9' {
				digits++
			}
		}
		if digits >= 6 {
			return false
		}
	}
	return true
}

// names joins the rows of a header. A text that stands over several columns is
// written in the first alone, by CSV files at least: it holds for those beside it
// that have something below.
func names(rows [][]string) []string {
	width := 0
	for _, cells := range rows {
		width = max(width, len(cells))
	}
	out := make([]string, width)
	for i, cells := range rows {
		over := ""
		for c := range width {
			text := ""
			if c < len(cells) {
				text = clean(cells[c])
			}
			switch {
			case text != "":
				over = text
			case i+1 < len(rows) && c < len(rows[i+1]) && rows[i+1][c] != "" && over != "":
				text = over
			default:
				over = ""
			}
			if text != "" && !strings.HasSuffix(out[c], text) { // merged downwards
				if out[c] != "" {
					out[c] += "."
				}
				out[c] += text
			}
		}
	}
	return out
}

// clean takes the line breaks and the blanks out of 姓　名.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\n', '\r', '\t', '\u3000', '\u00a0', '*', '＊':
			return -1
		}
		return r
	}, s)
}

// meaning counts what names mean: two for a name that is known, one for a name
// that holds one, each attribute once.
func meaning(list []string) int {
	found := map[schema.Attribute]int{}
	for _, name := range list {
		if a, sure, ok := kit.ByName(name); ok && len([]rune(name)) <= 24 {
			worth := 1
			if sure {
				worth = 2
			}
			found[a] = max(found[a], worth)
		}
	}
	n := 0
	for _, worth := range found {
		n += worth
	}
	return n
}
