package files

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/transform"
)

// record is one line of cells.
type record struct {
	line  int
	cells []string
	// unreadable: no cells could be made of the line.
	unreadable bool
}

// damaged reports whether a cell held bytes that are no text in the encoding.
func damaged(cell string) bool { return strings.ContainsRune(cell, '\uFFFD') }

func (r record) damaged() bool {
	for _, c := range r.cells {
		if damaged(c) {
			return true
		}
	}
	return false
}

func (r record) blank() bool {
	for _, c := range r.cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// errCutOff: the file ends in the middle of something.
var errCutOff = errors.New("it ends in the middle of a row; it was cut off or is not complete yet")

// source gives the records of one file; io.EOF ends it.
type source interface {
	next() (record, error)
	close() error
}

// open opens a file in the way that its shape says.
func open(path string, shape Shape) (source, error) {
	if shape.Format == xlsxFormat {
		return openXLSX(path, shape.Sheet)
	}
	c, err := takeCensus(path)
	if err != nil {
		return nil, err
	}
	enc, err := choose(shape.Encoding, c)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	// Decoded before it is split: a comma or bar can be the second byte of a GBK
	// character.
	r := csv.NewReader(transform.NewReader(f, enc.NewDecoder()))
	r.Comma = rune(shape.Delimiter[0])
	r.FieldsPerRecord = -1 // counted by us, row by row
	return &csvSource{file: f, csv: r}, nil
}

type csvSource struct {
	file *os.File
	csv  *csv.Reader
}

func (s *csvSource) next() (record, error) {
	cells, err := s.csv.Read()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return s.broken(bad)
	case err != nil:
		return record{}, err
	}
	line, _ := s.csv.FieldPos(0)
	return record{line: line, cells: cells}, nil
}

// broken tells a bad row from a quotation mark that swallowed the rest of the
// file: that is what a cut looks like.
func (s *csvSource) broken(bad *csv.ParseError) (record, error) {
	if errors.Is(bad.Err, csv.ErrQuote) && bad.Line > bad.StartLine {
		return record{line: bad.StartLine}, errCutOff
	}
	if errors.Is(bad.Err, csv.ErrQuote) {
		// An opened quotation mark in the last line: nothing can follow.
		if info, err := s.file.Stat(); err == nil && s.csv.InputOffset() >= info.Size() {
			return record{line: bad.StartLine}, errCutOff
		}
	}
	return record{line: bad.StartLine, unreadable: true}, nil
}

func (s *csvSource) close() error { return s.file.Close() }

type xlsxSource struct {
	book *excelize.File
	rows *excelize.Rows
	line int
}

// openXLSX reads cells as Excel shows them, but dates always as yyyy-mm-dd: how
// a short date looks depends on the computer.
func openXLSX(path, sheet string) (source, error) {
	book, err := excelize.OpenFile(path, excelize.Options{ShortDatePattern: "yyyy-mm-dd", LongDatePattern: "yyyy-mm-dd"})
	if err != nil {
		return nil, errors.New("it is no complete XLSX workbook; it was cut off, is not complete yet, or is of another format")
	}
	if sheet == "" {
		sheet = book.GetSheetName(0)
	}
	rows, err := book.Rows(sheet)
	if err != nil {
		_ = book.Close() // the first error is the one to tell
		return nil, errors.New("it has no sheet " + sheet)
	}
	return &xlsxSource{book: book, rows: rows}, nil
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
	return record{line: s.line, cells: cells}, nil
}

func (s *xlsxSource) close() error {
	return errors.Join(s.rows.Close(), s.book.Close())
}
