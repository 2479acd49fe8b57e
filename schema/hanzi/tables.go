package hanzi

import (
	"embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

//go:generate go run -C generate . -out ../data

//go:embed data/*.csv
var data embed.FS

// The data files are part of the program: one that cannot be read is a
// programming error and stops it at once.
var (
	folds    = loadVariants()
	surnames = loadReadings("data/surnames.csv")

	oneSurnames, twoSurnames, twoSounds = bySurname(surnames)

	sounds = loadSounds()
	shapes = loadShapes()
)

// Nearly every character of a name lies in this block, the ideographs of two
// bytes: they are looked up in arrays, all others in maps.
const (
	blockStart = 0x3400
	blockEnd   = 0xA000
	blockSize  = blockEnd - blockStart
)

// foldTable says which character stands for which when names are compared.
type foldTable struct {
	block  [blockSize]int32 // 0: itself
	beyond map[rune]rune
}

func loadVariants() *foldTable {
	t := &foldTable{beyond: map[rune]rune{}}
	for _, row := range read("data/variants.csv") {
		from, to := only(row[0]), only(row[1])
		if i := from - blockStart; i >= 0 && i < blockSize {
			t.block[i] = to
		} else {
			t.beyond[from] = to
		}
	}
	return t
}

// simplified folds a traditional or variant character to the one that stands
// for it.
func simplified(r rune) rune {
	if i := r - blockStart; uint32(i) < blockSize {
		if to := folds.block[i]; to != 0 {
			return to
		}
		return r
	}
	if r < utf8.RuneSelf {
		return r
	}
	if to, ok := folds.beyond[r]; ok {
		return to
	}
	return r
}

// soundTable holds the toneless readings of every character: the number of a
// list, so that looking one up makes nothing.
type soundTable struct {
	lists  [][]string // the first one is empty
	block  [blockSize]uint16
	beyond map[rune]uint16
	known  map[string]bool // every syllable
}

func loadSounds() *soundTable {
	t := &soundTable{lists: [][]string{nil}, beyond: map[rune]uint16{}, known: map[string]bool{}}
	for _, row := range read("data/pinyin.csv") {
		t.add(strings.Fields(row[0]), row[1])
	}
	// What names do differently comes later and wins.
	for name, list := range loadReadings("data/readings.csv") {
		t.add(list, name)
	}
	return t
}

func (t *soundTable) add(list []string, characters string) {
	for _, s := range list {
		if strings.ContainsAny(s, "aeiouv") { // not the hm and ng of interjections
			t.known[s] = true
		}
	}
	n := uint16(len(t.lists))
	t.lists = append(t.lists, list)
	for _, r := range characters {
		if i := r - blockStart; i >= 0 && i < blockSize {
			t.block[i] = n
		} else {
			t.beyond[r] = n
		}
	}
}

// of returns the readings of one character as it stands, none where it has none.
func (t *soundTable) of(r rune) []string {
	if i := r - blockStart; uint32(i) < blockSize {
		return t.lists[t.block[i]]
	}
	return t.lists[t.beyond[r]]
}

// loadReadings reads a table of readings by simplified character, or surname of
// two: for each, its spellings in syllables, the usual one first.
func loadReadings(file string) map[string][]string {
	m := map[string][]string{}
	for _, row := range read(file) {
		if _, ok := m[row[0]]; ok {
			panic("hanzi: " + file + ": " + row[0] + " is there twice")
		}
		m[row[0]] = []string{row[1]}
		if row[2] != "" {
			m[row[0]] = append(m[row[0]], row[2])
		}
	}
	return m
}

// bySurname sorts the surnames that are listed by their length: the readings of
// those of one character and of two, and how those of two sound.
func bySurname(list map[string][]string) (one map[rune][]string, two map[[2]rune][]string, sounds map[string]bool) {
	one, two, sounds = map[rune][]string{}, map[[2]rune][]string{}, map[string]bool{}
	for name, readings := range list {
		if r := []rune(name); len(r) == 2 {
			two[[2]rune(r)] = readings
			sounds[strings.ReplaceAll(readings[0], " ", "")] = true
		} else {
			one[r[0]] = readings
		}
	}
	return one, two, sounds
}

// loadShapes reads the groups of look-alikes: for each character the numbers of
// the groups that it is in, in order.
func loadShapes() map[rune][]uint16 {
	m := map[rune][]uint16{}
	group := uint16(0)
	for _, file := range []string{"data/similar.csv", "data/shapes.csv"} {
		for _, row := range read(file) {
			for _, r := range row[0] {
				// The groups are of simplified characters; two forms of one
				// character in a group count once.
				if r = simplified(r); !slices.Contains(m[r], group) {
					m[r] = append(m[r], group)
				}
			}
			group++
		}
	}
	return m
}

// read returns the rows of a data file below its column names.
func read(name string) [][]string {
	f, err := data.Open(name)
	if err != nil {
		panic("hanzi: " + err.Error())
	}
	defer func() { _ = f.Close() }() // an embedded file: closing cannot fail
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		panic(fmt.Sprintf("hanzi: %s: %v", name, err))
	}
	return rows[1:]
}

func only(s string) rune {
	r, n := utf8.DecodeRuneInString(s)
	if n != len(s) {
		panic("hanzi: data/variants.csv: " + s + " is not one character")
	}
	return r
}

// SimilarShape reports whether two different characters are easily taken for
// one another on paper: look-alikes, and two forms of one character.
func SimilarShape(a, b rune) bool {
	if a == b {
		return false
	}
	a, b = simplified(a), simplified(b)
	if a == b {
		return true
	}
	x, y := shapes[a], shapes[b]
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] == y[0]:
			return true
		case x[0] < y[0]:
			x = x[1:]
		default:
			y = y[1:]
		}
	}
	return false
}
