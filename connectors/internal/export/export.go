// Package export is the pull side of kinds whose writes people carry: exports
// of the platform, as files in a folder or brought by hand, or none at all. It
// reads them as the kind files does, and shows every row to the ledger, whose
// parcels an export can close.
package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"heji/connectors"
	"heji/connectors/files"
	"heji/connectors/internal/ledger"
	"heji/connectors/spec"
)

// entry is where exports wait that were brought by hand.
const entry = "export/"

// Reader pulls exports.
type Reader struct {
	platform *spec.Platform
	keep     connectors.Keep
	ledger   *ledger.Ledger
	files    connectors.Connector // nil: the platform gives no export
	dir      string
	pattern  string
}

// Open prepares the reader of an export section, which may be missing.
func Open(ctx context.Context, p *spec.Platform, env connectors.Environment, section yaml.Node, l *ledger.Ledger) (*Reader, error) {
	r := &Reader{platform: p, keep: env.Keeping(), ledger: l}
	if section.Kind == 0 {
		return r, nil
	}
	q := *p
	q.Connect = section
	r.dir, r.pattern = value(section, "dir"), value(section, "pattern")
	if r.dir == "" {
		// Brought by hand only: a folder of our own.
		r.dir = filepath.Join(env.Dir, "export")
		q.Connect.Content = append(slices.Clone(section.Content), text("dir"), text(r.dir))
	}
	if value(section, "outbox") != "" || has(section, "outbox") {
		return nil, p.Errorf("connect.export", "connect.export has an outbox: changes leave in the platform's own sheet or on cards, not in files.")
	}
	if !has(section, "done_marker") {
		// What is brought by hand is put there whole, under its name.
		q.Connect.Content = append(slices.Clone(q.Connect.Content), text("done_marker"), text("rename"))
	}
	var err error
	r.files, err = files.Open(ctx, &q, env)
	return r, err
}

func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func has(n yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

func value(n yaml.Node, key string) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// Exports reports whether the platform gives any.
func (r *Reader) Exports() bool { return r.files != nil }

// Folder says that between two deliveries nothing is to be read: the folder is
// looked into more often than one is expected.
func (r *Reader) Folder() bool { return true }

// Check looks at the folder and the newest export.
func (r *Reader) Check(ctx context.Context) error {
	if r.files == nil {
		return nil
	}
	if err := os.MkdirAll(r.dir, 0o750); err != nil {
		return fmt.Errorf("%s: the folder of the exports cannot be made: %w", r.platform.Source, connectors.ErrUnreachable)
	}
	return r.files.Check(ctx)
}

// Close closes what reads.
func (r *Reader) Close() error {
	if r.files == nil {
		return nil
	}
	return r.files.Close()
}

// Pull reads exports. A platform without any is read once, and shows nobody: what
// it holds is only what was carried there.
func (r *Reader) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.files == nil {
		if len(from) > 0 && string(from) != "null" {
			return nil
		}
		return emit(connectors.Batch{AsOf: time.Now(), Cursor: json.RawMessage(`"no exports"`)})
	}
	if err := r.unpack(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	return r.files.Pull(ctx, from, func(b connectors.Batch) error {
		// First the parcels: a create whose row is here gets its key before the row
		// is taken in, and a stop between the two forgets nothing.
		if err := r.ledger.Shown(ctx, b.Rows, b.AsOf); err != nil {
			return err
		}
		return emit(b)
	})
}

// Confirm moves exports that are merged.
func (r *Reader) Confirm(ctx context.Context, merged connectors.Cursor) error {
	if c, ok := r.files.(connectors.Confirmer); ok {
		return c.Confirm(ctx, merged)
	}
	return nil
}

// Reread makes exports readable again that were put away.
func (r *Reader) Reread(ctx context.Context) error {
	if c, ok := r.files.(connectors.Rereader); ok {
		return c.Reread(ctx)
	}
	return nil
}

// unpack puts exports that were brought by hand into the folder, whole: first
// under another name, flushed, then renamed.
func (r *Reader) unpack(ctx context.Context) error {
	if err := os.MkdirAll(r.dir, 0o750); err != nil {
		return fmt.Errorf("the folder of the exports cannot be made: %w", connectors.ErrUnreachable)
	}
	waiting := false
	if err := r.keep.View(ctx, func(b connectors.Box) error {
		names, err := b.Names(entry)
		waiting = len(names) > 0
		return err
	}); err != nil || !waiting {
		return err
	}
	return r.keep.Change(ctx, func(b connectors.Box) error {
		names, err := b.Names(entry)
		if err != nil {
			return err
		}
		for _, name := range names {
			content, err := b.Get(name)
			if err != nil {
				return err
			}
			if err := whole(filepath.Join(r.dir, strings.TrimPrefix(name, entry)), content); err != nil {
				return fmt.Errorf("an export cannot be put into the folder %s: %w", r.dir, connectors.ErrUnreachable)
			}
			if err := b.Delete(name); err != nil {
				return err
			}
		}
		return nil
	})
}

func whole(path string, content []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// Import keeps an export that somebody brought, for the next pull.
func (r *Reader) Import(ctx context.Context, name string, day time.Time, content []byte) error {
	if r.files == nil {
		return fmt.Errorf("%w: this platform gives no exports that Heji reads", connectors.ErrFile)
	}
	fit, err := r.fit(filepath.Base(filepath.Clean("/"+name)), day)
	if err != nil {
		return err
	}
	return r.keep.Change(ctx, func(b connectors.Box) error { return b.Put(entry+fit, content) })
}

// fit gives a file the name that the settings expect.
func (r *Reader) fit(name string, day time.Time) (string, error) {
	ext := filepath.Ext(r.pattern)
	if !strings.EqualFold(filepath.Ext(name), ext) {
		return "", fmt.Errorf("%w: it should be a %s file, as the platform exports it", connectors.ErrFile, ext)
	}
	form := regexp.QuoteMeta(r.pattern)
	form = strings.NewReplacer(`\{date\}`, `\d{8,14}`, `\*`, `[^/]*`, `\?`, `[^/]`).Replace(form)
	if regexp.MustCompile("^" + form + "$").MatchString(name) {
		return name, nil
	}
	return strings.NewReplacer("{date}", day.Format("20060102")+time.Now().Format("150405"), "*", "imported"+time.Now().Format("20060102150405"), "?", "0").Replace(r.pattern), nil
}
