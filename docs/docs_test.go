// Package docs_test holds the documentation to the program: every example of a
// platform's file is loaded as the hub would load it, every setting is
// explained, and every file, test, metric and table that a page names is there.
package docs_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"heji/connectors"
	"heji/connectors/files"
	"heji/connectors/kafka"
	"heji/connectors/manual"
	"heji/connectors/mapping"
	"heji/connectors/remote"
	"heji/connectors/rest"
	"heji/connectors/soap"
	"heji/connectors/spec"
	"heji/connectors/table"
	"heji/connectors/template"
	"heji/schema"
)

// guides explain how to connect a platform, in two languages.
var guides = []string{"connect-a-platform.md", "connect-a-platform.zh.md"}

// guidePages are the pages of a guide: itself, and those that it is cut into.
func guidePages(t *testing.T, guide string) []string {
	t.Helper()
	out := []string{guide}
	cut, err := filepath.Glob("connect/*.md")
	require.NoError(t, err)
	for _, page := range cut {
		if strings.HasSuffix(page, ".zh.md") == strings.HasSuffix(guide, ".zh.md") {
			out = append(out, page)
		}
	}
	return out
}

// block is one fenced example.
type block struct {
	file string
	line int
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// blocks returns the fenced examples of a language.
func blocks(t *testing.T, file, language string) []block {
	t.Helper()
	var out []block
	var now *block
	for i, line := range strings.Split(read(t, file), "\n") {
		switch fence := strings.TrimSpace(line); {
		case now == nil && fence == "```"+language:
			now = &block{file: file, line: i + 2}
		case now != nil && fence == "```":
			out = append(out, *now)
			now = nil
		case now != nil:
			now.text += line + "\n"
		}
	}
	require.Nil(t, now, "%s: a fence is not closed", file)
	return out
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(data)
}

// environment gives each variable something of the right form.
func environment(name string) (string, bool) {
	switch {
	case strings.HasSuffix(name, "_URL"):
		return "https://platform.example/api", true
	case strings.HasSuffix(name, "_MYSQL"):
		return "mysql://heji:secret@db.example:3306/register", true
	case strings.HasSuffix(name, "_DSN"):
		return "postgres://heji:secret@db.example:5432/register", true
	case strings.HasSuffix(name, "_DIR"):
		return "/srv/exchange", true
	}
	return "a-secret-that-is-long-enough", true
}

// base is what an example that shows a part only is laid over.
const base = `
platform: example
name: 示例
kind: table
connect: {dsn: "${EXAMPLE_DSN}", table: person}
key: [id]
natural: [id_number]
change_column: changed
cadence: 5m
fields:
  name: {column: name}
  id_number: {column: id_number}
  phone: {column: phone}
`

// whole completes an example that shows a part only; its keys replace those of
// the base, fields are added to them.
func whole(t *testing.T, b block) string {
	t.Helper()
	if strings.Contains("\n"+b.text, "\nplatform:") {
		return b.text
	}
	var under, part map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(base), &under))
	require.NoError(t, yaml.Unmarshal([]byte(b.text), &part), b.String())
	for key, v := range part {
		if key == "fields" {
			for a, f := range v.(map[string]any) {
				under["fields"].(map[string]any)[a] = f
			}
			continue
		}
		under[key] = v
	}
	text, err := yaml.Marshal(under)
	require.NoError(t, err)
	return string(text)
}

func TestExamplesLoad(t *testing.T) {
	for _, file := range guides {
		kinds := map[string]bool{}
		var all []block
		for _, page := range guidePages(t, file) {
			all = append(all, blocks(t, page, "yaml")...)
		}
		for _, b := range all {
			p, err := spec.Parse(b.String(), []byte(whole(t, b)), environment)
			require.NoError(t, err, b.String())
			_, err = mapping.New(p)
			require.NoError(t, err, b.String())
			c, err := connectors.Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
			require.NoError(t, err, b.String())
			require.NoError(t, c.Close())
			if whole(t, b) == b.text {
				kinds[p.Kind] = true
			}
		}
		for _, kind := range connectors.Kinds() {
			require.True(t, kinds[kind], "%s: there is no whole example of the kind %s", file, kind)
		}
	}
}

// A file that a page says is wrong must be wrong, with the sentence that the page
// shows below it.
func TestMistakesAreAnsweredAsShown(t *testing.T) {
	for _, file := range guides {
		wrong := blocks(t, file, "yaml wrong")
		require.NotEmpty(t, wrong, file)
		answers := blocks(t, file, "text answer")
		require.Len(t, answers, len(wrong), file)
		for i, b := range wrong {
			_, err := spec.Parse("clinic.yaml", []byte(b.text), environment)
			require.Error(t, err, b.String())
			require.Equal(t, strings.TrimSpace(answers[i].text), err.Error(), b.String())
		}
	}
}

// keys lists the YAML names of a struct and of the structs in it.
func keys(of reflect.Type, into map[string]bool) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		keys(of.Elem(), into)
		return
	case reflect.Struct:
	default:
		return
	}
	for i := range of.NumField() {
		f := of.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if option != "inline" && name != "" {
			into[name] = true
		}
		if f.Type != reflect.TypeFor[yaml.Node]() {
			keys(f.Type, into)
		}
	}
}

var code = regexp.MustCompile("`([^`\n]+)`")

// named are the words that a page sets as code.
func named(t *testing.T, file string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, m := range code.FindAllStringSubmatch(read(t, file), -1) {
		out[m[1]] = true
		for _, word := range regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`).FindAllString(m[1], -1) {
			out[word] = true
		}
	}
	return out
}

func TestEverySettingIsExplained(t *testing.T) {
	wanted := map[string]bool{}
	for _, of := range []reflect.Type{reflect.TypeFor[spec.Platform](), reflect.TypeFor[table.Settings](),
		reflect.TypeFor[files.Settings](), reflect.TypeFor[kafka.Settings](), reflect.TypeFor[rest.Settings](), reflect.TypeFor[soap.Settings](),
		reflect.TypeFor[template.Settings](), reflect.TypeFor[manual.Settings](), reflect.TypeFor[remote.Settings]()} {
		keys(of, wanted)
	}
	for _, m := range []schema.Mode{schema.FillEmpty, schema.Overwrite, schema.Propose, schema.Never} {
		wanted[string(m)] = true
	}
	for _, s := range []schema.Stage{schema.ReadOnly, schema.Shadow, schema.Canary, schema.Live} {
		wanted[string(s)] = true
	}
	for _, d := range schema.Attributes() {
		if d.Class != schema.ClassD { // I7: the guide is for everybody
			wanted[string(d.Name)] = true
		}
	}
	for _, file := range guides {
		said := map[string]bool{}
		for _, page := range guidePages(t, file) {
			maps.Copy(said, named(t, page))
		}
		for name := range wanted {
			require.True(t, said[name], "%s does not explain %s", file, name)
		}
	}
}

// Every picture that a page shows is there and small, and none is left over. They
// are made by TestScreenshots of deploy/demo.
func TestPictures(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	require.NoError(t, err)
	shown := map[string]bool{}
	for _, page := range append(pages, "../README.md", "../README.zh.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`!\[[^\]]+\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
			name, err := filepath.Abs(filepath.Join(filepath.Dir(page), m[1]))
			require.NoError(t, err)
			info, err := os.Stat(name)
			require.NoError(t, err, page)
			require.Less(t, info.Size(), int64(150_000), name)
			shown[name] = true
		}
	}
	files, err := filepath.Glob("images/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name, err := filepath.Abs(file)
		require.NoError(t, err)
		require.Contains(t, shown, name, "no page shows this picture")
	}
}
