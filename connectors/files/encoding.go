package files

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
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
		return nil, errors.New("it is in UTF-16. Ask for it to be saved as CSV in the agreed encoding")
	case declared == "auto" && c.utf8:
		return encodings["utf-8"].read, nil
	case declared == "auto":
		return encodings["gb18030"].read, nil
	case (declared == "gbk" || declared == "gb18030") && looksUTF8:
		// GBK text is by chance valid UTF-8 only when it is a few characters long.
		return nil, fmt.Errorf("it is in UTF-8, but the platform's file says %s. Correct the encoding, or ask the department which one it is", declared)
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

func refused(name, format string, args ...any) error {
	return fmt.Errorf("the file %s was refused: %s: %w", name, fmt.Sprintf(format, args...), connectors.ErrLayout)
}
