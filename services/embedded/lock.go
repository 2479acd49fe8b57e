//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrInUse is returned when another live process uses the data folder.
var ErrInUse = errors.New("the data folder is in use by another heji")

// lockFolder takes the lock of one engine of a data folder. The kernel gives it
// back when the process ends, however it ends, so there are no stale locks.
func lockFolder(dir, engine string) (*os.File, error) {
	path := filepath.Join(dir, engine+".lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock of the data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return nil, fmt.Errorf("%w: process %s holds %s; stop that process, or choose another folder with --data",
			ErrInUse, strings.TrimSpace(string(holder)), path)
	}
	// The number is for the sentence above only; the lock is what counts.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}
