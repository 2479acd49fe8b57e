package district

import (
	"fmt"
	"strings"
	"time"

	"heji/deploy/demo/population"
)

// Field is one fact in one platform's own spelling, over one or more columns.
type Field struct {
	Fact    string // canonical attribute
	Columns []string
	// Encode writes a canonical value as this platform does, one text for each
	// column; false where the platform has no way to say it.
	Encode func(canonical string) ([]string, bool)
	// Decode reads what the platform shows back to the canonical value, "" for
	// blank and for what cannot be read.
	Decode func(texts []string) string
	// Required: the platform refuses a row without it.
	Required bool
}

// Layout is how one platform writes a person down.
type Layout struct {
	Platform string
	Key      string // column of the row id
	Prefix   string // of row ids
	Changed  string // column of the row's change time, "" for none
	Stamp    func(time.Time) string
	Fields   []Field
	Extra    []string // columns that hold nothing about the person (a status, a tombstone)
	Fill     Row      // what a new row shows in Extra
	Columns  []string // every column in the platform's order
	// Holds is what the platform's storage makes of a text on the way in: a
	// character that it lacks becomes another. nil: it keeps everything.
	Holds func(string) string
}

// key writes a row id.
func (l *Layout) key(n int) string { return fmt.Sprintf("%s%06d", l.Prefix, n) }

// LayoutOf returns a platform's layout.
func LayoutOf(platform string) *Layout { return layouts[platform] }

// Row writes facts as a row of this platform. Facts that the platform does not
// keep are left out; missing ones are blank.
func (l *Layout) Row(key string, facts population.Facts, at time.Time) Row {
	row := Row{}
	for _, c := range l.Columns {
		row[c] = ""
	}
	for c, v := range l.Fill {
		row[c] = v
	}
	for _, f := range l.Fields {
		for c, v := range l.Set(f, facts[f.Fact]) {
			row[c] = v
		}
	}
	l.keep(row)
	row[l.Key] = key
	l.stamp(row, at)
	return row
}

// keep makes of a row's texts what the platform's storage can hold.
func (l *Layout) keep(row Row) {
	if l.Holds == nil {
		return
	}
	for c, v := range row {
		row[c] = l.Holds(v)
	}
}

// Set writes one fact; "" clears it.
func (l *Layout) Set(f Field, canonical string) Row {
	texts, ok := f.Encode(canonical)
	row := Row{}
	for i, c := range f.Columns {
		row[c] = ""
		if ok && canonical != "" {
			row[c] = texts[i]
		}
	}
	return row
}

// Field returns the field of a fact.
func (l *Layout) Field(fact string) (Field, bool) {
	for _, f := range l.Fields {
		if f.Fact == fact {
			return f, true
		}
	}
	return Field{}, false
}

// Texts takes a field's columns out of a row.
func (f Field) Texts(row Row) []string {
	texts := make([]string, len(f.Columns))
	for i, c := range f.Columns {
		texts[i] = row[c]
	}
	return texts
}

// Value reads a fact out of a row.
func (f Field) Value(row Row) string { return f.Decode(f.Texts(row)) }

// Blank reports whether a row shows nothing for the field.
func (f Field) Blank(row Row) bool {
	for _, t := range f.Texts(row) {
		if !blankText(t) {
			return false
		}
	}
	return true
}

func blankText(s string) bool {
	s = strings.TrimSpace(s)
	return s == "" || s == "无" || s == "-"
}

func (l *Layout) stamp(row Row, at time.Time) {
	if l.Changed != "" {
		row[l.Changed] = l.Stamp(at)
	}
}

// check refuses what a real platform refuses: a missing required field, a
// phone that is not eleven digits, a number of a wrong length. It returns the
// column and the reason, "" when the row is fine.
func (l *Layout) check(row Row, set Row) (column, reason string) {
	for _, f := range l.Fields {
		first := f.Columns[0]
		touched := false
		for _, c := range f.Columns {
			_, has := set[c]
			touched = touched || has
		}
		if f.Required && f.Blank(row) {
			return first, "必填项为空"
		}
		if !touched || f.Blank(row) {
			continue
		}
		switch f.Fact {
		case population.Phone:
			if !elevenDigits(row[first]) {
				return first, "手机号码应为11位数字"
			}
		case population.IDNumber:
			if n := len(row[first]); n != 15 && n != 18 {
				return first, "证件号码位数不正确"
			}
		default:
			if f.Decode(f.Texts(row)) == "" {
				return first, "代码或格式不正确"
			}
		}
	}
	for c := range set {
		if !l.has(c) {
			return c, "没有这个字段"
		}
	}
	return "", ""
}

func (l *Layout) has(column string) bool {
	for _, c := range l.Columns {
		if c == column {
			return true
		}
	}
	return false
}

func elevenDigits(s string) bool {
	if len(s) != 11 || s[0] != '1' {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
