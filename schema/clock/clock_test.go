package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSkew(t *testing.T) {
	t.Cleanup(func() { Skew(0) })
	before := time.Now()
	require.False(t, Now().Before(before))
	Skew(time.Hour)
	require.False(t, Now().Before(before.Add(time.Hour)))
	Skew(-time.Hour)
	require.True(t, Now().Before(time.Now().Add(-59*time.Minute)))
}
