package store

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"heji/schema"
	"heji/schema/hanzi"
)

// SearchText is what the desk's one search box looks in: the words under which
// somebody may look for a resident, with a blank before and after each.
//
// The blanks make it quick: pg_trgm takes them for the edges of words, so that
// two letters, or one character, at the beginning of a word are enough to use the
// index. A name is there whole and from each later character on, in characters,
// in pinyin and as initials; the numbers are there once and are found by any four
// digits; a dwelling is one word without hyphens, which would be edges.
func SearchText(master Survivors) string {
	var words []string
	add := func(list ...string) {
		for _, s := range list {
			if s = strings.TrimSpace(s); s != "" && !slices.Contains(words, s) {
				words = append(words, s)
			}
		}
	}
	for _, a := range []schema.Attribute{schema.Name, schema.FormerName} {
		name := master[a].Value
		if name == "" {
			continue
		}
		add(searchFold(name), hanzi.Normalise(name))
		add(laterParts(name)...)
		add(hanzi.Spellings(name)...)
	}
	add(strings.ToLower(master[schema.IDNumber].Value), master[schema.Phone].Value, searchFold(master[schema.HouseholdNo].Value))
	addr := schema.AddressFromCanonical(master[schema.Residence].Value)
	add(dwellingWord(addr), searchFold(addr.Compound), searchFold(addr.Community), searchFold(addr.Road))
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(words, " ") + " "
}

// laterParts are what is left of a name from each later character on, of a long
// one from each later part on: 建国 and 国 find 王建国.
func laterParts(name string) []string {
	var out []string
	if parts := strings.FieldsFunc(name, func(r rune) bool { return r == hanzi.Separator || r == ' ' }); len(parts) > 1 {
		for i := 1; i < len(parts); i++ {
			out = append(out, hanzi.Normalise(strings.Join(parts[i:], "")))
		}
		return out
	}
	plain := hanzi.Normalise(name)
	if n := utf8.RuneCountInString(plain); n > 5 || hanzi.Romanised(name) {
		return nil
	}
	for i := range plain {
		if i > 0 {
			out = append(out, plain[i:])
		}
	}
	return out
}

// searchFold writes a word as it is looked for: half width, lower case,
// simplified, without blanks.
func searchFold(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(hanzi.Fold(norm.NFKC.String(s)))), "")
}

// dwellingWord is a dwelling as one word: 3-2-1801 is 3号2号1801.
func dwellingWord(a schema.Address) string {
	if a.Building == "" || a.Room == "" {
		return ""
	}
	parts := []string{a.Building, a.Unit, a.Room}
	return searchFold(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), dwellingJoint))
}

const dwellingJoint = "号"
