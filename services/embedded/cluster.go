//go:build unix

package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const superuser = "heji"

func folderName(major int) string { return "pg" + strconv.Itoa(major) }

// heldVersions lists the major versions whose data a folder holds, oldest first.
func heldVersions(dir string) ([]int, error) {
	folders, err := filepath.Glob(filepath.Join(dir, "pg[0-9]*"))
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	var held []int
	for _, folder := range folders {
		if major, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(folder), "pg")); err == nil {
			held = append(held, major)
		}
	}
	sort.Ints(held)
	return held, nil
}

// cluster is the data of one PostgreSQL server.
type cluster struct {
	bin     binaries
	data    string
	account account
}

// create makes the data folder if it is missing. It is made under another name
// and renamed when it is whole, so that a crash never leaves half of one.
func (c cluster) create(ctx context.Context, durable bool) error {
	if _, err := os.Stat(c.data); err == nil {
		return nil
	}
	fresh := c.data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove what an interrupted start left: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := c.account.own(fresh); err != nil {
		return err
	}
	args := []string{"-D", fresh, "-U", superuser, "--auth=trust", "--encoding=UTF8", "--no-instructions"}
	args = append(args, localeArguments()...)
	if !durable {
		args = append(args, "--no-sync")
	}
	var out bytes.Buffer
	cmd := exec.Command(c.bin.program("initdb"), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := spawn(cmd, c.account, syscall.SIGKILL)
	if err != nil {
		return fmt.Errorf("start initdb as user %s: %w", c.account.name, err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = p.signal(syscall.SIGTERM)
		<-p.done
		return ctx.Err()
	}
	if p.err != nil {
		return fmt.Errorf("initdb: %w\n%s", p.err, out.Bytes())
	}
	if err := os.Rename(fresh, c.data); err != nil {
		return fmt.Errorf("put the data folder in place: %w", err)
	}
	if !durable {
		return nil
	}
	return syncFolder(filepath.Dir(c.data))
}

// localeArguments choose C.UTF-8, which every Linux has: code point order, and
// letters beyond ASCII are letters, which pg_trgm needs. macOS has no such
// locale before version 15; there the same is put together from two.
func localeArguments() []string {
	if runtime.GOOS == "darwin" {
		return []string{"--locale=en_US.UTF-8", "--lc-collate=C"}
	}
	return []string{"--locale=C.UTF-8"}
}

// configure writes the server's own files.
func (c cluster) configure(settings map[string]string) error {
	for name, text := range map[string]string{
		"postgresql.conf": settingsFile(settings),
		"pg_hba.conf":     accessRules,
	} {
		path := filepath.Join(c.data, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write PostgreSQL's settings: %w", err)
		}
		if err := c.account.own(path); err != nil {
			return err
		}
	}
	return nil
}

// settle deals with a server that an earlier, killed process left behind. We
// hold the folder's lock, so such a server has no master any more: it is
// shutting down, or it lost its parent on a system without a watchdog. It is
// waited for, told to stop, and waited for again.
func (c cluster) settle(ctx context.Context, patience time.Duration) error {
	path := filepath.Join(c.data, "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for an earlier server: %w", err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		// A crash of the machine can leave the file empty; PostgreSQL itself
		// says so and would not start.
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove an unreadable %s: %w", path, err)
		}
		return nil
	}
	if !alive(pid) {
		return nil // PostgreSQL recognises this by itself
	}
	if !runsOn(pid, c.data) {
		// After a restart of the machine or container the number may be another
		// program's, and PostgreSQL would refuse. It takes its parent's number
		// for stale but still checks that nobody uses the old shared memory,
		// which removing the file would skip.
		return os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"+rest), 0o600)
	}
	for _, sig := range []syscall.Signal{0, syscall.SIGINT, syscall.SIGQUIT} {
		if sig != 0 {
			_ = syscall.Kill(pid, sig)
		}
		if waitGone(ctx, pid, patience/3) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("an earlier PostgreSQL (process %d) still runs on %s and does not stop: end it with: kill -QUIT %d", pid, c.data, pid)
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func waitGone(ctx context.Context, pid int, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// syncFolder makes a rename in the folder survive a power cut.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("flush %s: %w", path, err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", path, err)
	}
	return nil
}
