package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Keep is what a kind must not lose and cannot ask its platform for: which
// batch staff have fetched, what a receipt said. In the hub it is in PostgreSQL,
// so that every process sees the same and a backup holds it; a command without
// a hub keeps it in a folder.
type Keep interface {
	// Change runs f alone, in whatever process. What f put is durable when Change
	// returns nil; when f returns an error nothing has changed.
	Change(ctx context.Context, f func(Box) error) error
	// View runs f without waiting for anybody's Change. f must not put anything.
	View(ctx context.Context, f func(Box) error) error
}

// Box is the content of a Keep: entries by name.
type Box interface {
	Get(name string) ([]byte, error) // nil where there is none
	Put(name string, content []byte) error
	Delete(name string) error
	Names(prefix string) ([]string, error) // in order
}

// FolderKeep keeps everything in one file of a folder, for one process.
func FolderKeep(dir string) Keep {
	path := filepath.Join(dir, "keep.json")
	lock, _ := folderLocks.LoadOrStore(path, &sync.RWMutex{})
	return &folderKeep{path: path, mu: lock.(*sync.RWMutex)}
}

var folderLocks sync.Map // path → *sync.RWMutex

type folderKeep struct {
	path string
	mu   *sync.RWMutex
}

func (k *folderKeep) Change(ctx context.Context, f func(Box) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	box, err := k.load(ctx)
	if err != nil {
		return err
	}
	if err := f(box); err != nil {
		return err
	}
	data, err := json.Marshal(box)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o750); err != nil {
		return err
	}
	temporary, err := os.OpenFile(k.path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(k.path+".tmp", k.path)
}

func (k *folderKeep) View(ctx context.Context, f func(Box) error) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	box, err := k.load(ctx)
	if err != nil {
		return err
	}
	return f(box)
}

func (k *folderKeep) load(ctx context.Context) (memoryBox, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	box := memoryBox{}
	data, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return box, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &box)
	}
	if err != nil {
		return nil, fmt.Errorf("what is kept for this platform cannot be read: %w", err)
	}
	return box, nil
}

type memoryBox map[string][]byte

func (b memoryBox) Get(name string) ([]byte, error) { return b[name], nil }

func (b memoryBox) Put(name string, content []byte) error {
	b[name] = content
	return nil
}

func (b memoryBox) Delete(name string) error {
	delete(b, name)
	return nil
}

func (b memoryBox) Names(prefix string) ([]string, error) {
	var out []string
	for name := range b {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}
