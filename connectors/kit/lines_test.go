package kit_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors/platforms"
)

// mostLines is how long a platform's file may be, SOAP templates aside.
const mostLines = 60

var (
	onlyComment = regexp.MustCompile(`^\s*(#.*)?$`)
	block       = regexp.MustCompile(`^(\s*)\S.*: [|>][+-]?\s*(#.*)?$`)
	counted     = regexp.MustCompile(`(?s)(<!-- lines -->\n).*?(<!-- /lines -->)`)
)

// lines counts the lines of a platform's file that say something: no blank ones,
// no comments, and of kind soap not what stands in its templates.
func lines(text string) (n int) {
	soap := strings.Contains(text, "\nkind: soap")
	template := -1
	for _, line := range strings.Split(text, "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if template >= 0 && (strings.TrimSpace(line) == "" || indent > template) {
			continue
		}
		template = -1
		if onlyComment.MatchString(line) {
			continue
		}
		n++
		if m := block.FindStringSubmatch(line); m != nil && soap {
			template = len(m[1])
		}
	}
	return n
}

// A platform of an existing kind needs no Go and few lines; how many, the guide
// says.
func TestFilesAreShort(t *testing.T) {
	require.Equal(t, 3, lines("# x\n\nkind: soap\nrequest: |\n  <a>\n  <b>\n# y\nkey: 1 # z\n"))
	var table strings.Builder
	table.WriteString("| file | kind | lines |\n| --- | --- | --- |\n")
	files, err := platforms.FS.ReadDir(".")
	require.NoError(t, err)
	kind := regexp.MustCompile(`(?m)^kind: (\w+)`)
	for _, f := range files {
		text, err := platforms.FS.ReadFile(f.Name())
		require.NoError(t, err)
		n := lines(string(text))
		require.LessOrEqual(t, n, mostLines, f.Name())
		fmt.Fprintf(&table, "| `%s` | `%s` | %d |\n", f.Name(), kind.FindStringSubmatch(string(text))[1], n)
	}
	for _, page := range []string{"../../docs/connect-a-platform.md", "../../docs/connect-a-platform.zh.md"} {
		have, err := os.ReadFile(page)
		require.NoError(t, err)
		want := counted.ReplaceAllString(string(have), "${1}"+table.String()+"${2}")
		require.Contains(t, want, table.String(), "%s has no place for the counts", page)
		if *update {
			require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
			continue
		}
		require.True(t, want == string(have), "the counts in %s are not those of the files: run go test ./connectors/kit -update", page)
	}
}
