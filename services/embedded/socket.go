//go:build unix

package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// maxSocketPath is what sockaddr_un holds without its closing zero on Linux;
// other systems hold 103.
const maxSocketPath = 103

const socketFile = ".s.PGSQL.5432"

// socketFolder returns the folder for PostgreSQL's socket, ready for use: below
// the data folder where the path fits, else a short one in the temporary
// folder. Only the account (and root) may enter it, which is what protects the
// superuser: whoever reaches the socket is let in.
func socketFolder(dir string, a account) (string, error) {
	inside := filepath.Join(dir, "run")
	if len(filepath.Join(inside, socketFile)) <= maxSocketPath {
		return inside, privateFolder(inside, a)
	}
	// The name follows from the data folder, so that a killed process leaves
	// nothing that the next start does not use again.
	sum := sha256.Sum256([]byte(dir))
	name := "heji-" + hex.EncodeToString(sum[:6])
	var problems error
	for _, temp := range []string{os.TempDir(), "/tmp", "/var/tmp", "/run"} {
		folder := filepath.Join(temp, name)
		if len(filepath.Join(folder, socketFile)) > maxSocketPath {
			continue
		}
		err := privateFolder(folder, a)
		if err == nil {
			return folder, nil
		}
		problems = errors.Join(problems, err)
	}
	return "", errors.Join(fmt.Errorf("the path %s is too long for a socket (%d bytes at most) and no temporary folder can be used instead: choose a shorter folder with --data", inside, maxSocketPath), problems)
}

// privateFolder makes folder, or takes an existing one that is the account's
// own and closed to others. Anything else could be somebody's trap.
func privateFolder(folder string, a account) error {
	err := os.Mkdir(folder, 0o700)
	if err == nil {
		return a.own(folder)
	}
	if !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("folder for the socket: %w", err)
	}
	info, err := os.Lstat(folder)
	if err != nil {
		return fmt.Errorf("folder for the socket: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() {
		return fmt.Errorf("folder for the socket: %s is there and is not a folder", folder)
	}
	owner := int(st.Uid)
	if owner != a.uid && owner != os.Geteuid() {
		return fmt.Errorf("folder for the socket: %s belongs to %s, not to %s", folder, accountName(owner), a.name)
	}
	if err := a.own(folder); err != nil {
		return err
	}
	return os.Chmod(folder, 0o700)
}
