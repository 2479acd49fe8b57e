package spec

import (
	"errors"
	"slices"
	"sort"
	"strings"
)

// Error is one thing that is wrong with a platform's file, as a sentence for
// the person who wrote it. It never carries a value that came from the
// environment.
type Error struct {
	File string
	Line int // 0: the file as a whole
	Text string

	saying // that Text is made of, so that it can be said in Chinese, too
}

// problems collects what is wrong, so that a person sees all of it at once.
type problems struct {
	file string
	list []*Error
}

func (p *problems) add(line int, format string, args ...any) {
	p.list = append(p.list, wrong(p.file, line, format, args...))
}

// reported reports whether something was found in a line already.
func (p *problems) reported(line int) bool {
	return line > 0 && slices.ContainsFunc(p.list, func(e *Error) bool { return e.Line == line })
}

// err returns everything found, in the order of the file.
func (p *problems) err() error {
	sort.SliceStable(p.list, func(i, j int) bool { return p.list[i].Line < p.list[j].Line })
	errs := make([]error, len(p.list))
	for i, e := range p.list {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// Errorf makes an Error about one key of the platform's file, given as a
// dotted path: "fields.phone.format", "connect.list.path". Where that key was
// not written, the nearest key above it gives the line.
func (p *Platform) Errorf(key, format string, args ...any) error {
	return wrong(p.Source, p.Line(key), format, args...)
}

// Line returns the line of a dotted key, or of the nearest key above it, or 0.
func (p *Platform) Line(key string) int {
	for key != "" {
		if n, ok := p.lines[key]; ok {
			return n
		}
		cut := strings.LastIndexByte(key, '.')
		if cut < 0 {
			return 0
		}
		key = key[:cut]
	}
	return 0
}

// Redact takes everything that came from the environment out of a text, before
// it may become an error or a log line (I9). Drivers like to quote what they
// were given.
func (p *Platform) Redact(text string) string {
	for _, s := range p.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

// nearest returns the candidate closest to what was written, or "" when none
// is close enough to be what was meant.
func nearest(written string, candidates []string) string {
	best, distance := "", len([]rune(written))/2+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(written), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// didYouMean turns the nearest candidate into the end of a sentence.
func didYouMean(written string, candidates []string) any {
	if n := nearest(written, candidates); n != "" {
		return say(" Did you mean %q?", n)
	}
	if len(candidates) == 0 {
		return ""
	}
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted)
	if len(sorted) > 12 {
		return ""
	}
	return say(" Possible here: %s.", strings.Join(sorted, ", "))
}

// editDistance counts insertions, deletions, substitutions and swaps of two
// neighbours (optimal string alignment): what fingers do to a key.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}
