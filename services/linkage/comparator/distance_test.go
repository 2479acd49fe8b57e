package comparator

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Winkler's table of comparisons of last and first names (Winkler 1990; Cohen,
// Ravikumar, Fienberg 2003), Jaro-Winkler to three places.
func TestPublishedJaroWinkler(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"martha", "marhta", 0.961}, {"dwayne", "duane", 0.840}, {"dixon", "dicksonx", 0.813},
		{"shackleford", "shackelford", 0.982}, {"dunningham", "cunnigham", 0.896}, {"nichleson", "nichulson", 0.956},
		{"jones", "johnson", 0.832}, {"massey", "massie", 0.933}, {"abroms", "abrams", 0.922},
		{"jeraldine", "geraldine", 0.926}, {"michelle", "michael", 0.921}, {"julies", "julius", 0.933},
		{"tanya", "tonya", 0.880}, {"sean", "susan", 0.805}, {"jon", "john", 0.933}, {"jon", "jan", 0.800},
		{"crate", "trace", 0.733}, {"a", "b", 0}, {"a", "a", 1},
	} {
		var l likeness
		l.order([]byte(c.a), []byte(c.b))
		require.InDelta(t, c.want, l.measure(opJaroWinkler), 0.0006, "%s %s", c.a, c.b)
		require.Equal(t, l.measure(opJaroWinkler), jaroWinkler([]byte(c.b), []byte(c.a)))
	}
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"martha", "marhta", 0.944}, {"dixon", "dicksonx", 0.767}, {"dwayne", "duane", 0.822}, {"jellyfish", "smellyfish", 0.896},
	} {
		var l likeness
		l.order([]byte(c.a), []byte(c.b))
		require.InDelta(t, c.want, l.measure(opJaro), 0.0006, "%s %s", c.a, c.b)
	}
}

func TestPublishedEdits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b                 string
		levenshtein, damerau int
	}{
		{"kitten", "sitting", 3, 3}, {"saturday", "sunday", 3, 3}, {"flaw", "lawn", 2, 2}, {"intention", "execution", 5, 5},
		{"ca", "ac", 2, 1}, {"ca", "abc", 3, 3}, {"martha", "marhta", 2, 1}, {"", "abc", 3, 3}, {"", "", 0, 0},
		{"jürgen", "jurgen", 1, 1}, {"东方红", "东红方", 2, 1},
	} {
		x, y := []rune(c.a), []rune(c.b)
		require.Equal(t, c.levenshtein, edits(x, y, false), "%s %s", c.a, c.b)
		require.Equal(t, c.damerau, edits(x, y, true), "%s %s", c.a, c.b)
	}
}

// naiveEdits fills the whole matrix.
func naiveEdits(x, y []rune, swaps bool) int {
	d := make([][]int, len(x)+1)
	for i := range d {
		d[i] = make([]int, len(y)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
				continue
			case x[i-1] == y[j-1]:
				d[i][j] = d[i-1][j-1]
			default:
				d[i][j] = 1 + min(d[i-1][j-1], d[i-1][j], d[i][j-1])
			}
			if swaps && i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}

// naiveJaro follows the definition with slices of booleans.
func naiveJaro(x, y []rune) float64 {
	if len(x) == 0 && len(y) == 0 {
		return 1
	}
	reach := max(max(len(x), len(y))/2-1, 0)
	usedX, usedY := make([]bool, len(x)), make([]bool, len(y))
	m := 0.0
	for i := range x {
		for j := range y {
			if j >= i-reach && j <= i+reach && !usedY[j] && x[i] == y[j] {
				usedX[i], usedY[j] = true, true
				m++
				break
			}
		}
	}
	if m == 0 {
		return 0
	}
	var fromX, fromY []rune
	for i := range x {
		if usedX[i] {
			fromX = append(fromX, x[i])
		}
	}
	for j := range y {
		if usedY[j] {
			fromY = append(fromY, y[j])
		}
	}
	half := 0
	for i := range fromX {
		if fromX[i] != fromY[i] {
			half++
		}
	}
	return (m/float64(len(x)) + m/float64(len(y)) + (m-math.Floor(float64(half)/2))/m) / 3
}

// near draws two texts of few letters, so that they share many.
func near() *rapid.Generator[[]rune] {
	return rapid.SliceOfN(rapid.RuneFrom([]rune("abcdé东")), 0, maxRunes)
}

func TestDistancesMatchTheirDefinitions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, y := near().Draw(t, "x"), near().Draw(t, "y")
		require.Equal(t, naiveEdits(x, y, false), edits(x, y, false))
		require.Equal(t, naiveEdits(x, y, true), edits(x, y, true))
		require.InDelta(t, naiveJaro(x, y), jaro(x, y), 1e-12)
		var l likeness
		l.order([]byte(string(x)), []byte(string(y)))
		require.Equal(t, l.measure(opJaroWinkler), jaroWinkler([]byte(string(x)), []byte(string(y))))
	})
}

// What stands behind the first 64 characters is not compared.
func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	long := make([]byte, 300)
	for i := range long {
		long[i] = 'a' + byte(i%26)
	}
	other := append(append([]byte{}, long[:100]...), "completely different"...)
	var l likeness
	require.True(t, l.holds(&clause{op: opLevenshtein}, long, other))
	require.Equal(t, maxRunes, l.x.n)
}
