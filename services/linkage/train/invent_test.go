package train_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// population is a register of invented people who live in households.
type population struct {
	seed       uint64
	people     int
	perPerson  float64 // records, mean; geometric
	gaps, bugs float64 // share of values that are missing, and misspelt
	sources    int     // files; each person at most once in each, where there are several
	without    []string
}

var columns = []string{"id", "given_name", "surname", "dob", "street", "city", "postcode", "occupation", "sex"}

const (
	given = 1 + iota
	surname
	dob
	street
	city
	postcode
	occupation
	sex
)

// write writes the files and returns the entity of each key.
func (p population) write(t testing.TB) (paths []string, truth map[string]string) {
	t.Helper()
	truth = make(map[string]string)
	dir := t.TempDir()
	var rows = make([][][]string, max(1, p.sources))
	p.invent(func(person, source int, row []string) {
		row[0] = fmt.Sprintf("%d-%d", source, len(rows[source]))
		truth[row[0]] = strconv.Itoa(person)
		rows[source] = append(rows[source], row)
	})
	for i := range rows {
		path := filepath.Join(dir, fmt.Sprintf("register%d.csv", i))
		f, err := os.Create(path)
		require.NoError(t, err)
		w := csv.NewWriter(f)
		require.NoError(t, w.Write(columns))
		require.NoError(t, w.WriteAll(rows[i]))
		require.NoError(t, f.Close())
		paths = append(paths, path)
	}
	return paths, truth
}

// inventor draws names and slips.
type inventor struct {
	*rand.Rand
	given, surnames, streets, towns, jobs []string
}

func (p population) invent(emit func(person, source int, row []string)) {
	r := inventor{Rand: rand.New(rand.NewPCG(p.seed, 1))}
	r.given, r.surnames, r.streets, r.towns, r.jobs = r.words(300, 2), r.words(800, 2), r.words(400, 2), r.words(40, 2), r.words(60, 3)
	for person := 0; person < p.people; {
		home, family := r.home(), r.often(r.surnames)
		for k := range 1 + r.IntN(5) {
			if person == p.people {
				break
			}
			row := make([]string, len(columns))
			row[given], row[surname], row[occupation], row[sex] = r.often(r.given), family, r.often(r.jobs), []string{"f", "m"}[r.IntN(2)]
			if r.Float64() < 0.15 {
				row[surname] = r.often(r.surnames)
			}
			from, years := 1940, 35
			if k >= 2 { // the children
				from, years = 1990, 22
			}
			row[dob] = fmt.Sprintf("%04d-%02d-%02d", from+r.IntN(years), 1+r.IntN(12), 1+r.IntN(28))
			p.records(r, person, row, home, emit)
			person++
		}
	}
}

// records emits what the registers say about one person.
func (p population) records(r inventor, person int, truth []string, home [3]string, emit func(person, source int, row []string)) {
	for source := 0; ; source++ {
		row := append([]string(nil), truth...)
		if r.Float64() < 0.12 {
			home = r.home() // moved
		}
		row[street], row[city], row[postcode] = home[0], home[1], home[2]
		if r.Float64() < 0.05 && row[sex] == "f" {
			row[surname] = r.often(r.surnames) // married
		}
		if r.Float64() < 0.03 {
			row[given], row[surname] = row[surname], row[given]
		}
		if r.Float64() < 0.05 {
			row[occupation] = r.often(r.jobs)
		}
		for c := given; c <= sex; c++ {
			switch x := r.Float64(); {
			case x < p.gaps:
				row[c] = ""
			case x < p.gaps+p.bugs:
				row[c] = r.slip(row[c])
			}
			for _, name := range p.without {
				if columns[c] == name {
					row[c] = "" // the file has the column and nothing in it
				}
			}
		}
		switch {
		case p.sources == 0:
			emit(person, 0, row)
		case r.Float64() < 0.8:
			emit(person, source, row)
		}
		if p.sources > 0 && source == p.sources-1 || p.sources == 0 && r.Float64() < 1/p.perPerson {
			return
		}
	}
}

func (r inventor) home() [3]string {
	s := r.IntN(len(r.streets))
	town := r.towns[s%len(r.towns)]
	return [3]string{fmt.Sprintf("%d %s street", 1+r.IntN(120), r.streets[s]), town,
		strings.ToUpper(fmt.Sprintf("%s%d %d%s", town[:2], s%20, r.IntN(10), r.word(1)[:2]))}
}

func (r inventor) words(n, syllables int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = r.word(1 + r.IntN(syllables))
	}
	return out
}

func (r inventor) word(syllables int) string {
	begin := []string{"b", "br", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "st", "t", "th", "v", "w", "ch"}
	middle := []string{"a", "e", "i", "o", "u", "ai", "ea", "oo"}
	end := []string{"n", "r", "s", "l", "", "t"}
	var b strings.Builder
	for range syllables {
		b.WriteString(begin[r.IntN(len(begin))] + middle[r.IntN(len(middle))])
	}
	return b.String() + end[r.IntN(len(end))]
}

// often draws by Zipf's law: the first are the common ones.
func (r inventor) often(list []string) string {
	return list[min(int(math.Exp(r.Float64()*math.Log(float64(len(list)+1))))-1, len(list)-1)]
}

func (r inventor) slip(s string) string {
	if len(s) < 2 {
		return s
	}
	i := r.IntN(len(s) - 1)
	letters := "abcdefghijklmnoprstuvw"
	if s[0] >= '0' && s[0] <= '9' {
		letters = "0123456789"
	}
	x := string(letters[r.IntN(len(letters))])
	switch r.IntN(4) {
	case 0:
		return s[:i] + s[i+1:]
	case 1:
		return s[:i] + x + s[i:]
	case 2:
		return s[:i] + x + s[i+1:]
	}
	return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
}
