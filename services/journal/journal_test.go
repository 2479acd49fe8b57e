package journal_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/crypt"
	"heji/services/journal"
	"heji/services/lineage"
)

func newJournal(t *testing.T) (*journal.Journal, string) {
	t.Helper()
	dir := t.TempDir()
	ring, err := crypt.OpenRing(filepath.Join(dir, "keys.json"), crypt.SM)
	require.NoError(t, err)
	j := journal.New(filepath.Join(dir, "journal"), ring)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j, filepath.Join(dir, "journal", time.Now().UTC().Format("2006-01")+".log")
}

func write(t *testing.T, j *journal.Journal, platform string) journal.Line {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	sealed, err := journal.Seal(j.Ring(), id, journal.Content{Key: "row-4711", Written: []lineage.Written{{Intent: id.String(), At: time.Now(),
		Attribute: schema.Phone, Text: lineage.Say("15400000002", "15400000002"), Source: "police/a1", Base: lineage.Say("15400000001", "15400000001")}}})
	require.NoError(t, err)
	return journal.Line{Intent: id, Platform: platform, At: time.Now().UTC(), Fence: 7, Sealed: sealed}
}

func all(t *testing.T, j *journal.Journal) (list []journal.Line) {
	t.Helper()
	require.NoError(t, j.Read(func(l journal.Line) error { list = append(list, l); return nil }))
	return list
}

func TestWhatIsKeptIsReadBack(t *testing.T) {
	j, path := newJournal(t)
	require.Empty(t, all(t, j))
	last, err := j.Last(5)
	require.NoError(t, err)
	require.Empty(t, last)

	a, b := write(t, j, "civil"), write(t, j, "health")
	require.NoError(t, j.Begin([]journal.Line{a, b}))
	require.NoError(t, j.End([]journal.End{{Intent: a.Intent, Platform: "civil", Status: "applied", Key: "row-4712"}}))
	got := all(t, j)
	require.Len(t, got, 3)
	require.Equal(t, []journal.Line{a, b}, got[:2])
	require.Equal(t, "applied", got[2].Ended)
	content, err := journal.Open(j.Ring(), a.Intent, got[0].Sealed)
	require.NoError(t, err)
	require.Equal(t, "15400000001", content.Written[0].Base.Raw)
	_, err = journal.Open(j.Ring(), b.Intent, got[0].Sealed)
	require.ErrorIs(t, err, crypt.ErrSealed, "of another write")

	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, personal := range []string{"1540000", "row-471", "police"} {
		require.NotContains(t, string(raw), personal)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	last, err = j.Last(1)
	require.NoError(t, err)
	require.Equal(t, []journal.Line{b}, last, "writes only")
}

// A crash in the middle of a line loses that line, which nobody was promised.
func TestTornLastLine(t *testing.T) {
	for _, torn := range []string{`{"intent":"0192`, "x", strings.Repeat("y", 200_000)} {
		j, path := newJournal(t)
		a := write(t, j, "civil")
		require.NoError(t, j.Begin([]journal.Line{a}))
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString(torn)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, []journal.Line{a}, all(t, j))
		last, err := j.Last(3)
		require.NoError(t, err)
		require.Equal(t, []journal.Line{a}, last)
		b := write(t, j, "civil")
		require.NoError(t, j.Begin([]journal.Line{b}))
		require.Equal(t, []journal.Line{a, b}, all(t, j))
	}
}

func TestDamageIsNamed(t *testing.T) {
	j, path := newJournal(t)
	require.NoError(t, j.Begin([]journal.Line{write(t, j, "civil"), write(t, j, "civil")}))
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	raw[3] = 0
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	err = j.Read(func(journal.Line) error { return nil })
	require.ErrorContains(t, err, path+" line 1")
	require.ErrorContains(t, err, "backup")
}

func TestLastReachesAsFarAsNeeded(t *testing.T) {
	j, _ := newJournal(t)
	var lines []journal.Line
	for range 2500 { // more than one piece
		lines = append(lines, write(t, j, "civil"))
	}
	require.NoError(t, j.Begin(lines))
	last, err := j.Last(2400)
	require.NoError(t, err)
	require.Equal(t, lines[100:], last)
}

// Processes that share a folder never mix their lines.
func TestSeveralWriters(t *testing.T) {
	j, path := newJournal(t)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			own := journal.New(filepath.Dir(path), j.Ring())
			defer func() { assert.NoError(t, own.Close()) }()
			for range 25 {
				assert.NoError(t, own.Begin([]journal.Line{write(t, j, "civil"), write(t, j, "civil")}))
			}
		})
	}
	writers.Wait()
	require.Len(t, all(t, j), 200)
}

func TestDropWholeMonths(t *testing.T) {
	j, path := newJournal(t)
	require.NoError(t, j.Begin([]journal.Line{write(t, j, "civil")}))
	old := filepath.Join(filepath.Dir(path), "2020-01.log")
	require.NoError(t, os.WriteFile(old, nil, 0o600))
	n, err := j.Drop(time.Date(2020, 1, 31, 23, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = j.Drop(time.Date(2020, 2, 1, 0, 0, 1, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoFileExists(t, old)
	require.Len(t, all(t, j), 1)
}

// Where the journal cannot be written, nothing may be called.
func TestNoRoom(t *testing.T) {
	ring, err := crypt.OpenRing(filepath.Join(t.TempDir(), "keys.json"), crypt.International)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	j := journal.New(filepath.Join(file, "journal"), ring)
	require.ErrorContains(t, j.Begin([]journal.Line{write(t, j, "civil")}), "cannot be written")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"intent":"01920000-0000-7000-8000-000000000000","platform":"civil","at":"2026-11-01T00:00:00Z"}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "2026-11.log"), content, 0o600))
		j := journal.New(dir, nil)
		n := 0
		err := j.Read(func(l journal.Line) error {
			n++
			require.NotEqual(t, uuid.Nil, l.Intent)
			return nil
		})
		last, lastErr := j.Last(1 << 30)
		require.LessOrEqual(t, len(last), n)
		require.Equal(t, err == nil, lastErr == nil)
	})
}
