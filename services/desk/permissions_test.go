package desk

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/access"
)

// Permissions is the table for the tests that ask over the network.
var Permissions = permissions

// Every route that the code registers has its line, and no line is left over.
func TestEveryRouteHasItsPermission(t *testing.T) {
	route := regexp.MustCompile(`^((GET|POST|PUT|PATCH|DELETE|HEAD) )?/[^ ]*$`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := map[string]bool{"/": true, "/api/": true}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "permissions.go" || name == "openapi_routes.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(l.Value)
			require.NoError(t, err)
			if m := route.FindStringSubmatch(text); m != nil && m[1] != "" && text != "GET " && text != "GET /" {
				found[text] = true
			}
			return true
		})
	}
	require.Greater(t, len(found), 70)
	for r := range found {
		require.Contains(t, permissions, r, "permissions.go has no line for this route: nobody who must log in could use it")
	}
	for r, p := range permissions {
		require.Contains(t, found, r, "permissions.go has a line for a route that is not there")
		require.True(t, p == access.Open || p == access.Self || slices.Contains(access.Grantable, p), r)
	}
}

// What is offered is what is checked: templates ask by routes that exist.
func TestPagesAskByRoutesThatExist(t *testing.T) {
	pages, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	asked := regexp.MustCompile(`\.Can "([^"]+)"`)
	n := 0
	for _, name := range pages {
		text, err := templateFiles.ReadFile(name)
		require.NoError(t, err)
		for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, permissions, m[1], name)
			n++
		}
	}
	require.Greater(t, n, 5)
}

func TestFormsGetTheirToken(t *testing.T) {
	for in, want := range map[string]string{
		`<form method="post" action="/x">`:                  `<form method="post" action="/x"><input type="hidden" name="csrf" value="T">`,
		`<form action="/x" class="a" method="post" data-y>`: `<form action="/x" class="a" method="post" data-y><input type="hidden" name="csrf" value="T">`,
		`<form action="/" method="get">`:                    `<form action="/" method="get">`,
		`&lt;form method="post"&gt;`:                        `&lt;form method="post"&gt;`,
	} {
		require.Equal(t, want, string(withToken([]byte(in), "T")))
		require.Equal(t, in, string(withToken([]byte(in), "")))
	}
	pages, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	for _, name := range pages {
		text, err := templateFiles.ReadFile(name)
		require.NoError(t, err)
		posts := regexp.MustCompile(`(?i)method\s*=\s*["']?post`).FindAllString(string(text), -1)
		require.Len(t, postForms.FindAllString(string(text), -1), len(posts), "%s: write method=\"post\" within the form's tag, so that it gets its token", name)
	}
}
