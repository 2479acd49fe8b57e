package jsontext

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become the
// replacement character, as encoding/json has it.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[start:i]...), "\ufffd"...)
			i++
			start = i
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// AppendTime appends t as encoding/json does.
func AppendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}

// Object writes the members of one object.
type Object struct {
	b     []byte
	first bool
}

// Begin opens an object behind dst.
func Begin(dst []byte) Object { return Object{b: append(dst, '{'), first: true} }

// Key appends the key of the next member; its value is appended to Bytes. The
// key must need no escape.
func (o *Object) Key(key string) {
	if !o.first {
		o.b = append(o.b, ',')
	}
	o.first = false
	o.b = append(append(append(o.b, '"'), key...), '"', ':')
}

// String writes a member whose value is a text.
func (o *Object) String(key, value string) { o.Key(key); o.b = AppendString(o.b, value) }

// Int writes a member whose value is a number.
func (o *Object) Int(key string, value int64) { o.Key(key); o.b = strconv.AppendInt(o.b, value, 10) }

// True writes a member that is true.
func (o *Object) True(key string) { o.Key(key); o.b = append(o.b, "true"...) }

// Time writes a member whose value is a time.
func (o *Object) Time(key string, value time.Time) { o.Key(key); o.b = AppendTime(o.b, value) }

// Raw writes a member whose value is JSON already.
func (o *Object) Raw(key string, value []byte) { o.Key(key); o.b = append(o.b, value...) }

// Bytes is what has been written so far, for a caller who appends a value to it
// and hands it back with Set.
func (o *Object) Bytes() []byte { return o.b }

// Set takes back what Bytes gave out.
func (o *Object) Set(b []byte) { o.b = b }

// End closes the object and returns all of it.
func (o *Object) End() []byte { return append(o.b, '}') }
