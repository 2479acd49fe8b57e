package codes

import (
	"embed"
	"encoding/csv"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

//go:embed tables/*.csv crosswalks/*.csv
var data embed.FS

// The data files are part of the program: one that cannot be read is a
// programming error and stops it at once.
var (
	tables     = must(loadTables(data))
	crosswalks = must(loadCrosswalks(data, tables))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic("codes: " + err.Error())
	}
	return v
}

// file is one data file: the comment that opens it, and its rows by column.
type file struct {
	name     string
	standard string
	version  string
	table    string // crosswalks only
	rows     []map[string]string
}

// heading reads "# GB/T 2261.1-2003; version 1" and, for crosswalks,
// "# table sex; source of it; version 1".
var heading = regexp.MustCompile(`^# (?:table ([a-z_]+); )?(.+); version (\d+)$`)

func readFiles(fsys fs.FS, dir string) ([]file, error) {
	names, err := fs.Glob(fsys, dir+"/*.csv")
	if err != nil {
		return nil, err
	}
	var files []file
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		f, err := parseFile(name, string(text))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func parseFile(name, text string) (file, error) {
	first, rest, _ := strings.Cut(text, "\n")
	h := heading.FindStringSubmatch(first)
	if h == nil {
		return file{}, fmt.Errorf("%s:1: the first line must be like \"# GB/T 2261.1-2003; version 1\"", name)
	}
	f := file{name: strings.TrimSuffix(path.Base(name), ".csv"), table: h[1], standard: h[2], version: h[3]}
	r := csv.NewReader(strings.NewReader(rest))
	lines, err := r.ReadAll()
	if err != nil {
		return file{}, fmt.Errorf("%s: %w", name, err)
	}
	if len(lines) < 2 {
		return file{}, fmt.Errorf("%s: there are no rows below the column names", name)
	}
	for _, line := range lines[1:] {
		row := make(map[string]string, len(line))
		for i, column := range lines[0] {
			row[column] = line[i]
		}
		f.rows = append(f.rows, row)
	}
	return f, nil
}

func loadTables(fsys fs.FS) (map[string]*Table, error) {
	files, err := readFiles(fsys, "tables")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Table, len(files))
	for _, f := range files {
		t := &Table{Name: f.name, Standard: f.standard, Version: f.version, byCode: map[string]int{}}
		for _, row := range f.rows {
			e := Entry{Code: row["code"], Zh: row["zh"], En: row["en"], Parent: row["parent"],
				Letters: row["letters"], From: row["from"], To: row["to"]}
			if e.Code == "" || e.Zh == "" || e.En == "" {
				return nil, fmt.Errorf("tables/%s.csv: code %q: code, zh and en must be filled", f.name, e.Code)
			}
			if t.Has(e.Code) {
				return nil, fmt.Errorf("tables/%s.csv: code %q is there twice", f.name, e.Code)
			}
			if e.Parent != "" && !t.Has(e.Parent) {
				return nil, fmt.Errorf("tables/%s.csv: code %q: its parent %q must stand above it", f.name, e.Code, e.Parent)
			}
			t.byCode[e.Code] = len(t.entries)
			t.entries = append(t.entries, e)
		}
		all[t.Name] = t
	}
	return all, nil
}

func loadCrosswalks(fsys fs.FS, tables map[string]*Table) (map[string]*Crosswalk, error) {
	files, err := readFiles(fsys, "crosswalks")
	if err != nil {
		return nil, err
	}
	all := map[string]*Crosswalk{}
	for _, t := range tables {
		all[t.Name] = identity(t)
		all[t.Name+"_zh"] = newCrosswalk(t.Name+"_zh", t, "labels of "+t.Standard, t.Version)
	}
	for _, f := range files {
		t, ok := tables[f.table]
		if !ok {
			return nil, fmt.Errorf("crosswalks/%s.csv: there is no table %q", f.name, f.table)
		}
		c := newCrosswalk(f.name, t, f.standard, f.version)
		for _, row := range f.rows {
			if err := c.add(row["local"], row["code"], row["use"]); err != nil {
				return nil, fmt.Errorf("crosswalks/%s.csv: %w", f.name, err)
			}
		}
		all[c.Name] = c
	}
	for _, t := range tables {
		all[t.Name+"_zh"].addLabels()
	}
	all["marital_zh"] = all["marital_status_zh"] // the short name that platforms' files use
	return all, nil
}

func newCrosswalk(name string, t *Table, source, version string) *Crosswalk {
	return &Crosswalk{Name: name, Table: t.Name, Source: source, Version: version, table: t,
		toCode: map[string]string{}, toLocal: map[string]string{}, fold: map[string]string{}}
}

func identity(t *Table) *Crosswalk {
	c := newCrosswalk(t.Name, t, t.Standard, t.Version)
	for _, e := range t.entries {
		c.toCode[e.Code], c.toLocal[e.Code], c.fold[fold(e.Code)] = e.Code, e.Code, e.Code
	}
	return c
}

// addLabels completes a _zh crosswalk with the table's own labels, where its
// data file does not say otherwise.
func (c *Crosswalk) addLabels() {
	for _, e := range c.table.entries {
		if _, ok := c.toCode[e.Zh]; !ok {
			c.toCode[e.Zh], c.fold[fold(e.Zh)] = e.Code, e.Code
		}
		if _, ok := c.toLocal[e.Code]; !ok {
			c.toLocal[e.Code] = e.Zh
		}
	}
}

// add takes one row of a data file. use is "both", "read" for a local text that
// is understood and never written, or "write" for a code that is written as a
// local text that is read as another code.
func (c *Crosswalk) add(local, code, use string) error {
	if !c.table.Has(code) {
		return fmt.Errorf("%q → %q: table %s has no such code", local, code, c.Table)
	}
	if use == "both" || use == "read" {
		if old, ok := c.toCode[local]; ok {
			return fmt.Errorf("%q is read as %q and as %q", local, old, code)
		}
		c.toCode[local], c.fold[fold(local)] = code, code
	}
	if use == "both" || use == "write" {
		if old, ok := c.toLocal[code]; ok {
			return fmt.Errorf("%q is written as %q and as %q", code, old, local)
		}
		c.toLocal[code] = local
	}
	switch use {
	case "both", "read", "write":
		return nil
	}
	return fmt.Errorf("%q → %q: use %q is none of both, read, write", local, code, use)
}
