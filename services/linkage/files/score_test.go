package files

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func grouping(t *testing.T, name, text string) *Grouping {
	t.Helper()
	g, err := ReadGrouping(write(t, name, text), Auto, nil)
	require.NoError(t, err)
	return g
}

func TestScoreByHand(t *testing.T) {
	t.Parallel()
	// Truth {a b c} {d e} {f}, links {a b} {c d e} {f}: pairs ab right; cd, ce
	// wrong; de right; ac, bc missed.
	truth := grouping(t, "truth.csv", "key,cluster\na,1\nb,1\nc,1\nd,2\ne,2\nf,3\n")
	links := grouping(t, "links.csv", "source,key,entity,probability\ns,a,x,1\ns,b,x,1\ns,c,y,1\ns,d,y,1\ns,e,y,1\ns,f,z,\n")
	s, err := ScoreLinks(truth, links)
	require.NoError(t, err)
	require.Equal(t, 6, s.Records)
	require.Equal(t, Measure{Right: 2, Found: 4, True: 4}, s.Pairs)
	require.InDelta(t, 0.5, s.Pairs.Precision(), 1e-12)
	require.InDelta(t, 0.5, s.Pairs.Recall(), 1e-12)
	require.InDelta(t, 0.5, s.Pairs.F1(), 1e-12)
	require.Equal(t, Measure{Right: 1, Found: 3, True: 3}, s.Clusters, "only f alone is right")
	// Precision of a, b: 2/2; c: 1/3; d, e: 2/3; f: 1. Recall of a, b: 2/3; c: 1/3; d, e: 1; f: 1.
	require.InDelta(t, (1+1+1./3+2./3+2./3+1)/6, s.BCubedPrecision, 1e-12)
	require.InDelta(t, (2./3+2./3+1./3+1+1+1)/6, s.BCubedRecall, 1e-12)
	p, r := 14./18, 14./18
	require.InDelta(t, 2*p*r/(p+r), s.BCubedF1(), 1e-12)

	var b strings.Builder
	require.NoError(t, s.Print(&b))
	require.Equal(t, `records   6
pairs     precision 0.5000  recall 0.5000  F1 0.5000   (2 right of 4 linked, 4 true)
clusters  precision 0.3333  recall 0.3333  F1 0.3333   (1 right of 3 found, 3 true)
b-cubed   precision 0.7778  recall 0.7778  F1 0.7778
`, b.String())
}

func TestScoreCountsWhatIsMissing(t *testing.T) {
	t.Parallel()
	truth := grouping(t, "truth.csv", "source,id,entity\np,1,A\nq,1,A\np,2,A\n")
	links := grouping(t, "links.csv", "source,key,entity\np,1,x\nq,1,x\np,9,x\n")
	s, err := ScoreLinks(truth, links)
	require.NoError(t, err)
	require.Equal(t, 1, s.OnlyTruth)
	require.Equal(t, 1, s.OnlyLinks)
	require.Equal(t, Measure{Right: 1, Found: 1, True: 3}, s.Pairs, "p/9 has no truth and counts for nothing")
	var b strings.Builder
	require.NoError(t, s.Print(&b))
	require.Contains(t, b.String(), "1 record is only in the truth: each counts as an entity of its own")
}

func TestScoreOfNothing(t *testing.T) {
	t.Parallel()
	truth := grouping(t, "truth.csv", "key,entity\na,1\nb,2\n")
	links := grouping(t, "links.csv", "key,entity\na,x\nb,y\n")
	s, err := ScoreLinks(truth, links)
	require.NoError(t, err)
	require.InDelta(t, 1, s.Pairs.F1(), 0, "no pair to find, none found")
	require.InDelta(t, 1, s.BCubedF1(), 1e-12)
	require.Zero(t, Measure{Found: 3, True: 2}.F1())
}

func TestGroupingByPattern(t *testing.T) {
	t.Parallel()
	path := write(t, "set.csv", "rec_id, name\nrec-12-org, x\nrec-12-dup-0, y\nrec-3-org, z\n")
	g, err := ReadGrouping(path, Auto, regexp.MustCompile(`rec-([0-9]+)-`))
	require.NoError(t, err)
	require.Equal(t, map[recordName]string{{key: "rec-12-org"}: "12", {key: "rec-12-dup-0"}: "12", {key: "rec-3-org"}: "3"}, g.records)
	_, err = ReadGrouping(path, Auto, regexp.MustCompile(`rec-([0-9]+)-o`))
	require.ErrorContains(t, err, `set.csv, line 3: the pattern does not find an entity in key "rec-12-dup-0"`)
	_, err = ReadGrouping(path, Auto, regexp.MustCompile(`rec`))
	require.ErrorContains(t, err, "must have a group in parentheses")
}

func TestScoreSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ truth, links, want string }{
		"no key":       {"name,entity\n", "", `truth.csv: there is none of the columns "key", "id", "rec_id", "record_id", "unique_id" for the key of a record; the columns are "name", "entity"`},
		"no entity":    {"key,name\n", "", `truth.csv: there is none of the columns "entity", "cluster", "entity_id", "cluster_id" for the entity that a record belongs to; the columns are "key", "name"`},
		"key twice":    {"key,entity\na,1\nb,1\na,2\n", "", `truth.csv: lines 2 and 4 both have key "a"; where keys are unique only within a file, a column "source" must say which`},
		"empty key":    {"key,entity\na,1\n,1\n", "", "truth.csv, line 3: the key is empty"},
		"empty entity": {"key,entity\na,\n", "", `truth.csv, line 2: the entity of key "a" is empty`},
		"no source":    {"key,entity\na,1\n", "source,key,entity\np,a,1\nq,a,1\n", `links.csv: lines 2 and 3 have the same key in two sources;`},
		"one source":   {"source,key,entity\np,a,1\n", "key,entity\na,1\n", `truth.csv has a column "source" and `},
		"strangers":    {"key,entity\na,1\nb,1\n", "key,entity\nc,1\n", "none of the 2 records of "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			truth, err := ReadGrouping(write(t, "truth.csv", c.truth), Auto, nil)
			if err == nil {
				_, err = ScoreLinks(truth, grouping(t, "links.csv", c.links))
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestScoreIsWhatPairsSay: the figures from counts equal those from looking at
// every pair.
func TestScoreIsWhatPairsSay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "records")
		truth := &Grouping{records: map[recordName]string{}}
		links := &Grouping{records: map[recordName]string{}}
		var a, b []int
		for i := range n {
			a = append(a, rapid.IntRange(0, 4).Draw(t, "true"))
			b = append(b, rapid.IntRange(0, 4).Draw(t, "linked"))
			truth.records[recordName{key: fmt.Sprint(i)}] = fmt.Sprint(a[i])
			links.records[recordName{key: fmt.Sprint(i)}] = fmt.Sprint(b[i])
		}
		var want Measure
		for i := range n {
			for j := range i {
				if a[i] == a[j] {
					want.True++
				}
				if b[i] == b[j] {
					want.Found++
				}
				if a[i] == a[j] && b[i] == b[j] {
					want.Right++
				}
			}
		}
		s, err := ScoreLinks(truth, links)
		require.NoError(t, err)
		require.Equal(t, want, s.Pairs)
	})
}

// FuzzGrouping: any bytes are a truth, or an error that names the file; what is
// read agrees with itself.
func FuzzGrouping(f *testing.F) {
	for _, s := range []string{"id,entity\n1,a\n2,a\n", "source,key,cluster\na,1,x\nb,1,x\n", "id,entity\n1,\n", "key;entity\n\"1\";2\n", "\xff\xfe", "id,entity\n1,a\n1,b\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "truth.csv")
		require.NoError(t, os.WriteFile(path, text, 0o600))
		for _, pattern := range []*regexp.Regexp{nil, regexp.MustCompile("([0-9]+)")} {
			g, err := ReadGrouping(path, Auto, pattern)
			if err != nil {
				require.ErrorContains(t, err, "truth.csv")
				continue
			}
			s, err := ScoreLinks(g, g)
			if err != nil {
				continue
			}
			require.Equal(t, s.Pairs.Right, s.Pairs.True)
			require.Equal(t, s.Pairs.Found, s.Pairs.True)
		}
	})
}
