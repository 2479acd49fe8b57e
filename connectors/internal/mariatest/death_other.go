//go:build !linux

package mariatest

import "syscall"

// die: only Linux tells a child that its parent is gone.
func die(*syscall.SysProcAttr) {}
