package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"heji/connectors"
	"heji/connectors/internal/timefmt"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/clock"
)

// Kind is the name under which the kind is registered.
const Kind = "files"

func init() {
	connectors.Register(Kind, Open)
	connectors.RegisterSettings(Kind, Settings{})
}

// reader reads a folder.
type reader struct {
	platform *spec.Platform
	settings Settings
	zone     *time.Location
	columns  []string // that a file must have
	drive    drive
	folder   *folder
	full     *regexp.Regexp
	drop     *regexp.Regexp // incremental files, nil: none
	asOfName *regexp.Regexp
	attended bool // a person looks once (connectors.Environment)
}

// writer drops batches into an outbox as well.
type writer struct {
	*reader
	journal string
	push    sync.Mutex // one batch at a time
	swept   bool       // nothing of an upload that broke off is left in the outbox
}

// acknowledger also reads the platform's answers.
type acknowledger struct {
	*writer
	acks     *folder
	ackMatch *regexp.Regexp

	mu       sync.Mutex
	pending  map[identity]map[string]bool // intents of each answer file
	released map[string]bool
}

// Open prepares the connector. What it can do depends on the file: only with an
// outbox, and the acks that belong to it, does it write.
func Open(_ context.Context, p *spec.Platform, env connectors.Environment) (connectors.Connector, error) {
	s, err := load(p)
	if err != nil {
		return nil, err
	}
	if env.Attended {
		s.StableFor = 0
	}
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		return nil, p.Errorf("connect.timezone", "connect.timezone is no time zone. Write it as Asia/Shanghai.")
	}
	var d drive = disk{}
	if s.SFTP != nil {
		if d, err = newRemote(p, s.SFTP, env.Dir); err != nil {
			return nil, err
		}
	}
	r := &reader{platform: p, settings: s, zone: zone, columns: p.Columns(), drive: d, attended: env.Attended,
		folder: &folder{drive: d, dir: s.Dir, marker: s.DoneMarker, stableFor: s.StableFor.D(), now: clock.Now}}
	if s.DeleteColumn != "" && !contains(r.columns, s.DeleteColumn) {
		r.columns = append(r.columns, s.DeleteColumn)
	}
	if s.Mode == modeFull {
		r.full = compile(s.Pattern)
	} else {
		r.drop = compile(s.Pattern)
	}
	if s.IncrementalPattern != "" {
		r.drop = compile(s.IncrementalPattern)
	}
	if s.AsOf.Name != "" {
		r.asOfName = regexp.MustCompile(s.AsOf.Name)
	}
	if s.Outbox == nil {
		return r, nil
	}
	w := &writer{reader: r, journal: filepath.Join(env.Dir, "outbox")}
	if env.Dir == "" {
		w.journal = filepath.Join(s.Outbox.Dir, ".heji")
	}
	return &acknowledger{writer: w, ackMatch: compile(s.Acks.Pattern), pending: map[identity]map[string]bool{}, released: map[string]bool{},
		acks: &folder{drive: d, dir: s.Acks.Dir, marker: s.Acks.DoneMarker, stableFor: s.StableFor.D(), now: clock.Now}}, nil
}

// Close gives connections back; no file stays open between calls.
func (r *reader) Close() error { return r.drive.close() }

// Check looks at the folder, and into the newest file in it.
func (r *reader) Check(ctx context.Context) error {
	found, err := r.waiting(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	if len(found) == 0 {
		return nil // nothing there is normal between two deliveries
	}
	if err := r.inspect(ctx, found[len(found)-1]); err != nil {
		return fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	return nil
}

// Check also makes sure that a batch could be dropped.
func (w *writer) Check(ctx context.Context) error {
	if err := w.reader.Check(ctx); err != nil {
		return err
	}
	probe := w.drive.join(w.settings.Outbox.Dir, ".heji-check.tmp")
	err := w.drive.write(ctx, probe, nil)
	if err == nil {
		err = w.drive.remove(ctx, probe)
	}
	if err != nil {
		return fmt.Errorf("%s: nothing can be written into the folder %s: %w. Check connect.outbox.dir and its rights",
			w.platform.Source, w.settings.Outbox.Dir, because(err))
	}
	return nil
}

// Check also looks at the folder of the answers.
func (a *acknowledger) Check(ctx context.Context) error {
	if err := a.writer.Check(ctx); err != nil {
		return err
	}
	if _, err := a.acks.ready(ctx, a.ackMatch.MatchString); err != nil {
		return fmt.Errorf("%s: %w", a.platform.Source, err)
	}
	return nil
}

// cursor says which files are finished and, of a drop, how far it was read.
type cursor struct {
	// Done are finished files that Confirm may move.
	Done []identity `json:"done,omitempty"`
	// At and Records: of this incremental file so many records were read.
	At      *identity `json:"at,omitempty"`
	Records int       `json:"records,omitempty"`
	// Full is the as-of time of the newest full extract that was read.
	Full time.Time `json:"full"`
}

func decodeCursor(from connectors.Cursor) (cursor, error) {
	var c cursor
	if len(from) == 0 || string(from) == "null" {
		return c, nil
	}
	if err := json.Unmarshal(from, &c); err != nil {
		return c, fmt.Errorf("the stored resume point is not one of this kind: %w", err)
	}
	return c, nil
}

func (c cursor) encode() connectors.Cursor {
	data, err := json.Marshal(c)
	if err != nil {
		panic("files: a cursor of names and times cannot fail to encode: " + err.Error())
	}
	return data
}

func (c cursor) done(id identity) bool {
	for _, d := range c.Done {
		if d.same(id) {
			return true
		}
	}
	return false
}

// waiting returns the complete files in the order of their as-of times. A time
// that stands inside the file is not known yet: there the delivery orders.
func (r *reader) waiting(ctx context.Context) ([]*extract, error) {
	if r.settings.Dir == r.settings.Processed {
		return r.lookBack(ctx)
	}
	ids, err := r.folder.ready(ctx, r.ours)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 && r.attended {
		return r.lookBack(ctx)
	}
	return r.inOrder(ids), nil
}

// ours reports whether a name is that of an extract or a drop.
func (r *reader) ours(name string) bool {
	return r.full != nil && r.full.MatchString(name) || r.drop != nil && r.drop.MatchString(name)
}

// inOrder puts files in the order of their as-of times.
func (r *reader) inOrder(ids []identity) []*extract {
	var out []*extract
	for _, id := range ids {
		e := &extract{identity: id, mode: modeFull}
		pattern := r.full
		if r.drop != nil && r.drop.MatchString(id.Name) {
			e.mode, pattern = modeIncremental, r.drop
		}
		e.asOf = r.asOf(id, pattern)
		out = append(out, e)
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		ta, tb := a.order(), b.order()
		if !ta.Equal(tb) {
			return ta.Before(tb)
		}
		if a.mode != b.mode {
			return a.mode == modeFull
		}
		return a.Name < b.Name
	})
	return out
}

func (e *extract) order() time.Time {
	if e.asOf.IsZero() {
		return e.MTime
	}
	return e.asOf
}

// asOf is the time in the file's name, else the time of its delivery; zero
// where the file itself will say it.
func (r *reader) asOf(id identity, pattern *regexp.Regexp) time.Time {
	if r.settings.AsOf.Cell != "" {
		return time.Time{}
	}
	if r.asOfName != nil {
		if m := r.asOfName.FindStringSubmatch(id.Name); m != nil {
			if t, ok := stampOf(m[1], r.settings.AsOf.Format, r.zone); ok {
				return t
			}
		}
		return time.Time{}
	}
	if m := pattern.FindStringSubmatch(id.Name); len(m) > 1 {
		if t, ok := stamp(m[1], r.zone); ok {
			return t
		}
		return time.Time{}
	}
	return id.MTime
}

// stopped wraps an error of emit, so that it is told from a file's own.
type stopped struct{ err error }

func (s stopped) Error() string { return s.err.Error() }
func (s stopped) Unwrap() error { return s.err }

// Pull reads every complete file that is not finished. A file that must be
// refused is named in the error, and the others are read all the same (I10).
func (r *reader) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	c, err := decodeCursor(from)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	found, err := r.waiting(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	c.prune(found)
	var errs []error
	for _, e := range found {
		if c.done(e.identity) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", r.platform.ID, err)
		}
		err := r.take(ctx, e, &c, emit)
		var stop stopped
		if errors.As(err, &stop) {
			return stop.err
		}
		if err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%s: %w", r.platform.ID, ctx.Err())
			}
			errs = append(errs, fmt.Errorf("%s: %w", r.platform.ID, err))
		}
	}
	return errors.Join(errs...)
}

// prune forgets finished files that are no longer in the folder.
func (c *cursor) prune(found []*extract) {
	var still []identity
	for _, e := range found {
		if c.done(e.identity) {
			still = append(still, e.identity)
		}
	}
	c.Done = still
}

// take reads one file. A full extract has no resume point before its end:
// half of it says nothing about who is missing.
func (r *reader) take(ctx context.Context, e *extract, c *cursor, emit func(connectors.Batch) error) error {
	if err := r.inspect(ctx, e); err != nil {
		return err
	}
	skip := 0
	if e.mode == modeIncremental && c.At != nil && c.At.same(e.identity) {
		skip = c.Records
	}
	behind := e.mode == modeFull && e.asOf.Before(c.Full)
	missed := 0
	complete := true
	err := r.read(ctx, e, skip, func(rows []connectors.Row, records int, last bool, lost int) error {
		b := connectors.Batch{Rows: rows, AsOf: e.asOf, Full: e.mode == modeFull, Source: e.Name}
		switch {
		case last:
			if err := r.unchanged(ctx, e); err != nil {
				return err
			}
			missed = lost
			c.finish(e)
			complete = !b.Full || lost == 0 && !behind
			b.Complete = b.Full && complete
			if complete {
				b.Cursor = c.encode()
			}
		case e.mode == modeIncremental:
			at := *c
			at.At, at.Records = &e.identity, records
			b.Cursor = at.encode()
		}
		if err := emit(b); err != nil {
			return stopped{err}
		}
		return nil
	})
	if err == nil && !complete {
		// The file is finished, though it proves nothing about who is missing: the
		// resume point stands by itself, outside the full read.
		if err := emit(connectors.Batch{AsOf: e.asOf, Cursor: c.encode(), Source: e.Name}); err != nil {
			return stopped{err}
		}
	}
	switch {
	case err != nil:
		return err
	case e.mode == modeFull && missed > 0:
		return connectors.NewTrouble("file_lost", "file", e.Name, "rows", strconv.Itoa(missed))
	}
	return nil
}

// finish puts a file on the list of the finished.
func (c *cursor) finish(e *extract) {
	c.Done = append(c.Done, e.identity)
	c.At, c.Records = nil, 0
	if e.mode == modeFull && e.asOf.After(c.Full) {
		c.Full = e.asOf
	}
}

// unchanged makes sure that the file is still the one that was inspected.
func (r *reader) unchanged(ctx context.Context, e *extract) error {
	info, err := r.drive.stat(ctx, r.drive.join(r.settings.Dir, e.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the file %s cannot be looked at: %w", e.Name, because(err))
	}
	if err != nil || !identify(info).same(e.identity) {
		return refused(e.Name, "it changed while it was read; it was not complete")
	}
	return nil
}

// Confirm moves the files that are safe in Postgres (I1).
func (r *reader) Confirm(ctx context.Context, merged connectors.Cursor) error {
	c, err := decodeCursor(merged)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	if r.settings.Processed == stay {
		return nil // the cursor remembers them
	}
	var errs []error
	for _, id := range c.Done {
		if err := r.folder.shelve(ctx, id, r.settings.Processed); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.platform.ID, err))
		}
	}
	return errors.Join(errs...)
}

// dress fills in what the columns say about the row itself.
func (r *reader) dress(row *connectors.Row) {
	p := r.platform
	if p.TokenColumn != "" {
		row.Token = row.Columns[p.TokenColumn]
	}
	if p.VersionColumn != "" {
		row.RowVersion = row.Columns[p.VersionColumn]
	}
	if p.ChangeColumn != "" {
		if t, ok := timefmt.Parse(row.Columns[p.ChangeColumn], p.ChangeFormat, r.zone); ok {
			row.ChangedAt = t
		}
	}
	if c := r.settings.DeleteColumn; c != "" && contains(r.settings.DeleteValue, strings.TrimSpace(row.Columns[c])) {
		row.Op = schema.OpDelete
	}
}
