//go:build unix

package embedded

import (
	"fmt"
	"os/exec"
	"syscall"
)

// watchdog starts a shell that waits on a pipe which only this process holds
// open. However this process ends, the pipe closes, and the shell signals pid.
// release ends the watchdog without a signal.
func watchdog(pid int, onDeath syscall.Signal) (release func(), err error) {
	dog := exec.Command("/bin/sh", "-c", fmt.Sprintf("read line && exit 0; kill -%d %d", int(onDeath), pid))
	dog.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	leash, err := dog.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("watchdog for process %d: %w", pid, err)
	}
	if err := dog.Start(); err != nil {
		return nil, fmt.Errorf("watchdog for process %d: %w", pid, err)
	}
	return func() {
		_, _ = leash.Write([]byte("\n"))
		_ = leash.Close()
		_ = dog.Wait()
	}, nil
}
