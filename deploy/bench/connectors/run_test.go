package connectors

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every registered case transfers what it says, small; none is missing where the
// whole run is promised.
func TestCasesTransfer(t *testing.T) {
	var out strings.Builder
	figures, err := Run(context.Background(), Options{Rows: 300, Writes: 250, Out: &out})
	require.NoError(t, err)
	require.Len(t, figures, len(Names()))
	for _, f := range figures {
		if f.Missing != "" {
			require.Empty(t, os.Getenv("HEJI_CI"), f.Missing)
			continue
		}
		require.Positive(t, f.Pull, f.Name)
		require.Positive(t, f.BarePull, f.Name)
		require.Contains(t, out.String(), f.Name)
	}
}

func TestWrongNamesAreAnswered(t *testing.T) {
	_, err := Run(context.Background(), Options{Rows: 1, Writes: 1, Only: []string{"tabel"}})
	require.ErrorContains(t, err, "no case begins with tabel; there are files/CSV")
	_, err = Run(context.Background(), Options{Rows: 1, Writes: 2})
	require.ErrorContains(t, err, "not more writes than rows")
}
