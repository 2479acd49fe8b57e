package table

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/internal/pace"
	"heji/connectors/internal/timefmt"
	"heji/connectors/spec"
	"heji/connectors/table/dialect"
	"heji/schema"
)

// common is what the readers and writers of all brands share: the file, and what
// follows from it without asking a database.
type common struct {
	platform *spec.Platform
	settings Settings
	zone     *time.Location
	now      func() time.Time
	limit    *pace.Limiter             // of writes; nil where nothing is written
	fault    func(error) dialect.Fault // what an error of this brand's driver means
	forget   func()                    // drops what was learnt about the table
}

// columns are all columns that are read, in order.
func (c *common) columns() []string {
	set := map[string]bool{}
	for _, name := range c.platform.Columns() {
		set[name] = true
	}
	if c.settings.Deletes == deletesTombstone {
		set[c.settings.Tombstone.Column] = true
	}
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// lacks is the sentence about columns that are not there; nil: none is missing.
func (c *common) lacks(table string, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	return connectors.NewTrouble("db_columns", "where", c.platform.Source, "table", table, "columns", strings.Join(missing, ", "))
}

// notThere is the sentence about a table that is not there.
func (c *common) notThere(key, table string) error {
	return connectors.NewTrouble("db_table", "where", c.at(key), "table", table, "key", key)
}

// at is a place in the platform's file.
func (c *common) at(key string) string {
	if line := c.platform.Line(key); line > 0 {
		return fmt.Sprintf("%s:%d", c.platform.Source, line)
	}
	return c.platform.Source
}

// named looks at the table again where a statement found that it is not as the
// file says, so that the sentence names the column. Once the column is back, the
// next pass goes on where the last one was.
func (c *common) named(ctx context.Context, err error, check func(context.Context) error) error {
	if !errors.Is(err, connectors.ErrLayout) {
		return err
	}
	c.forget()
	if better := check(ctx); errors.Is(better, connectors.ErrLayout) {
		return better
	}
	return err
}

// due reports whether everything must be read.
func (c *common) due(from *cursor, start time.Time) bool {
	return from == nil || c.settings.FullEvery > 0 && start.Sub(from.Full) >= c.settings.FullEvery.D()
}

// dress makes the row of its columns, as the database gave them.
func (c *common) dress(columns map[string]string, version string) sighting {
	p := c.platform
	s := sighting{keys: make([]string, len(p.Key)), change: columns[p.ChangeColumn]}
	for i, k := range p.Key {
		s.keys[i] = columns[k]
	}
	for name := range c.settings.Digits {
		columns[name] = c.restored(name, columns[name])
	}
	row := connectors.Row{Op: schema.OpPut, Columns: columns, RowVersion: version}
	parts := make([]string, len(p.Key))
	for i, k := range p.Key {
		parts[i] = columns[k]
	}
	if problem := connectors.KeyProblem(parts...); problem != "" {
		s.row = c.dead("", problem)
		return s
	}
	row.Key = connectors.JoinKey(parts...)
	if p.TokenColumn != "" {
		row.Token = columns[p.TokenColumn]
	}
	if p.ChangeColumn != "" {
		if t, ok := timefmt.Parse(columns[p.ChangeColumn], p.ChangeFormat, c.zone); ok {
			row.ChangedAt = t
		}
	}
	if c.settings.Deletes == deletesTombstone && columns[c.settings.Tombstone.Column] == c.settings.Tombstone.Value {
		row.Op = schema.OpDelete
	}
	s.row = row
	return s
}

// dead is a row that cannot be used. With its key, where that can be read, it
// still counts as there.
func (c *common) dead(key string, problem schema.Problem) connectors.Row {
	return connectors.Row{Op: schema.OpDead, Key: key, Problem: problem, Place: "a row of the table " + c.settings.Table}
}

// restored gives a number the leading zeros back that the platform's column
// lost (110101 of 0110101; a code 01 kept as 1).
func (c *common) restored(column, text string) string {
	width := c.settings.Digits[column]
	if text == "" || len(text) >= width || strings.Trim(text, "0123456789") != "" {
		return text
	}
	return strings.Repeat("0", width-len(text)) + text
}

// forms are the texts under which the platform may hold a value: as it is, and
// without its leading zeros.
func (c *common) forms(column, text string) []string {
	if c.settings.Digits[column] == 0 || text == "" || strings.Trim(text, "0123456789") != "" {
		return []string{text}
	}
	bare := strings.TrimLeft(text[:len(text)-1], "0") + text[len(text)-1:]
	if bare == text {
		return []string{text}
	}
	return []string{text, bare}
}

// fingerprint tells two contents of one row apart, where there is no version.
func fingerprint(columns map[string]string) string {
	h := sha256.New()
	for _, name := range sorted(columns) {
		fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(columns[name]), columns[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// foreign finds a row that was not asked for: a comparison that the database
// makes loosely (without case, or of what looks like a number) must not give us
// another person's row.
func (c *common) foreign(rows []connectors.Row, key string, natural map[string]string) bool {
	for _, row := range rows {
		if key != "" && row.Key != key {
			return true
		}
		for name, text := range natural {
			shown, ok := row.Columns[name]
			if ok && !strings.EqualFold(strings.TrimSpace(shown), strings.TrimSpace(text)) {
				return true
			}
		}
	}
	return false
}

// foreignRow is the sentence about such a row. It holds no key: keys may be ID
// numbers (I9).
const foreignRow = "the database gives another person's row for the key that was asked for; nothing is written there. Ask the department how it compares this column"

func (c *common) otherRow() error {
	return connectors.NewTrouble("db_other_row", "platform", c.platform.ID)
}

func sorted(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
