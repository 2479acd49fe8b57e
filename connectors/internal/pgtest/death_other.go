//go:build !linux

package pgtest

import "syscall"

// die: only Linux tells a child that its parent is gone.
func die(*syscall.SysProcAttr) {}
