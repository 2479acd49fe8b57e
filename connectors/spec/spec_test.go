package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

const good = `platform: pension
name: 居民养老
kind: table
key: [aac001]
natural: [id_number]
cadence: 2s
connect:
  dsn: ${DSN}
  page: 200
  list: {path: /x, sizes: [1, 2]}
fields:
  name: {column: aac003}
  id_number: {column: aac002}
  sex:
    column: aac004
    map: {男: "1", 女: "2", M: "1"}
  phone: {column: aae005, max: 20}
agreement:
  from: 2026-01-01
  receives:
    phone: overwrite
    name: fill_empty
  authority: [sex]
`

func env(name string) (string, bool) {
	if name == "DSN" {
		return "postgres://u:s3cret@h/d", true
	}
	return "", false
}

func parse(text string) (*Platform, error) { return Parse("p.yaml", []byte(text), env) }

func TestParse(t *testing.T) {
	p, err := parse(good)
	require.NoError(t, err)
	require.Equal(t, "pension", p.ID)
	require.Equal(t, schema.ClassB, p.Class)
	require.Equal(t, 2*time.Second, p.Cadence.D())
	require.Equal(t, 2*time.Second, p.ReadLag())
	require.Equal(t, schema.Overwrite, p.Agreement.Mode(schema.Phone))
	require.Equal(t, []string{"aac001", "aac002", "aac003", "aac004", "aae005"}, p.Columns())
	require.Equal(t, []MapEntry{{"男", "1", 16}, {"女", "2", 16}, {"M", "1", 16}}, p.Fields[schema.Sex].MapEntries())
	var connect struct {
		DSN  string `yaml:"dsn"`
		Page int    `yaml:"page"`
		List struct {
			Path  string `yaml:"path"`
			Sizes []int  `yaml:"sizes"`
		} `yaml:"list"`
	}
	require.NoError(t, DecodeConnect(p, &connect))
	require.Equal(t, "postgres://u:s3cret@h/d", connect.DSN)
	require.Equal(t, []int{1, 2}, connect.List.Sizes)
	require.Equal(t, "cannot reach ***", p.Redact("cannot reach postgres://u:s3cret@h/d"))
	require.EqualError(t, p.Errorf("connect.page", "too %s.", "big"), "p.yaml:9: too big.")
	require.EqualError(t, p.Errorf("connect.list.nothing.below", "x"), "p.yaml:10: x")
}

// Every mistake is a sentence with file, line and what to write instead.
func TestMistakes(t *testing.T) {
	for _, test := range []struct{ name, from, to, want string }{
		{"unknown key", "name: 居民养老", "nmae: 居民养老", `p.yaml:2: there is no key "nmae". Did you mean "name"?`},
		{"unknown key below", "max: 20", "mxa: 20", `p.yaml:17: fields.phone: there is no key "mxa". Did you mean "max"?`},
		{"unknown attribute", "  phone: {column", "  phnoe: {column", `p.yaml:17: fields: no attribute is called "phnoe". Did you mean "phone"?`},
		{"unknown mode", "overwrite", "overwrit", `"overwrit" is none of fill_empty, overwrite, propose, never. Did you mean "overwrite"?`},
		{"bad duration", "cadence: 2s", "cadence: 2 days", `p.yaml:6: cadence must be a duration such as 2s, 15m, 24h or 720h, not "2 days".`},
		{"negative duration", "cadence: 2s", "cadence: -2s", "p.yaml:6: cadence must be a duration"},
		{"wrong type", "max: 20", "max: many", `p.yaml:17: fields.phone.max must be a whole number, not "many".`},
		{"list for a text", "name: 居民养老", "name: [居民, 养老]", "p.yaml:2: name must be a single value, not a list."},
		{"text for a map", "  sex:\n    column: aac004\n    map: {男: \"1\", 女: \"2\", M: \"1\"}\n", "  sex: aac004\n", "fields.sex must be a list of keys and values"},
		{"twice", "kind: table", "kind: table\nkind: rest", `p.yaml:4: the key "kind" is already given in line 3.`},
		{"no platform", "platform: pension\n", "", "p.yaml: platform is missing"},
		{"no name", "name: 居民养老\n", "", "p.yaml: name is missing"},
		{"no kind", "kind: table\n", "", "p.yaml: kind is missing"},
		{"no key", "key: [aac001]\n", "", "p.yaml: key is missing"},
		{"no cadence", "cadence: 2s\n", "", "p.yaml:1: cadence is missing: how often to read, or how often an extract is expected. Write for example cadence: 5m"},
		{"empty cadence", "cadence: 2s", "cadence:", "p.yaml:6: cadence must be above 0"},
		{"cadence of nothing", "cadence: 2s", "cadence: 0s", "p.yaml:6: cadence must be above 0"},
		{"key without a use", "cadence: 2s", "cadence: 2s\nretire: 5m", `p.yaml:7: there is no key "retire".`},
		{"id form", "platform: pension", "platform: Pension-1", "p.yaml:1: platform:"},
		{"the desk's name", "platform: pension", "platform: desk", "is the name of the staff's own entries"},
		{"no column", "{column: aac003}", "{max: 3}", "p.yaml:12: fields.name: column is missing"},
		{"codes of a text", "{column: aac003}", "{column: aac003, codes: sex_01}", "fields.name: codes is for coded attributes, and name is name."},
		{"receives unmapped", "    name: fill_empty", "    residence: fill_empty", "p.yaml:22: agreement.receives.residence: residence is not in fields"},
		{"receives its own", "    name: fill_empty", "    sex: fill_empty", "the platform is the authority for sex and cannot receive it"},
		{"receives read-only", "max: 20", "read_only: true", "p.yaml:21: agreement.receives.phone: fields.phone is read_only"},
		{"sealed", "    name: fill_empty", "    corrections: overwrite", "a sealed attribute never leaves its owner"},
		{"no natural key, no creates", "natural: [id_number]\n", "", ""},
		{"bad day", "from: 2026-01-01", "from: 2026-02-30", "agreement.from: \"2026-02-30\" is not a day"},
		{"natural unmapped", "[id_number]", "[mother_id]", "p.yaml:5: natural: mother_id is not in fields"},
		{"unset variable", "${DSN}", "${DNS}", "p.yaml:8: connect: the environment variable DNS is not set."},
		{"bad variable", "${DSN}", "${a b}", "p.yaml:8: connect: ${…} must hold the name"},
		{"syntax", "kind: table", "kind: [table", "the file is not YAML"},
		{"clock without column", "key: [aac001]", "key: [aac001]\nclock_trusted: true", "there is no change_column whose clock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(good, test.from, test.to, 1)
			require.NotEqual(t, good, text)
			_, err := parse(text)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestAllMistakesAtOnceInOrder(t *testing.T) {
	_, err := parse(strings.NewReplacer("kind: table", "knid: table", "max: 20", "mxa: 20").Replace(good))
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 3)
	require.Contains(t, lines[0], "kind is missing")
	require.Contains(t, lines[1], "p.yaml:3:")
	require.Contains(t, lines[2], "p.yaml:17:")
}

// A token recognises what we made, and not who was there before.
func TestCreatesNeedANaturalKey(t *testing.T) {
	for _, token := range []string{"", "token_column: bz\n"} {
		text := strings.Replace(strings.Replace(good, "natural: [id_number]\n", token, 1), "  authority:", "  creates: true\n  authority:", 1)
		_, err := parse(text)
		require.ErrorContains(t, err, "agreement.creates: rows can be created only where natural is given: without it nobody could tell whether the person is there already.")
		require.ErrorContains(t, err, "natural: [id_number]")
	}
	_, err := parse(strings.Replace(good, "  authority:", "  creates: true\n  authority:", 1))
	require.NoError(t, err)
}

func TestOneMistakeOfTheCadenceIsOneSentence(t *testing.T) {
	_, err := parse(strings.Replace(good, "cadence: 2s", "cadence: 2 days", 1))
	require.EqualError(t, err, `p.yaml:6: cadence must be a duration such as 2s, 15m, 24h or 720h, not "2 days".`)
}

// I7: a sealed file is refused, and nothing of what it says comes back, whatever
// else is wrong with it.
func TestSealedIsRefused(t *testing.T) {
	wrong := strings.NewReplacer("居民养老", "机密平台", "aac00", "secretcolumn", "[id_number]", "[secretkey]", "kind: table", "kindd: secretkind", "${DSN}", "${SECRET_DSN}").Replace(good)
	for name, text := range map[string]string{
		"alone":         strings.Replace(good, "kind: table", "kind: table\nclass: D", 1),
		"with mistakes": wrong + "class: D\n",
		"small":         wrong + "class: d\n",
		"quoted":        wrong + "class: 'D'\n",
		"a second time": wrong + "class: B\nclass: D\n",
		"no YAML":       wrong + "class: D\nsecretanchor: *secretanchor\n",
		"alias":         wrong + "quirks: [&x D]\nclass: *x\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(text)
			require.ErrorContains(t, err, "class D is for sealed platforms, which have a store of their own.")
			require.Regexp(t, `^p\.yaml(:\d+)?: class D is `, err.Error())
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, strings.ToLower(err.Error()), "secret")
			require.NotContains(t, err.Error(), "机密")
		})
	}
	_, err := parse(strings.Replace(wrong, "  phone:", "  corrections: {column: secretcolumn}\n  phone:", 1))
	require.EqualError(t, err, "p.yaml:17: "+sealedField)
}

// Nothing of connect is ever repeated: any of it may be a secret.
func TestConnectMistakesKeepSecrets(t *testing.T) {
	p, err := parse(strings.Replace(good, "page: 200", "page: hunter2", 1))
	require.NoError(t, err)
	var connect struct {
		DSN  int `yaml:"dsn"`
		Page int `yaml:"page"`
	}
	err = DecodeConnect(p, &connect)
	require.ErrorContains(t, err, "p.yaml:8: connect.dsn must be a whole number.")
	require.ErrorContains(t, err, "p.yaml:9: connect.page must be a whole number.")
	require.ErrorContains(t, err, `p.yaml:10: connect: there is no key "list".`)
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), "s3cret")
	p.Connect.Kind = 0
	require.ErrorContains(t, DecodeConnect(p, &connect), "connect is missing")
}

func TestLoadDir(t *testing.T) {
	dir := t.TempDir()
	save := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	save("a.yaml", good)
	sole := strings.NewReplacer("platform: pension", "platform: medical", "authority: [sex]", "authority: []").Replace(good)
	require.NotContains(t, sole, "[sex]")
	save("b.yml", sole)
	save("e.yaml", strings.Replace(good, "platform: pension", "platform: pension2", 1))
	save("c.yaml", strings.Replace(good, "kind: table", "knid: table", 1))
	save("d.yaml", good)
	save("notes.txt", "x")
	got, err := LoadDir(dir, env)
	require.Len(t, got, 2, "one platform's mistake is its own")
	require.ErrorContains(t, err, `Did you mean "kind"?`)
	require.ErrorContains(t, err, `d.yaml:1: the platform "pension" is already described in`)
	require.Regexp(t, `e.yaml:\d+: agreement.authority: pension has the last word on sex already`, err.Error())
	_, err = Load(filepath.Join(dir, "none.yaml"), env)
	require.ErrorContains(t, err, "cannot be read")
	_, err = LoadDir(filepath.Join(dir, "none"), env)
	require.ErrorContains(t, err, "cannot be read")
}

func TestEditDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"kind", "kind", 0}, {"knid", "kind", 1}, {"column", "colum", 1}, {"", "abc", 3}, {"格式", "格", 1}} {
		require.Equal(t, test.want, editDistance(test.a, test.b))
		require.Equal(t, test.want, editDistance(test.b, test.a))
	}
	require.Empty(t, nearest("zzzz", []string{"kind", "name"}))
}

// Parse must answer every text, and never with a panic.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("a: &x [*x]")
	f.Add("fields: {name: {map: {a: {b: c}}}}")
	f.Add("connect: ${}")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse(text)
		require.True(t, (p == nil) == (err != nil))
	})
}
