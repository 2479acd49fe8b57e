package embedded

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestSecondStartFindsEverythingAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgresIn(t, Options{Dir: dir})
	remember(t, p.DSN(""))
	require.NoError(t, p.Stop())
	require.NoError(t, p.Stop(), "a second stop is no error")
	require.Empty(t, serversOn(t, dir))
	require.DirExists(t, filepath.Join(dir, folderName(p.Version())), "the data folder is named by major version")

	p = startPostgresIn(t, Options{Dir: dir})
	recall(t, p.DSN(""))
	require.NoError(t, p.Stop())
}

func TestListensOnNoNetwork(t *testing.T) {
	t.Parallel()
	p := startPostgresIn(t, Options{Dir: t.TempDir(), Throwaway: true})
	var addresses string
	require.NoError(t, connect(t, p.DSN("")).QueryRow(t.Context(), "SHOW listen_addresses").Scan(&addresses))
	require.Empty(t, addresses)
	info, err := os.Stat(p.Socket())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "others cannot enter the socket's folder")
}

func TestKilledParentLeavesNoServerBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child, pid := startChild(t, "engines", dir, nil)
	require.Contains(t, serversOn(t, dir), pid)
	require.NoError(t, child.Process.Kill())
	require.Eventually(t, func() bool { return len(serversOn(t, dir)) == 0 }, soon, tick)
}

func TestStartRightAfterTheParentWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child, pid := startChild(t, "engines", dir, nil)
	socket := filepath.Join(dir, "run")
	remember(t, (&Postgres{socket: socket}).DSN(""))
	require.NoError(t, child.Process.Kill())
	_ = child.Wait() // gives the folder's lock back; the server may still be there

	p := startPostgresIn(t, Options{Dir: dir})
	require.NotEqual(t, pid, p.PID())
	recall(t, p.DSN(""))
	require.NoError(t, p.Stop())
}

func TestKilledPostgres(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgresIn(t, Options{Dir: dir})
	remember(t, p.DSN(""))
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	<-p.Done()
	require.ErrorContains(t, p.Stop(), "had ended by itself")

	p = startPostgresIn(t, Options{Dir: dir})
	recall(t, p.DSN(""))
	require.NoError(t, p.Stop())
}

func TestNumberOfTheOldServerIsAnotherProgramsNow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgresIn(t, Options{Dir: dir})
	remember(t, p.DSN(""))
	account, data := p.cluster.account, p.cluster.data
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	<-p.Done()
	require.Error(t, p.Stop())

	stranger, err := spawn(exec.Command("sleep", "600"), account, syscall.SIGKILL)
	require.NoError(t, err)
	defer func() {
		require.NoError(t, stranger.signal(syscall.SIGKILL))
		<-stranger.done
	}()
	path := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "\n")
	require.NoError(t, os.WriteFile(path, []byte(strconv.Itoa(stranger.pid)+"\n"+rest), 0o600))

	p = startPostgresIn(t, Options{Dir: dir})
	recall(t, p.DSN(""))
	require.NoError(t, p.Stop())
	require.True(t, alive(stranger.pid), "the other program was left alone")
}

func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(publicFolder(t), "data")
	var as *user.User
	if os.Geteuid() == 0 {
		nobody, err := user.Lookup("nobody")
		require.NoError(t, err)
		as = nobody
		require.NoError(t, os.Mkdir(dir, 0o755))
		c := credential(t, nobody)
		require.NoError(t, os.Chown(dir, int(c.Uid), int(c.Gid)))
	}
	child, pid := startChild(t, "engines", dir, as)
	if as != nil {
		owner, _ := ownerOf("/proc/" + strconv.Itoa(pid))
		require.Equal(t, as.Uid, strconv.Itoa(owner))
	}
	require.NoError(t, child.close())
	require.Equal(t, "stopped", child.says(t))
	require.Empty(t, serversOn(t, dir))

	if as != nil {
		// Root comes later: the data stays its owner's.
		p := startPostgresIn(t, Options{Dir: dir})
		require.Equal(t, "nobody", p.cluster.account.name)
		require.NoError(t, p.Stop())
	}
}

func TestFolderThatTheServersUserMayNotEnter(t *testing.T) {
	t.Parallel()
	closed := publicFolder(t)
	require.NoError(t, os.Chmod(closed, 0o700))
	dir := filepath.Join(closed, "clone", "data")

	// As root this needs the capability; as an ordinary user nothing special.
	p := startPostgresIn(t, Options{Dir: dir})
	remember(t, p.DSN(""))
	require.NoError(t, p.Stop())

	other := account{name: "somebody", uid: 4_000_000, gid: 4_000_000, other: true}
	way, err := other.closedParent(filepath.Join(dir, "pg15"))
	require.NoError(t, err)
	require.Equal(t, closed, way, "the uppermost closed folder is named")
}

func TestPathTooLongForASocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("深", 30), strings.Repeat("d", 60))
	p := startPostgresIn(t, Options{Dir: dir, Throwaway: true})
	require.LessOrEqual(t, len(filepath.Join(p.Socket(), socketFile)), maxSocketPath)
	require.NotContains(t, p.Socket(), dir)
	remember(t, p.DSN(""))
	socket := p.Socket()
	require.NoError(t, p.Stop())
	require.NoDirExists(t, socket, "nothing is left in the temporary folder")
}

func TestSomebodyElsesSocketFolderIsNotUsed(t *testing.T) {
	t.Parallel()
	trap := filepath.Join(publicFolder(t), "heji-socket")
	require.NoError(t, os.Symlink("/tmp", trap))
	require.ErrorContains(t, privateFolder(trap, account{uid: os.Geteuid()}), "not a folder")
}

func TestChineseText(t *testing.T) {
	t.Parallel()
	p := startPostgresIn(t, Options{Dir: t.TempDir(), Throwaway: true})
	conn := connect(t, p.DSN(""))
	ctx := t.Context()
	_, err := conn.Exec(ctx, "CREATE EXTENSION pg_trgm")
	require.NoError(t, err)

	var alike, unlike float64
	require.NoError(t, conn.QueryRow(ctx, "SELECT similarity('欧阳沐辰','欧阳沐晨'), similarity('欧阳沐辰','王伟')").Scan(&alike, &unlike))
	require.Greater(t, alike, 0.3)
	require.Zero(t, unlike)

	var encoding, locale string
	require.NoError(t, conn.QueryRow(ctx, "SELECT pg_encoding_to_char(encoding), datctype FROM pg_database WHERE datname = current_database()").Scan(&encoding, &locale))
	require.Equal(t, "UTF8", encoding)
	require.Equal(t, "C.UTF-8", locale)

	rows, err := conn.Query(ctx, "SELECT w FROM unnest(ARRAY['𠮷','b','一','B']) w ORDER BY w")
	require.NoError(t, err)
	sorted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"B", "b", "一", "𠮷"}, sorted, "by code point, also beyond 16 bits")
}

func TestFolderInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgresIn(t, Options{Dir: dir, Throwaway: true})
	_, err := StartPostgres(t.Context(), Options{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
	require.NoError(t, connect(t, p.DSN("")).Ping(t.Context()), "the first is untouched")
}

func TestContextEndsTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := StartPostgres(ctx, Options{Dir: dir, Throwaway: true})
	require.NoError(t, err)
	cancel()
	<-p.Done()
	require.NoError(t, p.Stop())
	require.Empty(t, serversOn(t, dir))
}

func TestLogHoldsNoPersonalData(t *testing.T) {
	t.Parallel()
	const number = "190101199001011236"
	dir := t.TempDir()
	p := startPostgresIn(t, Options{Dir: dir, Throwaway: true})
	conn := connect(t, p.DSN(""))
	ctx := t.Context()
	_, err := conn.Exec(ctx, "CREATE TABLE people (id text PRIMARY KEY, age int)")
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "INSERT INTO people VALUES ($1)", number)
	require.NoError(t, err)
	// I9: each of these quotes the value in its error, detail or context.
	for _, sql := range []string{
		"INSERT INTO people VALUES ('" + number + "')",
		"INSERT INTO people VALUES ('x', ('" + number + "')::int)",
		"SELECT * FROM nothing WHERE id = '" + number + "'",
		"DO $$ BEGIN RAISE WARNING '" + number + "'; RAISE EXCEPTION '" + number + "'; END $$",
		"SELECT pg_terminate_backend(pg_backend_pid()), '" + number + "'",
	} {
		_, err := conn.Exec(ctx, sql)
		require.Error(t, err)
	}
	require.NoError(t, p.Stop())
	logs, err := filepath.Glob(filepath.Join(p.cluster.data, "log", "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, logs)
	for _, path := range append(logs, filepath.Join(dir, "postgres-start.log")) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(text), number)
	}
}

func TestCreateDatabase(t *testing.T) {
	t.Parallel()
	p := startPostgresIn(t, Options{Dir: t.TempDir(), Throwaway: true})
	ctx := t.Context()
	for range 2 { // the second time changes nothing
		require.NoError(t, p.CreateDatabase(ctx, "yang lao", "yanglao", "it's a secret"))
	}
	conn := connect(t, p.DSNAs("yang lao", "yanglao", "it's a secret"))
	_, err := conn.Exec(ctx, "CREATE TABLE canbao (xm text)")
	require.NoError(t, err, "the role owns its database")

	_, err = pgx.Connect(ctx, p.DSNAs("yang lao", "yanglao", "wrong"))
	require.ErrorContains(t, err, "password")
	for _, other := range []string{DefaultDatabase, "postgres"} {
		_, err = pgx.Connect(ctx, p.DSNAs(other, "yanglao", "it's a secret"))
		require.ErrorContains(t, err, "permission denied", other)
	}
}

func TestWatchdog(t *testing.T) {
	t.Parallel()
	child, pid := startChild(t, "watchdog", "", nil)
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	require.Eventually(t, func() bool { return zombieOrGone(t, pid) }, soon, tick)
}

// zombieOrGone: what was orphaned may wait for its new parent to collect it.
func zombieOrGone(t *testing.T, pid int) bool {
	t.Helper()
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	stat := strings.TrimSpace(string(out))
	return stat == "" || strings.HasPrefix(stat, "Z")
}

func TestUnfitBinaries(t *testing.T) {
	t.Parallel()
	fake := func(version string) string {
		dir := t.TempDir()
		for _, name := range []string{"postgres", "initdb"} {
			script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
		}
		return dir
	}
	_, err := StartPostgres(t.Context(), Options{Dir: t.TempDir(), PostgresBin: fake("14.9 (Debian 14.9-1)")})
	require.ErrorContains(t, err, "version 14 is too old, 15 or newer is needed")

	_, err = StartPostgres(t.Context(), Options{Dir: t.TempDir(), PostgresBin: t.TempDir()})
	require.ErrorContains(t, err, "the program postgres is not there")

	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "pg16"), 0o700))
	_, err = StartPostgres(t.Context(), Options{Dir: dir, PostgresBin: fake("17beta1")})
	require.ErrorContains(t, err, "holds data of PostgreSQL 16")
	require.ErrorContains(t, err, "install PostgreSQL 16")
}

func TestInterruptedInitIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgresIn(t, Options{Dir: dir, Throwaway: true})
	require.NoError(t, p.Stop())
	// What a kill in the middle of the first start leaves.
	require.NoError(t, os.Rename(p.cluster.data, p.cluster.data+".new"))
	p = startPostgresIn(t, Options{Dir: dir, Throwaway: true})
	require.NoError(t, connect(t, p.DSN("")).Ping(t.Context()))
	require.NoDirExists(t, p.cluster.data+".new")
}
