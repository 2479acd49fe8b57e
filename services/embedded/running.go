package embedded

import (
	"os"
	"path/filepath"
	"strings"
)

// RunningDSN returns the address of the PostgreSQL that another process runs in
// a data folder, as its lock file names it. Whoever may open the folder of its
// socket may use it.
func RunningDSN(dir, database string) (string, bool) {
	files, err := filepath.Glob(filepath.Join(dir, "pg*", "postmaster.pid"))
	if err != nil || len(files) != 1 {
		return "", false
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return "", false
	}
	// PID, data folder, start time, port, folder of the socket, …
	lines := strings.Split(string(text), "\n")
	if len(lines) < 5 || strings.TrimSpace(lines[4]) == "" {
		return "", false
	}
	return (&Postgres{socket: strings.TrimSpace(lines[4])}).DSN(database), true
}
