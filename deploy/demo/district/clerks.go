package district

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	p "heji/deploy/demo/population"
)

// WhileWriting is the round for the time in which the hub writes: clerks change,
// row by row, what their department alone decides. Nobody else receives it, so
// that what the hub has to write stays the same, but the rows move under its
// hands: versions and conditions no longer fit.
const WhileWriting = 3

// Round lets every platform's clerks do their work of one round, one edit
// after the other with a pause between them, and returns what they did.
//
// Round 1 is for the time in which the hub loads: corrections, new rows and
// deletions. Round 2 is for after its campaign is quiet: the same, the next
// extract of 公安, and a few deliberate edits of fields that the hub wrote
// (Edit.Contest). Within one round no true person is touched twice over all
// platforms, and outside those deliberate edits no field that the hub wrote is
// touched, so that what is needed afterwards can be counted.
//
// The plan of a round is stored before its first edit: called again, after a
// kill or for nothing, it goes on where it stopped.
func (d *District) Round(ctx context.Context, n int, pause time.Duration) ([]Edit, error) {
	plan, err := d.plan(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("round %d: %w", n, err)
	}
	tick := time.NewTicker(max(pause, time.Nanosecond))
	defer tick.Stop()
	var done []Edit
	for _, e := range plan {
		select {
		case <-ctx.Done():
			return done, ctx.Err()
		case <-tick.C:
		}
		e, err := d.byID[e.Platform].Clerk(ctx, e)
		if err != nil {
			return done, fmt.Errorf("round %d: %w", n, err)
		}
		d.learn(e)
		done = append(done, e)
	}
	if n == 2 {
		if err := d.byID[p.Gongan].(*gongan).extract(1); err != nil {
			return done, fmt.Errorf("round %d: extract: %w", n, err)
		}
	}
	return done, nil
}

// learn brings the truth up to what an edit says became true.
func (d *District) learn(e Edit) {
	if person := d.opts.Population.Person(e.Person); person != nil {
		maps.Copy(person.Facts, e.Truth)
	}
}

// recallTruth repeats for a fresh population what earlier rounds made true.
func (d *District) recallTruth(ctx context.Context) error {
	var all []Edit
	for _, pl := range d.platforms {
		edits, err := pl.Edits(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", pl.ID(), err)
		}
		all = append(all, edits...)
	}
	slices.SortStableFunc(all, func(a, b Edit) int { return a.At.Compare(b.At) })
	for _, e := range all {
		d.learn(e)
	}
	return nil
}

func (d *District) plan(ctx context.Context, n int) (plan []Edit, err error) {
	err = d.Once(fmt.Sprintf("round-%d", n), &plan, func() error {
		c := &clerks{d: d, round: n, pop: d.opts.Population, used: map[int]bool{},
			r: rand.New(rand.NewPCG(uint64(d.opts.Seed), uint64(n)<<32|0x636c65726b))}
		if err := c.look(ctx); err != nil {
			return err
		}
		c.work()
		plan = c.edits
		return nil
	})
	return plan, err
}

// clerks plans one round.
type clerks struct {
	d     *District
	round int
	pop   *p.Population
	r     *rand.Rand
	used  map[int]bool // persons touched in this round
	edits []Edit
	moves int

	rows    map[string]map[string]Row             // platform → key → row
	origins map[string]map[string]int             // platform → key → person
	written map[string]map[string]map[string]bool // platform → key → columns that the hub wrote
	held    map[int]int                           // person → number of platforms that have a row
}

// look sees what the platforms show before the round.
func (c *clerks) look(ctx context.Context) error {
	c.rows, c.origins = map[string]map[string]Row{}, map[string]map[string]int{}
	c.written, c.held = map[string]map[string]map[string]bool{}, map[int]int{}
	for _, pl := range c.d.platforms {
		if slices.Contains(p.Sealed, pl.ID()) {
			continue // nobody else knows of them, and what others do does not depend on them
		}
		rows, err := pl.Snapshot(ctx)
		if err != nil {
			return err
		}
		origins, err := pl.Origins(ctx)
		if err != nil {
			return err
		}
		journal, err := pl.Journal(ctx)
		if err != nil {
			return err
		}
		written := map[string]map[string]bool{}
		for _, w := range journal {
			if written[w.Key] == nil {
				written[w.Key] = map[string]bool{}
			}
			for column := range w.Set {
				written[w.Key][column] = true
			}
		}
		seen := map[int]bool{}
		for _, person := range origins {
			if !seen[person] {
				seen[person] = true
				c.held[person]++
			}
		}
		c.rows[pl.ID()], c.origins[pl.ID()], c.written[pl.ID()] = rows, origins, written
	}
	return nil
}

// quota is how many edits of a kind a platform of this size sees in a round:
// one for every so many rows, but always one.
func (c *clerks) quota(platform string, oneIn int) int {
	return max(1, len(c.origins[platform])/oneIn)
}

// work plans the round, platform by platform in a fixed order.
func (c *clerks) work() {
	if c.round == WhileWriting {
		for _, platform := range p.Platforms {
			// Few: many rows that change to the same value at once look like a fault.
			c.times(min(6, c.quota(platform, 60)), func() bool { return c.decide(platform) })
		}
		return
	}
	for _, platform := range p.Platforms {
		if platform == p.Gongan || platform == p.Marriages || LayoutOf(platform) == nil {
			continue
		}
		c.times(c.quota(platform, 400), func() bool { return c.newPhone(platform) })
		c.times(c.quota(platform, 700), func() bool { return c.move(platform) })
		c.times(c.quota(platform, 1500), func() bool { return c.newRow(platform) })
		c.times(c.quota(platform, 1500), func() bool { return c.delete(platform) })
	}
	c.times(c.quota(p.Pension, 1500), c.findNumber)
	c.times(c.quota(p.Maternal, 1500), c.nameBaby)
	if c.round >= 2 {
		c.times(c.quota(p.Gongan, 1500), c.rename)
		c.times(c.quota(p.Gongan, 1500), c.moveHukou)
		c.times(2, c.register)
		c.times(2, func() bool { return c.revert(p.Pension) })
		for _, platform := range []string{p.Medical, p.Jobs, p.LowIncomes} {
			c.revert(platform)
		}
	}
}

func (c *clerks) times(n int, f func() bool) {
	for range n {
		if !f() {
			return // nobody is left whom this could happen to
		}
	}
}

func (c *clerks) do(e Edit) bool {
	e.Round = c.round
	e.ID = fmt.Sprintf("r%d-%s-%02d", c.round, e.Platform, len(c.edits)+1)
	c.used[e.Person] = true
	c.edits = append(c.edits, e)
	return true
}

// find picks a row of a living person who was not touched in this round.
func (c *clerks) find(platform string, fits func(key string, row Row, person *p.Person) bool) (string, Row, *p.Person, bool) {
	keys := slices.Collect(maps.Keys(c.rows[platform]))
	h := fnv.New64a()
	h.Write([]byte(platform))
	start := c.r.Uint64() ^ h.Sum64()
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(scatter(a, start), scatter(b, start)), cmp.Compare(a, b))
	})
	for _, key := range keys {
		person := c.pop.Person(c.origins[platform][key])
		if person == nil || c.used[person.ID] || !person.Living() {
			continue
		}
		if row := c.rows[platform][key]; fits(key, row, person) {
			return key, row, person, true
		}
	}
	return "", nil, nil, false
}

// scatter orders keys by chance, but the same chance for the same start.
func scatter(key string, start uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(key))
	x := (h.Sum64() ^ start) * 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// ours reports whether the hub wrote one of a field's columns of a row.
func (c *clerks) ours(platform, key string, f Field) bool {
	for _, column := range f.Columns {
		if c.written[platform][key][column] {
			return true
		}
	}
	return false
}

// set changes one fact of a row that the hub has not written there.
func (c *clerks) set(platform, fact, note string, value func(*p.Person) string, fits func(Row, *p.Person) bool) bool {
	layout := LayoutOf(platform)
	f, kept := layout.Field(fact)
	if !kept {
		return false
	}
	key, _, person, ok := c.find(platform, func(key string, row Row, person *p.Person) bool {
		return !c.ours(platform, key, f) && fits(row, person)
	})
	if !ok {
		return false
	}
	v := value(person)
	return c.do(Edit{Platform: platform, Op: EditUpdate, Key: key, Person: person.ID, Note: note,
		Set: layout.Set(f, v), Truth: p.Facts{fact: v}})
}

func (c *clerks) newPhone(platform string) bool {
	return c.set(platform, p.Phone, "new phone", func(*p.Person) string {
		return c.pop.SparePhone(c.round*10_000 + len(c.edits))
	}, func(_ Row, person *p.Person) bool { return person.Age(c.pop.Today) >= 18 })
}

func (c *clerks) move(platform string) bool {
	empty := c.pop.EmptyDwellings()
	return c.set(platform, p.Residence, "moved", func(*p.Person) string {
		c.moves++
		return empty[(c.round*131+c.moves*7)%len(empty)].Address.Text()
	}, func(_ Row, person *p.Person) bool { return person.Age(c.pop.Today) >= 18 })
}

// newRow enters somebody whom the platform lacked.
func (c *clerks) newRow(platform string) bool {
	layout := LayoutOf(platform)
	name, _ := layout.Field(p.Name)
	birth, _ := layout.Field(p.BirthDate)
	there := map[string]bool{}
	for _, row := range c.rows[platform] {
		there[name.Value(row)+birth.Value(row)] = true
	}
	held := map[int]bool{}
	for _, person := range c.origins[platform] {
		held[person] = true
	}
	for _, i := range c.r.Perm(len(c.pop.Persons)) {
		person := c.pop.Persons[i]
		if held[person.ID] || c.used[person.ID] || !person.Living() || c.held[person.ID] == 0 ||
			!p.Eligible(platform, person, c.pop) || there[person.Facts[p.Name]+person.Facts[p.BirthDate]] {
			continue
		}
		row := layout.Row("", person.Facts, time.Time{})
		delete(row, layout.Key)
		delete(row, layout.Changed)
		return c.do(Edit{Platform: platform, Op: EditInsert, Person: person.ID, Set: row, Note: "new row"})
	}
	return false
}

// decisions are what a department alone decides and nobody else receives.
var decisions = map[string]struct {
	fact   string
	values []string
}{
	p.Pension: {p.PensionStatus, []string{"1", "2"}}, p.Medical: {p.MedicalStatus, []string{"1", "2"}}, p.Maternal: {p.ChildHealth, []string{"1", "2"}},
	p.Floating: {p.Landlord, []string{"陈国强", "周丽华"}}, p.Women: {p.Contraception, []string{"21", "24"}}, p.HealthFiles: {p.ChronicDisease, []string{"1", "2"}},
	p.Jobs: {p.JobStatus, []string{"2", "3"}}, p.OldAge: {p.CareLevel, []string{"0", "1"}}, p.Safety: {p.Grid, []string{"290105004001991", "290105004001992"}},
	p.Volunteers: {p.Interests, []string{"书法", "戏曲"}}, p.LowIncomes: {p.LowIncomeUntil, []string{"2027-06-28", "2027-07-28"}},
}

// decide changes what the department alone decides, in a row that shows it.
func (c *clerks) decide(platform string) bool {
	d, ok := decisions[platform]
	if !ok {
		return false
	}
	f, _ := LayoutOf(platform).Field(d.fact)
	key, row, person, ok := c.find(platform, func(_ string, row Row, _ *p.Person) bool { return !f.Blank(row) })
	if !ok {
		return false
	}
	v := d.values[0]
	if f.Value(row) == v {
		v = d.values[1]
	}
	return c.do(Edit{Platform: platform, Op: EditUpdate, Key: key, Person: person.ID, Set: LayoutOf(platform).Set(f, v), Note: "decided",
		Truth: p.Facts{d.fact: v}})
}

// faultless reports whether a row shows a person's true name, number and birth
// date: a row that is surely known to be this person's.
func faultless(platform string, row Row, person *p.Person) bool {
	for _, fact := range []string{p.Name, p.IDNumber, p.BirthDate} {
		if f, ok := LayoutOf(platform).Field(fact); !ok || f.Value(row) != person.Facts[fact] {
			return false
		}
	}
	return true
}

// delete takes out a double, or else somebody who is well known elsewhere, by a
// row without faults: one that stands alone would take its resident with it.
func (c *clerks) delete(platform string) bool {
	count := map[int]int{}
	for _, person := range c.origins[platform] {
		count[person]++
	}
	for _, fits := range []func(*p.Person) bool{
		func(person *p.Person) bool { return count[person.ID] > 1 },
		func(person *p.Person) bool { return c.held[person.ID] >= 3 },
	} {
		key, _, person, ok := c.find(platform, func(key string, row Row, person *p.Person) bool {
			return len(c.written[platform][key]) == 0 && fits(person) && faultless(platform, row, person)
		})
		if ok {
			return c.do(Edit{Platform: platform, Op: EditDelete, Key: key, Person: person.ID, Note: "row taken out"})
		}
	}
	return false
}

// findNumber fills in an ID number that 居民养老 lacked.
func (c *clerks) findNumber() bool {
	f, _ := LayoutOf(p.Pension).Field(p.IDNumber)
	return c.set(p.Pension, p.IDNumber, "number found", func(person *p.Person) string { return person.Facts[p.IDNumber] },
		func(row Row, _ *p.Person) bool { return f.Blank(row) })
}

// nameBaby gives a baby that 妇幼 keeps as “张某之女” its name.
func (c *clerks) nameBaby() bool {
	f, _ := LayoutOf(p.Maternal).Field(p.Name)
	return c.set(p.Maternal, p.Name, "baby named", func(person *p.Person) string { return person.Facts[p.Name] },
		func(row Row, person *p.Person) bool {
			return person.Mother != 0 && f.Value(row) != person.Facts[p.Name]
		})
}

// rename changes a legal name at 公安; the next extract shows it.
func (c *clerks) rename() bool {
	layout := LayoutOf(p.Gongan)
	name, _ := layout.Field(p.Name)
	former, _ := layout.Field(p.FormerName)
	key, _, person, ok := c.find(p.Gongan, func(_ string, row Row, person *p.Person) bool {
		return former.Blank(row) && person.Age(c.pop.Today) >= 18 && len([]rune(person.Facts[p.Name])) == 3
	})
	if !ok {
		return false
	}
	old := []rune(person.Facts[p.Name])
	fresh := string(old[:2]) + "瑾"
	set := layout.Set(name, fresh)
	maps.Copy(set, layout.Set(former, string(old)))
	return c.do(Edit{Platform: p.Gongan, Op: EditUpdate, Key: key, Person: person.ID, Set: set, Note: "name changed",
		Truth: p.Facts{p.Name: fresh, p.FormerName: string(old)}})
}

func (c *clerks) moveHukou() bool {
	empty := c.pop.EmptyDwellings()
	return c.set(p.Gongan, p.HukouAddress, "hukou moved", func(*p.Person) string {
		c.moves++
		return empty[(c.round*131+c.moves*7)%len(empty)].Address.Text()
	}, func(_ Row, person *p.Person) bool { return person.Age(c.pop.Today) >= 18 })
}

// register enters a newborn at 公安.
func (c *clerks) register() bool {
	held := map[int]bool{}
	for _, person := range c.origins[p.Gongan] {
		held[person] = true
	}
	for _, person := range c.pop.Persons {
		if person.Mother == 0 || person.Age(c.pop.Today) > 0 || held[person.ID] || c.used[person.ID] ||
			!p.Eligible(p.Gongan, person, c.pop) {
			continue
		}
		layout := LayoutOf(p.Gongan)
		row := layout.Row("", person.Facts, time.Time{})
		delete(row, layout.Key)
		return c.do(Edit{Platform: p.Gongan, Op: EditInsert, Person: person.ID, Set: row, Note: "newborn registered"})
	}
	return false
}

// revert puts back a phone that the hub had replaced: the one kind of edit that
// the hub must not answer.
func (c *clerks) revert(platform string) bool {
	layout := LayoutOf(platform)
	phone, _ := layout.Field(p.Phone)
	first := map[string]string{}
	for _, s := range c.d.seed(layout) {
		first[s.Key] = phone.Value(s.Row)
	}
	key, _, person, ok := c.find(platform, func(key string, row Row, _ *p.Person) bool {
		return c.ours(platform, key, phone) && first[key] != "" && first[key] != phone.Value(row)
	})
	if !ok {
		return false
	}
	return c.do(Edit{Platform: platform, Op: EditUpdate, Key: key, Person: person.ID, Set: layout.Set(phone, first[key]),
		Note: "put back what we replaced", Contest: true})
}
