package canon

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"heji/schema"
)

var (
	rePlaceholder = regexp.MustCompile(`\{([a-z]*)\}`)
	reOptional    = regexp.MustCompile(`\[([^\[\]]*)\]`)
	// A number of a home with the word that belongs to it.
	reCounted = regexp.MustCompile(`\{(building|unit|room)\}[\p{Han}#-]*`)
)

// addressPart returns the part of an address that a placeholder names.
func addressPart(a schema.Address, name string) (string, bool) {
	switch name {
	case "province":
		return a.Province, true
	case "city":
		return a.City, true
	case "county":
		return a.County, true
	case "street":
		return a.Street, true
	case "community":
		return a.Community, true
	case "road":
		return a.Road, true
	case "compound":
		return a.Compound, true
	case "building":
		return a.Building, true
	case "unit":
		return a.Unit, true
	case "room":
		return a.Room, true
	case "rest":
		return a.Rest, true
	}
	return "", false
}

// CheckPattern reports what is wrong with an address pattern, so that a
// platform's file is refused before anything is written by it.
func CheckPattern(pattern string) error {
	for _, m := range rePlaceholder.FindAllStringSubmatch(pattern, -1) {
		if _, ok := addressPart(schema.Address{}, m[1]); !ok {
			return fmt.Errorf("address format %q: {%s} is none of {province} {city} {county} {street} {community} {road} {compound} {building} {unit} {room} {rest}", pattern, m[1])
		}
	}
	left := rePlaceholder.ReplaceAllString(reOptional.ReplaceAllString(pattern, "$1"), "")
	if i := strings.IndexAny(left, "{}[]"); i >= 0 {
		return fmt.Errorf("address format %q: %q stands alone: placeholders are {room}, optional parts [{unit}单元], one within another is not possible", pattern, left[i:i+1])
	}
	if !rePlaceholder.MatchString(pattern) {
		return fmt.Errorf("address format %q has no placeholder such as {room}", pattern)
	}
	return nil
}

// FormatAddress writes an address by a pattern such as
//
//	{community}{compound}{building}幢[{unit}单元]{room}室
//
// What stands in square brackets is left out where one of its placeholders is
// empty, and the word of a building, unit or room always goes with its number: a
// village home is not written as 石桥村幢单元室. An address of which the pattern
// shows nothing is written as "".
func FormatAddress(addr schema.Address, pattern string) string {
	t := templateOf(addr, pattern)
	if t.names == nil {
		return ""
	}
	var b strings.Builder
	for i, name := range t.names {
		b.WriteString(t.words[i])
		part, _ := addressPart(addr, name)
		b.WriteString(part)
	}
	b.WriteString(t.words[len(t.names)])
	return strings.TrimRight(b.String(), "-")
}

// template is what of a pattern is written where certain parts of an address are
// there: words, and a part between each two of them.
type template struct {
	words []string
	names []string // nil: nothing is shown
}

// templates are those that were worked out, by the pattern and the parts that are
// there. There are few: a program knows few patterns, and addresses have few shapes.
var templates struct {
	sync.RWMutex
	known map[templateKey]template
}

type templateKey struct {
	pattern string
	there   [11]bool
}

const maxTemplates = 10_000 // a bound, for a program that is fed patterns

func templateOf(addr schema.Address, pattern string) template {
	key := templateKey{pattern: pattern}
	for i, part := range []string{addr.Province, addr.City, addr.County, addr.Street, addr.Community, addr.Road, addr.Compound,
		addr.Building, addr.Unit, addr.Room, addr.Rest} {
		key.there[i] = part != ""
	}
	templates.RLock()
	t, ok := templates.known[key]
	templates.RUnlock()
	if ok {
		return t
	}
	t = workOut(addr, pattern)
	templates.Lock()
	defer templates.Unlock()
	if templates.known == nil || len(templates.known) >= maxTemplates {
		templates.known = map[templateKey]template{}
	}
	templates.known[key] = t
	return t
}

// workOut applies a pattern's rules to the parts that an address has.
func workOut(addr schema.Address, pattern string) template {
	pattern = reOptional.ReplaceAllStringFunc(pattern, func(optional string) string {
		inside := optional[1 : len(optional)-1]
		for _, m := range rePlaceholder.FindAllStringSubmatch(inside, -1) {
			if part, _ := addressPart(addr, m[1]); part == "" {
				return ""
			}
		}
		return inside
	})
	pattern = reCounted.ReplaceAllStringFunc(pattern, func(counted string) string {
		name, _, _ := strings.Cut(counted[1:], "}")
		if part, _ := addressPart(addr, name); part == "" {
			return ""
		}
		return counted
	})
	var t template
	shown, at := false, 0
	for _, m := range rePlaceholder.FindAllStringSubmatchIndex(pattern, -1) {
		name := pattern[m[2]:m[3]]
		part, _ := addressPart(addr, name)
		shown = shown || part != ""
		t.words, t.names = append(t.words, pattern[at:m[0]]), append(t.names, name)
		at = m[1]
	}
	t.words = append(t.words, pattern[at:])
	if !shown {
		t.names = nil
	}
	return t
}
