package district

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"heji/deploy/demo/population"
	"heji/services/embedded/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(pgtest.Runner{M: m}, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("heji/services/embedded.(*child).wait"))
}

const testResidents = 400

func options(t *testing.T) Options {
	return Options{Dir: t.TempDir(), Database: scratch(t), Population: population.Generate(testResidents, 1), Seed: 1, Poll: 5 * time.Millisecond}
}

// scratch gives each platform that needs one a database of its own.
func scratch(t *testing.T) func(context.Context, string) (string, error) {
	dsns := map[string]string{}
	return func(_ context.Context, platform string) (string, error) {
		if dsns[platform] == "" {
			dsns[platform] = pgtest.DSN(t)
		}
		return dsns[platform], nil
	}
}

func begin(t *testing.T, o Options) *District {
	t.Helper()
	d, err := Start(t.Context(), o)
	require.NoError(t, err)
	return d
}

// running starts a district that ends with the test.
func running(t *testing.T) *District {
	t.Helper()
	d := begin(t, options(t))
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// within waits for something that another goroutine does.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("waited in vain for: " + what)
		case <-tick.C:
		}
	}
}

func snapshot(t *testing.T, p Platform) map[string]Row {
	t.Helper()
	rows, err := p.Snapshot(t.Context())
	require.NoError(t, err)
	return rows
}

func journal(t *testing.T, p Platform) []Write {
	t.Helper()
	j, err := p.Journal(t.Context())
	require.NoError(t, err)
	return j
}

// anyRow is one row of a platform, the same for the same district.
func anyRow(t *testing.T, p Platform) (string, Row) {
	t.Helper()
	rows := snapshot(t, p)
	key := ""
	for k := range rows {
		if key == "" || k < key {
			key = k
		}
	}
	require.NotEmpty(t, key)
	return key, rows[key]
}

type reply struct {
	status int
	header http.Header
	body   map[string]any
}

func call(t *testing.T, method, url, body string, header map[string]string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if app := req.Header.Get("X-Ca-Key"); app != "" {
		stamp, nonce := strconv.FormatInt(time.Now().UnixMilli(), 10), rand.Text()
		req.Header.Set("X-Ca-Timestamp", stamp)
		req.Header.Set("X-Ca-Nonce", nonce)
		req.Header.Set("X-Ca-Signature", sign(medicalSecret, method, req.URL, app, stamp, nonce, []byte(body)))
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	out := reply{status: resp.StatusCode, header: resp.Header}
	require.NoError(t, json.Unmarshal(text, &out.body), string(text))
	return out
}

// drop puts a file into a folder as a careful sender does.
func drop(t *testing.T, path string, content []byte) {
	t.Helper()
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	require.NoError(t, os.WriteFile(tmp, content, 0o600))
	require.NoError(t, os.Rename(tmp, path))
}
