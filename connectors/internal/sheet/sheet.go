// Package sheet reads small tables that people bring: a receipt, a list of
// failures. Everything is in memory and bounded, because anybody can pick a
// wrong file in a browser.
package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// The bounds of what is read.
const (
	MaxBytes    = 200 << 20 // of a file
	maxUnpacked = 512 << 20 // of a workbook, unpacked
	maxRows     = 200_000
	maxColumns  = 2_000
)

// Error is why a file is not read: its sentence is English, its code lets
// whoever shows it say so in the reader's language.
type Error struct {
	Code string // empty, large, old, page, cut, bomb, wide, long, encoding, quote
	text string
}

func (e *Error) Error() string { return e.text }

func refuse(code, text string) error { return &Error{code, text} }

// Shape says where in a file the table is.
type Shape struct {
	Sheet     string // default the first
	Delimiter rune   // of CSV; default a comma
	Encoding  string // of CSV: gbk, gb18030, utf-8; default what it looks like
}

// Table is what a file holds.
type Table struct {
	Name string // of the sheet; "" of a CSV file
	Rows [][]string
	// Marks are texts beside the cells that may say where the file comes from:
	// the workbook's properties.
	Marks []string
}

// Read reads a workbook or a CSV file, whichever the content is.
func Read(content []byte, s Shape) (Table, error) {
	switch {
	case len(content) == 0:
		return Table{}, refuse("empty", "it is empty")
	case len(content) > MaxBytes:
		return Table{}, refuse("large", fmt.Sprintf("it is larger than %d MB", MaxBytes>>20))
	case bytes.HasPrefix(content, []byte("PK")):
		return workbook(content, s)
	case bytes.HasPrefix(content, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return Table{}, refuse("old", "it is an old Excel file (.xls). Open it and save it as .xlsx or as CSV")
	case bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\uFEFF"))), []byte("<")):
		return Table{}, refuse("page", "it is a web page and no table, whatever its name says. Open it in Excel and save it as .xlsx")
	}
	return lines(content, s)
}

// Open opens a workbook within the bounds.
func Open(content []byte) (*excelize.File, error) {
	if err := bounded(content); err != nil {
		return nil, err
	}
	book, err := excelize.OpenReader(bytes.NewReader(content), excelize.Options{
		UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: 64 << 20, ShortDatePattern: "yyyy-mm-dd", LongDatePattern: "yyyy-mm-dd"})
	if err != nil {
		return nil, refuse("cut", "it is no complete XLSX workbook; it was cut off or is protected by a password")
	}
	return book, nil
}

// bounded refuses a workbook that unpacks into more than anybody has typed: a
// small file can become hundreds of gigabytes.
func bounded(content []byte) error {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return refuse("cut", "it is no complete XLSX workbook; it was cut off")
	}
	var total uint64
	for _, f := range z.File {
		total += f.UncompressedSize64
		if f.UncompressedSize64 > maxUnpacked || total > maxUnpacked || len(z.File) > 10_000 {
			return refuse("bomb", fmt.Sprintf("it unpacks into more than %d MB, which no list of people does: it was not opened. Copy the cells that are needed into a new workbook", maxUnpacked>>20))
		}
	}
	return nil
}

func workbook(content []byte, s Shape) (t Table, err error) {
	book, err := Open(content)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	if props, err := book.GetDocProps(); err == nil {
		t.Marks = []string{props.Identifier, props.Keywords, props.Description, props.Title}
	}
	name := s.Sheet
	if name == "" {
		name = book.GetSheetName(0)
	}
	t.Name = name
	return t, t.read(book, name)
}

func (t *Table) read(book *excelize.File, name string) (err error) {
	rows, err := book.Rows(name)
	if err != nil {
		return fmt.Errorf("it has no sheet %q", name)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		cells, err := rows.Columns()
		if err != nil {
			return refuse("cut", fmt.Sprintf("its row %d cannot be read", len(t.Rows)+1))
		}
		if err := t.add(cells); err != nil {
			return err
		}
	}
	return rows.Error()
}

func (t *Table) add(cells []string) error {
	if len(cells) > maxColumns {
		return refuse("wide", fmt.Sprintf("its row %d has more than %d columns", len(t.Rows)+1, maxColumns))
	}
	if len(t.Rows) >= maxRows {
		if strings.Join(cells, "") == "" {
			return nil // rows that somebody coloured down to the end
		}
		return refuse("long", fmt.Sprintf("it has more than %d rows", maxRows))
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	t.Rows = append(t.Rows, cells)
	return nil
}

func lines(content []byte, s Shape) (t Table, err error) {
	text := string(bytes.TrimPrefix(content, []byte("\uFEFF")))
	if s.Encoding == "gbk" || s.Encoding == "gb18030" || s.Encoding == "" && !utf8.ValidString(text) {
		if text, err = simplifiedchinese.GB18030.NewDecoder().String(text); err != nil {
			return t, refuse("encoding", "it is neither UTF-8 nor GBK")
		}
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || strings.ContainsRune(text, utf8.RuneError) {
		return t, refuse("encoding", "it is no text in the encoding that was agreed; save it as XLSX or as CSV in UTF-8")
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	if s.Delimiter != 0 {
		r.Comma = s.Delimiter
	}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return t, nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return t, refuse("quote", fmt.Sprintf("its line %d is broken: a quotation mark stands alone", bad.StartLine))
		}
		if err != nil {
			return t, err
		}
		if err := t.add(cells); err != nil {
			return t, err
		}
	}
}
