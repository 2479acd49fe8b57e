package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/schema"
)

// described: somebody who has no fields yet can see which columns there are, and
// the first rows' texts side by side.
func described(t *testing.T, b *bench) {
	b.Insert(t, people(0, 8)...)
	b.Publish(t)
	c, err := connectors.Open(context.Background(), b.spec, connectors.Environment{Dir: t.TempDir(), Attended: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	const limit = 5
	columns, err := connectors.Describe(context.Background(), c, limit)
	require.NoError(t, err)
	seen := map[string][]string{}
	for _, column := range columns {
		require.NotContains(t, seen, column.Name, "each column once")
		require.LessOrEqual(t, len(column.Samples), limit)
		seen[column.Name] = column.Samples
	}
	for _, name := range []string{Name, Phone, IDNo} {
		require.Len(t, seen[name], limit, "the column %s of %d rows", name, limit)
	}
	rows := map[string]map[string]string{}
	for _, p := range people(0, 8) {
		rows[p[IDNo]] = p
	}
	for i, number := range seen[IDNo] {
		require.Equal(t, rows[number][Phone], seen[Phone][i], "samples of one row stand side by side")
	}
	sample, err := connectors.Sample(context.Background(), c, limit)
	require.NoError(t, err)
	require.Len(t, sample, limit)
	require.Equal(t, schema.OpPut, sample[0].Op)
}
