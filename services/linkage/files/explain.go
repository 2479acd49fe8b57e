package files

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/width"

	"heji/services/linkage"
)

// Explained is two records side by side.
type Explained struct {
	model      *linkage.Model
	attributes []string
	labels     [2]string
	values     [2][]string // as they are compared
	features   [2]linkage.Features
}

// Explain finds two records by key or source/key and compares them. A key that
// no record has, or several have, is an error that says so.
func (in *Input) Explain(a, b string) (*Explained, error) {
	e := &Explained{model: in.model, attributes: in.attributes}
	feed := in.Feed()
	defer feed.Close()
	sources := in.Sources()
	wanted := [2]string{a, b}
	var found [2][]string // labels
	values := make([]string, len(in.attributes))
	for {
		row, err := feed.Next(values)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		label := sources[row.Source] + "/" + row.Key
		for i, name := range wanted {
			if name != row.Key && name != label {
				continue
			}
			found[i] = append(found[i], fmt.Sprintf("%s (%s, line %d)", label, in.files[row.Source].path, row.Line))
			e.labels[i], e.values[i] = label, make([]string, len(values))
			for k, v := range values {
				e.values[i][k] = in.Clean(k, v)
			}
			e.features[i] = in.model.AppendFeatures(nil, e.values[i], nil)
		}
	}
	for i, name := range wanted {
		switch {
		case len(found[i]) == 0:
			return nil, fmt.Errorf("no record has key %q; give the key, or source/key, of a record of %s", name, in.where())
		case len(found[i]) > 1:
			return nil, fmt.Errorf("%d records are called %q: %s; give source/key", len(found[i]), name, strings.Join(found[i], ", "))
		}
	}
	if e.labels[0] == e.labels[1] {
		return nil, fmt.Errorf("%q and %q are one record: %s", a, b, e.labels[0])
	}
	return e, nil
}

// Print writes the values side by side, if asked for, the waterfall, the
// probability and the blocking rules that bring the two together.
func (e *Explained) Print(w io.Writer, lang linkage.Language, values bool) error {
	var b strings.Builder
	if values {
		e.printValues(&b)
	}
	c := e.model.Compare(e.features[0], e.features[1])
	b.WriteString(e.model.Explain(c, lang))
	word := words[lang]
	fmt.Fprintf(&b, "\n%s%s\n", word.probability, probability(e.model, c.Weight))
	if rules := e.foundBy(); len(rules) > 0 {
		fmt.Fprintf(&b, "%s%s\n", word.found, strings.Join(rules, "; "))
	} else {
		fmt.Fprintln(&b, word.notFound)
	}
	if x, y := e.model.Identifier(e.features[0]), e.model.Identifier(e.features[1]); len(x) > 0 && len(y) > 0 && string(x) != string(y) {
		fmt.Fprintln(&b, word.twoNumbers) // I3
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// words are what Print says besides the waterfall.
var words = map[linkage.Language]struct{ probability, found, notFound, twoNumbers string }{
	linkage.English: {"probability that they are one: ", "found by blocking rules: ",
		"no blocking rule brings the two together: linking does not compare them",
		"they show two different valid numbers: they are never joined, whatever the weight"},
	linkage.Chinese: {"是同一人的概率：", "由这些分块规则找到：", "没有分块规则能把这两条记录放到一起：关联时不会比较它们",
		"两条记录各有一个有效而不同的证件号码：无论权重多大，都不会自动合并"},
}

// foundBy lists the rules of which the two share a key.
func (e *Explained) foundBy() []string {
	all := [2][]int64{e.model.AppendKeys(nil, e.features[0]), e.model.AppendKeys(nil, e.features[1])}
	var rules []string
	for i, name := range e.model.Rules() {
		x, y := e.model.KeysOfRule(nil, e.features[0], i), e.model.KeysOfRule(nil, e.features[1], i)
		if slices.ContainsFunc(x, func(k int64) bool {
			// A key beyond the model's limit for one record is not made.
			return slices.Contains(y, k) && slices.Contains(all[0], k) && slices.Contains(all[1], k)
		}) {
			rules = append(rules, name)
		}
	}
	return rules
}

// printValues writes a table of what the two records say.
func (e *Explained) printValues(b *strings.Builder) {
	lines := [][3]string{{"", e.labels[0], e.labels[1]}}
	for i, a := range e.attributes {
		if e.values[0][i] != "" || e.values[1][i] != "" {
			lines = append(lines, [3]string{a, e.values[0][i], e.values[1][i]})
		}
	}
	var widths [2]int
	for _, l := range lines {
		for i := range widths {
			widths[i] = max(widths[i], columns(l[i]))
		}
	}
	for _, l := range lines {
		line := ""
		for i, v := range l {
			line += v
			if i < len(widths) {
				line += strings.Repeat(" ", widths[i]-columns(v)+2)
			}
		}
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
	b.WriteByte('\n')
}

// columns counts terminal columns: Chinese characters take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}
