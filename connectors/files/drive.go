package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// drive is where the folders are: on this machine, or behind SFTP. Errors about
// a file that is not there are fs.ErrNotExist.
type drive interface {
	list(ctx context.Context, dir string) ([]fs.FileInfo, error)
	stat(ctx context.Context, path string) (fs.FileInfo, error)
	// local makes a file readable here and returns where. What was fetched stays
	// until keep is told otherwise.
	local(ctx context.Context, path string, id identity) (string, error)
	// keep forgets what was fetched from dir, but for the files that still wait.
	keep(dir string, waiting []identity)
	// write makes a file with this content and forces it to the disk, as far as the
	// drive can. An earlier one under the name is replaced.
	write(ctx context.Context, path string, content []byte) error
	rename(ctx context.Context, from, to string) error
	remove(ctx context.Context, path string) error
	mkdir(ctx context.Context, dir string) error
	// sync forces the names in a folder to the disk.
	sync(ctx context.Context, dir string) error
	join(elem ...string) string
	close() error
}

// disk is the drive of this machine.
type disk struct{}

func (disk) list(_ context.Context, dir string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // else gone between two looks
			out = append(out, info)
		}
	}
	return out, nil
}

func (disk) stat(_ context.Context, path string) (fs.FileInfo, error) { return os.Stat(path) }
func (disk) local(_ context.Context, path string, _ identity) (string, error) {
	return path, nil
}
func (disk) keep(string, []identity)                              {}
func (disk) write(_ context.Context, path string, c []byte) error { return flush(path, c) }
func (disk) rename(_ context.Context, from, to string) error      { return os.Rename(from, to) }
func (disk) remove(_ context.Context, path string) error          { return os.Remove(path) }
func (disk) mkdir(_ context.Context, dir string) error            { return os.MkdirAll(dir, 0o750) }
func (disk) sync(_ context.Context, dir string) error             { return syncDir(dir) }
func (disk) join(elem ...string) string                           { return filepath.Join(elem...) }
func (disk) close() error                                         { return nil }

// flush writes a file and forces it to the disk.
func flush(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
