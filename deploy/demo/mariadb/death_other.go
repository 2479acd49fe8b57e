//go:build !linux

package mariadb

import "syscall"

// die: only Linux tells a child that its parent is gone.
func die(*syscall.SysProcAttr) {}
