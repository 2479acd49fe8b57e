package files

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Table reads a CSV file row by row: UTF-8, UTF-16 or GB18030; separated by
// comma, semicolon, tab or bar, whichever the header has most of; quoted as
// RFC 4180 says. Blanks around fields and names are dropped.
type Table struct {
	Path string
	// Source is the base name without its extension: what links.csv calls it.
	Source string
	Header []string

	file    *os.File
	size    int64
	read    int64
	decoded bool // from another encoding, where broken bytes become U+FFFD
	rows    *csv.Reader
	line    int
}

// Open opens a file and reads its header. encoding is Auto or a name.
func Open(path, encoding string) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the input: %w", err)
	}
	t := &Table{Path: path, Source: SourceOf(path), file: f}
	if err := t.start(encoding); err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

// SourceOf is what links.csv calls the records of a file: its base name without
// the extension.
func SourceOf(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// Close closes the file.
func (t *Table) Close() error { return t.file.Close() }

// Progress returns how many bytes of how many are read.
func (t *Table) Progress() (read, size int64) { return t.read, t.size }

func (t *Table) start(encoding string) error {
	info, err := t.file.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("open the input: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file: the input is read more than once, so it must be one", t.Path)
	case info.Size() == 0:
		return fmt.Errorf("%s is empty: there is not even a header", t.Path)
	}
	t.size = info.Size()
	from, err := decoding(t.file, encoding)
	if err != nil {
		return err
	}
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read %s: %w", t.Path, err)
	}
	decoder := unicode.UTF8BOM.NewDecoder()
	if from != nil {
		decoder, t.decoded = from.NewDecoder(), true
	}
	text := bufio.NewReaderSize(transform.NewReader(counted{t.file, &t.read}, decoder), blockSize)
	comma, err := separator(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.Path, err)
	}
	t.rows = csv.NewReader(text)
	t.rows.Comma = comma
	t.rows.FieldsPerRecord = -1 // Next says which line it is
	t.rows.ReuseRecord = true
	t.rows.TrimLeadingSpace = comma != '\t' // a blank in front of a quote; a tab is no blank here
	header, err := t.fields()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s is empty: there is not even a header", t.Path)
	case err != nil:
		return err
	}
	t.Header = slices.Clone(header)
	t.Header[0] = strings.TrimSpace(strings.TrimPrefix(t.Header[0], "\ufeff"))
	if strings.Join(t.Header, "") == "" {
		return fmt.Errorf("%s, line %d: this line must name the columns, and it is blank", t.Path, t.line)
	}
	return nil
}

// Next returns the fields of the next row, as many as the header has, and io.EOF
// behind the last. The slice is overwritten by the next call, the strings are not.
func (t *Table) Next() ([]string, error) {
	row, err := t.fields()
	if err != nil {
		return nil, err
	}
	if len(row) != len(t.Header) {
		word := "short"
		if len(row) > len(t.Header) {
			word = "long"
		}
		return nil, fmt.Errorf("%s, line %d: the row is too %s: %s, but the header has %s; a field that holds %s must be in quotes",
			t.Path, t.line, word, count(len(row), "field"), count(len(t.Header), "column"), t.separatorName())
	}
	return row, nil
}

// Line is where the last row starts, from 1.
func (t *Table) Line() int { return t.line }

func (t *Table) fields() ([]string, error) {
	row, err := t.rows.Read()
	if err != nil {
		return nil, t.explain(err)
	}
	t.line, _ = t.rows.FieldPos(0)
	for i, field := range row {
		if t.decoded && strings.ContainsRune(field, utf8.RuneError) {
			return nil, fmt.Errorf("%s, line %d: bytes that are no character in this file's encoding: mend that line, or name the encoding with --encoding", t.Path, t.line)
		}
		row[i] = strings.TrimSpace(field)
	}
	return row, nil
}

func (t *Table) explain(err error) error {
	var p *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case !errors.As(err, &p):
		return fmt.Errorf("read %s: %w", t.Path, err)
	case errors.Is(p.Err, csv.ErrBareQuote):
		return fmt.Errorf(`%s, line %d: a quote (") in the middle of a field: put the field in quotes and double the quote inside it`, t.Path, p.Line)
	case p.Line > p.StartLine:
		return fmt.Errorf(`%s, line %d: a field that starts with a quote (") is not closed; the text goes on to line %d`, t.Path, p.StartLine, p.Line)
	}
	return fmt.Errorf(`%s, line %d: a quote (") that is neither the end of its field nor doubled`, t.Path, p.Line)
}

func (t *Table) separatorName() string {
	switch t.rows.Comma {
	case '\t':
		return "a tab"
	case ';':
		return "a semicolon"
	case '|':
		return "a bar"
	}
	return "a comma"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// separator is what the header has most of, outside quotes; a comma where there
// is only one column.
func separator(text *bufio.Reader) (rune, error) {
	header, err := text.Peek(blockSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	counts := map[byte]int{}
	quoted, begun := false, false
	for _, b := range header {
		if b == '"' {
			quoted = !quoted
		}
		if b == '\n' && !quoted && begun {
			break
		}
		begun = begun || b != '\n' && b != '\r'
		if !quoted {
			counts[b]++
		}
	}
	best := byte(',')
	for _, b := range []byte{';', '\t', '|'} {
		if counts[b] > counts[best] {
			best = b
		}
	}
	return rune(best), nil
}

// counted counts what is read, for the progress bar.
type counted struct {
	from io.Reader
	n    *int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	*c.n += int64(n)
	return n, err
}
