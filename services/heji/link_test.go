package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// run parses a command line as the program does and runs it. Only the commands
// over files are run so: they need nothing but their files.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var c struct {
		Link    linkCommand    `cmd:""`
		Train   trainCommand   `cmd:""`
		Explain explainCommand `cmd:""`
		Score   scoreCommand   `cmd:""`
		Bench   benchCommand   `cmd:""`
	}
	var out, log strings.Builder
	console := console{stdout: &out, stderr: &log}
	c.Link.console, c.Train.console, c.Explain.console, c.Score.console = console, console, console, console
	c.Bench.Link.console, c.Bench.Population.console = console, console
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("the command line ends the program") }))
	require.NoError(t, err)
	k, err := parser.Parse(args)
	if err != nil {
		return "", "", err
	}
	k.BindTo(t.Context(), (*context.Context)(nil))
	err = k.Run()
	return out.String(), log.String(), err
}

// folder writes files, given by name and text, and returns where they are.
func folder(t *testing.T, named ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(named); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, named[i]), []byte(named[i+1]), 0o600))
	}
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

const model = `
version: people-1
files: {key: [id]}
prior: 0.001
thresholds: {link: 1000, review: 400, group: 300}
comparisons:
  - {name: name, comparator: text, attributes: [name], levels: {identical: 700, levenshtein <= 1: 350, different: -500}}
  - {name: born, comparator: date, attributes: [born], levels: {identical: 800, swapped: 500, different: -400}}
blocking: [name.value, born.day]
`

const untrained = `
version: people-1
files: {key: [id]}
comparisons:
  - {name: first, comparator: text, attributes: [first], levels: [identical, levenshtein <= 1, different]}
  - {name: last, comparator: text, attributes: [last], levels: [identical, levenshtein <= 1, different]}
  - {name: born, comparator: date, attributes: [born], levels: [identical, different]}
blocking: [first.value, last.value, born.day]
`

// twice is a register in which every second person is entered twice, the second
// time with a slip.
func twice(people int) (register, truth string) {
	first := []string{"anna", "berta", "clara", "dieter", "emil", "frieda", "gustav", "hanna", "irene", "julius", "karl", "lotte", "moritz"}
	last := []string{"ahrens", "brandt", "cordes", "dittmer", "ehlers", "fischer", "gerber", "harms", "ihde", "jansen", "krause", "lorenz",
		"martens", "niemann", "otten", "peters", "quast"}
	r, tr := "id,first,last,born\n", "id,entity\n"
	for i := range people {
		f, l := first[i%len(first)], last[i%len(last)]
		born := fmt.Sprintf("%d-%02d-%02d", 1930+i*7%80, 1+i%12, 1+i*11%28)
		r += fmt.Sprintf("%d,%s,%s,%s\n", i, f, l, born)
		tr += fmt.Sprintf("%d,%d\n", i, i)
		if i%2 == 0 {
			if i%4 == 0 {
				l = l[:len(l)-1] + "x"
			}
			r += fmt.Sprintf("%d-again,%s,%s,%s\n", i, f, l, born)
			tr += fmt.Sprintf("%d-again,%d\n", i, i)
		}
	}
	return r, tr
}

func TestLinkAndScore(t *testing.T) {
	t.Parallel()
	dir := folder(t, "model.yaml", model, "a.csv", "id,name,born\n1,anna,1990-02-03\n2,bert,1980-01-01\n", "b.csv", "id;name;born\nx;Anne;1990-02-03\ny;bert;1981-05-06\n",
		"truth.csv", "source,key,cluster\na,1,A\na,2,B\nb,x,A\nb,y,B\n")
	at := func(name string) string { return filepath.Join(dir, name) }
	out, log, err := run(t, "link", "--model", at("model.yaml"), "--stats", at("a.csv"), at("b.csv"))
	require.NoError(t, err)
	// 11.5 bits (one letter, the same day), with odds of 1 to 999 before.
	require.Equal(t, "source,key,entity,probability\na,1,a/1,0.743538\na,2,a/2,\nb,x,a/1,0.743538\nb,y,b/y,\n", out)
	require.Contains(t, log, "entities    3\n")
	require.Regexp(t, `time        \d+\.\d\d s, \d+ records a second`, log)

	silent, log, err := run(t, "link", "--model", at("model.yaml"), "--out", at("links.csv"), "--review", at("review.csv"), at("a.csv"), at("b.csv"))
	require.NoError(t, err)
	require.Empty(t, silent)
	require.Empty(t, log)
	require.Equal(t, out, read(t, at("links.csv")))
	require.Equal(t, "source_a,key_a,source_b,key_b,weight,probability,reason,name,born\n", read(t, at("review.csv")))

	scored, _, err := run(t, "score", at("truth.csv"), at("links.csv"))
	require.NoError(t, err)
	require.Contains(t, scored, "pairs     precision 1.0000  recall 0.5000  F1 0.6667   (1 right of 1 linked, 2 true)\n")

	explained, _, err := run(t, "explain", "--model", at("model.yaml"), "--no-values", "1", "x", at("a.csv"), at("b.csv"))
	require.NoError(t, err)
	require.Contains(t, explained, "found by blocking rules: born.day")
	require.NotContains(t, explained, "1990")
}

func TestTrain(t *testing.T) {
	t.Parallel()
	register, truth := twice(400)
	dir := folder(t, "model.yaml", untrained, "people.csv", register, "truth.csv", truth)
	at := func(name string) string { return filepath.Join(dir, name) }

	_, _, err := run(t, "link", "--model", at("model.yaml"), at("people.csv"))
	require.ErrorContains(t, err, "model.yaml: comparison first: level \"identical\" has no weight")
	require.ErrorContains(t, err, "heji link --train")

	out, _, err := run(t, "train", "--model", at("model.yaml"), "--out", at("trained.yaml"), at("people.csv"))
	require.NoError(t, err)
	require.Contains(t, out, "converged", "the report shows how training went")
	require.Contains(t, out, "wrote "+at("trained.yaml"))
	again, _, err := run(t, "train", "--model", at("model.yaml"), "--out", at("again.yaml"), at("people.csv"))
	require.NoError(t, err)
	require.Equal(t, read(t, at("trained.yaml")), read(t, at("again.yaml")), "deterministic for a seed")
	require.Equal(t, out, strings.ReplaceAll(again, "again.yaml", "trained.yaml"))

	fromFile, _, err := run(t, "link", "--model", at("trained.yaml"), at("people.csv"))
	require.NoError(t, err)
	inMemory, log, err := run(t, "link", "--model", at("model.yaml"), "--train", "--stats", at("people.csv"))
	require.NoError(t, err)
	require.Equal(t, fromFile, inMemory)
	require.Contains(t, log, "converged")

	require.NoError(t, os.WriteFile(at("links.csv"), []byte(inMemory), 0o600))
	scored, _, err := run(t, "score", at("truth.csv"), at("links.csv"))
	require.NoError(t, err)
	require.Regexp(t, `pairs     precision 1\.0000  recall (1\.0000|0\.9[5-9]\d\d)`, scored)
}

func TestTrainingThatFailsWritesNothing(t *testing.T) {
	t.Parallel()
	alone := "id,first,last,born\n"
	for i := range 40 { // nobody has anything in common with anybody
		alone += fmt.Sprintf("%d,%c%c,%c%c%c,19%02d-01-%02d\n", i, 'a'+i%26, 'a'+i/26, 'z'-i%26, 'q'-i/26, 'a'+i%26, 10+i, 1+i%28)
	}
	dir := folder(t, "model.yaml", untrained, "people.csv", alone)
	at := func(name string) string { return filepath.Join(dir, name) }
	_, _, err := run(t, "train", "--model", at("model.yaml"), "--out", at("trained.yaml"), at("people.csv"))
	require.ErrorContains(t, err, "nothing is written")
	require.NoFileExists(t, at("trained.yaml"))
	out, _, err := run(t, "link", "--model", at("model.yaml"), "--train", "--out", at("links.csv"), at("people.csv"))
	require.Error(t, err)
	require.Empty(t, out)
	require.NoFileExists(t, at("links.csv"))
}

func TestTrainingThatDoesNotConvergeWritesNothing(t *testing.T) {
	t.Parallel()
	register, _ := twice(400)
	dir := folder(t, "model.yaml", untrained, "people.csv", register, "trained.yaml", "version: what was there before\n")
	at := func(name string) string { return filepath.Join(dir, name) }
	out, _, err := run(t, "train", "--model", at("model.yaml"), "--out", at("trained.yaml"), "--rounds", "1", at("people.csv"))
	require.ErrorContains(t, err, "model.yaml: training does not converge: the pass over rule")
	require.ErrorContains(t, err, "nothing is written")
	require.Contains(t, out, "NOT converged", "how far it came is shown")
	require.Equal(t, "version: what was there before\n", read(t, at("trained.yaml")))
}

func TestCommandsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := "id,name,born\n1,anna,1990-02-03\n2,bert,1980-01-01\n"
	dir := folder(t, "model.yaml", model, "good.csv", good, "empty.csv", "", "short.csv", good+"3,carl\n", "twice.csv", good+"1,carl,1980-01-02\n",
		"column.csv", "id,name\n1,anna\n", "blank.csv", "id,name,born\n1,,1990-02-03\n",
		"comparator.yaml", strings.Replace(model, "comparator: text", "comparator: txet", 1))
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"no model":      {[]string{"link", "--model", at("none.yaml"), at("good.csv")}, []string{"none.yaml"}},
		"comparator":    {[]string{"link", "--model", at("comparator.yaml"), at("good.csv")}, []string{"line 7", "txet", "text"}},
		"no input":      {[]string{"link", "--model", at("model.yaml"), at("none.csv")}, []string{"none.csv"}},
		"empty":         {[]string{"link", "--model", at("model.yaml"), at("empty.csv")}, []string{"empty.csv is empty"}},
		"short":         {[]string{"link", "--model", at("model.yaml"), at("short.csv")}, []string{"short.csv, line 4", "too short"}},
		"twice":         {[]string{"link", "--model", at("model.yaml"), at("twice.csv")}, []string{"twice.csv: lines 2 and 4", `key "1"`}},
		"column":        {[]string{"link", "--model", at("model.yaml"), at("column.csv")}, []string{"column.csv", `"born"`, `"id", "name"`}},
		"blank":         {[]string{"train", "--model", at("model.yaml"), "--out", at("out.yaml"), at("blank.csv")}, []string{"blank.csv: attribute name", "is empty in all records"}},
		"one file":      {[]string{"link", "--model", at("model.yaml"), "--out", at("x.csv"), "--review", at("x.csv"), at("good.csv")}, []string{"--out and --review name the same file"}},
		"nobody":        {[]string{"explain", "--model", at("model.yaml"), "1", "9", at("good.csv")}, []string{`no record has key "9"`}},
		"pattern":       {[]string{"score", "--pattern", "(", at("good.csv"), at("good.csv")}, []string{"--pattern"}},
		"no entity":     {[]string{"score", at("good.csv"), at("good.csv")}, []string{"good.csv: there is none of the columns", `"entity", "cluster"`}},
		"no records":    {[]string{"bench", "link", "--records", "0"}, []string{"--records must be at least 1"}},
		"nobody at all": {[]string{"bench", "population", "--people", "0"}, []string{"--people must be at least 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := run(t, c.args...)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, out)
			require.NoFileExists(t, at("x.csv"))
			require.NoFileExists(t, at("out.yaml"))
		})
	}
}

func TestBench(t *testing.T) {
	t.Parallel()
	out, _, err := run(t, "bench", "link", "--records", "20000")
	require.NoError(t, err)
	require.Regexp(t, `records        20000 of \d+ persons`, out)
	out, _, err = run(t, "bench", "population", "--people", "300", "--kinds", "1")
	require.NoError(t, err)
	require.Contains(t, out, "baseline: same ID number, or name + birth")
}
