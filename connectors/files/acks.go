package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"heji/connectors"
)

// Acknowledged returns the answers of every complete answer file, in the order
// of the files. What could be read is returned even beside an error about what
// could not.
func (a *acknowledger) Acknowledged(ctx context.Context) ([]connectors.Outcome, error) {
	ids, err := a.acks.ready(ctx, a.ackMatch.MatchString)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.platform.ID, err)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i].Name < ids[j].Name })
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []connectors.Outcome
	var errs []error
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return out, fmt.Errorf("%s: %w", a.platform.ID, err)
		}
		answers, err := a.answers(ctx, id)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.platform.ID, err))
			continue
		}
		intents := map[string]bool{}
		for _, o := range answers {
			intents[o.Intent] = true
			if !a.released[o.Intent] {
				out = append(out, o)
			}
		}
		a.pending[id] = intents
	}
	return out, errors.Join(errs...)
}

// Release forgets answers that are safe in Postgres, and moves each answer file
// of which nothing is left.
func (a *acknowledger) Release(ctx context.Context, outcomes []connectors.Outcome) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range outcomes {
		a.released[o.Intent] = true
	}
	var errs []error
	for id, intents := range a.pending {
		if !a.allReleased(intents) {
			continue
		}
		if err := a.acks.shelve(ctx, id, a.settings.Acks.Processed); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.platform.ID, err))
			continue
		}
		delete(a.pending, id)
		for intent := range intents {
			delete(a.released, intent)
		}
	}
	return errors.Join(errs...)
}

func (a *acknowledger) allReleased(intents map[string]bool) bool {
	for intent := range intents {
		if !a.released[intent] {
			return false
		}
	}
	return true
}

// answers reads one answer file. A row that cannot be read answers nothing: the
// next export will show what became of it.
func (a *acknowledger) answers(ctx context.Context, id identity) ([]connectors.Outcome, error) {
	s := a.settings.Acks
	src, err := a.open(ctx, s.Dir, id, s.Shape, "")
	if err != nil {
		return nil, err
	}
	defer src.close()
	var header map[string]int
	var out []connectors.Outcome
	for n := 1; ; n++ {
		rec, err := src.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, refused(id.Name, "line %d: %s", rec.line, err)
		}
		if n < s.HeaderRow || rec.blank() {
			continue
		}
		if header == nil {
			header = map[string]int{}
			for i, cell := range rec.cells {
				header[squeeze(cell)] = i
			}
			for _, needed := range []string{s.IDColumn, s.StatusColumn} {
				if _, ok := header[squeeze(needed)]; !ok {
					return nil, refused(id.Name, "its header has no column %s", needed)
				}
			}
			continue
		}
		cell := func(column string) string {
			i, ok := header[squeeze(column)]
			if !ok || column == "" || i >= len(rec.cells) {
				return ""
			}
			return strings.TrimSpace(rec.cells[i])
		}
		if o, ok := s.outcome(cell); ok {
			out = append(out, o)
		}
	}
	if header == nil {
		return nil, refused(id.Name, "it is empty")
	}
	return out, nil
}

// outcome reads one answer. Without a number or a status it is none yet.
func (s *Acks) outcome(cell func(column string) string) (connectors.Outcome, bool) {
	o := connectors.Outcome{Intent: cell(s.IDColumn), Key: cell(s.KeyColumn), Column: cell(s.ColumnColumn)}
	status := cell(s.StatusColumn)
	if o.Intent == "" || status == "" {
		return o, false
	}
	switch {
	case contains(s.OK, status):
		o.Status = connectors.Applied
	case contains(s.Exists, status):
		o.Status = connectors.Exists
	case contains(s.Gone, status):
		o.Status = connectors.Gone
	case contains(s.Missed, status):
		o.Status = connectors.Missed
	default:
		o.Status = connectors.Refused
	}
	if o.Status != connectors.Applied {
		o.Reason = connectors.Reason(cell(s.ReasonColumn))
		if o.Reason == "" {
			o.Reason = "the platform gave the status " + connectors.Reason(status)
		}
	}
	return o, true
}
