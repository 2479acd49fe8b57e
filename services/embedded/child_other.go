//go:build unix && !linux

package embedded

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// startBound starts cmd with a watchdog beside it: this system cannot signal a
// child by itself when the parent dies.
func startBound(cmd *exec.Cmd, _ account, onDeath syscall.Signal) (release func(), err error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	release, err = watchdog(cmd.Process.Pid, onDeath)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return release, nil
}

// searchCapability: only Linux has capabilities.
func searchCapability() (uintptr, bool) { return 0, false }

// runsOn reports whether process pid is a PostgreSQL server on the data folder.
func runsOn(pid int, data string) bool {
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}
