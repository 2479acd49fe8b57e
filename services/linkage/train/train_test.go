package train_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/linkage"
	"heji/services/linkage/train"
)

func persons(t testing.TB, edit ...string) *linkage.Model {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, "persons-en.yaml"))
	require.NoError(t, err)
	m, err := linkage.Load(strings.NewReader(strings.NewReplacer(edit...).Replace(string(text))))
	require.NoError(t, err)
	return m
}

// Registers of invented people, with and without households, duplicates and
// gaps: what is learned without labels must do for all of them.
func TestPopulations(t *testing.T) {
	for _, c := range []struct {
		name  string
		of    population
		edit  []string
		least float64 // F1 of pairs
	}{
		{"several records a person", population{seed: 1, people: 700, perPerson: 4, gaps: .08, bugs: .08}, nil, 0.97},
		{"few duplicates among families", population{seed: 3, people: 2500, perPerson: 1.1, gaps: .08, bugs: .08}, nil, 0.88},
		{"many gaps and slips", population{seed: 5, people: 300, perPerson: 8, gaps: .2, bugs: .15}, nil, 0.90},
		{"no addresses", population{seed: 7, people: 2500, perPerson: 1.3, gaps: .08, bugs: .08, without: []string{"street", "postcode"}}, nil, 0.91},
		{"names and birth dates alone", population{seed: 15, people: 1500, perPerson: 2, gaps: .05, bugs: .08,
			without: []string{"street", "postcode", "city", "occupation", "sex"}}, nil, 0.87},
		{"two registers", population{seed: 9, people: 2000, gaps: .08, bugs: .08, sources: 2}, []string{"mode: dedupe", "mode: link_only"}, 0.93},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := persons(t, c.edit...)
			paths, truth := c.of.write(t)
			learned, report, err := train.Train(t.Context(), m, derive(t, m, paths...), train.Settings{Seed: 1, RandomPairs: 500_000})
			require.NoError(t, err)
			got := score(t, m, learned, truth, paths...)
			t.Logf("precision %.4f, recall %.4f, F1 %.4f; expected matches %.0f of %.0f", got.Precision(), got.Recall(), got.F1(), report.Found+report.Missed, got.True)
			require.GreaterOrEqual(t, got.F1(), c.least)
			require.InEpsilon(t, got.True, report.Found+report.Missed, 0.25, "the prior is estimated without labels, too")
		})
	}
}

// Without "shared", families pass for people with many records. Training cannot
// know, but it can see that its passes contradict each other.
func TestTrainingWarnsOfRelatives(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(examples, "persons-en.yaml"))
	require.NoError(t, err)
	before, _, found := strings.Cut(string(text), "\nshared:")
	require.True(t, found)
	m, err := linkage.Load(strings.NewReader(before))
	require.NoError(t, err)
	paths, _ := population{seed: 3, people: 1500, perPerson: 1.1, gaps: .08, bugs: .08}.write(t)
	settings := train.Settings{Seed: 1, RandomPairs: 200_000}
	_, report, err := train.Train(t.Context(), m, derive(t, m, paths...), settings)
	require.NoError(t, err)
	require.Len(t, report.Notes, 1)
	require.Contains(t, report.Notes[0], "people of one household")

	m = persons(t)
	_, report, err = train.Train(t.Context(), m, derive(t, m, paths...), settings)
	require.NoError(t, err)
	require.Empty(t, report.Notes)
	require.Positive(t, report.Shared)
}

// I2: the same records and seed give the same model, however many processors
// there are; another seed gives a model of its own.
func TestTrainingIsDeterministic(t *testing.T) {
	paths, _ := population{seed: 11, people: 400, perPerson: 3, gaps: .1, bugs: .1}.write(t)
	m := persons(t)
	records := derive(t, m, paths...)
	text := func(seed uint64) string {
		// Fewer pairs than there are, so that they are drawn.
		learned, report, err := train.Train(t.Context(), m, records, train.Settings{Seed: seed, RandomPairs: 64_000, RulePairs: 300})
		require.NoError(t, err)
		trained, err := m.Trained(learned)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, trained.Write(&b))
		require.NoError(t, report.Write(&b))
		return b.String()
	}
	first := text(1)
	before := runtime.GOMAXPROCS(1)
	second := text(1)
	runtime.GOMAXPROCS(before)
	require.Equal(t, first, second)
	require.NotEqual(t, first, text(2))
}

func TestReport(t *testing.T) {
	paths, _ := population{seed: 12, people: 300, perPerson: 3, gaps: .1, bugs: .1}.write(t)
	m := persons(t)
	steps := 0
	learned, report, err := train.Train(t.Context(), m, derive(t, m, paths...), train.Settings{Progress: func(done, total int) {
		steps++
		require.Equal(t, steps, done)
		require.LessOrEqual(t, done, total)
	}})
	require.NoError(t, err)
	require.Equal(t, len(m.Rules())+3, steps)
	require.Len(t, report.Passes, len(m.Rules()))
	require.Contains(t, report.Silent, "national_id")
	for _, p := range report.Passes {
		if p.Rule == "date_of_birth.value" {
			require.True(t, p.Converged)
			require.Positive(t, p.Rounds)
			require.Positive(t, p.Matches)
			require.Negative(t, p.LogLikelihood)
			require.Equal(t, []string{"date_of_birth"}, p.Hidden)
		}
		if p.Rule == "national_id.value" {
			require.Zero(t, p.Pairs)
			require.NotEmpty(t, p.Note)
		}
	}
	require.Greater(t, learned.Link, learned.Review)
	require.LessOrEqual(t, learned.Group, learned.Link)
	for c, l := range learned.Levels {
		require.Greater(t, l[0].M/l[0].U, 0.99, "identical speaks for, or is not there: %s", m.Comparisons()[c].Name)
		require.LessOrEqual(t, l[len(l)-1].M/l[len(l)-1].U, 1.01, "different speaks against")
	}
	var b bytes.Buffer
	require.NoError(t, report.Write(&b))
	for _, part := range []string{"converged", "date_of_birth", "prior", "link", "without any values: house_number"} {
		require.Contains(t, b.String(), part)
	}
}

// oneSource are records that all came from one file.
type oneSource struct{ train.Records }

func (oneSource) Source(int) int { return 0 }

func TestTrainingSaysWhatIsWrong(t *testing.T) {
	paths, _ := population{seed: 12, people: 300, perPerson: 3, gaps: .1, bugs: .1}.write(t)
	two, _ := population{seed: 12, people: 300, gaps: .1, bugs: .1, sources: 2}.write(t)
	write := func(rows ...string) string {
		path := filepath.Join(t.TempDir(), "people.csv")
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(rows, "\n")+"\n"), 0o600))
		return path
	}
	strangers, placeholders := []string{"id,given_name,surname,dob"}, []string{"id,national_id"}
	r := inventor{Rand: rand.New(rand.NewPCG(1, 2))}
	for i := range 40 {
		strangers = append(strangers, fmt.Sprintf("%d,%s,%s,%d-01-01", i, r.word(3), r.word(3), 1950+i))
		placeholders = append(placeholders, fmt.Sprintf("%d,0000", i))
	}
	linkOnly := persons(t, "mode: dedupe", "mode: link_only")
	needsID := persons(t, "optional: all", "optional: [given_name, surname, date_of_birth, sex, house_number, street, city, postcode, state, email, phone, occupation]")
	for _, c := range []struct {
		name     string
		model    *linkage.Model
		records  train.Records
		settings train.Settings
		want     string
	}{
		{"few records", persons(t), derive(t, persons(t), write("id,given_name", "1,Ann")), train.Settings{}, "there are 1 records; training needs at least 10"},
		{"only strangers", persons(t), derive(t, persons(t), write(strangers...)), train.Settings{}, "nothing to learn from, and nothing is written"},
		{"no convergence", persons(t), derive(t, persons(t), paths...), train.Settings{Rounds: 1}, `training does not converge: the pass over rule "date_of_birth.value"`},
		{"of no use", needsID, derive(t, needsID, write(placeholders...)), train.Settings{}, "comparison national_id: national_id is empty, or of no use to comparator identifier, in every record"},
		{"one source", linkOnly, oneSource{derive(t, linkOnly, two...)}, train.Settings{}, "all records are of one source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, report, err := train.Train(t.Context(), c.model, c.records, c.settings)
			require.ErrorContains(t, err, c.want)
			require.NotNil(t, report)
			require.NoError(t, report.Write(io.Discard), "what was done until then can be shown")
		})
	}
}

func TestTrainingStopsWhenTold(t *testing.T) {
	paths, _ := population{seed: 12, people: 300, perPerson: 3, gaps: .1, bugs: .1}.write(t)
	m := persons(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := train.Train(ctx, m, derive(t, m, paths...), train.Settings{})
	require.ErrorIs(t, err, context.Canceled)
}
