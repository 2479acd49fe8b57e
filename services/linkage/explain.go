package linkage

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/width"
)

//go:embed labels.yaml
var labelFile []byte

// Language is one that explanations are written in.
type Language string

// The languages of labels.yaml.
const (
	Chinese Language = "zh"
	English Language = "en"
)

type label map[Language]string

type labels struct {
	Lines     map[string]label `yaml:"lines"`
	Levels    map[string]label `yaml:"levels"`
	Frequency label            `yaml:"frequency"` // %s: a line
	Total     label            `yaml:"total"`
	Bits      label            `yaml:"bits"`
	Verdict   map[string]label `yaml:"verdict"`
}

var catalogue = sync.OnceValue(func() labels {
	d := yaml.NewDecoder(bytes.NewReader(labelFile))
	d.KnownFields(true)
	var l labels
	if err := d.Decode(&l); err != nil {
		panic("linkage: labels.yaml: " + err.Error())
	}
	return l
})

// Label returns what people call the line; its own name where labels.yaml has
// none.
func (s Step) Label(lang Language) string {
	if text, ok := catalogue().Lines[s.Name]; ok {
		return text[lang]
	}
	if of, ok := strings.CutPrefix(s.Name, frequencyOf); ok {
		return fmt.Sprintf(catalogue().Frequency[lang], Step{Name: of}.Label(lang))
	}
	return s.Name
}

// LevelLabel returns what people call the level in this line.
func (s Step) LevelLabel(lang Language) string {
	for _, key := range [...]string{s.Name + "." + s.Level, s.Level} {
		if text, ok := catalogue().Levels[key]; ok {
			return text[lang]
		}
	}
	return s.Level
}

// Explain writes the waterfall of a comparison as text, one line for each
// comparison: what was found, its weight in bits, and the sum so far as a bar. It
// holds no values (I9).
func (m *Model) Explain(c Comparison, lang Language) string {
	steps := c.Steps()
	first, second := columnWidths(steps, lang)
	var b strings.Builder
	sum := 0
	for _, s := range steps {
		sum += s.Weight
		fmt.Fprintf(&b, "%s  %s  %s  %s\n", pad(s.Label(lang), first), pad(s.LevelLabel(lang), second),
			inBits(s.Weight), bar(sum))
	}
	l := catalogue()
	fmt.Fprintf(&b, "%s  %s  %s  %s\n", pad(l.Total[lang], first), pad(l.Verdict[m.verdict(c)][lang], second),
		inBits(c.Weight), l.Bits[lang])
	return b.String()
}

func (m *Model) verdict(c Comparison) string {
	switch {
	case !m.hasThresholds:
		return "none"
	case c.Conflict:
		return "conflict"
	case c.Weight >= m.limits.Link:
		return "link"
	case c.Weight >= m.limits.Review:
		return "review"
	}
	return "apart"
}

func columnWidths(steps []Step, lang Language) (first, second int) {
	for _, s := range steps {
		first = max(first, columns(s.Label(lang)))
		second = max(second, columns(s.LevelLabel(lang)))
	}
	for _, v := range catalogue().Verdict {
		second = max(second, columns(v[lang]))
	}
	return first, second
}

// inBits writes hundredths of a bit with a sign, without floating point.
func inBits(weight int) string {
	sign := "+"
	if weight < 0 {
		sign, weight = "-", -weight
	}
	return fmt.Sprintf("%7s", fmt.Sprintf("%s%d.%02d", sign, weight/100, weight%100))
}

// bar draws a running sum, one mark for two bits.
func bar(sum int) string {
	const perMark, most = 200, 30
	mark := "█"
	if sum < 0 {
		mark, sum = "░", -sum
	}
	return strings.Repeat(mark, min(sum/perMark, most))
}

func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-columns(s))) }

// columns counts terminal columns: Chinese characters take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
