package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

// Kind is the name under which the kind is registered.
const Kind = "remote"

func init() {
	connectors.Register(Kind, Open)
	connectors.RegisterSettings(Kind, Settings{})
}

// reader reads through a program.
type reader struct{ *link }

type looker struct{ *reader }

type writer struct{ *reader }

type lookingWriter struct{ *writer }

// Open prepares the connector; nothing is reached. What it can do depends on the
// file: a program that is not there yet cannot be asked.
func Open(_ context.Context, p *spec.Platform, env connectors.Environment) (connectors.Connector, error) {
	s, err := Load(p)
	if err != nil {
		return nil, err
	}
	l := &link{platform: p, settings: s, connect: env.NATS}
	if s.URL != "" {
		l.connect = func() (*nats.Conn, error) { return nats.Connect(s.URL, nats.Name("heji"), nats.MaxReconnects(-1)) }
	}
	if l.connect == nil {
		l.connect = func() (*nats.Conn, error) {
			return nil, connectors.NewTrouble("remote_no_nats")
		}
	}
	r := &reader{l}
	looks, writes := slices.Contains(s.Can, OpLook), slices.Contains(s.Can, OpPush)
	switch {
	case looks && writes:
		return &lookingWriter{&writer{r}}, nil
	case looks:
		return &looker{r}, nil
	case writes:
		return &writer{r}, nil
	}
	return r, nil
}

// Close ends the connection.
func (r *reader) Close() error {
	r.close()
	return nil
}

// Check makes sure that a program is there, and lets it look at its platform
// where it can.
func (r *reader) Check(ctx context.Context) error {
	err := r.check(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	return nil
}

func (r *reader) check(ctx context.Context) error {
	w, err := r.hello(ctx)
	if err != nil || !slices.Contains(w.Can, OpCheck) {
		return err
	}
	var done Done
	id := newID()
	if err := r.request(ctx, OpCheck, id, Ask{ID: id}, &done); err != nil {
		return err
	}
	if done.Error != nil {
		return done.Error.err()
	}
	return nil
}

// Pull makes one pass, page by page. A page is asked for while fewer than window
// pages wait to be published.
func (r *reader) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	err := r.pull(ctx, from, emit)
	var stop stopped
	if errors.As(err, &stop) {
		return stop.err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	return nil
}

// stopped wraps an error of emit, so that it is told from the program's.
type stopped struct{ err error }

func (s stopped) Error() string { return s.err.Error() }

func (r *reader) pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	w, err := r.hello(ctx)
	if err != nil {
		return err
	}
	window := w.Window
	if r.settings.Window > 0 {
		window = min(window, r.settings.Window)
	}
	ctx, stop := context.WithCancel(ctx)
	read, began := newID(), time.Now()
	var acked atomic.Int64
	pages := make(chan Page, window)
	free := make(chan struct{}, window) // a place for each page that may wait
	failed := make(chan error, 1)
	go func() {
		defer close(pages)
		failed <- r.fetch(ctx, read, from, &acked, free, pages)
	}()
	finish := func() error { // the fetching ends before Pull does
		stop()
		for range pages { //nolint:revive // only emptied
		}
		return <-failed
	}
	for p := range pages {
		if err := emit(batch(p, began)); err != nil {
			r.cancel(read)
			_ = finish() // the first error is the one to tell
			return stopped{err}
		}
		acked.Add(1)
		<-free
	}
	return finish()
}

// fetch asks for one page after the other.
func (r *reader) fetch(ctx context.Context, read string, from connectors.Cursor, acked *atomic.Int64, free chan struct{}, pages chan<- Page) error {
	q := PullRequest{Read: read, Cursor: from, Rows: r.settings.Rows, Bytes: r.bytes()}
	if len(from) == 0 {
		q.Cursor = json.RawMessage("null")
	}
	for ; ; q.Page++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case free <- struct{}{}:
		}
		q.ID, q.Acked = newID(), int(acked.Load())
		var p Page
		if err := r.ask(ctx, OpPull, q.ID, q, &p); err != nil {
			return err
		}
		if p.Error != nil {
			return p.Error.err()
		}
		if p.Complete && (!p.Full || !absent(p.Next)) {
			return fmt.Errorf("the program says that a page is complete which is not the last of a full read: %w", connectors.ErrLayout)
		}
		pages <- p // there is room: a place was taken above
		if absent(p.Next) {
			return nil
		}
		q.Next = p.Next
	}
}

func absent(m json.RawMessage) bool { return len(m) == 0 || string(m) == "null" }

func batch(p Page, began time.Time) connectors.Batch {
	b := connectors.Batch{AsOf: began, Full: p.Full, Complete: p.Complete, Source: p.Source, Rows: rows(p.Rows)}
	if p.AsOf != nil && p.AsOf.Before(began) {
		b.AsOf = *p.AsOf // a time to come is no evidence
	}
	if !absent(p.Cursor) {
		b.Cursor = p.Cursor
	}
	return b
}

// rows takes a program's rows over, and sets aside what can be nobody's.
func rows(list []Row) []connectors.Row {
	out := make([]connectors.Row, 0, len(list))
	for _, x := range list {
		row := connectors.Row{Key: x.Key, Op: schema.OpPut, Columns: x.Columns, RowVersion: x.Version, Token: x.Token, Place: words(x.Place)}
		if x.ChangedAt != nil {
			row.ChangedAt = *x.ChangedAt
		}
		switch x.Op {
		case "", string(schema.OpPut):
		case string(schema.OpDelete):
			row.Op = schema.OpDelete
		default:
			row.Op, row.Problem, row.Columns = schema.OpDead, schema.ProblemUnreadable, nil
			if x.Op == string(schema.OpDead) && known(schema.Problem(x.Problem)) {
				row.Problem = schema.Problem(x.Problem)
			}
		}
		if problem := connectors.KeyProblem(x.Key); problem != "" && row.Op != schema.OpDead {
			row = connectors.Row{Op: schema.OpDead, Problem: problem, Place: row.Place}
		}
		out = append(out, row)
	}
	return out
}

func known(p schema.Problem) bool {
	return slices.Contains([]schema.Problem{schema.ProblemNoKey, schema.ProblemColumns, schema.ProblemEncoding, schema.ProblemUnreadable,
		schema.ProblemControl, schema.ProblemTooLong}, p)
}

// Preview returns the first rows, by the program's own shorter way where it has
// one.
func (r *reader) Preview(ctx context.Context, n int) ([]connectors.Row, error) {
	w, err := r.hello(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	if !slices.Contains(w.Can, OpPreview) {
		return connectors.Sample(ctx, r, n)
	}
	id := newID()
	return r.rows(ctx, OpPreview, id, PreviewRequest{ID: id, Rows: n})
}

func (r *reader) rows(ctx context.Context, op, id string, body any) ([]connectors.Row, error) {
	var reply Rows
	err := r.request(ctx, op, id, body, &reply)
	if err == nil && reply.Error != nil {
		err = reply.Error.err()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	return rows(reply.Rows), nil
}

// look asks for rows as they are now.
func (r *reader) look(ctx context.Context, q connectors.Query) ([]connectors.Row, error) {
	id := newID()
	return r.rows(ctx, OpLook, id, LookRequest{ID: id, Key: q.Key, Natural: q.Natural})
}

// Look asks for rows by key or natural key.
func (l *looker) Look(ctx context.Context, q connectors.Query) ([]connectors.Row, error) {
	return l.look(ctx, q)
}

// Look asks for rows by key or natural key.
func (w *lookingWriter) Look(ctx context.Context, q connectors.Query) ([]connectors.Row, error) {
	return w.look(ctx, q)
}

// Conditional reports whether the program compares before it writes.
func (w *writer) Conditional() bool { return w.settings.Conditional }

// Push writes, in as many requests as the messages need. The error means that
// nothing was attempted.
func (w *writer) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	if len(writes) == 0 {
		return nil, nil
	}
	if _, err := w.hello(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", w.platform.ID, err)
	}
	var out []connectors.Outcome
	for _, chunk := range w.chunks(writes, &out) {
		var got []connectors.Outcome
		err := connectors.Halt(ctx)
		if err == nil {
			got, err = w.push(ctx, chunk)
		}
		if err != nil && len(out) == 0 && len(chunk) == len(writes) {
			return nil, fmt.Errorf("%s: %w", w.platform.ID, err)
		}
		for _, x := range chunk {
			if err != nil { // certainly not done
				got = append(got, connectors.Outcome{Intent: x.Intent, Status: connectors.Busy, Reason: err.Error(), RetryAfter: connectors.RetryAfter(err)})
			}
		}
		out = append(out, got...)
	}
	byIntent := map[string]connectors.Outcome{}
	for _, o := range out {
		byIntent[o.Intent] = o
	}
	for i, x := range writes {
		if i == len(out) {
			out = append(out, connectors.Outcome{})
		}
		out[i] = byIntent[x.Intent]
	}
	return out, nil
}

// chunks cuts writes into requests that fit a message. One that fits none is
// refused.
func (w *writer) chunks(writes []connectors.Write, out *[]connectors.Outcome) [][]connectors.Write {
	var list [][]connectors.Write
	var now []connectors.Write
	size, limit := 0, w.bytes()
	for _, x := range writes {
		data, err := json.Marshal(wire(x))
		if err != nil || len(data) > limit {
			*out = append(*out, connectors.Outcome{Intent: x.Intent, Status: connectors.Refused, Reason: "it is longer than a message to the program may be"})
			continue
		}
		if size += len(data) + 1; size > limit && len(now) > 0 {
			list, now, size = append(list, now), nil, len(data)+1
		}
		now = append(now, x)
	}
	if len(now) > 0 {
		list = append(list, now)
	}
	return list
}

func wire(x connectors.Write) Write {
	return Write{Intent: x.Intent, Key: x.Key, Token: x.Token, Set: x.Set, If: x.If, Version: x.RowVersion, Natural: x.Natural}
}

// push makes one request. An error means that nothing was attempted; whatever
// nobody knows is a doubt (I5).
func (w *writer) push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	q := PushRequest{ID: newID(), Batch: writes[0].Batch}
	for _, x := range writes {
		q.Writes = append(q.Writes, wire(x))
	}
	var reply PushReply
	err := w.ask(ctx, OpPush, q.ID, q, &reply)
	switch {
	case errors.Is(err, errNobody):
		return nil, err
	case err == nil && reply.Error != nil && len(reply.Outcomes) == 0:
		return nil, reply.Error.err()
	}
	said := map[string]Outcome{}
	for _, o := range reply.Outcomes {
		said[o.Intent] = o
	}
	out := make([]connectors.Outcome, len(writes))
	for i, x := range writes {
		o, ok := said[x.Intent]
		out[i] = connectors.Outcome{Intent: x.Intent, Status: connectors.Status(o.Status), Key: o.Key, RowVersion: o.Version, Column: o.Column,
			Reason: connectors.Reason(o.Reason, x.Set, x.Natural), RetryAfter: time.Duration(min(max(o.RetryAfter, 0), 86400) * float64(time.Second))}
		switch {
		case err != nil:
			out[i] = connectors.Outcome{Intent: x.Intent, Status: connectors.Doubt, Reason: err.Error()}
		case !ok:
			out[i] = connectors.Outcome{Intent: x.Intent, Status: connectors.Doubt, Reason: "the program said nothing about this write"}
		case !slices.Contains(statuses, out[i].Status):
			out[i] = connectors.Outcome{Intent: x.Intent, Status: connectors.Doubt, Reason: "the program gave a status that docs/remote-protocol.md does not have"}
		case out[i].Key == "":
			out[i].Key = x.Key
		}
		if out[i].Status == connectors.Applied && out[i].Key == "" {
			out[i].Status, out[i].Reason = connectors.Doubt, "the program made a row and did not say its key"
		}
	}
	return out, nil
}

var statuses = []connectors.Status{connectors.Applied, connectors.Missed, connectors.Refused, connectors.Gone, connectors.Exists, connectors.Doubt, connectors.Busy}
