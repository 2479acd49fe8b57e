package files

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"heji/connectors"
	"heji/connectors/internal/charset"
)

// encodings are the readers and writers of the declared encodings. GBK is read
// as GB18030, which holds all of it and more; it is written as GBK.
var encodings = map[string]struct {
	read  encoding.Encoding
	write encoding.Encoding
}{
	"utf-8":     {unicode.UTF8BOM, nil},
	"utf-8-bom": {unicode.UTF8BOM, nil},
	"gbk":       {simplifiedchinese.GB18030, simplifiedchinese.GBK},
	"gb18030":   {simplifiedchinese.GB18030, simplifiedchinese.GB18030},
	"auto":      {nil, nil},
}

// census is what a file's bytes say about its encoding, whatever was declared.
type census struct {
	utf8   bool // all of it is UTF-8
	triple int  // three-byte sequences: Chinese characters, if it is UTF-8
	utf16  bool
	empty  bool
}

func takeCensus(path string) (census, error) {
	f, err := os.Open(path)
	if err != nil {
		return census{}, err
	}
	defer f.Close()
	c := census{utf8: true, empty: true}
	in := bufio.NewReaderSize(f, 1<<16)
	if head, err := in.Peek(2); err == nil {
		c.utf16 = bytes.Equal(head, []byte{0xFF, 0xFE}) || bytes.Equal(head, []byte{0xFE, 0xFF})
	}
	for {
		r, size, err := in.ReadRune()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return c, err
		}
		c.empty = false
		if r == utf8.RuneError && size == 1 {
			c.utf8 = false
		}
		if size == 3 {
			c.triple++
		}
	}
}

// choose returns the encoding to read a CSV file with, or why the file cannot
// be in the declared one.
func choose(declared string, c census) (encoding.Encoding, error) {
	looksUTF8 := c.utf8 && c.triple >= 2
	switch {
	case c.utf16:
		return nil, flawed("file_encoding", "found", "UTF-16", "declared", declared)
	case declared == "auto" && c.utf8:
		return encodings["utf-8"].read, nil
	case declared == "auto":
		return encodings["gb18030"].read, nil
	case (declared == "gbk" || declared == "gb18030") && looksUTF8:
		// GBK text is by chance valid UTF-8 only when it is a few characters long.
		return nil, flawed("file_encoding", "found", "UTF-8", "declared", declared)
	}
	return encodings[declared].read, nil
}

// unwritable returns the first column whose text the encoding cannot hold.
func unwritable(name string, columns []string, texts map[string]string) (string, bool) {
	for _, column := range columns {
		if !charset.Holds(name, texts[column]) {
			return column, true
		}
	}
	return "", false
}

// flaw is why a file is refused, by the code of its sentence; the sentence wants
// the file's name, which is known further out.
type flaw struct {
	code  string
	pairs []string
}

func flawed(code string, pairs ...string) error { return &flaw{code, pairs} }

// Error is what whoever knows no name says.
func (f *flaw) Error() string { return f.of("").Error() }

func (f *flaw) of(file string) error {
	return connectors.NewTrouble(f.code, append(slices.Clone(f.pairs), "file", file)...)
}

// refuse makes the sentence of a file that cannot be used.
func refuse(name string, err error) error {
	var f *flaw
	if errors.As(err, &f) {
		return f.of(name)
	}
	return refused(name, "%s", plain(err))
}

func refused(name, format string, args ...any) error {
	return fmt.Errorf("the file %s was refused: %s: %w", name, fmt.Sprintf(format, args...), connectors.ErrLayout)
}
