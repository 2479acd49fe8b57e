package comparator

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// op is what a condition asks.
type op uint8

const (
	opIdentical op = iota
	opSameWithoutAccents
	opSameLetters
	opJaro
	opJaroWinkler
	opLevenshtein
	opDamerau
	opStartsWith
	opEndsWith
	opContains
	opSameSound
	opSameSoundex
	opNickname
	opSwapped
	opTokenOverlap
	opSameTokens
	opInitials
	opSharedTokens
	opTokenSimilarity
	opSubset
	opCompatible
	opOneDigit
	opWithin
	opSameYear
	opSameMonth
	opSameDayMonth
	opSameUser
	opSameDomain
	opOverlap
	opShare
)

// form is how a condition is written.
type form uint8

const (
	bare    form = iota // identical
	count               // starts_with 3
	atMost              // damerau <= 2
	atLeast             // overlap >= 2
	share               // jaro >= 0.9: above 0, at most 1
	span                // within 10 days
	lead                // swapped, or swapped before a condition on spelling
)

// word is a condition that a comparator knows.
type word struct {
	name  string
	op    op
	form  form
	units []string // of a span; "" is a number without one
}

// sample shows how the condition is written.
func (w word) sample() string {
	switch w.form {
	case count:
		return w.name + " n"
	case atMost:
		return w.name + " <= n"
	case atLeast:
		return w.name + " >= n"
	case share:
		return w.name + " >= x"
	case span:
		return w.name + " n" + strings.TrimRight(" "+strings.Join(w.units, "|"), " ")
	}
	return w.name
}

// clause is one condition as it was written in a model.
type clause struct {
	op   op
	n    int     // of count, atMost, atLeast
	x    float64 // of share and span
	unit int     // of span: place in the word's units
	of   *clause // of lead: the condition on spelling, nil for equality
}

// spellings are the conditions on how alike two texts are written.
var spellings = []word{
	{name: "jaro_winkler", op: opJaroWinkler, form: share},
	{name: "jaro", op: opJaro, form: share},
	{name: "levenshtein", op: opLevenshtein, form: atMost},
	{name: "damerau", op: opDamerau, form: atMost},
	{name: "starts_with", op: opStartsWith, form: count},
	{name: "ends_with", op: opEndsWith, form: count},
}

// maxLevels is the most that a level index of one byte leaves room for.
const maxLevels = 250

// ladder is the levels of a comparator: each is a condition, the first that
// holds wins, and the last is the rest.
type ladder struct {
	names []string
	rungs [][][]clause // of each level but the last: any of all of
}

// newLadder reads levels as a model writes them. own are the levels where the
// model gives none, rest is what the last is called.
func newLadder(given, own []string, rest string, words []word) (ladder, error) {
	names := given
	if names == nil {
		names = own
	}
	if len(names) == 0 || names[len(names)-1] != rest {
		return ladder{}, fmt.Errorf("the last level must be %q, for all other pairs", rest)
	}
	if len(names) > maxLevels {
		return ladder{}, fmt.Errorf("there are %d levels; at most %d can be told apart", len(names), maxLevels)
	}
	l := ladder{names: slices.Clone(names)}
	for i, name := range names[:len(names)-1] {
		if slices.Contains(names[:i], name) {
			return ladder{}, fmt.Errorf("level %q is there twice", name)
		}
		if name == rest {
			return ladder{}, fmt.Errorf("level %q is for all other pairs and must come last", rest)
		}
		rung, err := parseLevel(name, words, rest)
		if err != nil {
			return ladder{}, fmt.Errorf("level %q: %w", name, err)
		}
		l.rungs = append(l.rungs, rung)
	}
	return l, nil
}

// parseLevel reads conditions joined by "and" and "or"; "and" binds stronger.
func parseLevel(text string, words []word, rest string) ([][]clause, error) {
	fields := strings.Fields(strings.NewReplacer(">=", " >= ", "<=", " <= ", "%", " % ").Replace(text))
	var rung [][]clause
	var all []clause
	var one []string
	for i := 0; i <= len(fields); i++ {
		if i < len(fields) && fields[i] != "and" && fields[i] != "or" {
			one = append(one, fields[i])
			continue
		}
		c, err := parseClause(one, words, rest)
		if err != nil {
			return nil, err
		}
		all, one = append(all, c), nil
		if i == len(fields) || fields[i] == "or" {
			rung, all = append(rung, all), nil
		}
	}
	return rung, nil
}

func parseClause(fields []string, words []word, rest string) (clause, error) {
	if len(fields) == 0 {
		return clause{}, fmt.Errorf("a condition is missing; there are %s", samples(words, rest))
	}
	at := slices.IndexFunc(words, func(w word) bool { return w.name == fields[0] })
	if at < 0 {
		return clause{}, fmt.Errorf("there is no condition %q; there are %s", fields[0], samples(words, rest))
	}
	w, args := words[at], fields[1:]
	c := clause{op: w.op}
	var ok bool
	switch w.form {
	case bare:
		ok = len(args) == 0
	case count:
		ok = len(args) == 1 && whole(args[0], 1, &c.n)
	case atMost:
		ok = len(args) == 2 && args[0] == "<=" && whole(args[1], 0, &c.n)
	case atLeast:
		ok = len(args) == 2 && args[0] == ">=" && whole(args[1], 1, &c.n)
	case share:
		ok = len(args) == 2 && args[0] == ">=" && amount(args[1], &c.x) && c.x > 0 && c.x <= 1
	case span:
		ok = readSpan(&c, args, w.units)
	case lead:
		if len(args) == 0 {
			return c, nil
		}
		of, err := parseClause(args, spellings, "")
		if err != nil {
			return clause{}, fmt.Errorf("after %s: %w", w.name, err)
		}
		c.of = &of
		return c, nil
	}
	if !ok {
		return clause{}, fmt.Errorf("%q cannot be read; it is written %q, %s", strings.Join(fields, " "), w.sample(), w.form.rule())
	}
	return c, nil
}

func readSpan(c *clause, args, units []string) bool {
	unit := ""
	if len(args) == 2 {
		unit = args[1]
	}
	c.unit = slices.Index(units, unit)
	return len(args) > 0 && len(args) <= 2 && c.unit >= 0 && amount(args[0], &c.x)
}

// rule says what a number in a condition may be.
func (f form) rule() string {
	switch f {
	case share:
		return "with a number above 0 and at most 1"
	case count, atLeast:
		return fmt.Sprintf("with a whole number from 1 to %d", maxCount)
	case atMost:
		return fmt.Sprintf("with a whole number from 0 to %d", maxCount)
	case span:
		return "with a number not below 0"
	}
	return "with nothing behind it"
}

// maxCount is far above what tells anything, and keeps sums from overflowing.
const maxCount = 1000

func whole(s string, low int, into *int) bool {
	n, err := strconv.Atoi(s)
	*into = n
	return err == nil && n >= low && n <= maxCount
}

func amount(s string, into *float64) bool {
	x, err := strconv.ParseFloat(s, 64)
	*into = x
	return err == nil && x >= 0 && !math.IsInf(x, 0)
}

func samples(words []word, rest string) string {
	list := make([]string, 0, len(words)+1)
	for _, w := range words {
		list = append(list, w.sample())
	}
	if rest != "" {
		list = append(list, rest)
	}
	return strings.Join(list, ", ")
}

// Levels implements Comparator.
func (l *ladder) Levels() []string { return slices.Clone(l.names) }

// level returns the first level that holds. holds is called, not kept, so what
// it captures stays on the stack.
func (l *ladder) level(holds func(c *clause) bool) int {
	for i, rung := range l.rungs {
		for _, all := range rung {
			if every(all, holds) {
				return i
			}
		}
	}
	return len(l.rungs)
}

func every(all []clause, holds func(c *clause) bool) bool {
	for i := range all {
		if !holds(&all[i]) {
			return false
		}
	}
	return true
}

// uses reports whether a level asks for something, so that features need not
// carry what nobody asks for.
func (l *ladder) uses(o op) bool {
	for _, rung := range l.rungs {
		for _, all := range rung {
			if slices.ContainsFunc(all, func(c clause) bool { return c.op == o }) {
				return true
			}
		}
	}
	return false
}
