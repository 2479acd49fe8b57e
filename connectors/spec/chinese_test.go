package spec

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever the file of a platform is refused for is said in Chinese, too: no kind
// has a sentence that lacks its Chinese one, and no Chinese one is left over or says
// less than the English one.
func TestEverySentenceIsSaidInChinese(t *testing.T) {
	written := map[string]string{}
	files := map[string][]*ast.File{}
	require.NoError(t, filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		files[filepath.Dir(path)] = append(files[filepath.Dir(path)], f)
		return err
	}))
	for dir, list := range files {
		consts := map[string]string{}
		for _, f := range list {
			ast.Inspect(f, func(n ast.Node) bool {
				if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
					for i, name := range v.Names {
						if text, ok := literal(v.Values[i], nil); ok {
							consts[name.Name] = text
						}
					}
				}
				return true
			})
		}
		for _, f := range list {
			ast.Inspect(f, func(n ast.Node) bool {
				c, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if at := patternAt(dir, c); at >= 0 && at < len(c.Args) {
					if text, ok := literal(c.Args[at], consts); ok {
						written[text] = dir
					}
				}
				return true
			})
		}
	}
	require.Greater(t, len(written), 200, "the sentences are not found any more")
	written[sealedField] = "../spec" // by a variable
	for text, dir := range written {
		require.True(t, sentences[text] != "", "%s: %q: write the Chinese sentence into chinese_sentences.go", dir, text)
	}
	for en, zh := range sentences {
		require.True(t, written[en] != "", "nobody says this any more: %s", en)
		require.Equal(t, verbs(en), verbs(zh), en)
		require.Regexp(t, `\p{Han}|^[%a-z.：。\[\]0-9]+$`, zh)
	}
	for en, zh := range parts {
		require.Regexp(t, `\p{Han}`, zh, en)
	}
}

// patternAt is which argument of a call is the pattern of a sentence; -1: none.
func patternAt(dir string, c *ast.CallExpr) int {
	name, of := "", ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
		if x, ok := f.X.(*ast.Ident); ok {
			of = x.Name
		}
	}
	inSpec := filepath.Base(dir) == "spec"
	switch {
	case of == "fmt" || of == "t":
		return -1
	case name == "Errorf", name == "add" && inSpec, name == "bad" && filepath.Base(dir) == "template":
		return 1
	case name == "say" && inSpec:
		return 0
	case name == "wrong" && inSpec:
		return 2
	}
	return -1
}

func literal(e ast.Expr, consts map[string]string) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			text, err := strconv.Unquote(x.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		a, first := literal(x.X, consts)
		b, second := literal(x.Y, consts)
		return a + b, first && second
	case *ast.Ident:
		text, ok := consts[x.Name]
		return text, ok
	}
	return "", false
}

var verb = regexp.MustCompile(`%(\[(\d)\])?([sqd])`)

// verbs are what is put into a sentence, by the order in which it is given.
func verbs(pattern string) []string {
	var out []string
	for i, m := range verb.FindAllStringSubmatch(pattern, -1) {
		at := strconv.Itoa(i + 1)
		if m[2] != "" {
			at = m[2]
		}
		out = append(out, at+m[3])
	}
	slices.Sort(out)
	return out
}

func TestWrongFilesAreSaidInChinese(t *testing.T) {
	env := func(string) (string, bool) { return "", false }
	_, err := Parse("a.yaml", []byte("platform: Pension\nname: 社保\nkind: table\nclass: C\nconnect: {}\ncadence: soon\ncadense: 5m\n"+
		"fields:\n  name: {colum: xm}\n  nmae: {column: xm}\nwindow: {days: [montag]}\n"), env)
	require.Error(t, err)
	zh := Chinese(err)
	for _, want := range []string{
		"a.yaml:1：platform：\"Pension\" 应以小写字母开头，只含小写字母、数字和 _。",
		"a.yaml:6：cadence 应写成一段时长，例如 2s、15m、24h 或 720h，而不是 \"soon\"。",
		"a.yaml:7：没有 \"cadense\" 这个键。您是否想写 \"cadence\"？",
		"a.yaml:9：fields.name：没有 \"colum\" 这个键。您是否想写 \"column\"？",
		"a.yaml:11：window.days：\"montag\" 不是星期几。请写 mon、tue、wed、thu、fri、sat、sun，或范围，例如 mon-fri。",
	} {
		require.Contains(t, zh, want)
	}
	require.Len(t, strings.Split(zh, "\n"), len(strings.Split(err.Error(), "\n")), "line by line")
	require.Empty(t, Chinese(fs.ErrNotExist), "of other errors nothing is said")
}
