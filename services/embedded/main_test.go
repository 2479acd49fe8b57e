package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childMode makes the test binary play the process that is killed.
const childMode = "HEJI_EMBEDDED_TEST_CHILD"

func TestMain(m *testing.M) {
	switch mode, dir := os.Getenv(childMode), os.Getenv("HEJI_EMBEDDED_TEST_DIR"); mode {
	case "engines":
		runEngines(dir)
	case "watchdog":
		runWatchdog()
	default:
		goleak.VerifyTestMain(m)
	}
}

// runEngines starts the engines, says so, and waits until its input closes.
func runEngines(dir string) {
	e, err := Start(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("ready", e.Postgres.PID())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := e.Stop(); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("stopped")
	os.Exit(0)
}

// runWatchdog starts a process under the watchdog alone and waits to be killed.
func runWatchdog() {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	if _, err := watchdog(cmd.Process.Pid, syscall.SIGKILL); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("ready", cmd.Process.Pid)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// process is another process of the test binary.
type process struct {
	*exec.Cmd
	out   *bufio.Reader
	close func() error
}

// startChild runs the test binary in a mode, as this user or another, and waits
// until it is ready. It returns the process number that it named.
func startChild(t *testing.T, mode, dir string, as *user.User) (process, int) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary)
	if as != nil {
		// The binary's own folder is closed to others.
		public := publicFolder(t)
		data, err := os.ReadFile(binary)
		require.NoError(t, err)
		cmd = exec.Command(filepath.Join(public, "child"))
		require.NoError(t, os.WriteFile(cmd.Path, data, 0o755))
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(t, as)}
	}
	cmd.Env = append(os.Environ(), childMode+"="+mode, "HEJI_EMBEDDED_TEST_DIR="+dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	p := process{Cmd: cmd, out: bufio.NewReader(out), close: in.Close}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	text, found := strings.CutPrefix(p.says(t), "ready ")
	require.True(t, found, "the child did not start: %s", text)
	pid, err := strconv.Atoi(text)
	require.NoError(t, err)
	return p, pid
}

func (p process) says(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(t, err, line)
	return strings.TrimSpace(line)
}

func credential(t *testing.T, u *user.User) *syscall.Credential {
	t.Helper()
	uid, err := strconv.Atoi(u.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(u.Gid)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// publicFolder is a temporary folder that every user may walk to, which
// t.TempDir is not.
func publicFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "heji-embedded-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func startPostgresIn(t *testing.T, o Options) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// remember stores a row, recall reads it again.
func remember(t *testing.T, dsn string) {
	t.Helper()
	conn := connect(t, dsn)
	_, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT '合籍' AS word")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func recall(t *testing.T, dsn string) {
	t.Helper()
	conn := connect(t, dsn)
	var word string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT word FROM kept").Scan(&word))
	require.Equal(t, "合籍", word)
	require.NoError(t, conn.Close(t.Context()))
}

// serversOn lists the live processes of a data folder.
func serversOn(t *testing.T, dir string) []int {
	t.Helper()
	out, err := exec.Command("ps", "-eo", "pid=,stat=,args=").Output()
	require.NoError(t, err)
	var pids []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(fields[1], "Z") || !strings.Contains(line, "postgres") || !strings.Contains(line, dir+"/") {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	return pids
}

const soon, tick = 20 * time.Second, 20 * time.Millisecond
