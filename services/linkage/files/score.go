package files

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// The names that columns of a truth may have; the first that is there counts.
var (
	sourceColumns = []string{"source"}
	keyColumns    = []string{"key", "id", "rec_id", "record_id", "unique_id"}
	entityColumns = []string{"entity", "cluster", "entity_id", "cluster_id"}
)

// Grouping says which records are one: the entity of each record.
type Grouping struct {
	Path string
	// WithSource: the records of different sources may have the same key.
	WithSource bool
	records    map[recordName]string
	// lines of the records, for what is written about two of them.
	lines map[recordName]int
}

type recordName struct{ source, key string }

// Len returns the number of records.
func (g *Grouping) Len() int { return len(g.records) }

// ReadGrouping reads a CSV file with a column for the key (key, id, rec_id,
// record_id or unique_id), one for the entity (entity, cluster, entity_id or
// cluster_id) and, where the records came from several files, source. Where
// pattern is given, the entity is not a column but the pattern's first group in
// the key.
func ReadGrouping(path, encoding string, pattern *regexp.Regexp) (*Grouping, error) {
	t, err := Open(path, encoding)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	key, err := t.column("the key of a record", keyColumns)
	if err != nil {
		return nil, err
	}
	entity := -1
	if pattern == nil {
		if entity, err = t.column("the entity that a record belongs to", entityColumns); err != nil {
			return nil, err
		}
	} else if pattern.NumSubexp() == 0 {
		return nil, fmt.Errorf("the pattern %s must have a group in parentheses: what it finds is the entity", pattern)
	}
	source := slices.Index(t.Header, sourceColumns[0])
	g := &Grouping{Path: path, WithSource: source >= 0, records: map[recordName]string{}, lines: map[recordName]int{}}
	for {
		row, err := t.Next()
		if errors.Is(err, io.EOF) {
			return g, nil
		}
		if err != nil {
			return nil, err
		}
		n := recordName{key: row[key]}
		if source >= 0 {
			n.source = row[source]
		}
		var of string
		if pattern == nil {
			of = row[entity]
		} else if m := pattern.FindStringSubmatch(row[key]); m != nil {
			of = m[1]
		} else {
			return nil, fmt.Errorf("%s, line %d: the pattern does not find an entity in key %q", path, t.Line(), row[key])
		}
		switch first, twice := g.lines[n]; {
		case n.key == "":
			return nil, fmt.Errorf("%s, line %d: the key is empty", path, t.Line())
		case of == "":
			return nil, fmt.Errorf("%s, line %d: the entity of key %q is empty", path, t.Line(), n.key)
		case twice:
			return nil, fmt.Errorf("%s: lines %d and %d both have key %q%s", path, first, t.Line(), n.key, g.hint())
		}
		g.records[n], g.lines[n] = of, t.Line()
	}
}

func (g *Grouping) hint() string {
	if g.WithSource {
		return ""
	}
	return "; where keys are unique only within a file, a column \"source\" must say which"
}

// column finds one of several names in the header.
func (t *Table) column(what string, names []string) (int, error) {
	for _, n := range names {
		if i := slices.Index(t.Header, n); i >= 0 {
			return i, nil
		}
	}
	wanted := fmt.Sprintf("there is no column %q", names[0])
	if len(names) > 1 {
		wanted = fmt.Sprintf("there is none of the columns %s", quoted(names))
	}
	return 0, fmt.Errorf("%s: %s for %s; the columns are %s", t.Path, wanted, what, quoted(t.Header))
}

// quoted lists names as people read them.
func quoted(names []string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(list, ", ")
}

// Measure is precision and recall. Both are 1 where there is nothing to be right
// about.
type Measure struct {
	Right, Found, True float64
}

// Precision is the share of what was found that is right.
func (m Measure) Precision() float64 { return share(m.Right, m.Found) }

// Recall is the share of what is true that was found.
func (m Measure) Recall() float64 { return share(m.Right, m.True) }

// F1 is the harmonic mean of precision and recall.
func (m Measure) F1() float64 {
	p, r := m.Precision(), m.Recall()
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 1
	}
	return part / whole
}

// Score is how well links agree with a truth.
type Score struct {
	Records   int // that both have, and those that only the truth has
	OnlyTruth int // records that links lack: each counts as alone
	OnlyLinks int // records without a truth: left out
	// Pairs of records of one entity.
	Pairs Measure
	// Clusters are entities with exactly the right records; one record alone is
	// an entity, too.
	Clusters Measure
	// B-cubed: for each record, the share of its entity that is right and the
	// share of its true entity that is there; the means over all records.
	BCubedPrecision, BCubedRecall float64
}

// BCubedF1 is the harmonic mean of the two.
func (s Score) BCubedF1() float64 {
	if s.BCubedPrecision+s.BCubedRecall == 0 {
		return 0
	}
	return 2 * s.BCubedPrecision * s.BCubedRecall / (s.BCubedPrecision + s.BCubedRecall)
}

// ScoreLinks compares links with the truth. A truth without a column "source" is
// matched by key alone, which must then be unique in the links.
func ScoreLinks(truth, links *Grouping) (Score, error) {
	found, err := links.by(truth)
	if err != nil {
		return Score{}, err
	}
	var s Score
	type cell struct{ truth, link string }
	cells, trueSize, linkSize := map[cell]int{}, map[string]int{}, map[string]int{}
	for name, entity := range truth.records {
		link, ok := found[name]
		if !ok {
			s.OnlyTruth++
			link = fmt.Sprintf("\x00%d", s.OnlyTruth) // alone; no entity of a file is called so
		}
		s.Records++
		cells[cell{entity, link}]++
		trueSize[entity]++
		linkSize[link]++
	}
	s.OnlyLinks = len(found) - (s.Records - s.OnlyTruth)
	if s.Records == s.OnlyTruth {
		return Score{}, fmt.Errorf("none of the %d records of %s is among the %d of %s: compare their columns key and source",
			truth.Len(), truth.Path, links.Len(), links.Path)
	}
	for c, n := range cells {
		both := float64(n)
		s.Pairs.Right += pairsOf(n)
		s.BCubedPrecision += both * both / float64(linkSize[c.link]) / float64(s.Records)
		s.BCubedRecall += both * both / float64(trueSize[c.truth]) / float64(s.Records)
		if n == trueSize[c.truth] && n == linkSize[c.link] {
			s.Clusters.Right++
		}
	}
	for _, n := range trueSize {
		s.Pairs.True += pairsOf(n)
	}
	for _, n := range linkSize {
		s.Pairs.Found += pairsOf(n)
	}
	s.Clusters.True, s.Clusters.Found = float64(len(trueSize)), float64(len(linkSize))
	return s, nil
}

func pairsOf(n int) float64 { return float64(n) * float64(n-1) / 2 }

// by returns the records under the names that the truth uses.
func (g *Grouping) by(truth *Grouping) (map[recordName]string, error) {
	switch {
	case truth.WithSource == g.WithSource:
		return g.records, nil
	case truth.WithSource:
		return nil, fmt.Errorf("%s has a column \"source\" and %s has none: both must have it, or the truth must not", truth.Path, g.Path)
	}
	found, lines := make(map[recordName]string, len(g.records)), map[string]int{}
	for name, entity := range g.records {
		if other, twice := lines[name.key]; twice {
			a, b := min(other, g.lines[name]), max(other, g.lines[name])
			return nil, fmt.Errorf("%s: lines %d and %d have the same key in two sources; %s needs a column \"source\" to say which is meant",
				g.Path, a, b, truth.Path)
		}
		lines[name.key] = g.lines[name]
		found[recordName{key: name.key}] = entity
	}
	return found, nil
}

// Print writes the figures for people.
func (s Score) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "records   %d\n", s.Records)
	if s.OnlyTruth > 0 {
		fmt.Fprintf(&b, "          %s only in the truth: each counts as an entity of its own\n", isAre(s.OnlyTruth, "record"))
	}
	if s.OnlyLinks > 0 {
		fmt.Fprintf(&b, "          %s only in the links: left out\n", isAre(s.OnlyLinks, "record"))
	}
	line := func(name string, p, r, f float64, note string) {
		fmt.Fprintf(&b, "%-9s precision %.4f  recall %.4f  F1 %.4f%s\n", name, p, r, f, note)
	}
	of := func(m Measure, what string) string {
		return fmt.Sprintf("   (%.0f right of %.0f %s, %.0f true)", m.Right, m.Found, what, m.True)
	}
	line("pairs", s.Pairs.Precision(), s.Pairs.Recall(), s.Pairs.F1(), of(s.Pairs, "linked"))
	line("clusters", s.Clusters.Precision(), s.Clusters.Recall(), s.Clusters.F1(), of(s.Clusters, "found"))
	line("b-cubed", s.BCubedPrecision, s.BCubedRecall, s.BCubedF1(), "")
	_, err := io.WriteString(w, b.String())
	return err
}

func isAre(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return fmt.Sprintf("%d %ss are", n, what)
}
