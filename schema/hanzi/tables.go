package hanzi

import (
	"embed"
	"encoding/csv"
	"fmt"
	"unicode/utf8"
)

//go:embed data/*.csv
var data embed.FS

// The data files are part of the program: one that cannot be read is a
// programming error and stops it at once.
var (
	variants = loadVariants()
	surnames = loadReadings("data/surnames.csv")
	inNames  = loadReadings("data/readings.csv")
	similar  = loadSimilar()
)

// loadVariants reads which character stands for which when names are compared.
func loadVariants() map[rune]rune {
	rows := read("data/variants.csv")
	m := make(map[rune]rune, len(rows))
	for _, row := range rows {
		m[only(row[0])] = only(row[1])
	}
	return m
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

// loadSimilar reads the groups of look-alikes: for each character the numbers
// of the groups that it is in.
func loadSimilar() map[rune][]int {
	m := map[rune][]int{}
	for group, row := range read("data/similar.csv") {
		for _, r := range row[0] {
			m[r] = append(m[r], group)
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

// simplified folds a traditional or variant character to the one that stands
// for it.
func simplified(r rune) rune {
	if s, ok := variants[r]; ok {
		return s
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
	for _, g := range similar[a] {
		for _, h := range similar[b] {
			if g == h {
				return true
			}
		}
	}
	return false
}
