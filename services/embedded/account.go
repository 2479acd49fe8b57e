//go:build unix

package embedded

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating system user that PostgreSQL runs as.
type account struct {
	name     string
	uid, gid int
	// other is true when the account is not the one of this process, so that
	// files must be given to it and children started under it.
	other bool
	// ambient capabilities that let the server walk to its data.
	ambient []uintptr
}

// chooseAccount picks the user for the server whose data is (or will be) at
// data: this process's own, or as root the owner of the data, postgres, nobody.
func chooseAccount(data string) (account, error) {
	euid := os.Geteuid()
	owner, exists := ownerOf(data)
	if euid != 0 {
		me := account{name: accountName(euid), uid: euid, gid: os.Getegid()}
		if exists && owner != euid {
			return account{}, fmt.Errorf("%s belongs to %s, but this process runs as %s: run heji as root again, or give the folder over with: sudo chown -R %s %s",
				data, accountName(owner), me.name, me.name, filepath.Dir(data))
		}
		return me, nil
	}
	if exists && owner != 0 {
		if u, err := user.LookupId(strconv.Itoa(owner)); err == nil {
			return otherAccount(u)
		}
		return account{}, fmt.Errorf("%s belongs to user number %d, which this system does not know: give it to one that exists with: chown -R postgres %s", data, owner, data)
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return otherAccount(u)
		}
	}
	return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and this system has neither a user postgres nor nobody: create one with: useradd --system postgres; or run heji as an ordinary user")
}

func otherAccount(u *user.User) (account, error) {
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return account{name: u.Username, uid: uid, gid: gid, other: true}, nil
}

func accountName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "user number " + strconv.Itoa(uid)
}

func ownerOf(path string) (uid int, exists bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// reach makes sure that the account can walk to each of the folders. Where its
// own rights do not suffice, it is given a capability; where that is not
// possible, the error names the folder that is in the way.
func (a *account) reach(folders ...string) error {
	if !a.other {
		return nil
	}
	for _, folder := range folders {
		closed, err := a.closedParent(folder)
		if err != nil {
			return err
		}
		if closed == "" {
			continue
		}
		capability, ok := searchCapability()
		if !ok {
			return fmt.Errorf("PostgreSQL runs as user %s, who may not enter %s, which is above %s: allow it with: chmod o+x %s; or choose a folder that everybody may walk to, such as --data /var/lib/heji",
				a.name, closed, folder, closed)
		}
		a.ambient = []uintptr{capability}
		return nil
	}
	return nil
}

// closedParent returns the uppermost folder on the way to path that the account
// may not enter, or "".
func (a *account) closedParent(path string) (string, error) {
	var way []string
	for p := filepath.Dir(path); ; p = filepath.Dir(p) {
		way = append(way, p)
		if p == filepath.Dir(p) {
			break
		}
	}
	for i := len(way) - 1; i >= 0; i-- {
		info, err := os.Stat(way[i])
		if err != nil {
			return "", fmt.Errorf("the way to %s: %w", path, err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			continue
		}
		bit := os.FileMode(0o001)
		switch {
		case int(st.Uid) == a.uid:
			bit = 0o100
		case int(st.Gid) == a.gid:
			bit = 0o010
		}
		if info.Mode().Perm()&bit == 0 {
			return way[i], nil
		}
	}
	return "", nil
}

// own gives a folder or file to the account.
func (a *account) own(path string) error {
	if !a.other {
		return nil
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		return fmt.Errorf("give %s to user %s: %w", path, a.name, err)
	}
	return nil
}
