package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/deploy/demo/population"
	"heji/services/embedded"
)

// blow is one kill -9, struck when something is seen from outside.
type blow struct {
	what string
	see  func(p *process) bool
}

// Half of the records are in residents, and half are not.
var inTheFirstLoad = blow{"the first load is half merged", func(p *process) bool {
	return p.count(embedded.DefaultDatabase, `SELECT count(*) FROM records WHERE NOT unresolved`) >= 200
}}

// The platforms' own journals tell how far write-back has come.
var inTheCampaign = blow{"some writes have arrived at 医保, and some have not", func(p *process) bool {
	return journalled(p.dir, population.Medical) >= 20
}}

var inTheDatabase = blow{"some writes have arrived at 居民养老", func(p *process) bool {
	return p.count("demo_pension", `SELECT count(*) FROM demo.journal`) >= 60
}}

var inTheEntries = blow{"some of the twenty entries are saved", func(p *process) bool {
	return p.count(embedded.DefaultDatabase, `SELECT count(*) FROM desk_entries`) >= 6
}}

// TestKill: I5 and I1 under kill -9. The same data folder is started again after
// each blow, and ends as if nothing had happened.
func TestKill(t *testing.T) {
	whole := reference.get(t)
	c := childOptions{Dir: tempFolder(t), Workers: 2, Batch: 20}
	for _, b := range []blow{inTheFirstLoad, inTheCampaign, inTheDatabase, inTheEntries} {
		p := start(t, c)
		p.killWhen(b.what, func() bool { return b.see(p) })
	}
	start(t, c).finishes()
	sameEnd(t, whole, c.Dir)
}

func sameEnd(t *testing.T, want *end, dir string) {
	t.Helper()
	got, err := ending(dir)
	require.NoError(t, err)
	n := 0
	diff := func(what string, a, b map[string][]string) {
		for k, v := range a {
			if fmt.Sprint(v) != fmt.Sprint(b[k]) {
				t.Logf("%s %s:\n  %s\n  %s", what, k, v, b[k])
				n++
			}
		}
		for k, v := range b {
			if _, ok := a[k]; !ok {
				t.Logf("%s %s: only after kill: %s", what, k, v)
				n++
			}
		}
	}
	diff("master", want.masters, got.masters)
	diff("row", want.shows, got.shows)
	ta, tb := map[string][]string{}, map[string][]string{}
	for k, v := range want.touched {
		ta[fmt.Sprint(k)] = v
	}
	for k, v := range got.touched {
		tb[fmt.Sprint(k)] = v
	}
	diff("touched", ta, tb)
	require.Equal(t, want.partition, got.partition)
	a, _ := os.ReadFile(filepath.Join(reference.dir, "district/plans/entries.json"))
	b, _ := os.ReadFile(filepath.Join(dir, "district/plans/entries.json"))
	require.Equal(t, string(a), string(b))
	require.Zero(t, n)
}
