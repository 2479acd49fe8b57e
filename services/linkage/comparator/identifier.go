package comparator

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// code compares numbers and codes by their letters and digits: postcodes, and
// what identifies (identifier).
type code struct {
	ladder
}

var codeWords = slices.Concat([]word{{name: "identical", op: opIdentical}}, spellings, []word{
	{name: "contains", op: opContains, form: count},
})

func newPostcode(o Options) (Comparator, error) {
	if err := errors.Join(single(o), o.Decode(&struct{}{})); err != nil {
		return nil, err
	}
	l, err := newLadder(o.Levels, []string{"identical", "starts_with 3", "different"}, "different", codeWords)
	return &code{l}, err
}

// Append implements Comparator.
func (c *code) Append(dst []byte, r *Record) []byte {
	return append(dst, onlyWord(fold(r.Values[0]))...)
}

// Level implements Comparator.
func (c *code) Level(a, b []byte) int {
	var alike likeness
	return c.level(func(cl *clause) bool {
		switch cl.op {
		case opIdentical:
			return bytes.Equal(a, b)
		case opContains:
			return contains(a, b, cl.n)
		default:
			return alike.holds(cl, a, b)
		}
	})
}

// Parts implements Keyer.
func (c *code) Parts() []string { return slices.Clone(textParts) }

// CheckPart implements PartChecker.
func (c *code) CheckPart(part string, n int) error { return checkPart(textParts, part, n) }

// Keys implements Keyer.
func (c *code) Keys(feature []byte, part string, n int, emit func(value []byte)) {
	emitPart(feature, part, n, emit)
}

// Terms implements Termer.
func (c *code) Terms() []string { return []string{"value"} }

// Term implements Termer.
func (c *code) Term(feature []byte, _ int) (string, bool) { return string(feature), true }

// identifier compares numbers that one entity alone has. Its feature is letters
// and digits, behind a byte that says whether they can be right.
type identifier struct {
	code
	pattern *regexp.Regexp // what a right number looks like; nil: any
}

const (
	wrong = '?'
	right = '='
)

func newIdentifier(o Options) (Comparator, error) {
	var s struct {
		Pattern string `yaml:"pattern"`
	}
	if err := errors.Join(single(o), o.Decode(&s)); err != nil {
		return nil, err
	}
	own := []string{"identical", "damerau <= 1", "different"}
	l, err := newLadder(o.Levels, own, "different", codeWords)
	if err != nil {
		return nil, err
	}
	id := &identifier{code: code{l}}
	if s.Pattern == "" {
		return id, nil
	}
	if id.pattern, err = regexp.Compile(`(?i)^(?:` + s.Pattern + `)$`); err != nil {
		return nil, fmt.Errorf("pattern cannot be read: %w", err)
	}
	return id, nil
}

// Append implements Comparator. One character over and over is a placeholder and
// says nothing.
func (id *identifier) Append(dst []byte, r *Record) []byte {
	s := onlyWord(fold(r.Values[0]))
	if s == "" || placeholder(s) {
		return dst
	}
	mark := byte(right)
	if id.pattern != nil && !id.pattern.MatchString(s) {
		mark = wrong
	}
	return append(append(dst, mark), s...)
}

// placeholder reports whether a number is one character over and over.
func placeholder(s string) bool {
	first, size := utf8.DecodeRuneInString(s)
	return len(s) >= 3*size && strings.Trim(s, string(first)) == ""
}

// Level implements Comparator.
func (id *identifier) Level(a, b []byte) int {
	return id.code.Level(a[min(1, len(a)):], b[min(1, len(b)):])
}

// Keys implements Keyer.
func (id *identifier) Keys(feature []byte, part string, n int, emit func(value []byte)) {
	if len(feature) > 1 {
		emitPart(feature[1:], part, n, emit)
	}
}

// Term implements Termer.
func (id *identifier) Term(feature []byte, _ int) (string, bool) {
	return string(feature[min(1, len(feature)):]), len(feature) > 1
}

// Identifier implements Identifier. I3: only a number that can be right keeps
// two records apart.
func (id *identifier) Identifier(feature []byte) []byte {
	if len(feature) < 2 || feature[0] != right {
		return nil
	}
	return feature[1:]
}
