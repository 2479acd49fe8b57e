// Package spec is the YAML file of one platform: how to reach it, its key, how
// to notice changes, its fields, its agreement, its limits and quirks.
//
// Load reads it strictly: an unknown key is an error that names the file, the
// line and the nearest right key.
package spec

import (
	"time"

	"go.yaml.in/yaml/v3"

	"heji/schema"
)

// Platform is one file in connectors/platforms.
type Platform struct {
	Source string `yaml:"-"` // the file it was read from

	ID         string       `yaml:"platform"` // lower case letters, digits, underscore
	Name       string       `yaml:"name"`     // what staff call it
	NameEn     string       `yaml:"name_en"`
	Department string       `yaml:"department"`
	Kind       string       `yaml:"kind"`
	Class      schema.Class `yaml:"class"`

	// Connect is decoded strictly by the kind. ${NAME} is replaced from the
	// environment; a secret is never written into the file.
	Connect yaml.Node `yaml:"connect"`

	Key []string `yaml:"key"` // columns of the platform's own row id, joined with "~"
	// Natural is the natural key that finds a person before a create.
	Natural []schema.Attribute `yaml:"natural"`
	// TokenColumn stores our create token, where the platform offers one.
	TokenColumn string `yaml:"token_column"`
	// ChangeColumn holds the row's change time.
	ChangeColumn string `yaml:"change_column"`
	ChangeFormat string `yaml:"change_format"`
	// ClockTrusted: the change column tells when the fact changed there.
	ClockTrusted bool `yaml:"clock_trusted"`
	// VersionColumn is a row version (opaque), where there is one.
	VersionColumn string `yaml:"version_column"`

	Cadence     Duration  `yaml:"cadence"`      // how often to pull; for extracts: how often one is expected; above 0
	Lag         *Duration `yaml:"lag"`          // how stale a read may be; default one cadence
	RequestLife Duration  `yaml:"request_life"` // longest life of a request; default 30s

	Fields    map[schema.Attribute]Field `yaml:"fields"`
	Agreement schema.Agreement           `yaml:"agreement"`
	Limits    Limits                     `yaml:"limits"`
	// Settle: how long what is due to one row waits before it is written, so that
	// quick changes become one write; default 0s. What staff enter does not wait.
	Settle Duration `yaml:"settle"`
	// Window says on which days and at which hours the platform may be written to;
	// default always.
	Window Window `yaml:"window"`
	// Brake says how much may change at once before a person has looked.
	Brake Brake `yaml:"brake"`

	Quirks []string `yaml:"quirks"` // for people

	// CreateWith holds columns that every row we create must carry and that are
	// no attribute of the person (a region code, "source = 社区"): column → text.
	CreateWith map[string]string `yaml:"create_with"`
	// WriteWith holds constants that every write must carry, changes as well as
	// new rows (who reports, in what capacity): column → text.
	WriteWith map[string]string `yaml:"write_with"`

	// Counts, instead of fields: the platform is told numbers and never a person.
	Counts *Counts `yaml:"counts"`

	// Charset says what the platform's own storage can hold.
	Charset Charset `yaml:"charset"`

	lines   map[string]int // dotted key → line, for errors found later
	secrets []string       // what ${NAME} became, so that Redact can take it out
}

// Field maps one attribute to one or more columns, in both directions.
type Field struct {
	Column string `yaml:"column"`
	// Columns instead of Column: the value is spread over several columns. Its
	// wire text is their texts joined with Join: "-" by default ("4-2"), "|" for
	// an address or a name, whose Format then names one part for each column
	// ("{community}|{building}|{unit}|{room}", "{surname}|{given}").
	Columns []string `yaml:"columns"`
	Join    string   `yaml:"join"`
	// Codes names the local code table (a crosswalk of schema/codes such as
	// education_1984); empty: the canonical table.
	Codes string `yaml:"codes"`
	// Map overrides single codes: local text → canonical code. The first local
	// text listed for a canonical code is the one written.
	Map yaml.Node `yaml:"map"`
	// Format of a date (yyyyMMdd, yyyy-MM-dd, yyyy/MM/dd) or of an address
	// ("{community}{building}幢{unit}单元{room}室").
	Format string `yaml:"format"`
	// Defaults are texts that the platform itself fills in: never evidence.
	Defaults []string `yaml:"defaults"`
	// Blank lists texts that mean blank here ("无", "-").
	Blank []string `yaml:"blank"`
	// Max cuts what is written to so many characters, Pad pads it: what the
	// platform is predicted to do with a value.
	Max int `yaml:"max"`
	Pad int `yaml:"pad"`
	// ReadOnly: the platform shows this column but takes no value for it.
	ReadOnly bool `yaml:"read_only"`
	// Required: the platform refuses a row without it.
	Required bool `yaml:"required"`
	// When limits the field to rows in which another column says what this one
	// means (a number of any kind beside a column for the kind of number).
	When *When `yaml:"when"`
	// Read and Write are expressions for what no table does: Read makes the text
	// that the rest of this field describes out of the platform's ("value"), Write
	// the platform's out of that text. A field that is received and has one of
	// the two needs both.
	Read  string `yaml:"read"`
	Write string `yaml:"write"`
}

// When is a condition on another column of the same row.
type When struct {
	Column string   `yaml:"column"`
	Is     []string `yaml:"is"` // the texts for which the field counts; the first is written with a new row
}

// Charset is what a platform's own storage can hold, and what stands for a
// character that it cannot.
type Charset struct {
	Encoding string `yaml:"encoding"` // gb2312, gbk, gb18030; default: everything
	// Fallback is refuse (the default: the field is held for a person), pinyin
	// (its reading without tones, in capitals), or a text such as ？ or □.
	Fallback string `yaml:"fallback"`
}

// The fallbacks with a meaning of their own.
const (
	FallbackRefuse = "refuse"
	FallbackPinyin = "pinyin"
)

// Limits are what the platform can bear.
type Limits struct {
	RowsPerSecond float64 `yaml:"rows_per_second"` // 0: no limit
	Concurrency   int     `yaml:"concurrency"`     // 0: 1
	Batch         int     `yaml:"batch"`           // rows in one push; 0: the kind's default
	// Failures: after so many failed calls in a row the platform is left alone, and
	// then tried with one row; default 5.
	Failures int `yaml:"failures"`
	// QuestionsPerDay and AskAgain are for platforms that can only be asked person
	// by person: how many in a day, and after how long the same person again.
	QuestionsPerDay int      `yaml:"questions_per_day"`
	AskAgain        Duration `yaml:"ask_again"` // default 720h
}

// Trips is after how many failed calls in a row the platform is left alone.
func (l Limits) Trips() int {
	if l.Failures == 0 {
		return 5
	}
	return l.Failures
}

// Duration is a time.Duration written as Go does: 2s, 24h, 720h.
type Duration time.Duration

// D returns it as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// UnmarshalYAML reads "2s".
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}

// ReadLag is the declared lag, by default one cadence.
func (p *Platform) ReadLag() time.Duration {
	if p.Lag != nil {
		return p.Lag.D()
	}
	return p.Cadence.D()
}

// Life is the longest life of a request, by default 30 seconds.
func (p *Platform) Life() time.Duration {
	if p.RequestLife == 0 {
		return 30 * time.Second
	}
	return p.RequestLife.D()
}
