package table

import "github.com/jackc/pgx/v5"

// scan reads one row of the select list. NULL and an empty text are both blank: which one
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
	version := ""
	if v := texts[len(l.names)]; v != nil {
		version = *v
	}
	s := r.dress(columns, version)
	if l.view {
		s.mark = fingerprint(columns)
	} else {
		s.mark = *texts[len(l.names)+1]
		s.xid = now.restore(s.mark)
	}
	if len(texts) > len(l.names)+2 {
		s.place = *texts[len(l.names)+2]
	}
	return s, nil
}
