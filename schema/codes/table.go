package codes

import "sort"

// Entry is one code of a table.
type Entry struct {
	Code    string
	Zh      string
	En      string
	Parent  string // the wider code that this one refines, empty at the top
	Letters string // the letter code, in tables that have one (ethnicity)
	From    string // the first day it was valid, yyyy-mm-dd, empty: always
	To      string // the last day, empty: still
}

// Table is one canonical code table.
type Table struct {
	Name     string
	Standard string // the standard it is taken from, or "heji" for our own
	Version  string // counts up with each correction of the data file

	entries []Entry
	byCode  map[string]int
}

// LookupTable returns a canonical table by its name.
func LookupTable(name string) (*Table, bool) {
	t, ok := tables[name]
	return t, ok
}

// Tables returns the names of all tables in order.
func Tables() []string {
	names := make([]string, 0, len(tables))
	for n := range tables {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Has reports whether code is in the table.
func (t *Table) Has(code string) bool {
	_, ok := t.byCode[code]
	return ok
}

// Entry returns one code's entry.
func (t *Table) Entry(code string) (Entry, bool) {
	i, ok := t.byCode[code]
	if !ok {
		return Entry{}, false
	}
	return t.entries[i], true
}

// Entries returns the table in its own order.
func (t *Table) Entries() []Entry { return append([]Entry(nil), t.entries...) }

// Codes returns the codes in the table's own order.
func (t *Table) Codes() []string {
	list := make([]string, len(t.entries))
	for i, e := range t.entries {
		list[i] = e.Code
	}
	return list
}

// Label returns what a code is called in a language, "zh" or "en", and the code
// itself where the table does not have it.
func (t *Table) Label(code, lang string) string {
	e, ok := t.Entry(code)
	switch {
	case !ok:
		return code
	case lang == "en":
		return e.En
	}
	return e.Zh
}

// Refines reports whether the first code says the same as the second, more
// exactly: 22 再婚 refines 20 已婚. A code does not refine itself.
func (t *Table) Refines(fine, coarse string) bool {
	e, ok := t.Entry(fine)
	for ok && e.Parent != "" {
		if e.Parent == coarse {
			return true
		}
		e, ok = t.Entry(e.Parent)
	}
	return false
}
