package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/services/linkage"
)

// linked links some files with the model for tests.
func linked(t *testing.T, named ...string) (*Input, *Records, *Result) {
	t.Helper()
	in, err := OpenInput(people(t, "dedupe", 60), folder(t, named...), Auto)
	require.NoError(t, err)
	r, err := in.Records(t.Context())
	require.NoError(t, err)
	result, err := r.Link(t.Context(), nil)
	require.NoError(t, err)
	return in, r, result
}

// goldenFiles hold two registers: anna is in both and twice in one, bert's
// number is given to two names, two carls have different numbers.
var goldenFiles = []string{
	"town.csv", "id,number,name,town\n7,A1,anna,ulm\n3,A1,anne,ulm\n5,B2,bert,bonn\n9,C3,carl,kiel\n",
	"health.csv", "id,number,name,town\n1,A1,anna,\n2,B2,dora,bonn\n4,C4,carl,kiel\n6,,emil,ulm\n",
}

func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	_, r, result := linked(t, goldenFiles...)
	var links, review, stats strings.Builder
	require.NoError(t, WriteLinks(&links, r, result))
	// 22.5 bits (number, one letter, town), 22 bits (number, name), 14 bits
	// (number and town against the name), each with odds of 1 to 999 before.
	require.Equal(t, `source,key,entity,probability
town,7,health/1,0.999832
town,3,health/1,0.999832
town,5,health/2,0.942530
town,9,town/9,
health,1,health/1,0.999762
health,2,health/2,0.942530
health,4,health/4,
health,6,health/6,
`, links.String())
	require.NoError(t, WriteReview(&review, r, result.Review))
	require.Equal(t, `source_a,key_a,source_b,key_b,weight,probability,reason,number,name,town
health,4,town,9,7.00,0.113576,below_link,different,identical,identical
`, review.String())
	require.NoError(t, result.Stats.Print(&stats))
	require.Equal(t, `records     8
keys        13 distinct, 0 hot (held by too many records to make pairs)
pairs       7 compared, 4 of them links
entities    5
                    3 of 1 record
                    1 of 2 records
                    1 of 3 records
review      1 pair
                    1 below the link threshold (below_link)
`, stats.String())
}

// TestOrderOfInputDoesNotMatter: I2, entities and their names included.
func TestOrderOfInputDoesNotMatter(t *testing.T) {
	t.Parallel()
	entities := func(named ...string) map[string]string {
		_, r, result := linked(t, named...)
		out := map[string]string{}
		for i := range r.Len() {
			out[r.Label(i)] = r.Label(int(result.First[i]))
		}
		return out
	}
	want := entities(goldenFiles...)
	rapid.Check(t, func(rt *rapid.T) {
		shuffled := func(text string) string {
			lines := strings.Split(strings.TrimSpace(text), "\n")
			return lines[0] + "\n" + strings.Join(rapid.Permutation(lines[1:]).Draw(rt, "rows"), "\n") + "\n"
		}
		named := []string{goldenFiles[0], shuffled(goldenFiles[1]), goldenFiles[2], shuffled(goldenFiles[3])}
		if rapid.Bool().Draw(rt, "the other file first") {
			named = []string{named[2], named[3], named[0], named[1]}
		}
		require.Equal(rt, want, entities(named...))
	})
}

func TestWriteFileIsWholeOrNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "links.csv")
	require.NoError(t, os.WriteFile(path, []byte("before"), 0o600))
	failed := errors.New("the disk is full")
	err := WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		require.NoError(t, err)
		return failed
	})
	require.ErrorIs(t, err, failed)
	require.ErrorContains(t, err, path)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before", string(text))
	require.NoError(t, WriteFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "after"); return err }))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "after", string(text))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left behind")
	require.ErrorIs(t, WriteFile(filepath.Join(dir, "no", "where.csv"), func(io.Writer) error { return nil }), os.ErrNotExist)
	require.NoError(t, WriteFile(os.DevNull, func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }))
}

func TestExplain(t *testing.T) {
	t.Parallel()
	in, _, _ := linked(t, goldenFiles...)
	e, err := in.Explain("4", "town/9")
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, e.Print(&b, linkage.English, true))
	text := b.String()
	require.True(t, strings.HasPrefix(text, "        health/4  town/9\nnumber  C4        C3\nname    carl      carl\ntown    kiel      kiel\n\n"), text)
	for _, want := range []string{"-4.00", "+7.00", "+4.00", "probability that they are one: 0.113576", "found by blocking rules: name.value; town.value",
		"two different valid numbers"} {
		require.Contains(t, text, want)
	}
	b.Reset()
	require.NoError(t, e.Print(&b, linkage.Chinese, false))
	require.NotContains(t, b.String(), "carl", "no values where none are asked for")
	require.Contains(t, b.String(), "是同一人的概率：0.113576")

	e, err = in.Explain("town/7", "6")
	require.NoError(t, err)
	b.Reset()
	require.NoError(t, e.Print(&b, linkage.English, true))
	require.Contains(t, b.String(), "found by blocking rules: town.value")
	e, err = in.Explain("town/7", "2")
	require.NoError(t, err)
	b.Reset()
	require.NoError(t, e.Print(&b, linkage.English, true))
	require.Contains(t, b.String(), "no blocking rule brings the two together")
}

func TestExplainSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	in, _, _ := linked(t, "a.csv", "id,number,name\n1,A1,anna\n2,A2,bert\n", "b.csv", "id,number,name\n1,A1,anna\n")
	for _, c := range [][3]string{
		{"1", "2", `2 records are called "1": a/1 (`},
		{"a/1", "3", `no record has key "3"; give the key, or source/key, of a record of `},
		{"a/2", "2", `"a/2" and "2" are one record: a/2`},
	} {
		_, err := in.Explain(c[0], c[1])
		require.ErrorContains(t, err, c[2])
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	s := Stats{Sizes: map[int]int{1: 5, 10: 2, 11: 1, 100: 1, 101: 3, 5000: 1}}
	var got []string
	for _, c := range sizes(s.Sizes) {
		got = append(got, c.String())
	}
	require.Equal(t, []string{"1 record", "10 records", "11 to 100 records", "101 to 1000 records", "1001 to 10000 records"}, got)
	require.Equal(t, 2, s.countOf(sizeClass{11, 100}))
	require.Empty(t, sizes(nil))
}
