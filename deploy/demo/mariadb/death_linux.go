package mariadb

import "syscall"

// die makes the server end with the tests, even when they are killed. The
// thread that starts it must live as long.
func die(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
