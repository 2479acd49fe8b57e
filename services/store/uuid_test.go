package store_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// A resident's id arrives whole: in a list, alone, and where there is none.
func TestIDsTravelWhole(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	a, b := uuid.New(), uuid.New()
	v.exec(`INSERT INTO residents (id, redirect_to) VALUES ($1, NULL), ($2, $1)`, a, b)
	got, err := v.ResidentsByID(ctx, []uuid.UUID{a, b, uuid.New()})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, uuid.Nil, got[a].Redirect)
	require.Equal(t, a, got[b].Redirect)
	require.Equal(t, b, got[b].ID)
}
