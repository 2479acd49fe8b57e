package bench

import (
	"os"
	"strconv"
	"testing"
)

func TestScratch(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("N"))
	if n == 0 {
		t.Skip()
	}
	_, err := Link(t.Context(), LinkOptions{Records: n, Seed: 1, Out: os.Stdout})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPop(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("P"))
	if n == 0 {
		t.Skip()
	}
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	_, err := Population(t.Context(), PopulationOptions{People: n, Seed: int64(seed), Kinds: 25, Out: os.Stdout})
	if err != nil {
		t.Fatal(err)
	}
}
