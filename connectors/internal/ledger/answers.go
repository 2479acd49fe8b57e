package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

// Answer is what became of one row of a parcel.
type Answer struct {
	Row     int // from 1
	Outcome connectors.Outcome
}

// Answer closes rows of a parcel. Rows that have an outcome keep it: the same
// receipt again changes nothing (I5).
func (l *Ledger) Answer(ctx context.Context, id, who string, answers []Answer) (r connectors.Receipt, err error) {
	r.Parcel = id
	err = l.Keep.Change(ctx, func(b connectors.Box) error {
		r = connectors.Receipt{Parcel: id}
		p := &Parcel{}
		ok, err := read(b, parcelEntry+id, p)
		if err != nil {
			return err
		}
		if !ok {
			if ok, err = read(b, closedEntry+id, p); err != nil || !ok {
				if err == nil {
					err = connectors.ErrNoParcel
				}
				return err
			}
			r.Repeated = len(answers)
			return nil
		}
		var outcomes []connectors.Outcome
		p.sign(who)
		for _, a := range answers {
			if a.Row < 1 || a.Row > len(p.Rows) {
				r.Unknown++
				continue
			}
			row := &p.Rows[a.Row-1]
			if !row.waits() {
				r.Repeated++
				continue
			}
			a.Outcome.Reason = connectors.Reason(a.Outcome.Reason, row.Cells) // I9
			if o, ok := l.conclude(row, a.Outcome); ok {
				outcomes = append(outcomes, o)
			}
			if a.Outcome.Status == connectors.Applied {
				r.Applied++
			} else {
				r.Refused++
			}
		}
		r.Open = 0
		for _, row := range p.Rows {
			if row.waits() {
				r.Open++
			}
		}
		if err := appendAnswers(b, outcomes); err != nil {
			return err
		}
		return l.save(b, p)
	})
	return r, err
}

// sign keeps who said something about the parcel, where somebody did.
func (p *Parcel) sign(who string) {
	if who != "" {
		p.By = who
	}
}

// conclude gives a row its outcome. A create whose row has no key yet has none:
// it was taken, and the next export says the rest.
func (l *Ledger) conclude(row *Row, o connectors.Outcome) (connectors.Outcome, bool) {
	o.Intent = row.Intent
	if o.Key == "" {
		o.Key = row.Key
	}
	if o.Status == connectors.Applied && o.Key == "" {
		if o.Key = l.KeyOf(row.Cells); o.Key == "" {
			row.Taken = true
			return o, false
		}
	}
	if o.Status == connectors.Doubt {
		row.Doubted = true
		return o, true
	}
	row.Status = o.Status
	return o, true
}

func appendAnswers(b connectors.Box, more []connectors.Outcome) error {
	if len(more) == 0 {
		return nil
	}
	var list []connectors.Outcome
	if _, err := read(b, answerEntry, &list); err != nil {
		return err
	}
	// The last word about a write is the one that counts.
	for _, o := range more {
		list = slices.DeleteFunc(list, func(x connectors.Outcome) bool { return x.Intent == o.Intent })
		list = append(list, o)
	}
	return put(b, answerEntry, list)
}

// Acknowledged returns outcomes that are not released.
func (l *Ledger) Acknowledged(ctx context.Context) (list []connectors.Outcome, err error) {
	err = l.Keep.View(ctx, func(b connectors.Box) error {
		list = nil
		_, err := read(b, answerEntry, &list)
		return err
	})
	return list, err
}

// Release forgets outcomes that are safe. A later word about the same write is
// another outcome, and stays.
func (l *Ledger) Release(ctx context.Context, outcomes []connectors.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	said := map[string]connectors.Status{}
	for _, o := range outcomes {
		said[o.Intent] = o.Status
	}
	return l.Keep.Change(ctx, func(b connectors.Box) error {
		var list []connectors.Outcome
		if _, err := read(b, answerEntry, &list); err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(o connectors.Outcome) bool {
			s, ok := said[o.Intent]
			return ok && s == o.Status
		})
		if len(list) == 0 {
			return b.Delete(answerEntry)
		}
		return put(b, answerEntry, list)
	})
}

// Uploaded puts the rows of a parcel in doubt: handed in, and no receipt.
func (l *Ledger) Uploaded(ctx context.Context, id, who string) error {
	return l.change(ctx, id, func(b connectors.Box, p *Parcel) error {
		if p.Carried.IsZero() {
			return connectors.ErrNoParcel // nobody has it
		}
		if p.Uploaded.IsZero() {
			p.Uploaded = l.Now()
		}
		p.sign(who)
		var out []connectors.Outcome
		for i := range p.Rows {
			if row := &p.Rows[i]; row.waits() && !row.Doubted {
				o, _ := l.conclude(row, connectors.Outcome{Status: connectors.Doubt, Reason: "handed in without a receipt"})
				out = append(out, o)
			}
		}
		return appendAnswers(b, out)
	})
}

// Return frees the rows of a parcel that was certainly not handed in.
func (l *Ledger) Return(ctx context.Context, id, who string) error {
	return l.change(ctx, id, func(b connectors.Box, p *Parcel) error {
		if p.Carried.IsZero() || !p.Uploaded.IsZero() {
			return connectors.ErrNoParcel
		}
		p.sign(who)
		if p.Period != "" {
			p.Carried = time.Time{} // a card of counts: opened, and not entered
			return nil
		}
		for i := range p.Rows {
			// Something was answered: then it was handed in.
			if row := p.Rows[i]; !row.waits() || row.Doubted {
				return connectors.ErrNoParcel
			}
		}
		var out []connectors.Outcome
		for i := range p.Rows {
			o, _ := l.conclude(&p.Rows[i], connectors.Outcome{Status: connectors.Busy, Reason: "fetched and not handed in"})
			out = append(out, o)
		}
		return appendAnswers(b, out)
	})
}

// Outstanding returns the intents of open rows.
func (l *Ledger) Outstanding(ctx context.Context) ([]string, error) {
	list, err := l.List(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range list {
		for _, r := range p.Rows {
			if r.open() {
				out = append(out, r.Intent)
			}
		}
	}
	return out, nil
}

// Forget closes rows whose write the hub has closed in another way.
func (l *Ledger) Forget(ctx context.Context, intents []string) error {
	_, err := l.without(ctx, intents, func(_ *Parcel, row *Row) bool {
		row.Status = connectors.Doubt
		return false
	})
	return err
}

// Recall takes rows out of parcels that nobody has fetched.
func (l *Ledger) Recall(ctx context.Context, intents []string) ([]string, error) {
	return l.without(ctx, intents, func(p *Parcel, _ *Row) bool { return p.Carried.IsZero() })
}

// without visits the open rows of some intents; those for which f says yes go
// away and are returned.
func (l *Ledger) without(ctx context.Context, intents []string, f func(*Parcel, *Row) bool) (gone []string, err error) {
	if len(intents) == 0 {
		return nil, nil
	}
	err = l.Keep.Change(ctx, func(b connectors.Box) error {
		gone = nil
		list, err := parcels(b, parcelEntry)
		if err != nil {
			return err
		}
		for _, p := range list {
			var rows []Row
			touched := false
			for _, row := range p.Rows {
				if row.open() && slices.Contains(intents, row.Intent) {
					touched = true
					if f(p, &row) {
						gone = append(gone, row.Intent)
						continue
					}
				}
				rows = append(rows, row)
			}
			if p.Rows = rows; touched {
				if err := l.save(b, p); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return gone, err
}

// Shown compares rows of an export with what is carried. A row that shows what
// was sent closes its write. A row with the natural key of a create says the key
// that it got; or, where nobody has fetched the create yet, that the person is
// there already. A row that shows anything else proves nothing: perhaps the
// parcel was not handed in yet.
func (l *Ledger) Shown(ctx context.Context, rows []connectors.Row, asOf time.Time) error {
	list, err := l.List(ctx)
	if err != nil {
		return err
	}
	waiting, creates := map[string]bool{}, false
	for _, p := range list {
		for _, r := range p.Rows {
			if r.open() {
				waiting[r.Key] = true
				creates = creates || r.Key == ""
			}
		}
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r connectors.Row) bool {
		return r.Op != schema.OpPut || !creates && !waiting[r.Key]
	})
	if len(waiting) == 0 || len(rows) == 0 {
		return nil
	}
	byKey := make(map[string]connectors.Row, len(rows))
	for _, r := range rows {
		byKey[r.Key] = r
	}
	return l.Keep.Change(ctx, func(b connectors.Box) error {
		list, err := parcels(b, parcelEntry)
		if err != nil {
			return err
		}
		for _, p := range list {
			after := !p.Carried.IsZero() && asOf.After(p.Carried)
			var out []connectors.Outcome
			for i := range p.Rows {
				row := &p.Rows[i]
				o, ok := row.shown(byKey, rows, after, p.Carried.IsZero())
				if !ok || !row.open() {
					continue
				}
				o, _ = l.conclude(row, o)
				out = append(out, o)
			}
			if len(out) == 0 {
				continue
			}
			if p.Carried.IsZero() { // what is settled before anybody fetched it is not carried
				p.Rows = slices.DeleteFunc(p.Rows, func(r Row) bool { return !r.open() })
			}
			if err := appendAnswers(b, out); err != nil {
				return err
			}
			if err := l.save(b, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// shown is what an export says about one row. after: it is newer than the
// moment at which the parcel was fetched; waits: nobody has fetched it yet.
func (r *Row) shown(byKey map[string]connectors.Row, rows []connectors.Row, after, waits bool) (connectors.Outcome, bool) {
	if r.Key != "" {
		x, ok := byKey[r.Key]
		return connectors.Outcome{Status: connectors.Applied, Key: r.Key, RowVersion: x.RowVersion}, ok && after && shows(x.Columns, r.Set)
	}
	for _, x := range rows {
		token := r.Token != "" && x.Token == r.Token
		if !token && (len(r.Natural) == 0 || !shows(x.Columns, r.Natural)) {
			continue
		}
		switch {
		case token || after || r.Taken:
			return connectors.Outcome{Status: connectors.Applied, Key: x.Key}, true
		case waits:
			return connectors.Outcome{Status: connectors.Exists, Key: x.Key, Reason: "the platform has a row with this natural key already"}, true
		}
	}
	return connectors.Outcome{}, false
}

func shows(columns, texts map[string]string) bool {
	for c, text := range texts {
		shown, ok := columns[c]
		if !ok || strings.TrimSpace(shown) != strings.TrimSpace(text) {
			return false
		}
	}
	return true
}

// Strange notes a receipt that matched nothing. Its content is not kept: whoever
// has brought it has it.
func (l *Ledger) Strange(ctx context.Context, name, why string) error {
	return l.Keep.Change(ctx, func(b connectors.Box) error {
		list, err := strangers(b)
		if err != nil {
			return err
		}
		list = append([]connectors.Stranger{{Name: name, At: l.Now(), Why: why}}, list...)
		return put(b, strangerEntry, list[:min(len(list), 20)])
	})
}

// Strangers returns them, newest first.
func (l *Ledger) Strangers(ctx context.Context) (list []connectors.Stranger, err error) {
	err = l.Keep.View(ctx, func(b connectors.Box) error {
		list, err = strangers(b)
		return err
	})
	return list, err
}

func strangers(b connectors.Box) (list []connectors.Stranger, err error) {
	_, err = read(b, strangerEntry, &list)
	return list, err
}

// Cells is all that a sheet or a card says about a write: what is to change,
// what finds the row, and what the row shows otherwise.
func Cells(w connectors.Write, keys []string, create map[string]string) (map[string]string, error) {
	cells := maps.Clone(w.Shown)
	if cells == nil {
		cells = map[string]string{}
	}
	if w.Key == "" {
		maps.Copy(cells, create)
		maps.Copy(cells, w.Natural)
	} else {
		parts, ok := connectors.SplitKey(w.Key, len(keys))
		if !ok {
			return nil, fmt.Errorf("the row's key has another number of columns")
		}
		for i, k := range keys {
			cells[k] = parts[i]
		}
	}
	maps.Copy(cells, w.Set)
	return cells, nil
}

// KeyOf is the key of a row that a create made, where what was carried tells it;
// else "".
func KeyOf(p *spec.Platform) func(cells map[string]string) string {
	if len(p.Key) == 0 || missing(p, p.Key) != "" {
		return func(map[string]string) string { return "" }
	}
	return func(cells map[string]string) string {
		parts := make([]string, len(p.Key))
		for i, k := range p.Key {
			parts[i] = cells[k]
		}
		if connectors.KeyProblem(parts...) != "" {
			return ""
		}
		return connectors.JoinKey(parts...)
	}
}

// KeyKnown reports whether a new row carries its own key.
func KeyKnown(p *spec.Platform) bool { return len(p.Key) > 0 && missing(p, p.Key) == "" }

// missing returns the first column that no new row is given.
func missing(p *spec.Platform, columns []string) string {
	for _, c := range columns {
		if !slices.Contains(Carried(p), c) {
			return c
		}
	}
	return ""
}

// Carried are the columns that a write may have to carry: those of received
// attributes, and constants.
func Carried(p *spec.Platform) []string {
	var out []string
	for a := range p.Agreement.Receives {
		if p.Agreement.Mode(a) != schema.Never && p.Agreement.Mode(a) != schema.Propose {
			out = append(out, p.Fields[a].ColumnNames()...)
		}
	}
	out = slices.AppendSeq(out, maps.Keys(p.CreateWith))
	out = slices.AppendSeq(out, maps.Keys(p.WriteWith))
	slices.Sort(out)
	return slices.Compact(out)
}
