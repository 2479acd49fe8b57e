package train_test

import (
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

// publicData is the folder of public sets with known truth. They are not part of
// the project.
func publicData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HEJI_LINK_DATA")
	if dir == "" {
		dir = "../../../../shared/data"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the public sets are not here: put them into %s, or name their folder in HEJI_LINK_DATA", dir)
	}
	return dir
}

// set is a file with known truth.
type set struct {
	name, file, model string
	entity            func(row map[string]string) string
	least             float64 // F1 of pairs, without labels
}

var febrlEntity = regexp.MustCompile(`^rec-(\d+)-`)

func febrl(row map[string]string) string { return febrlEntity.FindStringSubmatch(row["rec_id"])[1] }

var sets = []set{
	{"febrl dataset1", "febrl/dataset1.csv", "febrl.yaml", febrl, 0.98},
	{"febrl dataset2", "febrl/dataset2.csv", "febrl.yaml", febrl, 0.98},
	{"febrl dataset3", "febrl/dataset3.csv", "febrl.yaml", febrl, 0.99},
	{"fake_1000", "fake_1000/fake_1000.csv", "fake_1000.yaml", func(row map[string]string) string { return row["cluster"] }, 0.84},
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
	data := publicData(t)
	for _, s := range sets {
		for _, model := range []string{s.model, "persons-en.yaml"} {
			t.Run(s.name+" "+model, func(t *testing.T) {
				m, err := linkage.LoadFile(filepath.Join(examples, model))
				require.NoError(t, err)
				path := filepath.Join(data, s.file)
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
