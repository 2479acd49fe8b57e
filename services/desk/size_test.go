package desk_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The first page of the day is small, with everything that it brings: an old PC
// on a slow line shows it at once.
func TestFirstPageIsSmall(t *testing.T) {
	w := twoCommunities(t)
	page := w.get("/", w.as("anning")...)
	require.Equal(t, 200, page.status)
	size, files := len(page.text), 0
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(page.text, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			file := w.get(m[1])
			require.Equal(t, 200, file.status, m[1])
			size, files = size+len(file.text), files+1
		}
	}
	require.GreaterOrEqual(t, files, 3, "a style, a script, a sign")
	require.Less(t, size, 100_000)
}
