package rest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
)

func conditional(t *testing.T, c connectors.Connector) bool {
	t.Helper()
	says, ok := c.(interface{ Conditional() bool })
	return ok && says.Conditional()
}

func TestOnlyIfMatchIsConditional(t *testing.T) {
	for s, want := range map[style]bool{cursors: true, pages: false, times: false} {
		require.Equal(t, want, conditional(t, connect(t, newClinic(t, s).yaml())), "style %d", s)
	}
	yaml := newClinic(t, cursors).yaml()
	require.False(t, conditional(t, connect(t, strings.Replace(yaml, "if_match: true, ", "", 1))))
	require.False(t, conditional(t, connect(t, cutLine(yaml, "  update:"))), "it only makes rows")
	require.False(t, conditional(t, connect(t, cutLine(cutLine(yaml, "  update:"), "  create:"))), "it only reads")
}

func cutLine(text, begins string) string {
	i := strings.Index(text, begins)
	return text[:i] + text[i+strings.Index(text[i:], "\n")+1:]
}

// A write's version is the one that the next read shows while nobody else has
// written, however the platform names it; and another one as soon as somebody
// has.
func TestVersionOfAWriteIsTheNextReadsVersion(t *testing.T) {
	for _, test := range []struct {
		name     string
		style    style
		from, to string
		lists    bool // the list shows versions too
	}{
		{"version column and entity tag", cursors, "", "", true},
		{"version column without entity tags", pages, "body: full", "body: full, if_match: true, item: row", true},
		{"entity tag alone", cursors, "version_column: version\n", "", false},
	} {
		for _, known := range []bool{true, false} {
			t.Run(test.name+map[bool]string{true: ", version known", false: ", version asked for"}[known], func(t *testing.T) {
				ctx := context.Background()
				p := newClinic(t, test.style)
				p.Insert(t, row(1))
				yaml := strings.Replace(p.yaml(), test.from, test.to, 1)
				if test.style == pages {
					yaml += "version_column: version\n"
				}
				c := connect(t, yaml)
				require.True(t, conditional(t, c))
				look := func() connectors.Row {
					t.Helper()
					rows, err := c.(connectors.Looker).Look(ctx, connectors.Query{Key: "P001"})
					require.NoError(t, err)
					require.Len(t, rows, 1)
					return rows[0]
				}
				w := write("i")
				before := look().RowVersion
				require.NotEmpty(t, before)
				if known {
					w.RowVersion = before
				}
				out, err := c.(connectors.Writer).Push(ctx, []connectors.Write{w})
				require.NoError(t, err)
				require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
				require.NotEmpty(t, out[0].RowVersion)
				require.NotEqual(t, before, out[0].RowVersion)
				require.Equal(t, out[0].RowVersion, look().RowVersion)
				listed := ""
				require.NoError(t, c.Pull(ctx, nil, func(b connectors.Batch) error {
					for _, r := range b.Rows {
						listed = r.RowVersion
					}
					return nil
				}))
				if test.lists {
					require.Equal(t, out[0].RowVersion, listed)
				} else {
					require.Empty(t, listed, "no other version is taken for it")
				}
				p.Update(t, row(1))
				require.NotEqual(t, out[0].RowVersion, look().RowVersion, "a clerk's change is another version")
			})
		}
	}
}

// A platform that was said to compare, and names no version to compare with: the
// write is made after our own comparison, and nothing can be learnt from it.
func TestIfMatchWithoutAVersionPromisesNothing(t *testing.T) {
	p := newClinic(t, cursors)
	p.Insert(t, row(1))
	p.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			require.Empty(t, r.Header.Get("If-Match"))
			return false
		}
		answer := httptest.NewRecorder()
		p.mu.Lock()
		p.get(answer, "P001")
		p.mu.Unlock()
		_, err := w.Write(answer.Body.Bytes()) // without its entity tag
		require.NoError(t, err)
		return true
	})
	c := connect(t, strings.Replace(p.yaml(), "version_column: version\n", "", 1))
	out, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{write("i")})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
	require.Empty(t, out[0].RowVersion)
}
