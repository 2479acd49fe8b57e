package table

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"

	"github.com/jackc/pgx/v5"

	"heji/connectors"
	"heji/connectors/internal/timefmt"
	"heji/schema"
)

// scan reads one row of the select list. NULL and ” are both blank: which one
// a platform uses says nothing about the person.
func (r *reader) scan(l *layout, now snapshot, rows pgx.Rows) (sighting, error) {
	texts := make([]*string, len(rows.FieldDescriptions())) // the list, and the place where asked for
	into := make([]any, len(texts))
	for i := range texts {
		into[i] = &texts[i]
	}
	if err := rows.Scan(into...); err != nil {
		return sighting{}, err
	}
	columns := make(map[string]string, len(l.names))
	for i, name := range l.names {
		columns[name] = ""
		if texts[i] != nil {
			columns[name] = *texts[i]
		}
	}
	row := connectors.Row{Op: schema.OpPut, Columns: columns}
	if v := texts[len(l.names)]; v != nil {
		row.RowVersion = *v
	}
	s := sighting{row: r.dress(row)}
	if l.view {
		s.mark = fingerprint(row)
	} else {
		s.mark = *texts[len(l.names)+1]
		s.xid = now.restore(s.mark)
	}
	if len(texts) > len(l.names)+2 {
		s.place = *texts[len(l.names)+2]
	}
	return s, nil
}

// dress fills in what the columns say about the row itself.
func (r *reader) dress(row connectors.Row) connectors.Row {
	p := r.platform
	parts := make([]string, len(p.Key))
	for i, k := range p.Key {
		parts[i] = row.Columns[k]
	}
	if problem := connectors.KeyProblem(parts...); problem != "" {
		row.Op, row.Problem = schema.OpDead, problem
		row.Place = "a row of the table " + r.settings.Table
		return row
	}
	row.Key = connectors.JoinKey(parts...)
	if p.TokenColumn != "" {
		row.Token = row.Columns[p.TokenColumn]
	}
	if p.ChangeColumn != "" {
		if t, ok := timefmt.Parse(row.Columns[p.ChangeColumn], p.ChangeFormat, r.zone); ok {
			row.ChangedAt = t
		}
	}
	if r.settings.Deletes == deletesTombstone && row.Columns[r.settings.Tombstone.Column] == r.settings.Tombstone.Value {
		row.Op = schema.OpDelete
	}
	return row
}

// fingerprint tells two contents of one row apart, where there is no version.
func fingerprint(row connectors.Row) string {
	h := sha256.New()
	for _, name := range sorted(row.Columns) {
		fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(row.Columns[name]), row.Columns[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func sorted(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// keyTexts are a row's key parts as text.
func (r *reader) keyTexts(row connectors.Row) []string {
	parts := make([]string, len(r.platform.Key))
	for i, k := range r.platform.Key {
		parts[i] = row.Columns[k]
	}
	return parts
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
