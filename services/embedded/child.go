//go:build unix

package embedded

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a process that does not outlive this one.
type child struct {
	pid  int
	done chan struct{} // closed when the process is gone and err is set
	err  error
}

// spawn starts cmd under the account and ties its life to ours: when this
// process dies, however it dies, the child gets the signal onDeath.
func spawn(cmd *exec.Cmd, a account, onDeath syscall.Signal) (*child, error) {
	// A group of its own: Ctrl-C in a terminal is for us, and we stop the server
	// after the work that needs it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	// The account may not be able to enter our working folder.
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}

	c := &child{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// Pdeathsig fires when the *thread* that forked ends, not the process.
		// So this goroutine keeps its thread until the child is gone; it never
		// unlocks it, and the thread ends with the goroutine.
		runtime.LockOSThread()
		release, err := startBound(cmd, a, onDeath)
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		release()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	c.pid = cmd.Process.Pid
	return c, nil
}

// signal sends sig; a process that is gone already is no error.
func (c *child) signal(sig syscall.Signal) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	if err := syscall.Kill(c.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// wait reports whether the process was gone within d.
func (c *child) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}
