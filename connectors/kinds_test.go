package connectors_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	_ "heji/connectors/files"
	_ "heji/connectors/kafka"
	_ "heji/connectors/manual"
	"heji/connectors/platforms"
	_ "heji/connectors/remote"
	_ "heji/connectors/rest"
	_ "heji/connectors/soap"
	"heji/connectors/spec"
	_ "heji/connectors/table"
	_ "heji/connectors/template"
	"heji/schema"
)

// The settings of every platform that ships with Heji are those of its kind.
// Opening reaches nothing: a platform that is down must not keep the hub from
// starting.
func TestPlatformsOpen(t *testing.T) {
	nowhere := t.TempDir()
	env := func(name string) (string, bool) {
		switch {
		case strings.HasSuffix(name, "_DSN"):
			return "postgres://u:p@127.0.0.1:1/x", true
		case strings.HasSuffix(name, "_URL"):
			return "http://127.0.0.1:1", true
		}
		return filepath.Join(nowhere, name), true
	}
	entries, err := platforms.FS.ReadDir(".")
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			data, err := platforms.FS.ReadFile(e.Name())
			require.NoError(t, err)
			p, err := spec.Parse(e.Name(), data, env)
			require.NoError(t, err)
			c, err := connectors.Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
			require.NoError(t, err)
			received := false
			for _, m := range p.Agreement.Receives {
				received = received || m != schema.Never
			}
			_, writes := c.(connectors.Writer)
			require.True(t, writes || !received, "what is received can be written")
			if _, carried := c.(connectors.Courier); !carried { // people reach those: a folder is made for them
				require.Error(t, c.Check(context.Background()))
			}
			require.NoError(t, c.Close())
		})
	}
}

func TestOpenNamesTheKinds(t *testing.T) {
	_, err := connectors.Open(context.Background(), &spec.Platform{Source: "p.yaml", Kind: "tabel"}, connectors.Environment{})
	require.EqualError(t, err, `p.yaml: kind: "tabel" is none of [files kafka manual remote rest soap table template]`)
}

func TestKeys(t *testing.T) {
	for _, parts := range [][]string{{"a"}, {"a", "b"}, {"a~", "%7E", "%25"}, {"~", ""}} {
		got, ok := connectors.SplitKey(connectors.JoinKey(parts...), len(parts))
		require.True(t, ok)
		require.Equal(t, parts, got)
	}
	require.Equal(t, "a~b", connectors.JoinKey("a~b"), "a single key stays as it is")
	_, ok := connectors.SplitKey("a", 2)
	require.False(t, ok)
	require.Equal(t, schema.ProblemNoKey, connectors.KeyProblem("a", " "))
	require.Equal(t, schema.ProblemNoKey, connectors.KeyProblem())
	require.Equal(t, schema.ProblemTooLong, connectors.KeyProblem(strings.Repeat("x", connectors.MaxKey+1)))
	require.Equal(t, schema.ProblemControl, connectors.KeyProblem("a\x00"))
	require.Empty(t, connectors.KeyProblem("a", "b"))
}

// I9: a platform's words lose our values and everything that looks like a
// number of a person.
func TestReason(t *testing.T) {
	got := connectors.Reason("张三丰 的电话  13812345678 与证件１９０００１１９９００１０１２３４X\n重复，张", map[string]string{"xm": "张三丰", "x": "张"})
	require.Equal(t, "… 的电话 … 与证件… 重复，张", got)
	require.Len(t, []rune(connectors.Reason(strings.Repeat("长", 1000))), 301)
}

func TestRetryAfter(t *testing.T) {
	err := fmt.Errorf("x: %w", &connectors.Later{After: time.Minute, Err: connectors.ErrThrottled})
	require.ErrorIs(t, err, connectors.ErrThrottled)
	require.Equal(t, time.Minute, connectors.RetryAfter(err))
	require.Zero(t, connectors.RetryAfter(errors.New("y")))
}
