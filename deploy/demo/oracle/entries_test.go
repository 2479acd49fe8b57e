package oracle

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"heji/deploy/demo/district"
	p "heji/deploy/demo/population"
	"heji/services/embedded/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(pgtest.Runner{M: m}, goleak.IgnoreAnyFunction("heji/services/embedded.(*child).wait"))
}

func TestEntriesAreTwentyAndStay(t *testing.T) {
	t.Parallel()
	d, err := district.Start(t.Context(), district.Options{Dir: t.TempDir(), Database: func(context.Context, string) (string, error) { return pgtest.DSN(t), nil }, Population: p.Generate(1500, 1), Seed: 1})
	require.NoError(t, err)
	edits, err := d.Round(t.Context(), 1, 0)
	require.NoError(t, err)
	list, err := Entries(t.Context(), d)
	require.NoError(t, err)
	require.Len(t, list, 20)
	touched := map[int]bool{}
	for _, e := range edits {
		touched[e.Person] = true
	}
	kinds, persons := map[string]int{}, map[int]bool{}
	for _, e := range list {
		require.NotEmpty(t, e.Shows, e.Name)
		if e.New() {
			kinds[e.Name]++
			continue
		}
		require.False(t, touched[e.Person] || persons[e.Person], e.Name)
		persons[e.Person] = true
		require.NotEmpty(t, e.Row.Key)
		for platform, keys := range e.Shows {
			rows, err := d.Platform(platform).Snapshot(t.Context())
			require.NoError(t, err)
			require.Contains(t, rows, keys[0])
			require.False(t, e.Shown(platform, rows), "it is news to "+platform)
		}
		if e.Name == "death" {
			kinds["death"]++
			require.Contains(t, e.Shows, p.Pension)
			require.NotContains(t, e.Shows, p.Medical, "the dead are out of its scope")
		}
	}
	require.Equal(t, map[string]int{"newborn": 1, "newcomer": 1, "death": 1}, kinds)
	again, err := Entries(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, list, again)
	require.NoError(t, d.Close())
}

func TestAnEntryIsSeenInTheJournalAndTheRows(t *testing.T) {
	t.Parallel()
	e := Entry{Person: 1, Values: map[string]string{p.Phone: "15400000001"}, Shows: map[string][]string{p.Medical: {"k"}}}
	require.True(t, e.Wrote(p.Medical, district.Write{Key: "k", Set: district.Row{"tel": "15400000001"}, Applied: true}))
	require.False(t, e.Wrote(p.Medical, district.Write{Key: "k", Set: district.Row{"tel": "15400000002"}, Applied: true}))
	require.False(t, e.Wrote(p.Medical, district.Write{Key: "k", Set: district.Row{"tel": "15400000001"}}))
	require.False(t, e.Wrote(p.Medical, district.Write{Key: "x", Set: district.Row{"tel": "15400000001"}, Applied: true}))
	require.True(t, e.Shown(p.Medical, map[string]district.Row{"k": {"tel": "15400000001"}}))
	require.False(t, e.Shown(p.Medical, map[string]district.Row{"k": {}}))

	baby := newborn(p.Generate(10, 1), p.Generate(10, 1).Persons[0])
	whole := row(p.Maternal, "n", baby.Values)
	require.True(t, baby.Wrote(p.Maternal, district.Write{Key: "n", Create: true, Applied: true, Set: whole}))
	require.True(t, baby.Shown(p.Maternal, map[string]district.Row{"n": whole}))
	require.False(t, baby.Wrote(p.Maternal, district.Write{Key: "n", Applied: true, Set: whole}), "a change of another row")
}
