package comparator

import (
	"bytes"
	"errors"
	"slices"
	"strings"
)

// email compares e-mail addresses. Its feature is user@domain, folded.
type email struct {
	ladder
	tags, dots bool // whether a tag behind "+" and dots at Gmail tell users apart
}

var emailWords = slices.Concat([]word{
	{name: "identical", op: opIdentical},
	{name: "same_user", op: opSameUser, form: lead},
	{name: "same_domain", op: opSameDomain},
}, spellings)

func newEmail(o Options) (Comparator, error) {
	var s struct {
		PlusTags  string `yaml:"plus_tags"`
		GmailDots string `yaml:"gmail_dots"`
	}
	if err := errors.Join(single(o), o.Decode(&s)); err != nil {
		return nil, err
	}
	own := []string{"identical", "same_user", "same_user jaro_winkler >= 0.9", "same_domain", "different"}
	l, err := newLadder(o.Levels, own, "different", emailWords)
	if err != nil {
		return nil, err
	}
	e := &email{ladder: l}
	if e.tags, err = choose("plus_tags", s.PlusTags, "ignore", "keep"); err != nil {
		return nil, err
	}
	if e.dots, err = choose("gmail_dots", s.GmailDots, "ignore", "keep"); err != nil {
		return nil, err
	}
	return e, nil
}

// Append implements Comparator. What is no address says nothing.
func (e *email) Append(dst []byte, r *Record) []byte {
	user, domain, ok := e.parse(r.Values[0])
	if !ok {
		return dst
	}
	dst = append(dst, user...)
	dst = append(dst, '@')
	return append(dst, domain...)
}

// parse takes an address apart. The display name of "Ann Lee <ann@example.org>"
// and "mailto:" are passed over.
func (e *email) parse(s string) (user, domain string, ok bool) {
	s = fold(s)
	if at := strings.LastIndexByte(s, '<'); at >= 0 {
		s, _, _ = strings.Cut(s[at+1:], ">")
	}
	s = strings.TrimSpace(strings.TrimPrefix(s, "mailto:"))
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", "", false
	}
	user, domain = s[:at], strings.Trim(s[at+1:], ".")
	if !e.tags {
		if tag := strings.IndexByte(user, '+'); tag > 0 {
			user = user[:tag]
		}
	}
	if !e.dots && (domain == "gmail.com" || domain == "googlemail.com") {
		user, domain = strings.ReplaceAll(user, ".", ""), "gmail.com"
	}
	if user == "" || domain == "" || strings.ContainsAny(user+domain, " \t") {
		return "", "", false
	}
	return user, domain, true
}

// address takes a feature apart.
func address(feature []byte) (user, domain []byte) {
	at := bytes.LastIndexByte(feature, '@')
	if at < 0 {
		return feature, nil
	}
	return feature[:at], feature[at+1:]
}

// Level implements Comparator.
func (e *email) Level(a, b []byte) int {
	var whole, users likeness
	userA, domainA := address(a)
	userB, domainB := address(b)
	return e.level(func(c *clause) bool {
		switch c.op {
		case opIdentical:
			return bytes.Equal(a, b)
		case opSameUser:
			return users.holds(c.of, userA, userB)
		case opSameDomain:
			return bytes.Equal(domainA, domainB)
		default:
			return whole.holds(c, a, b)
		}
	})
}

var emailParts = append(slices.Clone(textParts), "user", "domain")

// Parts implements Keyer.
func (e *email) Parts() []string { return slices.Clone(emailParts) }

// CheckPart implements PartChecker.
func (e *email) CheckPart(part string, n int) error { return checkPart(emailParts, part, n) }

// Keys implements Keyer.
func (e *email) Keys(feature []byte, part string, n int, emit func(value []byte)) {
	user, domain := address(feature)
	switch part {
	case "user":
		emitFull(user, emit)
	case "domain":
		emitFull(domain, emit)
	default:
		emitPart(feature, part, n, emit)
	}
}

// Terms implements Termer.
func (e *email) Terms() []string { return []string{"value"} }

// Term implements Termer.
func (e *email) Term(feature []byte, _ int) (string, bool) { return string(feature), true }
