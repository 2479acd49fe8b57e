package demo

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/deploy/demo/population"
	"heji/services/embedded"
)

// blow is one kill -9, struck as soon as progress is seen from outside.
type blow struct {
	what string
	at   int
	see  func(p *process) int
}

// About 870 records are loaded.
var inTheFirstLoad = blow{"the first load is half merged", 250, func(p *process) int {
	return p.count(embedded.DefaultDatabase, `SELECT count(*) FROM records WHERE NOT unresolved`)
}}

// The platforms' own journals tell how far write-back has come. Both receive
// about a hundred writes in the campaign.
var (
	inTheCampaign = blow{"some writes have arrived at 医保, and some have not", 10, func(p *process) int {
		return journalled(p.dir, population.Medical)
	}}
	inTheDatabase = blow{"some writes have arrived at 居民养老, and some have not", 40, func(p *process) int {
		return p.count("demo_pension", `SELECT count(*) FROM demo.journal`)
	}}
)

// A file was handed over, and its receipt was not read.
var withTheFiles = blow{"an office has a batch that is not answered", 1, func(p *process) int {
	return p.count(embedded.DefaultDatabase, `SELECT count(*) FROM intents WHERE state = 'queued'`)
}}

var inTheEntries = blow{"some of the twenty entries are saved", 8, func(p *process) int {
	return p.count(embedded.DefaultDatabase, `SELECT count(*) FROM desk_entries`)
}}

// struck runs a demo until it is killed.
func (b blow) struck(t *testing.T, c childOptions) {
	t.Helper()
	p, seen := start(t, c), 0
	p.killWhen(b.what, func() bool {
		seen = b.see(p)
		return seen >= b.at
	})
	t.Logf("killed when %s: %d", b.what, seen)
}

// TestKill: I1 and I5 under kill -9. After each blow the same data folder is
// started again; at the end it is as if nothing had happened.
func TestKill(t *testing.T) {
	whole := reference.get(t)
	c := childOptions{Dir: tempFolder(t), Workers: 2, Batch: 20}
	for _, b := range []blow{inTheFirstLoad, inTheCampaign, withTheFiles, inTheEntries} {
		b.struck(t, c)
	}
	start(t, c).finishes()
	sameEnd(t, whole, c.Dir)
}

// TestJetStreamThrownAway: Postgres is the truth; what JetStream carried is
// found again.
func TestJetStreamThrownAway(t *testing.T) {
	whole := reference.get(t)
	c := childOptions{Dir: tempFolder(t), Workers: 2, Batch: 20}
	for _, b := range []blow{inTheFirstLoad, inTheDatabase} {
		b.struck(t, c)
		folder := filepath.Join(c.Dir, embedded.JetStreamFolder)
		require.DirExists(t, folder)
		require.NoError(t, os.RemoveAll(folder))
	}
	start(t, c).finishes()
	sameEnd(t, whole, c.Dir)
}

// sameEnd reads what a disturbed demo left behind and compares it with an
// undisturbed one: nothing written twice, nothing left over, the same people,
// the same values, the same rows at every platform.
//
// Two things may differ, both between any two runs, killed or not:
//
//   - People whom a clerk touched while the hub was loading. Whether the hub saw
//     a row before and after the edit, or only after, is chance. Seen only after,
//     the row's one change clock makes all of its values as new as the edit, so
//     that its old address may outrank one of last year; and a row that was taken
//     out before it was ever seen does not keep a new one from being made. Their
//     partition is compared all the same.
//   - People to whom clerks or staff did something in one run and not in the
//     other (otherwise).
func sameEnd(t *testing.T, want *end, dir string) {
	t.Helper()
	got, err := ending(dir)
	require.NoError(t, err)
	require.Zero(t, got.report["unresolved"])
	require.Zero(t, got.report["echo_writes"])
	for id, p := range got.report["platforms"].(map[string]any) {
		for _, figure := range []string{"writes_repeated", "differs", "pending"} {
			require.Zero(t, p.(map[string]any)[figure], "%s: %s", id, figure)
		}
	}
	samePartition(t, want, got)
	require.Equal(t, got.Batch, got.Stored, "one batch over the final records")

	chance := otherwise(want, got)
	for who, list := range want.happened {
		if slices.ContainsFunc(list, func(what string) bool { return strings.HasPrefix(what, "round 1") }) {
			chance[who] = true
		}
	}
	compared := sameValues(t, "master of", want.masters, got.masters, chance)
	sameValues(t, "rows", want.shows, got.shows, chance)
	// The clerks of 22 platforms touch up to a quarter of so few people.
	require.Greater(t, compared, testResidents*7/10, "the comparison says something")
}

// sameValues compares what is said about each person, and counts them.
func sameValues(t *testing.T, what string, want, got map[string][]string, chance map[string]bool) int {
	t.Helper()
	names := maps.Clone(want)
	maps.Copy(names, got)
	n := 0
	for who := range names {
		persons := person.FindAllString(who, -1)
		if slices.ContainsFunc(persons, func(p string) bool { return chance[p] }) || len(persons) == 0 && chance[""] {
			continue
		}
		n++
		require.Equal(t, want[who], got[who], "%s %s", what, who)
	}
	return n
}

// person is a true person in a name.
var person = regexp.MustCompile(`\b[0-9]{4}\b`)
