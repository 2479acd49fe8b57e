package jsontext

import (
	"errors"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrShape says that the text is not JSON, or not of the shape that was asked
// for. It never quotes the text.
var ErrShape = errors.New("the JSON is not of the expected shape")

// Reader walks through one JSON text. After the first error every answer is
// empty and Err returns it.
type Reader struct {
	s      string
	at     int
	depth  int
	failed bool
}

// maxDepth bounds how deeply values may lie in one another.
const maxDepth = 100

// NewReader reads s. Texts without escapes are parts of s, not copies.
func NewReader(s string) *Reader { return &Reader{s: s} }

// Err returns ErrShape after an error, and where the text goes on behind its end.
func (r *Reader) Err() error {
	r.space()
	if r.failed || r.at != len(r.s) {
		return ErrShape
	}
	return nil
}

func (r *Reader) fail() { r.failed, r.at = true, len(r.s) }

func (r *Reader) space() {
	for r.at < len(r.s) {
		switch r.s[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// next skips space and takes the byte c, if it is there.
func (r *Reader) next(c byte) bool {
	r.space()
	if r.at < len(r.s) && r.s[r.at] == c {
		r.at++
		return true
	}
	return false
}

// Null takes a null, if there is one.
func (r *Reader) Null() bool {
	r.space()
	if len(r.s)-r.at >= 4 && r.s[r.at:r.at+4] == "null" {
		r.at += 4
		return true
	}
	return false
}

// Object calls member for each member of the object that comes next; member
// reads the value. A null is an empty object.
func (r *Reader) Object(member func(key string)) {
	if r.Null() {
		return
	}
	r.list('{', '}', func() {
		key := r.String()
		if !r.next(':') {
			r.fail()
			return
		}
		member(key)
	})
}

// Array calls element before each element of the array that comes next; element
// reads it. A null is an empty array.
func (r *Reader) Array(element func()) {
	if !r.Null() {
		r.list('[', ']', element)
	}
}

func (r *Reader) list(open, end byte, each func()) {
	if !r.next(open) || r.depth == maxDepth {
		r.fail()
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	if r.next(end) {
		return
	}
	for !r.failed {
		each()
		switch {
		case r.next(','):
		case r.next(end):
			return
		default:
			r.fail()
		}
	}
}

// String reads a text.
func (r *Reader) String() string {
	if !r.next('"') {
		r.fail()
		return ""
	}
	start := r.at
	for ; r.at < len(r.s); r.at++ {
		switch c := r.s[r.at]; {
		case c == '"':
			s := r.s[start:r.at]
			r.at++
			if !utf8.ValidString(s) {
				r.fail()
				return ""
			}
			return s
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			r.fail()
			return ""
		}
	}
	r.fail()
	return ""
}

// escaped reads on from the first escape of a text.
func (r *Reader) escaped(start int) string {
	b := append(make([]byte, 0, 2*(r.at-start)+16), r.s[start:r.at]...)
	for r.at < len(r.s) {
		c := r.s[r.at]
		r.at++
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				r.fail()
				return ""
			}
			return string(b)
		case c < ' ':
			r.fail()
			return ""
		case c != '\\':
			b = append(b, c)
			continue
		}
		if r.at == len(r.s) {
			break
		}
		c = r.s[r.at]
		r.at++
		switch c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			b = utf8.AppendRune(b, r.hex())
		default:
			r.fail()
			return ""
		}
	}
	r.fail()
	return ""
}

// hex reads the digits of a \u escape, and the second half of a pair.
func (r *Reader) hex() rune {
	high := r.four()
	if !utf16.IsSurrogate(high) {
		return high
	}
	if len(r.s)-r.at >= 6 && r.s[r.at] == '\\' && r.s[r.at+1] == 'u' {
		at := r.at
		r.at += 2
		if pair := utf16.DecodeRune(high, r.four()); pair != utf8.RuneError {
			return pair
		}
		r.at = at // it stands for itself
	}
	return utf8.RuneError
}

func (r *Reader) four() rune {
	if len(r.s)-r.at < 4 {
		r.fail()
		return 0
	}
	n, err := strconv.ParseUint(r.s[r.at:r.at+4], 16, 32)
	if err != nil {
		r.fail()
		return 0
	}
	r.at += 4
	return rune(n)
}

// Int reads a whole number.
func (r *Reader) Int() int64 {
	r.space()
	start := r.at
	for r.at < len(r.s) && (r.s[r.at] == '-' || r.s[r.at] >= '0' && r.s[r.at] <= '9') {
		r.at++
	}
	n, err := strconv.ParseInt(r.s[start:r.at], 10, 64)
	if err != nil {
		r.fail()
		return 0
	}
	return n
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	switch r.Raw() {
	case "true":
		return true
	case "false":
	default:
		r.fail()
	}
	return false
}

// Time reads a time as encoding/json writes it.
func (r *Reader) Time() time.Time {
	s := r.String()
	if r.failed {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		r.fail()
		return time.Time{}
	}
	return t
}

// Raw passes over the value that comes next and returns its text. It checks
// brackets and texts, not every number and word.
func (r *Reader) Raw() string {
	r.space()
	start := r.at
	if r.at == len(r.s) {
		r.fail()
		return ""
	}
	switch r.s[r.at] {
	case '{':
		r.Object(func(string) { r.Raw() })
	case '[':
		r.Array(func() { r.Raw() })
	case '"':
		_ = r.String()
	default:
		for r.at < len(r.s) && (r.s[r.at] >= '0' && r.s[r.at] <= '9' || r.s[r.at] >= 'a' && r.s[r.at] <= 'z' ||
			r.s[r.at] == '-' || r.s[r.at] == '+' || r.s[r.at] == '.' || r.s[r.at] == 'E') {
			r.at++
		}
		if r.at == start {
			r.fail()
		}
	}
	if r.failed {
		return ""
	}
	return r.s[start:r.at]
}
