package docs_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pages are all pages of the project, as seen from this folder.
var pages = func() []string {
	list := []string{"../README.md", "../README.zh.md"}
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		panic(err)
	}
	return list
}()

var link = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			to, section, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			if to == "" {
				to = filepath.Base(page)
			}
			to = filepath.Join(filepath.Dir(page), to)
			require.FileExists(t, to, "%s: %s", page, m[0])
			require.True(t, section == "" || sections(read(t, to))[section], "%s: %s leads to no heading", page, m[0])
		}
	}
}

// sections are the names by which a page's headings can be linked to.
func sections(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out[strings.ReplaceAll(plain, " ", "-")] = true
	}
	return out
}

// source walks the Go files of the project.
func source(t *testing.T, visit func(path string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && path != ".." && strings.HasPrefix(e.Name(), ".") {
			return fs.SkipDir
		}
		if !e.IsDir() && strings.HasSuffix(path, ".go") {
			visit(path)
		}
		return nil
	}))
}

var (
	declared = regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?([A-Za-z_][A-Za-z0-9_]*)`)
	testName = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)[A-Z]\w*$`)
	pathName = regexp.MustCompile(`^(schema|connectors|services|deploy|docs)/[a-zA-Z0-9_./-]*\.(go|sql|yaml|yml|csv|md|sh)$`)
	folder   = regexp.MustCompile(`^(schema|connectors|services|deploy|docs)/[a-zA-Z0-9_/]*$`)
	inFile   = regexp.MustCompile("`([a-z][a-zA-Z0-9_./-]*\\.go)`((?:,?\\s+`[A-Za-z]+`)+)")
)

// Files, folders and tests that a page sets as code exist; where a page names a
// file and then functions, they are in it.
func TestWhatPagesNameIsThere(t *testing.T) {
	functions := map[string]bool{}
	source(t, func(path string) {
		for _, m := range declared.FindAllStringSubmatch(read(t, path), -1) {
			functions[m[1]] = true
		}
	})
	for _, page := range pages {
		text := read(t, page)
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			name := m[1]
			switch {
			case testName.MatchString(name):
				require.True(t, functions[name], "%s names the test %s", page, name)
			case pathName.MatchString(name), folder.MatchString(name):
				_, err := os.Stat(filepath.Join("..", name))
				require.NoError(t, err, "%s names %s", page, name)
			}
		}
		for _, m := range inFile.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(m[1], "/") {
				continue
			}
			body := read(t, filepath.Join("..", m[1]))
			for _, f := range code.FindAllStringSubmatch(m[2], -1) {
				require.Regexp(t, `(?m)^func (\([^)]*\) )?`+f[1]+`\b`, body, "%s: %s", page, m[0])
			}
		}
	}
}

func TestEveryDependencyIsJustified(t *testing.T) {
	text := read(t, "dependencies.md")
	named := map[string]bool{}
	for _, m := range code.FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
	}
	imported := map[string]bool{}
	source(t, func(path string) {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range f.Imports {
			if p := strings.Trim(i.Path.Value, `"`); strings.Contains(strings.SplitN(p, "/", 2)[0], ".") {
				imported[p] = true
			}
		}
	})
	used := map[string]bool{}
	for p := range imported {
		module := ""
		for name := range named {
			if (p == name || strings.HasPrefix(p, name+"/")) && len(name) > len(module) {
				module = name
			}
		}
		require.NotEmpty(t, module, "dependencies.md says nothing about %s", p)
		used[module] = true
	}
	for _, line := range strings.Split(read(t, "../go.mod"), "\n") {
		module, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		require.False(t, strings.Contains(module, ".") && named[module] && !used[module], "dependencies.md names %s, which nothing imports", module)
	}
}

// rooms say what may import what: the rest of the project is closed to them.
// Tests may look further.
var rooms = []struct{ room, may string }{
	{"schema", `^heji/schema`},
	{"connectors", `^heji/(schema|connectors)`},
	{"services/linkage", `^heji/(schema|services/linkage)`},
	{"services/survivorship", `^heji/schema`},
	{"services/lineage", `^heji/schema`},
	{"services/access", `^heji/schema`},
	{"services/fault", `^$`},
	{"services/bus", `^heji/(schema|services/fault$)`},
	{"services/telemetry", `^$`},
	{"services/crypt", `^$`},
	{"services/audit", `^heji/services/crypt$`},
	{"services/journal", `^heji/(schema|services/(lineage|crypt))$`},
	{"services/embedded", `^heji/services/embedded`},
	{"services/store", `^heji/(schema|services/(linkage|survivorship|lineage|audit|crypt))`},
	{"services/registry", `^heji/(schema|connectors|services/(lineage|store))`},
	{"services/demand", `^heji/(schema|connectors|services/(survivorship|lineage|store|registry))`},
	{"services/pull", `^heji/(schema|connectors|services/(fault|linkage|survivorship|lineage|store|bus|registry|telemetry))`},
	{"services/merge", `^heji/(schema|connectors|services/(fault|linkage|survivorship|lineage|store|bus|registry|telemetry))`},
	{"services/writeback", `^heji/(schema|connectors|services/(fault|demand|journal|linkage|survivorship|lineage|store|bus|registry|telemetry))`},
	{"services/desk", `^heji/(schema|connectors|services/(access|crypt|demand|linkage|survivorship|lineage|audit|store|bus|registry|telemetry))`},
	{"deploy/demo/population", `^$`},
	{"deploy/demo/gateway", `^$`},
	{"deploy/demo/district", `^heji/deploy/demo/population$`},
	{"deploy/demo/oracle", `^heji/deploy/demo/`},
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	source(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, r := range rooms {
			if !strings.HasPrefix(path, "../"+r.room+"/") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, i := range f.Imports {
				if p := strings.Trim(i.Path.Value, `"`); strings.HasPrefix(p, "heji/") {
					require.Regexp(t, r.may, p, path)
				}
			}
		}
	})
}

func TestEveryMetricIsExplained(t *testing.T) {
	metric := regexp.MustCompile(`heji_[a-z_]+`)
	defined := map[string]bool{}
	for _, m := range regexp.MustCompile(`"(heji_[a-z_]+)"`).FindAllStringSubmatch(read(t, "../services/telemetry/metrics.go"), -1) {
		defined[m[1]] = true
	}
	require.NotEmpty(t, defined)
	text := read(t, "operating.md")
	for name := range defined {
		require.Contains(t, text, "`"+name+"`")
	}
	for _, page := range pages {
		for _, m := range code.FindAllStringSubmatch(read(t, page), -1) {
			for _, name := range metric.FindAllString(m[1], -1) {
				require.True(t, defined[strings.TrimSuffix(name, "_bucket")], "%s names the metric %s", page, name)
			}
		}
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(read(t, "../deploy/prometheus/alerts.yml"), -1) {
		require.Contains(t, text, "`"+m[1]+"`")
	}
}

func TestEveryTableIsExplained(t *testing.T) {
	text := read(t, "architecture.md")
	for _, m := range regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`).FindAllStringSubmatch(read(t, "../schema/migrations/00001_hub.sql"), -1) {
		require.Contains(t, text, "| `"+m[1]+"` |")
	}
	for n := 1; n <= 10; n++ {
		require.Contains(t, text, fmt.Sprintf("**I%d ", n))
	}
}
