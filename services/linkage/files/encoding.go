package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// blockSize is how much of a file is read at once.
const blockSize = 256 << 10

// Auto is the encoding that Open works out by itself: UTF-8 with and without a
// byte order mark, UTF-16 with one, and GB18030, which covers GBK and GB2312.
const Auto = "auto"

// decoding returns what turns the bytes of a file into UTF-8, nil for UTF-8. It
// reads the whole file: a file that is right but for its last line is said to be
// damaged there, and is not taken for another encoding as a whole.
func decoding(f *os.File, name string) (encoding.Encoding, error) {
	if name != "" && name != Auto {
		e, err := htmlindex.Get(name)
		if err != nil {
			return nil, fmt.Errorf("there is no encoding %q; there are for example utf-8, gb18030, big5, utf-16le, windows-1252", name)
		}
		if canonical, _ := htmlindex.Name(e); canonical == "utf-8" {
			return nil, nil
		}
		return e, nil
	}
	var c census
	if err := c.read(f); err != nil {
		return nil, err
	}
	return c.decide(f.Name())
}

// census is what the bytes of a file look like.
type census struct {
	head     []byte // the first bytes
	nul      bool
	runes    int64 // characters of several bytes in right UTF-8
	broken   int64 // bytes that are no UTF-8
	lines    int64 // line ends so far
	brokenAt int64 // line of the first broken byte, from 1
	// Two bytes that start with a high one, as GBK writes a character: how many
	// end in a high byte, as nearly all that people use do, and how many do not.
	high, low int64
	lead      bool // the last block ended between two such bytes
}

func (c *census) read(f io.Reader) error {
	buf := make([]byte, blockSize)
	kept := 0
	for {
		n, err := io.ReadFull(f, buf[kept:])
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return fmt.Errorf("read: %w", err)
		}
		block := buf[:kept+n]
		if c.head == nil {
			c.head = bytes.Clone(block[:min(4, len(block))])
		}
		whole := len(block)
		if !end {
			whole -= cutRune(block)
		}
		c.count(block[:whole])
		if end {
			return nil
		}
		kept = copy(buf, block[whole:])
	}
}

// cutRune returns how many bytes at the end are a character of which the rest
// is still to come.
func cutRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

func (c *census) count(block []byte) {
	c.nul = c.nul || bytes.IndexByte(block, 0) >= 0
	if utf8.Valid(block) {
		c.lines += int64(bytes.Count(block, []byte{'\n'}))
		c.runes += int64(len(block) - utf8.RuneCount(block)) // at least 1, at most 3 for each
		c.lead = false
		return
	}
	for rest := block; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			if c.broken == 0 {
				c.brokenAt = c.lines + 1
			}
			c.broken++
		case n > 1:
			c.runes++
		case r == '\n':
			c.lines++
		}
		rest = rest[n:]
	}
	for _, b := range block {
		switch {
		case !c.lead:
			c.lead = b >= utf8.RuneSelf
			continue
		case b >= utf8.RuneSelf:
			c.high++
		default:
			c.low++
		}
		c.lead = false
	}
}

func (c *census) decide(path string) (encoding.Encoding, error) {
	// How many of one kind there must be for one of the other to be called a
	// slip: real files are far on one side or the other.
	const clearly = 4
	switch {
	case bytes.HasPrefix(c.head, []byte{0xFF, 0xFE}), bytes.HasPrefix(c.head, []byte{0xFE, 0xFF}):
		return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM), nil
	case bytes.HasPrefix(c.head, []byte("PK\x03\x04")), bytes.HasPrefix(c.head, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return nil, fmt.Errorf("%s is a workbook or an archive, not CSV: open it in a spreadsheet program and save it as CSV", path)
	case c.nul:
		return nil, fmt.Errorf("%s holds bytes of zero, so it is not CSV in UTF-8 or GB18030: save it as CSV in UTF-8", path)
	case c.broken == 0:
		return nil, nil
	case c.runes > clearly*c.broken:
		return nil, fmt.Errorf("%s, line %d: bytes that are not UTF-8, in a file that otherwise is: mend that line, or name the encoding with --encoding", path, c.brokenAt)
	case c.high >= clearly*c.low:
		return simplifiedchinese.GB18030, nil
	}
	return nil, fmt.Errorf("%s, line %d: the text is neither UTF-8 nor GB18030: save it as CSV in UTF-8, or name the encoding with --encoding, for example --encoding windows-1252", path, c.brokenAt)
}
