package files

import (
	"encoding/csv"
	"errors"
	"os"
	"strings"

	"golang.org/x/text/transform"
)

// record is one line of cells.
type record struct {
	line  int
	cells []string
	// unreadable: no cells could be made of the line.
	unreadable bool
	marks      map[int]mark // index of a cell → what is odd about it
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
func open(path string, shape Shape, trailer string) (source, error) {
	src, err := openPlain(path, shape, trailer)
	if err != nil {
		return nil, err
	}
	return &headed{source: src, at: shape.HeaderRow, rows: shape.HeaderRows}, nil
}

func openPlain(path string, shape Shape, trailer string) (source, error) {
	if shape.Format == xlsxFormat {
		return openXLSX(path, shape)
	}
	c, err := takeCensus(path)
	if err != nil {
		return nil, err
	}
	enc, err := choose(shape.Encoding, c)
	if err != nil {
		return nil, err
	}
	if shape.Format == fixedFormat {
		return openFixed(path, shape, enc, trailer)
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
