package codes

import (
	"sort"
	"strings"

	"golang.org/x/text/width"
)

// Crosswalk translates between one local spelling of a table and its codes.
//
// Neither direction needs to be one to one. Several local texts may mean one
// code; then one of them is the one written. Several codes may be written as
// one local text where the local table is coarser; then one of them is what the
// text is read as.
type Crosswalk struct {
	Name    string
	Table   string // the canonical table that it leads to
	Source  string
	Version string

	toCode  map[string]string
	toLocal map[string]string
	fold    map[string]string // folded local text → code
	table   *Table
}

// LookupCrosswalk returns a crosswalk by name: a data file, <table>_zh for a
// table's Chinese labels, or a table's own name for its own codes.
func LookupCrosswalk(name string) (*Crosswalk, bool) {
	c, ok := crosswalks[name]
	return c, ok
}

// Crosswalks returns the names of all crosswalks in order.
func Crosswalks() []string {
	names := make([]string, 0, len(crosswalks))
	for n := range crosswalks {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// ToCanonical returns the code that a local text means. Width, letter case and
// blanks around it do not matter.
func (c *Crosswalk) ToCanonical(local string) (code string, ok bool) {
	if code, ok = c.toCode[local]; ok {
		return code, true
	}
	code, ok = c.fold[fold(local)]
	return code, ok
}

// FromCanonical returns the local text to write for a code. A code that the
// local table does not have is written as the nearest wider code that it has:
// 22 再婚 as 已婚.
func (c *Crosswalk) FromCanonical(code string) (local string, ok bool) {
	for code != "" {
		if local, ok = c.toLocal[code]; ok {
			return local, true
		}
		e, _ := c.table.Entry(code)
		code = e.Parent
	}
	return "", false
}

// Locals returns every local text that the crosswalk can read, in order.
func (c *Crosswalk) Locals() []string {
	list := make([]string, 0, len(c.toCode))
	for l := range c.toCode {
		list = append(list, l)
	}
	sort.Strings(list)
	return list
}

func fold(s string) string {
	return strings.ToUpper(strings.TrimSpace(width.Fold.String(s)))
}
