package embedded

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Linux capabilities that let a process enter folders that its user may not.
const (
	capDACOverride   = 1
	capDACReadSearch = 2
)

// startBound starts cmd and lets the kernel signal it when the calling thread
// ends. The caller keeps the thread.
func startBound(cmd *exec.Cmd, a account, onDeath syscall.Signal) (release func(), err error) {
	cmd.SysProcAttr.Pdeathsig = onDeath
	cmd.SysProcAttr.AmbientCaps = a.ambient
	return func() {}, cmd.Start()
}

// searchCapability returns the weakest capability this process holds that lets
// a child enter folders its user may not. Reading suffices, because the server
// owns what it writes; containers often have only the wider one.
func searchCapability() (uintptr, bool) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "CapPrm:")
		if !ok {
			continue
		}
		held, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		if err != nil {
			return 0, false
		}
		for _, c := range []uintptr{capDACReadSearch, capDACOverride} {
			if held&(1<<c) != 0 {
				return c, true
			}
		}
	}
	return 0, false
}

// runsOn reports whether process pid is a PostgreSQL server on the data folder.
func runsOn(pid int, data string) bool {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return false
	}
	return strings.Contains(string(line), "postgres") && strings.Contains(string(line), data)
}
