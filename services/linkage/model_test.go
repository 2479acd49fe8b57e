package linkage

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema/hanzi"
)

// customers is a model for another population than residents.
const customers = `
version: customers-1
prior: 0.001
thresholds: {link: 1200, review: 800, group: 300}
files:
  key: [id, rec_id]
  columns: {born: [date_of_birth, dob]}
  missing: ["", NA]
comparisons:
  - name: given
    comparator: text
    attributes: [given_name, surname]
    levels:
      identical: {m: 0.8, u: 0.01}
      jaro_winkler >= 0.9: {m: 0.1, u: 0.01, weight: 310}
      swapped: {m: 0.05, u: 0.0001}
      different: {m: 0.05, u: 0.98}
    frequency:
      levels: {identical: 100, swapped: 50}
      floor: 100
      cap: 900
      terms:
        value: {others: 200, tiers: [{weight: -300, values: [maria, "null"]}]}
  - name: surname
    comparator: text
    attributes: [surname]
    levels: {identical: 700, different: -300}
  - name: born
    comparator: date
    attributes: [born]
    levels: {identical: 900, different: -600}
blocking:
  - given.value + surname.first:3
  - {space: birthday, any: [surname.value + born.day, given.value + born.day]}
`

func load(t testing.TB, text string) *Model {
	t.Helper()
	m, err := Load(strings.NewReader(text))
	require.NoError(t, err)
	return m
}

func TestDefaultModel(t *testing.T) {
	t.Parallel()
	m := Default()
	require.NotEmpty(t, m.Version())
	require.Same(t, m, Default())
	l := m.Limits()
	require.Greater(t, l.Link, l.Review)
	require.Positive(t, l.Review)
	require.Positive(t, l.HotKey)
	require.Positive(t, l.Component)
	require.False(t, m.LinkOnly())
	require.NoError(t, m.Ready())
	require.NotZero(t, m.exclusive+1, "I3 needs the comparison of ID numbers")
	again, err := LoadFile(Residents)
	require.NoError(t, err)
	require.Same(t, m, again)
	for i := range m.comparisons {
		if q := m.comparisons[i].frequency; q != nil {
			for _, table := range q.tables {
				for value := range table.values {
					require.Equal(t, hanzi.Normalise(value), value, "a name that no record spells so is never found")
				}
			}
		}
	}
}

func TestEveryLineHasALabel(t *testing.T) {
	t.Parallel()
	m := Default()
	for _, c := range m.Comparisons() {
		names := []string{c.Name}
		if c.Frequencies != nil {
			names = append(names, frequencyOf+c.Name)
		}
		for _, name := range names {
			require.Contains(t, catalogue().Lines, name)
		}
		for _, l := range c.Levels {
			require.Contains(t, catalogue().Levels, l.Name)
		}
	}
	for _, all := range []map[string]label{catalogue().Lines, catalogue().Levels, catalogue().Verdict} {
		for name, texts := range all {
			require.NotEmpty(t, texts[Chinese], name)
			require.NotEmpty(t, texts[English], name)
		}
	}
}

func TestLoadReadsEverything(t *testing.T) {
	t.Parallel()
	m := load(t, customers)
	require.NoError(t, m.Ready())
	require.Equal(t, []string{"given_name", "surname", "born"}, m.Attributes())
	require.Equal(t, []string{"given.value + surname.first:3", "surname.value + born.day or given.value + born.day"}, m.Rules())
	require.Equal(t, ColumnMap{Key: []string{"id", "rec_id"}, Columns: map[string][]string{"born": {"date_of_birth", "dob"}},
		Clean: CleanPlain, Missing: []string{"", "NA"}}, m.Columns())
	require.Equal(t, Limits{Link: 1200, Review: 800, Group: 300, HotKey: defaultHotKey, Component: defaultComponent}, m.Limits())
	given := m.Comparisons()[0]
	require.Equal(t, []string{"value"}, given.Frequencies)
	require.Equal(t, LevelWeight{Name: "identical", M: 0.8, U: 0.01, Weight: 632, Known: true}, given.Levels[0])
	require.Equal(t, 310, given.Levels[1].Weight, "a weight that is given outranks m and u")
	require.InDelta(t, 0.001, m.Probability(0), 1e-9)
	require.InDelta(t, 0.5, m.Probability(int(math.Round(100*math.Log2(999)))), 1e-3)
	require.Equal(t, 1.0, m.Probability(maxWeight*MaxComparisons))
	require.Zero(t, m.Probability(-maxWeight*MaxComparisons))
}

func TestLinkOnly(t *testing.T) {
	t.Parallel()
	m := load(t, customers+"mode: link_only\n")
	require.True(t, m.LinkOnly())
	require.True(t, m.Limits().OnePerSource)
	m = load(t, strings.Replace(customers, "files:\n", "mode: link_only\nfiles:\n  duplicates_within_sources: true\n", 1))
	require.True(t, m.Limits().LinkOnly)
	require.False(t, m.Limits().OnePerSource)
}

// What has no weights yet loads, and says what it lacks.
func TestUntrainedModel(t *testing.T) {
	t.Parallel()
	m := load(t, `
version: new
comparisons:
  - {name: surname, comparator: text, attributes: [surname], levels: [identical, damerau <= 1, different], frequency: {levels: {identical: 100}}}
blocking: [surname.value]
`)
	require.ErrorContains(t, m.Ready(), `comparison surname: level "identical" has no weight`)
	require.False(t, m.Comparisons()[0].Levels[0].Known)
	a, b := m.AppendFeatures(nil, []string{"Smith"}, nil), m.AppendFeatures(nil, []string{"Smiht"}, nil)
	require.Equal(t, 1, m.Compare(a, b).Level(0))
	require.Zero(t, m.Compare(a, a).Weight)
	term, ok := m.Term(0, 0, a)
	require.True(t, ok)
	require.Equal(t, "smith", term)

	levels := [][]MU{{{M: 0.9, U: 0.001}, {M: 0.08, U: 0.01}, {M: 0.02, U: 0.989}}}
	_, err := m.Trained(Training{Prior: 0.01, Link: 500, Review: 600, Levels: levels})
	require.ErrorContains(t, err, "link (500) must be above review (600)")
	_, err = m.Trained(Training{Prior: 0, Link: 700, Review: 600, Levels: levels})
	require.ErrorContains(t, err, "prior is 0")
	_, err = m.Trained(Training{Prior: 0.01, Link: 700, Review: 600, Levels: [][]MU{{{M: 0.9, U: 0.1}}}})
	require.ErrorContains(t, err, "comparison surname: m and u of 1 levels; it has 3")
	_, err = m.Trained(Training{Prior: 0.01, Link: 700, Review: 600, Levels: [][]MU{{{M: 0, U: 0.1}, {}, {}}}})
	require.ErrorContains(t, err, `comparison surname: level "identical": m is 0`)

	trained, err := m.Trained(Training{Prior: 1.0 / 3, Link: 700, Review: 600, Group: 100, Levels: levels,
		Frequencies: [][]*Frequencies{{{Others: 150, Values: map[string]int{"smith": -200, "\xff": 5}}}}})
	require.NoError(t, err)
	require.NoError(t, trained.Ready())
	require.Error(t, m.Ready(), "the old model is as it was")
	require.Equal(t, "new+trained", trained.Version())
	require.Equal(t, 981, trained.Comparisons()[0].Levels[0].Weight)
	require.False(t, trained.Own(a), "features hold the adjustment for the frequency")
	smith, jones := trained.AppendFeatures(nil, []string{"smith"}, nil), trained.AppendFeatures(nil, []string{"jones"}, nil)
	require.Equal(t, 781, trained.Compare(smith, smith).Weight)
	require.Equal(t, 1131, trained.Compare(jones, jones).Weight)
	requireSame(t, trained, load(t, written(t, trained)))
}

func written(t testing.TB, m *Model) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, m.Write(&b))
	return b.String()
}

// requireSame asserts that two models are alike in everything that they say and
// do.
func requireSame(t testing.TB, want, got *Model) {
	t.Helper()
	require.Equal(t, written(t, want), written(t, got))
	require.Equal(t, want.stamp, got.stamp)
	require.Equal(t, want.Comparisons(), got.Comparisons())
	require.Equal(t, want.Limits(), got.Limits())
	require.Equal(t, want.Columns(), got.Columns())
	require.Equal(t, want.Rules(), got.Rules())
	require.Equal(t, want.together, got.together)
	require.Equal(t, want.ambiguous, got.ambiguous)
	require.Equal(t, want.shared, got.shared)
	require.Equal(t, want.conflict, got.conflict)
	require.Equal(t, want.exclusive, got.exclusive)
}

func TestWriteIsReadBack(t *testing.T) {
	t.Parallel()
	for _, m := range []*Model{Default(), load(t, customers), load(t, customers+"mode: link_only\n"),
		load(t, strings.Replace(customers, "files:\n", "mode: link_only\nfiles:\n  duplicates_within_sources: true\n", 1))} {
		requireSame(t, m, load(t, written(t, m)))
	}
}

// Each mistake is told with its line and with what may stand there.
func TestLoadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	text := string(residents)
	tests := map[string]struct{ old, new, want string }{
		"unknown key":          {"  hot_key: 60", "  hotkey: 60", `limits: there is no key "hotkey" here; there are hot_key, component, keys`},
		"unknown top":          {"exclusive:", "exklusive:", `there is no key "exklusive" here; there are version, mode`},
		"a key twice":          {"mode: dedupe", "mode: dedupe\nmode: dedupe", "mode is there twice"},
		"unknown mode":         {"mode: dedupe", "mode: both", "mode: it is dedupe (within and between sources), link_only (between sources) or register"},
		"unknown comparator":   {"comparator: phone", "comparator: telephone", `comparisons: phone: there is no comparator "telephone"; there are birth_date,`},
		"unknown level":        {"      swapped:", "      swaped:", "comparisons: birth_date: level \"swapped\" is missing; the levels are identical, swapped"},
		"level too many":       {"      swapped: 600", "      swapped: 600\n      mirrored: 5", `there is no level "mirrored"`},
		"level twice":          {"      swapped: 600", "      swapped: 600\n      swapped: 5", "swapped is there twice"},
		"comparison twice":     {"  - name: sex", "  - name: name", "comparisons: name is there twice"},
		"a bad name":           {"  - name: sex", "  - name: se.x", `the name "se.x": a name is made of letters, digits and _`},
		"a correction's name":  {"  - name: sex", "  - name: shared", "shared is the name of a correction"},
		"no attributes":        {"    attributes: [phone]\n", "", "comparisons: attributes is missing"},
		"too many attributes":  {"    attributes: [phone]\n", "    attributes: [phone, mobile]\n", "comparisons: phone: there are 2 attributes"},
		"unknown setting":      {"    comparator: sex\n", "    comparator: sex\n    fuzzy: true\n", `comparisons: sex: there is no setting "fuzzy"`},
		"a fraction":           {"      swapped: 600", "      swapped: 6.5", "swapped: a weight is a whole number"},
		"m above one":          {"      swapped: 600", "      swapped: {m: 1.2, u: 0.1}", "swapped: m: a probability lies above 0 and is at most 1"},
		"no version":           {"version: residents-2026.3", "version: ''", "version: here stands a text"},
		"version missing":      {"version: residents-2026.3", "", "version is missing"},
		"review above":         {"review: 1400", "review: 2300", "thresholds: link (2200) must be above review (2300)"},
		"group above link":     {"group: 600", "group: 6000", "group (6000) must not be above link"},
		"threshold missing":    {"  group: 600", "", "thresholds: group is missing"},
		"no hot keys":          {"hot_key: 60", "hot_key: 1", "hot_key is a whole number from 2"},
		"tiny components":      {"component: 400", "component: 1", "component is a whole number from 2"},
		"no keys":              {"keys: 10 ", "keys: 0 ", "keys is a whole number from 1"},
		"no shared limit":      {"limit: 1100", "limit: 0", "shared: limit: here stands a whole number from 1"},
		"together: no weight":  {", weight: -800}", "}", "together: a line has a name, when"},
		"together: a fraction": {"weight: -800}", "weight: -8.5}", "together: of_one_mother: a weight is a whole number"},
		"together: twice":      {"name: mothers_surname,", "name: mothers_phone,", "together: the name mothers_phone is taken"},
		"together: as a line":  {"name: mothers_surname,", "name: phone,", "together: the name phone is taken"},
		"together: as another": {"name: mothers_surname,", "name: shared,", "together: the name shared is taken"},
		"together: unknown":    {"when: {name: [newborn], phone: [identical]}", "when: {name: [newborn], fax: [identical]}", `together: mothers_phone: there is no comparison "fax"`},
		"together: a level":    {"when: {name: [newborn], phone: [identical]}", "when: {name: [newborn], phone: [same]}", `together: mothers_phone: phone has no level "same"`},
		"ambiguous: no when":   {"  when: {name: [newborn, newborn_both]}", "  where: {}", `ambiguous: there is no key "where" here; there are when`},
		"ambiguous: a level":   {"ambiguous:\n  when: {name: [newborn,", "ambiguous:\n  when: {name: [unborn,", `ambiguous: when: name has no level "unborn"`},
		"shared unknown":       {"of: [phone,", "of: [telephone,", `shared: there is no comparison "telephone"`},
		"except unknown":       {"    mother: {name:", "    sex: {name:", "shared: except: sex is not in of"},
		"except's level":       {"{name: [newborn, newborn_both]}", "{name: [newborn, unborn]}", `name has no level "unborn"; there are identical`},
		"conflict's level":     {"when: {id_number: [identical,", "when: {id_number: [same,", `id_number has no level "same"; there are identical, identical_invalid, same_core, near, contradicts, different, missing`},
		"conflict unknown":     {"when: {id_number:", "when: {id:", `conflict: when: there is no comparison "id"`},
		"exclusive unknown":    {"exclusive: id_number", "exclusive: id", `exclusive: there is no comparison "id"`},
		"exclusive can differ": {"exclusive: id_number", "exclusive: phone", "exclusive: phone compares with phone, of which two that differ can still be one person's"},
		"blocking unknown":     {"- phone.number + birth", "- mobile.number + birth", `blocking: there is no comparison "mobile"; there are id_number, name`},
		"blocking part":        {"- phone.number + birth", "- phone.digits + birth", `blocking: phone has no part "digits"; there are number`},
		"blocking no part":     {"- phone.number + birth", "- phone + birth", `blocking: "phone" lacks a part, as in phone.number`},
		"blocking a number":    {"- phone.number + birth", "- phone.number:3 + birth", `phone: part "number" takes no number`},
		"blocking bad number":  {"- phone.number + birth", "- phone.number:x + birth", "behind the colon stands a whole number above 0"},
		"blocking no parts":    {"- phone.number + birth", "- sex.code + birth", "no key can be made of sex: its comparator sex has no parts"},
		"no frequencies":       {"    comparator: sex\n", "    comparator: sex\n    frequency: {levels: {identical: 100}}\n", "sex: frequency: the comparator sex has no tables of frequencies"},
		"frequency's level":    {"{identical: 100, variant: 100,", "{identic: 100, variant: 100,", `frequency: levels: name has no level "identic"`},
		"frequency's share":    {"{identical: 100, variant: 100,", "{identical: 101, variant: 100,", "identical: here stands a whole number from 0 to 100"},
		"frequency's table":    {"        given:\n", "        first:\n", "there is no table first; there are surname, given"},
		"a value twice":        {"values: [王, 李,", "values: [王, 王,", `"王" is there twice`},
		"unknown attribute":    {"    phone: [phone, 联系电话", "    fax: [phone, 联系电话", `files: columns: no comparison reads an attribute "fax"; they read id_number`},
		"unknown cleaning":     {"clean: canonical", "clean: hot", "files: clean: it is plain or canonical"},
		"an alias":             {"    attributes: [phone]\n", "    attributes: &a [phone]\n", "anchors and aliases (& and *) are not for models"},
		"a list of nothing":    {"version: residents-2026.3", "- version: residents", "line "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, tt.old)
			_, err := Load(strings.NewReader(strings.Replace(text, tt.old, tt.new, 1)))
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "line ")
			if at := strings.Index(text, tt.old); strings.Contains(tt.want, "there is no key") {
				line := 1 + strings.Count(text[:at], "\n")
				require.ErrorContains(t, err, "line "+strconv.Itoa(line))
			}
		})
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		_, err := Load(strings.NewReader(empty))
		require.Error(t, err)
	}
	_, err := Load(strings.NewReader(text + "\n---\nversion: two\n"))
	require.ErrorContains(t, err, "a file holds one model")
}

func TestLoadFileNamesTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "model.yaml")
	_, err := LoadFile(path)
	require.ErrorContains(t, err, "model.yaml")
	require.NoError(t, os.WriteFile(path, []byte("version: 1\ncomparisons: none\n"), 0o600))
	_, err = LoadFile(path)
	require.ErrorContains(t, err, "model.yaml: line 2: comparisons: here stands a list")
	require.NoError(t, os.WriteFile(path, []byte(customers), 0o600))
	m, err := LoadFile(path)
	require.NoError(t, err)
	require.Equal(t, "customers-1", m.Version())
}

// Whatever text arrives is a model that is written and read back alike, or an
// error.
func FuzzLoad(f *testing.F) {
	f.Add(customers)
	f.Add(customers + "mode: link_only\nshared: {of: [surname], limit: 5}\nconflict: {when: {born: [missing]}, any: [{given: {not: [identical]}}]}\n")
	f.Add(customers + "together: [{name: both, when: {born: [identical], given: [missing]}, weight: -5}]\nambiguous: {when: {given: {not: [identical]}}}\n")
	f.Add("version: 1\nexclusive: i\ncomparisons: [{name: i, comparator: id_number, attributes: [n], levels: null}]\nblocking: [i.core, i.birth]\n")
	f.Add("version: 1\ncomparisons: [{name: a, comparator: exact, attributes: [a]}]\nblocking: [a.value]\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Load(strings.NewReader(text))
		if err != nil {
			return
		}
		requireSame(t, m, load(t, written(t, m)))
		values := make([]string, len(m.attributes))
		for i := range values {
			values[i] = "Anna 1984-03-07"
		}
		a := Features(m.AppendFeatures(nil, values, nil))
		require.True(t, m.Own(a))
		m.Compare(a, a)
		require.LessOrEqual(t, len(m.AppendKeys(nil, a)), m.maxKeys)
	})
}
