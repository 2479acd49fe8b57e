package merge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// A record comes back whose resident was merged away while it was gone, and in the
// same resolution a record that was once of that resident, too, is split off again.
// They are two people: only one of them lives on under the old id.
func TestReturnedRecordOfAMergedResident(t *testing.T) {
	w := newWorld(t)
	put := func(platform, key, name, id, birth string) {
		w.takeIn([]schema.Record{w.message(platform, key, schema.OpPut, schema.Values{schema.Name: name, schema.IDNumber: id, schema.BirthDate: birth, schema.Sex: "1"})})
	}
	const (
		first, second = "190102198003070018", "190102199012120042"
		third, fourth = "190102197005050016", "190102196004040014"
	)
	put("gamma", "G", "欧阳沐辰", first, "1980-03-07")
	put("alpha", "A", "欧阳沐辰", first, "1980-03-07")
	put("alpha", "B", "司马青禾", second, "1990-12-12")
	put("beta", "B", "司马青禾", second, "1990-12-12")
	w.drain()
	require.Equal(t, [][]string{{"alpha/A", "gamma/G"}, {"alpha/B", "beta/B"}}, w.partition())

	w.takeIn([]schema.Record{w.message("alpha", "A", schema.OpDelete, nil)})
	w.drain()
	put("gamma", "G", "司马青禾", second, "1990-12-12") // merged: the others bring more records
	w.drain()
	require.Equal(t, [][]string{{"alpha/B", "beta/B", "gamma/G"}}, w.partition())

	put("gamma", "G", "上官子墨", third, "1970-05-05")
	put("alpha", "A", "诸葛明远", fourth, "1960-04-04")
	w.drain()
	require.Equal(t, [][]string{{"alpha/A"}, {"alpha/B", "beta/B"}, {"gamma/G"}}, w.partition())
}
