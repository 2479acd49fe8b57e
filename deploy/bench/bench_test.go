package bench

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/linkage/files"
)

// What docs/benchmarks.md promises, on a population that nothing was tuned on.
func TestPopulationKeepsItsPromises(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := Population(t.Context(), PopulationOptions{People: 20_000, Seed: 77, Kinds: 5, Out: &out})
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.Pairs.Precision(), 0.9995, out.String())
	require.GreaterOrEqual(t, r.Pairs.Recall(), 0.99, out.String())
	require.LessOrEqual(t, r.Waiting(), 0.005, out.String())
	require.LessOrEqual(t, r.Questions, r.ReviewPairs)
	require.Greater(t, r.Pairs.F1(), r.SameIDOrNameBirth.F1(), "simple rules do worse")
	require.Greater(t, r.Pairs.F1(), r.SameID.F1())
	require.NotEmpty(t, r.Review)
	pairs := 0
	for _, k := range r.Review {
		pairs += k.Pairs
		require.LessOrEqual(t, k.Least, k.Most)
	}
	require.Equal(t, r.ReviewPairs, pairs, "each pair that waits is of one kind")
	require.Contains(t, out.String(), "review ")
}

// The generator's records are linked as well, whatever their number.
func TestLink(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := Link(t.Context(), LinkOptions{Records: 20_000, Seed: 3, Out: &out})
	require.NoError(t, err)
	require.Equal(t, 20_000, r.Records)
	require.InDelta(t, 4, float64(r.Records)/float64(r.Persons), 0.5, "records a person")
	require.GreaterOrEqual(t, r.Pairs.Precision(), 0.9995, out.String())
	require.GreaterOrEqual(t, r.Pairs.Recall(), 0.99, out.String())
	require.Contains(t, out.String(), "peak memory")

	// Learned without labels from other people: as good a judge.
	out.Reset()
	p, err := Population(t.Context(), PopulationOptions{People: 1500, Seed: 4, Train: true, TrainSeed: 8, Weights: true, Out: &out})
	require.NoError(t, err)
	require.GreaterOrEqual(t, p.Pairs.Precision(), 0.999, out.String())
	require.GreaterOrEqual(t, p.Pairs.Recall(), 0.99, out.String())
	require.Regexp(t, `id_number +identical +0\.9\d`, out.String())

	// What another tool is given says the same: the number alone finds what it
	// finds here.
	dir := filepath.Join(t.TempDir(), "records")
	p, err = Population(t.Context(), PopulationOptions{People: 300, Seed: 5, Write: dir, Out: io.Discard})
	require.NoError(t, err)
	require.Equal(t, p.SameID, sameNumberIn(t, dir))
	_, err = Population(t.Context(), PopulationOptions{People: 300, Seed: 5, Write: dir, Out: io.Discard})
	require.ErrorContains(t, err, "give an empty folder")

	_, err = Link(t.Context(), LinkOptions{Out: io.Discard})
	require.ErrorContains(t, err, "--records must be at least 1")
	_, err = Population(t.Context(), PopulationOptions{Out: io.Discard})
	require.ErrorContains(t, err, "--people must be at least 1")
}

// sameNumberIn reads what was written and puts together what has one ID number.
func sameNumberIn(t *testing.T, dir string) files.Measure {
	read := func(name string) [][]string {
		f, err := os.Open(filepath.Join(dir, name))
		require.NoError(t, err)
		defer f.Close()
		list, err := csv.NewReader(f).ReadAll()
		require.NoError(t, err)
		return list
	}
	records, truth := read("records.csv"), read("truth.csv")
	require.Len(t, truth, len(records))
	column := slices.Index(records[0], "id_number")
	var person, first []uint32
	by := map[string]uint32{}
	for i, r := range records[1:] {
		require.Equal(t, r[0], truth[i+1][0], "one key, one line")
		n, err := strconv.Atoi(truth[i+1][1])
		require.NoError(t, err)
		person = append(person, uint32(n))
		of, ok := by[r[column]]
		if !ok || r[column] == "" {
			of = uint32(i)
		}
		by[r[column]] = of
		first = append(first, of)
	}
	_, m := score(person, first)
	return m
}
