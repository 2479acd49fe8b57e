package files

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"

	"heji/connectors/spec"
)

// Slot is one column of a file of fixed width.
type Slot struct {
	Column string `yaml:"column"`
	Width  int    `yaml:"width"` // bytes in the file's encoding, or characters
	Align  string `yaml:"align"` // left (default) or right
	Fill   string `yaml:"fill"`  // what it is filled up with; default a blank
}

const (
	fixedFormat = "fixed"
	inBytes     = "bytes"
	inChars     = "characters"
)

// maxLine is the longest line of fixed width, in bytes: more is no such file.
const maxLine = 1 << 20

func (s *Shape) checkFixed(p *spec.Platform, path string) error {
	if s.Format != fixedFormat {
		if len(s.Layout) > 0 {
			return p.Errorf(path+".layout", "%s.layout is for format: fixed.", path)
		}
		return nil
	}
	if len(s.Layout) == 0 {
		return p.Errorf(path+".layout", "%s.layout is missing: the columns of a file of fixed width in their order, each with its width.", path)
	}
	if s.Count == "" {
		s.Count = inBytes
	}
	if s.Count != inBytes && s.Count != inChars {
		return p.Errorf(path+".count", "%s.count must be bytes or characters: what the widths of layout count.", path)
	}
	seen := map[string]bool{}
	for i, slot := range s.Layout {
		switch {
		case slot.Column == "" || slot.Width < 1:
			return p.Errorf(path+".layout", "%s.layout: entry %d needs column and width.", path, i+1)
		case seen[slot.Column]:
			return p.Errorf(path+".layout", "%s.layout has the column %s twice.", path, slot.Column)
		case slot.Align != "" && slot.Align != "left" && slot.Align != "right":
			return p.Errorf(path+".layout", "%s.layout: the align of %s must be left or right.", path, slot.Column)
		case len(slot.Fill) > 1:
			return p.Errorf(path+".layout", "%s.layout: the fill of %s must be one ASCII character.", path, slot.Column)
		}
		seen[slot.Column] = true
		if slot.Fill == "" {
			s.Layout[i].Fill = " "
		}
	}
	return nil
}

func (s *Shape) columns() []string {
	names := make([]string, len(s.Layout))
	for i, slot := range s.Layout {
		names[i] = slot.Column
	}
	return names
}

// fixedSource cuts lines into columns. Its first record is the layout's names,
// as if the file had a header. Lines are cut before they are decoded: a width
// in bytes may cut a character in two, which decoding then shows.
type fixedSource struct {
	file    *os.File
	in      *bufio.Reader
	shape   Shape
	trailer string // what the last line begins with, "": none
	decode  *encoding.Decoder
	line    int
	named   bool
	ahead   []byte // the next line
	end     error  // what came after it
	whole   bool   // it ended with a line break
}

func openFixed(path string, shape Shape, enc encoding.Encoding, trailer string) (source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &fixedSource{file: f, in: bufio.NewReaderSize(f, maxLine), shape: shape, trailer: trailer, decode: enc.NewDecoder()}
	if head, err := s.in.Peek(3); err == nil && bytes.Equal(head, []byte("\xEF\xBB\xBF")) {
		_, _ = s.in.Discard(3) // what was peeked at is there
	}
	s.ahead, s.end, s.whole = s.scan()
	for range shape.skip {
		s.line++
		if s.end == io.EOF {
			break
		}
		s.ahead, s.end, s.whole = s.scan()
	}
	return s, nil
}

// scan reads one line without its end.
func (s *fixedSource) scan() (text []byte, end error, whole bool) {
	raw, err := s.in.ReadSlice('\n')
	text = bytes.Clone(raw)
	whole = bytes.HasSuffix(text, []byte{'\n'})
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte{'\n'}), []byte{'\r'})
	if bytes.Equal(text, []byte{0x1A}) { // the end of a file in old DOS programs
		text = nil
	}
	return text, err, whole
}

func (s *fixedSource) next() (record, error) {
	if !s.named {
		s.named = true
		return record{line: s.line, cells: s.shape.columns()}, nil
	}
	text, end, whole := s.ahead, s.end, s.whole
	if end == io.EOF && len(text) == 0 {
		return record{}, io.EOF
	}
	s.line++
	if end == bufio.ErrBufferFull {
		return record{line: s.line}, fmt.Errorf("a line is longer than %d bytes; it is no file of fixed width", maxLine)
	}
	if end != nil && end != io.EOF {
		return record{line: s.line}, end
	}
	s.ahead, s.end, s.whole = nil, io.EOF, true
	if end == nil {
		s.ahead, s.end, s.whole = s.scan()
	}
	last := s.end == io.EOF && len(s.ahead) == 0
	decoded, err := s.decode.Bytes(text)
	if err != nil {
		return record{line: s.line, unreadable: true}, nil
	}
	if last && s.trailer != "" && strings.HasPrefix(strings.TrimSpace(string(decoded)), s.trailer) {
		return record{line: s.line, cells: []string{string(decoded)}}, nil
	}
	cells, length := s.cut(text, decoded)
	switch {
	case cells != nil:
		return record{line: s.line, cells: cells}, nil
	case last && !whole && length < s.shape.width():
		return record{line: s.line}, errCutOff
	}
	return record{line: s.line, cells: []string{string(decoded)}}, nil // counted by us: too short or too long
}

// cut makes cells of a line; nil where it has another length.
func (s *fixedSource) cut(text, decoded []byte) (cells []string, length int) {
	want := s.shape.width()
	if s.shape.Count == inChars {
		runes := []rune(string(decoded))
		if s.shape.Ragged && len(runes) < want && len(runes) > 0 {
			runes = append(runes, []rune(strings.Repeat(" ", want-len(runes)))...)
		}
		if len(runes) != want {
			return nil, len(runes)
		}
		for _, slot := range s.shape.Layout {
			cells = append(cells, slot.strip(string(runes[:slot.Width])))
			runes = runes[slot.Width:]
		}
		return cells, want
	}
	if s.shape.Ragged && len(text) < want && len(text) > 0 {
		text = append(text, bytes.Repeat([]byte{' '}, want-len(text))...)
	}
	if len(text) != want {
		return nil, len(text)
	}
	for _, slot := range s.shape.Layout {
		cell, err := s.decode.Bytes(text[:slot.Width])
		if err != nil {
			cell = []byte("\uFFFD")
		}
		cells = append(cells, slot.strip(string(cell)))
		text = text[slot.Width:]
	}
	return cells, want
}

func (s *Shape) width() int {
	n := 0
	for _, slot := range s.Layout {
		n += slot.Width
	}
	return n
}

// strip takes the filling off.
func (s Slot) strip(cell string) string {
	if s.Align == "right" {
		return strings.TrimRight(strings.TrimLeft(cell, s.Fill), " \u3000")
	}
	return strings.TrimLeft(strings.TrimRight(cell, s.Fill+"\u3000"), " ")
}

func (s *fixedSource) close() error { return s.file.Close() }

// room reports whether a text, encoded, fits the column; one that does not is
// never cut in silence.
func (o *Outbox) room(column, text string) bool {
	for _, slot := range o.Layout {
		if slot.Column == column {
			return o.length(text) <= slot.Width
		}
	}
	return true
}

func (o *Outbox) length(text string) int {
	if o.Count == inChars {
		return utf8.RuneCountInString(text)
	}
	if enc := encodings[o.Encoding].write; enc != nil {
		out, err := enc.NewEncoder().String(text)
		if err == nil {
			return len(out)
		}
	}
	return len(text)
}

// lines makes the text of a file of fixed width, without a header: its layout
// is agreed.
func (o *Outbox) lines(rows []map[string]string) string {
	var text strings.Builder
	for _, row := range rows {
		for _, slot := range o.Layout {
			fill := strings.Repeat(slot.Fill, max(0, slot.Width-o.length(row[slot.Column])))
			if slot.Align == "right" {
				text.WriteString(fill + row[slot.Column])
			} else {
				text.WriteString(row[slot.Column] + fill)
			}
		}
		text.WriteString("\r\n")
	}
	return text.String()
}
