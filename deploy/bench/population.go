package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors"
	_ "heji/connectors/files"
	_ "heji/connectors/kafka"
	"heji/connectors/mapping"
	"heji/connectors/platforms"
	_ "heji/connectors/rest"
	"heji/connectors/spec"
	_ "heji/connectors/table"
	"heji/deploy/demo/district"
	"heji/deploy/demo/population"
	"heji/schema"
	"heji/services/linkage"
	"heji/services/linkage/files"
	"heji/services/linkage/train"
)

// PopulationOptions say what Population does.
type PopulationOptions struct {
	People int
	Seed   int64
	Model  *linkage.Model // nil: the model for residents
	// Train: first learn the weights from the records of another seed, without
	// labels. TrainSeed is that of the people learned from.
	Train     bool
	TrainSeed int64
	Weights   bool   // show what counting with the truth would weigh each level
	Write     string // a folder for the records and the truth; empty: they are not written
	Kinds     int    // so many kinds of wrong and missed pairs are shown
	Out       io.Writer
}

// PopulationReport is what Population measured.
type PopulationReport struct {
	People, Records int
	Pairs           files.Measure // of automatic links
	ReviewPairs     int
	InReview        int // records with a pair that waits for a person
	Questions       int // pairs of entities that wait: what a person is asked
	SamePerson      int // of the pairs that wait, those of one person
	// What simple rules make of the same records.
	SameID, SameIDOrNameBirth files.Measure
	Wrong, Missed, Review     []Kind
	Took                      time.Duration
}

// Waiting is the share of records that wait for a person.
func (r PopulationReport) Waiting() float64 { return float64(r.InReview) / float64(max(1, r.Records)) }

// Kind is pairs of one shape: what the levels of the comparisons say. No values.
type Kind struct {
	Shape       string
	Pairs       int
	Least, Most int // weights of the pairs, in hundredths of a bit
}

// record is one row of one platform as the hub has it.
type record struct {
	platform int
	key      string
	person   int
	values   schema.Values
	errors   []population.Error
}

// Population links what the eight departments of the demo district hold about
// invented people, and says how right the answer is. The rows go the way that
// they go in the hub: each platform's own spelling, then the platform's mapping.
func Population(ctx context.Context, o PopulationOptions) (PopulationReport, error) {
	if o.People < 1 {
		return PopulationReport{}, errors.New("--people must be at least 1")
	}
	m := o.Model
	if m == nil {
		m = linkage.Default()
	}
	if o.Train {
		var err error
		if m, err = learn(ctx, m, o.People, o.TrainSeed); err != nil {
			return PopulationReport{}, err
		}
	}
	records, err := observe(population.Generate(o.People, o.Seed))
	if err != nil {
		return PopulationReport{}, err
	}
	person := make([]uint32, len(records))
	for i, x := range records {
		person[i] = uint32(x.person)
	}
	if o.Write != "" {
		if err := write(o.Write, &recordFeed{records: records, attributes: fieldNames()}, person); err != nil {
			return PopulationReport{}, err
		}
	}
	begin := time.Now()
	linked, err := derive(ctx, m, records)
	if err != nil {
		return PopulationReport{}, err
	}
	result, err := linked.Link(ctx, nil)
	if err != nil {
		return PopulationReport{}, err
	}
	r := PopulationReport{People: o.People, Records: len(records), ReviewPairs: len(result.Review), Took: time.Since(begin)}
	_, r.Pairs = score(person, result.First)
	_, r.SameID = score(person, together(records, sameNumber))
	_, r.SameIDOrNameBirth = score(person, together(records, sameNumber, sameNameAndBirth))
	waiting, questions := map[int]bool{}, map[[2]uint32]bool{}
	for _, p := range result.Review {
		waiting[p.A], waiting[p.B] = true, true
		x, y := result.First[p.A], result.First[p.B]
		questions[[2]uint32{min(x, y), max(x, y)}] = true
		if person[p.A] == person[p.B] {
			r.SamePerson++
		}
	}
	r.InReview, r.Questions = len(waiting), len(questions)
	if o.Kinds > 0 {
		r.Wrong, r.Missed, r.Review = kinds(linked, records, result)
	}
	if err := r.print(o.Out, o.Kinds); err != nil || !o.Weights {
		return r, err
	}
	return r, counted(linked, records).print(o.Out)
}

func derive(ctx context.Context, m *linkage.Model, records []record) (*files.Records, error) {
	return files.Derive(ctx, m, &recordFeed{records: records, attributes: m.Attributes()})
}

// learn trains a model on a population of its own.
func learn(ctx context.Context, m *linkage.Model, people int, seed int64) (*linkage.Model, error) {
	records, err := observe(population.Generate(people, seed))
	if err != nil {
		return nil, err
	}
	from, err := derive(ctx, m, records)
	if err != nil {
		return nil, err
	}
	learned, _, err := train.Train(ctx, m, from, train.Settings{Seed: uint64(seed)})
	if err != nil {
		return nil, err
	}
	return m.Trained(learned)
}

// observe is what the hub's mappings make of what the platforms show.
func observe(p *population.Population) ([]record, error) {
	var list []record
	for i, platform := range population.Core {
		text, err := platforms.FS.ReadFile(platform + ".yaml")
		if err != nil {
			return nil, err
		}
		s, err := spec.Parse(platform+".yaml", text, address)
		if err != nil {
			return nil, err
		}
		read, err := mapping.New(s)
		if err != nil {
			return nil, err
		}
		layout := district.LayoutOf(platform)
		for n, o := range p.Observe(platform) {
			row := layout.Row(fmt.Sprint(n+1), o.Facts, o.ChangedAt)
			if platform == population.Gongan || platform == population.Disabled {
				throughGBK(row)
			}
			values, _, _ := read.Read(connectors.Row{Key: row[layout.Key], Op: schema.OpPut, Columns: row})
			list = append(list, record{platform: i, key: fmt.Sprint(n + 1), person: o.Person, values: values, errors: o.Errors})
		}
	}
	return list, nil
}

// address stands in for where a platform is: nobody connects to it.
func address(name string) (string, bool) {
	switch {
	case strings.HasSuffix(name, "_URL"):
		return "http://platform.invalid", true
	case strings.HasSuffix(name, "_DSN"):
		return "postgres://platform.invalid/register", true
	case strings.HasSuffix(name, "_DIR"):
		return "/exchange", true
	}
	return "none", true
}

// throughGBK does what a register does that cannot write a rare character.
func throughGBK(row district.Row) {
	for column, text := range row {
		if _, err := simplifiedchinese.GBK.NewEncoder().String(text); err == nil {
			continue
		}
		row[column] = strings.Map(func(r rune) rune {
			if _, err := simplifiedchinese.GBK.NewEncoder().String(string(r)); err != nil {
				return '？'
			}
			return r
		}, text)
	}
}

// recordFeed is a files.Feed.
type recordFeed struct {
	records    []record
	attributes []string
	next       int
}

// Sources are the platforms.
func (f *recordFeed) Sources() []string { return population.Core }

// Clean changes nothing: the values are canonical.
func (f *recordFeed) Clean(_ int, text string) string { return text }

// Next returns the next record.
func (f *recordFeed) Next(values []string) (files.Row, error) {
	if f.next == len(f.records) {
		return files.Row{}, io.EOF
	}
	r := &f.records[f.next]
	f.next++
	for i, a := range f.attributes {
		values[i] = r.values[schema.Attribute(a)]
	}
	return files.Row{Source: r.platform, Key: r.key, Line: f.next}, nil
}

func sameNumber(r *record) string { return r.values[schema.IDNumber] }

func sameNameAndBirth(r *record) string {
	name, birth := r.values[schema.Name], r.values[schema.BirthDate]
	if name == "" || birth == "" {
		return ""
	}
	return name + "\x00" + birth
}

// together joins all records that agree on any of some keys, and whatever that
// connects.
func together(records []record, keys ...func(*record) string) []uint32 {
	first := make([]uint32, len(records))
	for i := range first {
		first[i] = uint32(i)
	}
	var find func(i uint32) uint32
	find = func(i uint32) uint32 {
		if first[i] != i {
			first[i] = find(first[i])
		}
		return first[i]
	}
	for _, key := range keys {
		holder := map[string]uint32{}
		for i := range records {
			k := key(&records[i])
			if k == "" {
				continue
			}
			if h, ok := holder[k]; ok {
				a, b := find(h), find(uint32(i))
				first[max(a, b)] = min(a, b)
			} else {
				holder[k] = uint32(i)
			}
		}
	}
	for i := range first {
		find(uint32(i))
	}
	return first
}

// kinds groups the pairs that are wrong, those that are missed, and those that
// wait for a person.
func kinds(linked *files.Records, records []record, result *files.Result) (wrong, missed, review []Kind) {
	pairsWithin := func(of func(i int) int, apart func(a, b int) bool) []Kind {
		groups := map[int][]int{}
		for i := range records {
			groups[of(i)] = append(groups[of(i)], i)
		}
		shapes := shapes{}
		for _, g := range groups {
			for i, a := range g {
				for _, b := range g[:i] {
					if apart(a, b) {
						shapes.add("", linked, b, a)
					}
				}
			}
		}
		return shapes.mostFirst()
	}
	entity := func(i int) int { return int(result.First[i]) }
	person := func(i int) int { return records[i].person }
	wrong = pairsWithin(entity, func(a, b int) bool { return person(a) != person(b) })
	missed = pairsWithin(person, func(a, b int) bool { return entity(a) != entity(b) })
	waiting := shapes{}
	for _, p := range result.Review {
		truth := "two people"
		if person(p.A) == person(p.B) {
			truth = "one person"
		}
		waiting.add(fmt.Sprintf("%s, %s: ", truth, p.Reason), linked, p.A, p.B)
	}
	return wrong, missed, waiting.mostFirst()
}

// shapes counts pairs by shape.
type shapes map[string]*Kind

// add counts a pair under a prefix and the levels that it shows.
func (s shapes) add(prefix string, linked *files.Records, a, b int) {
	c := linked.Model().Compare(linked.Features(a), linked.Features(b))
	var parts []string
	for _, step := range c.Steps() {
		parts = append(parts, step.Name+"="+step.Level)
	}
	shape := prefix + strings.Join(parts, ", ")
	k := s[shape]
	if k == nil {
		k = &Kind{Shape: shape, Least: c.Weight, Most: c.Weight}
		s[shape] = k
	}
	k.Pairs++
	k.Least, k.Most = min(k.Least, c.Weight), max(k.Most, c.Weight)
}

func (s shapes) mostFirst() []Kind {
	list := make([]Kind, 0, len(s))
	for _, k := range s {
		list = append(list, *k)
	}
	slices.SortFunc(list, func(x, y Kind) int { return cmp.Or(y.Pairs-x.Pairs, cmp.Compare(x.Shape, y.Shape)) })
	return list
}

func (r PopulationReport) print(w io.Writer, most int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "people %d, records %d of %d registers, linked in %.2f s\n", r.People, r.Records, len(population.Core), r.Took.Seconds())
	line := func(name string, m files.Measure) {
		fmt.Fprintf(&b, "%-44s precision %.5f  recall %.5f  F1 %.5f  (%.0f wrong, %.0f missed)\n", name, m.Precision(), m.Recall(), m.F1(),
			m.Found-m.Right, m.True-m.Right)
	}
	line("Heji, automatic links", r.Pairs)
	line("baseline: same ID number", r.SameID)
	line("baseline: same ID number, or name + birth", r.SameIDOrNameBirth)
	fmt.Fprintf(&b, "waiting for review: %d records (%.2f %%) in %d pairs, %d of them of one person; %d questions\n", r.InReview,
		100*r.Waiting(), r.ReviewPairs, r.SamePerson, r.Questions)
	for _, list := range []struct {
		name  string
		kinds []Kind
	}{{"wrong", r.Wrong}, {"missed", r.Missed}, {"review", r.Review}} {
		for i, k := range list.kinds {
			if i == most {
				break
			}
			fmt.Fprintf(&b, "%s  %5d × %+.1f to %+.1f bits: %s\n", list.name, k.Pairs, float64(k.Least)/100, float64(k.Most)/100, k.Shape)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
