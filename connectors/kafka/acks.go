package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/segmentio/kafka-go"

	"heji/connectors"
)

// answers is how far the topic of answers was read, and what of it is not yet
// safe in Postgres.
type answers struct {
	mu   sync.Mutex
	next map[int]int64 // where to read on; nil: not known yet
	open []answer      // in the order in which they were read
}

type answer struct {
	at      spot
	outcome connectors.Outcome
}

// maxOpen is how many answers wait in memory for their release.
const maxOpen = 5000

// Acknowledged reads what is new in the topic of answers. After a restart it
// begins at what was committed, or at the beginning: an answer that is heard
// twice changes nothing. A message that is no answer is named in the error,
// once, and the others are returned beside it.
func (w *writer) Acknowledged(ctx context.Context) ([]connectors.Outcome, error) {
	a := &w.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	err := w.hear(ctx, a)
	out := make([]connectors.Outcome, len(a.open))
	for i, x := range a.open {
		out[i] = x.outcome
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w", w.platform.ID, err)
	}
	return out, nil
}

func (w *writer) hear(ctx context.Context, a *answers) error {
	topic := w.settings.Acks.Topic
	parts, err := w.client.partitions(ctx, topic)
	if err != nil {
		return err
	}
	spans, err := w.client.spans(ctx, parts)
	if err != nil {
		return err
	}
	if a.next == nil {
		next, err := w.client.committed(ctx, w.settings.Group, topic, parts)
		if err != nil {
			return err
		}
		a.next = next
	}
	var errs []error
	for _, p := range parts {
		sp := spans[p.ID]
		from, known := a.next[p.ID]
		if !known || from < sp.first || from > sp.last {
			from = sp.first // the first time, or the topic was cleared or made anew
		}
		err := w.client.scan(ctx, p, from, sp.last, func(m kafka.Message) error {
			if len(a.open) >= maxOpen {
				return errFull
			}
			a.next[p.ID] = m.Offset + 1
			o, ok := w.settings.Acks.outcome(m)
			if !ok {
				errs = append(errs, fmt.Errorf("the message %s/%d@%d is no answer: no JSON, or without the number of a change or a status: %w", topic, p.ID, m.Offset, connectors.ErrLayout))
				return nil
			}
			a.open = append(a.open, answer{spot{p.ID, m.Offset}, o})
			return nil
		})
		if errors.Is(err, errFull) {
			break
		}
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(errs...)
}

var errFull = errors.New("enough answers wait")

// Release forgets answers that are safe in Postgres, and commits up to the first
// that is not.
func (w *writer) Release(ctx context.Context, outcomes []connectors.Outcome) error {
	a := &w.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	safe := map[string]bool{}
	for _, o := range outcomes {
		safe[o.Intent] = true
	}
	var still []answer
	for _, x := range a.open {
		if !safe[x.outcome.Intent] {
			still = append(still, x)
		}
	}
	a.open = still
	done := map[int]int64{}
	for id, next := range a.next {
		done[id] = next
	}
	for _, x := range still {
		done[x.at.partition] = min(done[x.at.partition], x.at.offset)
	}
	if err := w.client.commit(ctx, w.settings.Group, w.settings.Acks.Topic, done); err != nil {
		return fmt.Errorf("%s: %w", w.platform.ID, err)
	}
	return nil
}

// outcome reads one answer.
func (a *Acks) outcome(m kafka.Message) (connectors.Outcome, bool) {
	var o connectors.Outcome
	content, ok := object(m.Value)
	if !ok {
		return o, false
	}
	flat := map[string]string{}
	flatten(content, "", flat)
	o.Intent, o.Key, o.Column = flat[a.ID], flat[a.Key], flat[a.Column]
	if o.Intent == "" {
		for _, h := range m.Headers {
			if h.Key == headerKey {
				o.Intent = string(h.Value)
			}
		}
	}
	status := flat[a.Status]
	if o.Intent == "" || status == "" {
		return o, false
	}
	o.Status = connectors.Refused
	for _, known := range []struct {
		words []string
		means connectors.Status
	}{{a.OK, connectors.Applied}, {a.Exists, connectors.Exists}, {a.Gone, connectors.Gone}, {a.Missed, connectors.Missed}} {
		for _, word := range known.words {
			if word == status {
				o.Status = known.means
			}
		}
	}
	if o.Status != connectors.Applied {
		o.Reason = connectors.Reason(flat[a.Reason])
		if o.Reason == "" {
			o.Reason = "the platform gave the status " + connectors.Reason(status)
		}
	}
	return o, true
}
