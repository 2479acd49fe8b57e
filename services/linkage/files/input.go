package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/text/unicode/norm"

	"heji/schema"
	"heji/schema/canon"
	"heji/services/linkage"
)

// Input is the records of CSV files, one file after the other, as a model wants
// them. It can be read any number of times.
type Input struct {
	model      *linkage.Model
	encoding   string
	files      []inputFile
	attributes []string
	missing    map[string]bool
	optional   map[string]bool
	said       []atomic.Int64 // values that say something, by attribute
	unreadable []atomic.Int64 // values that could not be read, by attribute
	progress   Progress
}

// inputFile is a file and where its columns are.
type inputFile struct {
	path, source string
	header       []string
	size         int64
	key          int
	columns      []int // by attribute; -1: not there
}

// OpenInput looks at the headers of all files, so that a column that is not
// there is told before anything else is done.
func OpenInput(m *linkage.Model, paths []string, encoding string) (*Input, error) {
	if len(paths) == 0 {
		return nil, errors.New("there is no input: name one CSV file or several")
	}
	columns := m.Columns()
	in := &Input{model: m, encoding: encoding, attributes: m.Attributes(), missing: set(columns.Missing), optional: set(columns.Optional)}
	in.said, in.unreadable = make([]atomic.Int64, len(in.attributes)), make([]atomic.Int64, len(in.attributes))
	for _, path := range paths {
		f, err := in.open(path, columns)
		if err != nil {
			return nil, err
		}
		for _, o := range in.files {
			if o.source == f.source {
				return nil, fmt.Errorf("%s and %s would both be the source %q: rename one of them", o.path, path, f.source)
			}
		}
		in.files = append(in.files, f)
	}
	if m.Limits().Register != "" {
		return nil, errors.New("the model puts everything to the residents of a register (mode: register), which files do not have: set mode: dedupe or link_only")
	}
	if m.LinkOnly() && len(paths) < 2 {
		return nil, errors.New("the model links records of different sources only (mode: link_only), and there is one file: name another, or set mode: dedupe")
	}
	return in, nil
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

func (in *Input) open(path string, columns linkage.ColumnMap) (inputFile, error) {
	t, err := Open(path, in.encoding)
	if err != nil {
		return inputFile{}, err
	}
	defer t.Close()
	keys := columns.Key
	if len(keys) == 0 {
		keys = keyColumns
	}
	f := inputFile{path: path, source: t.Source, header: t.Header, size: t.size}
	if f.key, err = t.column("the key of a record (files: key in the model)", keys); err != nil {
		return f, err
	}
	for _, a := range in.attributes {
		names := columns.Columns[a]
		if names == nil {
			names = []string{a}
		}
		at, err := t.column("the attribute "+a, names)
		switch {
		case err != nil && !in.optional[a]:
			return f, fmt.Errorf("%w; name the column in the model under files: columns, or list %s under files: optional", err, a)
		case err != nil:
			at = -1
		case slices.Index(t.Header[at+1:], t.Header[at]) >= 0:
			return f, fmt.Errorf("%s: two columns are called %q: rename one of them", path, t.Header[at])
		}
		f.columns = append(f.columns, at)
	}
	return f, nil
}

// Show makes reading tell how far it is.
func (in *Input) Show(p Progress) { in.progress = p }

// Feed starts at the first record of the first file. Close it when done.
func (in *Input) Feed() *Reading {
	r := &Reading{Input: in}
	for _, f := range in.files {
		r.size += f.size
	}
	return r
}

// Reading is one way through an Input. It is a Feed.
type Reading struct {
	*Input
	at         int // file
	table      *Table
	rows       int64
	size, done int64 // bytes of all files, and of those that are through
}

// Sources are the files' base names.
func (in *Input) Sources() []string {
	var list []string
	for _, f := range in.files {
		list = append(list, f.source)
	}
	return list
}

// Next returns the next row of the files.
func (r *Reading) Next(values []string) (Row, error) {
	for {
		if r.at == len(r.files) {
			if r.rows == 0 {
				return Row{}, fmt.Errorf("%s: there are columns and no records", r.files[0].path)
			}
			return Row{}, io.EOF
		}
		f := &r.files[r.at]
		if r.table == nil {
			t, err := Open(f.path, r.encoding)
			if err != nil {
				return Row{}, err
			}
			if r.table = t; !slices.Equal(t.Header, f.header) {
				return Row{}, fmt.Errorf("%s changed while it was read", f.path)
			}
		}
		row, err := r.table.Next()
		if errors.Is(err, io.EOF) {
			r.done += f.size
			r.Close()
			r.at++
			continue
		}
		if err != nil {
			return Row{}, err
		}
		return r.take(f, row, values)
	}
}

func (r *Reading) take(f *inputFile, row, values []string) (Row, error) {
	if row[f.key] == "" {
		return Row{}, fmt.Errorf("%s, line %d: the key is empty (column %q)", f.path, r.table.Line(), f.header[f.key])
	}
	for i, at := range f.columns {
		values[i] = ""
		if at >= 0 {
			values[i] = row[at]
		}
	}
	if r.rows++; r.rows%chunkRecords == 0 {
		read, _ := r.table.Progress()
		r.progress.show(StageRead, r.done+read, r.size)
	}
	return Row{Source: r.at, Key: row[f.key], Line: r.table.Line()}, nil
}

// Close closes the file that is open.
func (r *Reading) Close() {
	if r.table != nil {
		r.table.Close() // read only: there is nothing to lose
		r.table = nil
	}
}

// Clean brings a text into the form that the model compares.
func (in *Input) Clean(attribute int, text string) string {
	if text == "" || in.missing[text] {
		return ""
	}
	value := ""
	name := schema.Attribute(in.attributes[attribute])
	if _, known := schema.Lookup(name); known && in.model.Columns().Clean == linkage.CleanCanonical {
		value, _ = canon.Value(name, text)
	} else {
		value = plain(text)
	}
	if value == "" {
		in.unreadable[attribute].Add(1)
		return ""
	}
	in.said[attribute].Add(1)
	return value
}

// plain is the default: one spelling of compatible characters, one blank between
// words.
func plain(text string) string {
	if !norm.NFKC.IsNormalString(text) {
		text = norm.NFKC.String(text)
	}
	if strings.Contains(text, "  ") || strings.ContainsAny(text, "\t\n\r\v\f") {
		text = strings.Join(strings.Fields(text), " ")
	}
	return strings.TrimSpace(text)
}

// Records reads everything and derives what linking needs. Two records of one
// source with one key are an error, and so is an attribute that is empty
// everywhere.
func (in *Input) Records(ctx context.Context) (*Records, error) {
	for i := range in.attributes {
		in.said[i].Store(0)
		in.unreadable[i].Store(0)
	}
	feed := in.Feed()
	defer feed.Close()
	r, err := Derive(ctx, in.model, feed)
	if err != nil {
		return nil, err
	}
	if a, b, twice := r.duplicate(); twice {
		f := &in.files[r.Source(a)]
		return nil, fmt.Errorf("%s: lines %d and %d both have key %q (column %q): a key must be a record's own", f.path, r.Line(a), r.Line(b), r.Key(a), f.header[f.key])
	}
	for i, a := range in.attributes {
		if in.said[i].Load() == 0 && !in.optional[a] {
			return nil, fmt.Errorf("%s: %s: take it out of the model, or list it under files: optional", in.where(), in.empty(i))
		}
	}
	return r, nil
}

func (in *Input) where() string {
	var list []string
	for _, f := range in.files {
		list = append(list, f.path)
	}
	return strings.Join(list, ", ")
}

func (in *Input) empty(i int) string {
	what := "is empty in all records"
	if n := in.unreadable[i].Load(); n > 0 {
		what = fmt.Sprintf("says nothing in any record: its %s could not be read", count(int(n), "value"))
	}
	return fmt.Sprintf("attribute %s (column %q) %s", in.attributes[i], in.column(i), what)
}

// column is what the first file that has it calls an attribute.
func (in *Input) column(attribute int) string {
	for _, f := range in.files {
		if at := f.columns[attribute]; at >= 0 {
			return f.header[at]
		}
	}
	return in.attributes[attribute]
}

// Notes say what the person who wrote the model may want to know: optional
// attributes that nobody has, values that could not be read.
func (in *Input) Notes() []string {
	var notes, absent []string
	for i, a := range in.attributes {
		n := in.unreadable[i].Load()
		switch {
		case in.said[i].Load() == 0 && n == 0:
			absent = append(absent, a)
		case n > 0:
			notes = append(notes, fmt.Sprintf("column %q: %s could not be read and count as empty", in.column(i), count(int(n), "value")))
		}
	}
	if len(absent) > 0 {
		notes = append(notes, "nothing is said about "+strings.Join(absent, ", "))
	}
	return notes
}
