package store

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"heji/schema/canon"
	"heji/schema/hanzi"
)

// searchTerm is one word that was typed, as LIKE patterns on the search text.
type searchTerm struct {
	exact []string // the word itself
	loose []string // words that begin with it, numbers that hold it
	typo  []string // words that are one slip away, or sound the same
	// near is what was typed, where the index can be asked for everything like it
	// at once: less is read than for each of the typos. Like means at least alike.
	near  string
	alike float64
}

// nearest is the likeness that a word keeps which is one slip away: a slip takes
// at most four trigrams away and brings as many. Too short a word would be like
// everything, and so would a number: all phones of a town begin alike.
func nearest(w string) (near string, alike float64) {
	trigrams := map[string]bool{}
	for p := "  " + w + " "; len(p) >= 3; p = p[1:] {
		trigrams[p[:3]] = true
	}
	n := len(trigrams)
	if n < leastTrigrams {
		return "", 0
	}
	return w, float64(n-4)/float64(n+4) - 0.01
}

const (
	maxTerms    = 8
	maxTermLen  = 40 // in characters; nothing that is looked for is longer
	maxTypoLen  = 20
	leastDigits = 4 // of a number

	leastTrigrams = 9
)

var (
	dwellingTyped = regexp.MustCompile(`^[0-9a-z]{1,4}(-[0-9a-z]{1,5}){1,2}-?$`)
	digitsTyped   = regexp.MustCompile(`^[0-9]+x?$`)
	numberedPlace = regexp.MustCompile(`[0-9][^0-9a-z]*[号楼栋幢座室]|[一二三四五六七八九十](?:号楼|栋|幢|号)|单元`)
	dashes        = regexp.MustCompile(`\s*[-‐‑‒–—―−－]\s*`)
)

// searchTerms reads what was typed into the search box. Nothing comes back for
// what would find half the town: one letter, one digit.
func searchTerms(query string) []searchTerm {
	var words []string
	for _, w := range strings.FieldsFunc(plainQuery(query), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",，、;；", r) }) {
		words = append(words, splitScripts(w)...)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" || utf8.RuneCountInString(w) > maxTermLen })
	if len(words) > maxTerms {
		words = words[:maxTerms]
	}
	weight := 0
	var terms []searchTerm
	for _, w := range words {
		t := termOf(w)
		if len(t.loose) == 0 {
			continue
		}
		terms = append(terms, t)
		weight += utf8.RuneCountInString(w)
		if r, _ := utf8.DecodeRuneInString(w); unicode.Is(unicode.Han, r) {
			weight++
		}
	}
	if weight < 2 {
		return nil
	}
	return terms
}

// plainQuery drops what nobody types on purpose and folds width and case.
func plainQuery(query string) string {
	query = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || r == '\'' || r == '’':
			return -1
		case unicode.IsControl(r):
			return ' '
		case r == 'ü' || r == 'Ü':
			return 'v'
		}
		return r
	}, strings.ToValidUTF8(query, ""))
	return dashes.ReplaceAllString(strings.ToLower(norm.NFKC.String(query)), "-")
}

// splitScripts takes 张w and zhang伟 apart; addresses stay together.
func splitScripts(w string) []string {
	if numberedPlace.MatchString(w) {
		return []string{w}
	}
	var out []string
	last := 0
	class := func(r rune) int {
		switch {
		case r < unicode.MaxASCII && unicode.IsLetter(r) && !strings.HasSuffix(w, "x"):
			return 1
		case r < unicode.MaxASCII:
			return 0
		}
		return 2
	}
	var before int
	for i, r := range w {
		now := class(r)
		if i > 0 && now != before && (now == 2 || before == 2) {
			out, last = append(out, w[last:i]), i
		}
		before = now
	}
	return append(out, w[last:])
}

func termOf(w string) searchTerm {
	switch {
	case digitsTyped.MatchString(w):
		return digitTerm(w)
	case dwellingTyped.MatchString(w):
		return dwellingTerm(strings.TrimSuffix(w, "-"))
	case numberedPlace.MatchString(w):
		if t := addressTerm(w); len(t.loose) > 0 {
			// 三号 may be a building, and may be somebody's name.
			own := nameTerm(searchFold(w))
			return searchTerm{exact: append(t.exact, own.exact...), loose: append(t.loose, own.loose...)}
		}
	}
	fold := searchFold(w)
	if r, _ := utf8.DecodeRuneInString(fold); unicode.Is(unicode.Han, r) || r > unicode.MaxASCII {
		return nameTerm(fold)
	}
	return letterTerm(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, fold))
}

func word(s string) string   { return "% " + likeText.Replace(s) + " %" }
func begins(s string) string { return "% " + likeText.Replace(s) + "%" }
func holds(s string) string  { return "%" + likeText.Replace(s) + "%" }

func digitTerm(w string) searchTerm {
	t := searchTerm{exact: []string{word(w)}, loose: []string{begins(w)}}
	if len(w) >= leastDigits {
		t.loose = []string{holds(w)}
	} else {
		// 3 is a building, 101 a room.
		t.exact = []string{begins(w + dwellingJoint)}
		if len(w) == 3 {
			t.loose = append(t.loose, "%"+dwellingJoint+w+" %")
		}
	}
	if len(w) >= 7 && len(w) <= maxTypoLen {
		for i := range w {
			t.typo = append(t.typo, "%"+w[:i]+"_"+w[i+1:]+"%")
			if i > 0 && w[i] != w[i-1] {
				t.typo = append(t.typo, holds(w[:i-1]+w[i:i+1]+w[i-1:i]+w[i+1:]))
			}
		}
	}
	return t
}

// dwellingTerm reads 3-2-1801, and 3-2, which is a unit or a room.
func dwellingTerm(w string) searchTerm {
	s := strings.ReplaceAll(w, "-", dwellingJoint)
	return searchTerm{exact: []string{word(s), begins(s + dwellingJoint)}, loose: []string{begins(s)}}
}

// addressTerm reads an address as it is spoken: 幸福家园3号楼2单元1801.
func addressTerm(w string) searchTerm {
	a := canon.Address(w)
	if a.Building == "" && a.Room == "" {
		return searchTerm{}
	}
	if a.Building == "" {
		return searchTerm{exact: []string{"%" + dwellingJoint + likeText.Replace(searchFold(a.Room)) + " %"}, loose: []string{"%" + dwellingJoint + likeText.Replace(searchFold(a.Room)) + "%"}}
	}
	s := searchFold(a.Building)
	for _, part := range []string{a.Unit, a.Room} {
		if part != "" {
			s += dwellingJoint + searchFold(part)
		}
	}
	t := searchTerm{exact: []string{word(s), begins(s + dwellingJoint)}, loose: []string{begins(s)}}
	where := a.Compound
	if where == "" {
		where = a.Community
	}
	if where == "" {
		return t
	}
	// Both in one pattern: the dwelling stands before the compound (SearchText).
	for _, list := range []*[]string{&t.exact, &t.loose} {
		for i, p := range *list {
			(*list)[i] = p + holds(searchFold(where))[1:]
		}
	}
	return t
}

func nameTerm(w string) searchTerm {
	plain := strings.ReplaceAll(w, string(hanzi.Separator), "")
	t := searchTerm{exact: []string{word(w)}, loose: []string{begins(w)}}
	if plain != w && plain != "" {
		t.exact, t.loose = append(t.exact, word(plain)), append(t.loose, begins(plain))
	}
	runes := []rune(plain)
	if len(runes) >= 3 {
		t.loose = append(t.loose, holds(plain)) // a compound in the middle of its name
	}
	if len(runes) < 2 || len(runes) > 6 {
		return t
	}
	for _, key := range hanzi.PinyinKeys(plain) { // 王健国 for 王建国
		t.typo = append(t.typo, word(key))
	}
	if len(runes) >= 3 {
		for i := range runes {
			before, after := string(runes[:i]), string(runes[i+1:])
			// A character alone at an edge is no trigram.
			if i >= 2 || len(runes)-1-i >= 2 {
				t.typo = append(t.typo, "% "+likeText.Replace(before)+"_"+likeText.Replace(after)+" %")
			}
		}
	}
	return t
}

func letterTerm(w string) searchTerm {
	if w == "" {
		return searchTerm{}
	}
	t := searchTerm{exact: []string{word(w)}, loose: []string{begins(w)}}
	if pieces := hanzi.Typed(w); len(pieces) > 2 && len(pieces[0]) > 1 { // danxj: the surname whole, then initials
		mixed := "% "
		for _, p := range pieces {
			if mixed += p; len(p) == 1 {
				mixed += "%"
			}
		}
		t.loose = append(t.loose, strings.TrimSuffix(mixed, "%")+"%")
	}
	if len(w) < 5 || len(w) > maxTypoLen {
		return t
	}
	t.near, t.alike = nearest(w)
	for i := range w { // one letter wrong, too many, missing, or two swapped
		t.typo = append(t.typo, "% "+w[:i]+"_"+w[i+1:]+" %", word(w[:i]+w[i+1:]))
		if i > 0 {
			t.typo = append(t.typo, "% "+w[:i]+"_"+w[i:]+" %")
			if w[i] != w[i-1] {
				t.typo = append(t.typo, word(w[:i-1]+w[i:i+1]+w[i-1:i]+w[i+1:]))
			}
		}
	}
	return t
}
