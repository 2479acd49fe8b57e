package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"heji/schema"
)

// Counts is what a platform receives that is told numbers and never a person.
type Counts struct {
	// Period is how often it is reported at most: week, month, quarter, year.
	Period string `yaml:"period"` // default month
	// Small: counts from 1 to one below it are not told, because few people are
	// somebody. Default 3.
	Small int `yaml:"small"`
	// SmallText stands for such a count; default "<3" with the number of small.
	SmallText string  `yaml:"small_text"`
	List      []Count `yaml:"list"`
}

// Count is one line: residents who are in force and for whom all conditions hold.
type Count struct {
	Label string             `yaml:"label"` // as the platform calls it
	Where []schema.Condition `yaml:"where"`
}

var periods = []string{"week", "month", "quarter", "year"}

// Conditions are those of each line.
func (c *Counts) Conditions() [][]schema.Condition {
	out := make([][]schema.Condition, len(c.List))
	for i, x := range c.List {
		out[i] = x.Where
	}
	return out
}

// PeriodOf names the period that a day lies in: 2026-11, 2026-Q4, 2026-W48, 2026.
func (c *Counts) PeriodOf(day time.Time) string {
	switch c.Period {
	case "week":
		year, week := day.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	case "quarter":
		return fmt.Sprintf("%d-Q%d", day.Year(), (int(day.Month())+2)/3)
	case "year":
		return day.Format("2006")
	}
	return day.Format("2006-01")
}

// Text writes a count as it is told.
func (c *Counts) Text(n int64) string {
	if n > 0 && n < int64(c.Small) {
		return c.SmallText
	}
	return fmt.Sprint(n)
}

func validateCounts(d *decoder, p *Platform) {
	c := p.Counts
	if c.Period == "" {
		c.Period = "month"
	}
	if c.Small == 0 {
		c.Small = 3
	}
	if c.SmallText == "" {
		c.SmallText = fmt.Sprintf("<%d", c.Small)
	}
	if p.Kind != "manual" {
		d.add(p.Line("counts"), "counts: only a platform of kind manual receives counts: somebody types them.")
	}
	if !slices.Contains(periods, c.Period) {
		d.add(p.Line("counts.period"), "counts.period: %q is none of %s.%s", c.Period, strings.Join(periods, ", "), suggestion(c.Period, periods))
	}
	if c.Small < 1 {
		d.add(p.Line("counts.small"), "counts.small must be at least 1. 1 means that every count is told.")
	}
	if len(c.List) == 0 {
		d.add(p.Line("counts"), "counts.list is missing: what is counted, such as {label: 低保对象, where: [{attribute: low_income, in: [\"1\", \"2\"]}]}.")
	}
	if len(p.Fields) > 0 || len(p.Agreement.Receives) > 0 || p.Agreement.Creates {
		d.add(p.Line("counts"), "counts: a platform that receives counts receives no person. Take fields and agreement.receives out, or describe it as two platforms.")
	}
	for i, x := range c.List {
		path := fmt.Sprintf("counts.list.%d", i)
		if x.Label == "" {
			d.add(p.Line(path), "counts.list: a count has no label.")
		}
		for _, w := range x.Where {
			def, ok := schema.Lookup(w.Attribute)
			switch {
			case ok && def.Class == schema.ClassD: // I7: it is counted nowhere
				d.add(p.Line(path), "counts.list: %q is no attribute that can be counted.", x.Label)
			case (w.YoungerThan > 0 || w.OlderThan > 0) && ok && def.Kind != schema.KindDate:
				d.add(p.Line(path), "counts.list: younger_than and older_than are for dates, and %s is %s.", w.Attribute, def.Kind)
			case w.Attribute == "":
				d.add(p.Line(path), "counts.list: a condition of %q names no attribute.", x.Label)
			}
		}
	}
}
