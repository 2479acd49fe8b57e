package hub_test

import (
	"flag"
	"testing"
)

var long = flag.Bool("long", false, "also run what takes minutes and wants a machine of its own, as make chaos does")

// inChaos leaves a test to make chaos.
func inChaos(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("takes minutes: make chaos runs it, or go test -long")
	}
}
