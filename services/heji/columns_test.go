package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// On a terminal a Chinese character takes the room of two letters.
func TestColumns(t *testing.T) {
	var out strings.Builder
	w := newColumns(&out)
	fmt.Fprintln(w, "列 column\t可能是 probably\twhy")
	fmt.Fprintf(w, "%s\t%s\t%s\n", "残疾人花名册", "name", "")
	fmt.Fprintf(w, "%s\t%s\t%s\n", "aac003", "（无）", "its name")
	require.NoError(t, w.Flush())
	require.Equal(t, ""+
		"列 column     可能是 probably  why\n"+
		"残疾人花名册  name\n"+
		"aac003        （无）           its name\n", out.String())

	out.Reset()
	require.NoError(t, newColumns(&out).Flush())
	require.Empty(t, out.String())
}
