package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"heji/connectors"
)

// identity names one delivery of a file: the same name may come back every
// month with other content.
type identity struct {
	Name  string    `json:"name"`
	Size  int64     `json:"size"`
	MTime time.Time `json:"mtime"`
}

func identify(info fs.FileInfo) identity {
	return identity{Name: info.Name(), Size: info.Size(), MTime: info.ModTime().UTC()}
}

func (i identity) same(o identity) bool {
	return i.Name == o.Name && i.Size == o.Size && i.MTime.Equal(o.MTime)
}

// folder watches which files of a folder are complete.
type folder struct {
	drive     drive
	dir       string
	marker    string
	stableFor time.Duration
	now       func() time.Time

	mu   sync.Mutex
	seen map[string]observation
}

type observation struct {
	identity identity
	since    time.Time
}

// ready returns the complete files that match says yes to.
func (f *folder) ready(ctx context.Context, match func(name string) bool) ([]identity, error) {
	infos, err := f.drive.list(ctx, f.dir)
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be read: %w", f.dir, because(err))
	}
	markers := map[string]bool{}
	for _, info := range infos {
		markers[info.Name()] = true
	}
	var out, waiting []identity
	there := map[string]bool{}
	for _, info := range infos {
		name := info.Name()
		if info.IsDir() || temporary(name) || !match(name) || f.isMarker(name) {
			continue
		}
		there[name] = true
		waiting = append(waiting, identify(info))
		if f.complete(info, markers) {
			out = append(out, identify(info))
		}
	}
	f.forgetBut(there)
	f.drive.keep(f.dir, waiting)
	return out, nil
}

// complete reports whether a file is no longer being written.
func (f *folder) complete(info fs.FileInfo, there map[string]bool) bool {
	switch f.marker {
	case markerRename:
		return true // it got its name when it was whole
	case markerStable:
		return f.stable(identify(info))
	}
	return there[info.Name()+f.marker]
}

// stable reports whether we ourselves have seen the file unchanged for long
// enough. Its own time proves nothing: copying programs like to keep the old
// one.
func (f *folder) stable(id identity) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if f.seen == nil {
		f.seen = map[string]observation{}
	}
	o, ok := f.seen[id.Name]
	if !ok || !o.identity.same(id) {
		o = observation{identity: id, since: now}
		f.seen[id.Name] = o
	}
	return now.Sub(o.since) >= f.stableFor
}

// trust notes that a file is whole although it was not watched here: it has been
// read before.
func (f *folder) trust(id identity) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[string]observation{}
	}
	f.seen[id.Name] = observation{identity: id}
}

func (f *folder) forgetBut(there map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.seen {
		if !there[name] {
			delete(f.seen, name)
		}
	}
}

func (f *folder) isMarker(name string) bool {
	return strings.HasPrefix(f.marker, ".") && strings.HasSuffix(name, f.marker)
}

// shelve moves a finished file, and its marker, to another folder.
func (f *folder) shelve(ctx context.Context, id identity, to string) error {
	failed := func(err error) error {
		if errors.Is(err, fs.ErrPermission) {
			return connectors.NewTrouble("file_move", "file", id.Name, "to", to, "words", plain(err))
		}
		return fmt.Errorf("the file %s cannot be moved to %s: %w", id.Name, to, because(err))
	}
	from := f.drive.join(f.dir, id.Name)
	info, err := f.drive.stat(ctx, from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // shelved before, or taken back by the platform
	case err != nil:
		return failed(err)
	case !identify(info).same(id):
		return nil // another delivery under the same name
	}
	if err := f.drive.mkdir(ctx, to); err != nil {
		return failed(err)
	}
	path, err := f.free(ctx, to, id.Name)
	if err != nil {
		return failed(err)
	}
	if err := f.drive.rename(ctx, from, path); err != nil {
		return failed(err)
	}
	if strings.HasPrefix(f.marker, ".") {
		marker := f.drive.join(f.dir, id.Name+f.marker)
		if err := f.drive.remove(ctx, marker); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the file %s cannot be removed: %w", marker, because(err))
		}
	}
	return nil
}

// free is a name in dir that no earlier file has.
func (f *folder) free(ctx context.Context, dir, name string) (string, error) {
	path := f.drive.join(dir, name)
	ext := filepath.Ext(name)
	for n := 2; ; n++ {
		_, err := f.drive.stat(ctx, path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		path = f.drive.join(dir, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
	}
}

func temporary(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~$") ||
		strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".filepart")
}

// plain is the reason of a file error without its path, which the sentence
// names already.
func plain(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err.Error()
	}
	return err.Error()
}

// because makes the reason of a drive's error out of it, as an error of the
// platform: what is one already stays as it is.
func because(err error) error {
	for _, known := range []error{connectors.ErrCredentials, connectors.ErrUnreachable, connectors.ErrLayout, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%s: %w", plain(err), connectors.ErrUnreachable)
}
