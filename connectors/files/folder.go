package files

import (
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
func (f *folder) ready(match func(name string) bool) ([]identity, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be read: %s: %w", f.dir, plain(err), connectors.ErrUnreachable)
	}
	var out []identity
	there := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || temporary(name) || !match(name) || f.isMarker(name) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // gone between two looks
		}
		there[name] = true
		if f.complete(info) {
			out = append(out, identify(info))
		}
	}
	f.forgetBut(there)
	return out, nil
}

// complete reports whether a file is no longer being written.
func (f *folder) complete(info fs.FileInfo) bool {
	switch f.marker {
	case markerRename:
		return true // it got its name when it was whole
	case markerStable:
		return f.stable(identify(info))
	}
	_, err := os.Stat(filepath.Join(f.dir, info.Name()+f.marker))
	return err == nil
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
func (f *folder) shelve(id identity, to string) error {
	from := filepath.Join(f.dir, id.Name)
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // shelved before, or taken back by the platform
	}
	if err != nil {
		return fmt.Errorf("the file %s cannot be moved to %s: %s", id.Name, to, plain(err))
	}
	if !identify(info).same(id) {
		return nil // another delivery under the same name
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return fmt.Errorf("the folder %s cannot be made: %s", to, plain(err))
	}
	if err := os.Rename(from, free(to, id.Name)); err != nil {
		return fmt.Errorf("the file %s cannot be moved to %s: %s", id.Name, to, plain(err))
	}
	if strings.HasPrefix(f.marker, ".") {
		marker := filepath.Join(f.dir, id.Name+f.marker)
		if err := os.Remove(marker); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the file %s cannot be removed: %s", marker, plain(err))
		}
	}
	return nil
}

// free is a name in dir that no earlier file has.
func free(dir, name string) string {
	path := filepath.Join(dir, name)
	ext := filepath.Ext(name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path
		}
		path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
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
