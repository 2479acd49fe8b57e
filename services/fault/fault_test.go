package fault

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAt: nobody is told anything until a program arms it, and then everything.
func TestAt(t *testing.T) {
	At(Published, "pension") // nothing happens
	type stop struct {
		place    Place
		platform string
	}
	var stops []stop
	Arm(func(place Place, platform string) { stops = append(stops, stop{place, platform}) })
	t.Cleanup(func() { armed.Store(nil) })
	At(Intended, "medical")
	At(Resolved, "")
	require.Equal(t, []stop{{Intended, "medical"}, {Resolved, ""}}, stops)
}

func BenchmarkAt(b *testing.B) {
	for b.Loop() {
		At(Called, "pension")
	}
}
