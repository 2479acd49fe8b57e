package merge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// I2: a review edge between two residents outlives a resolution of both in which
// neither of its ends has changed. Both are in one closure and in two components,
// and only what is in one component is compared anew.
func TestAnEdgeBetweenTwoComponentsStays(t *testing.T) {
	w := newWorld(t)
	say := func(platform, key, name, birth, number, school string) schema.Record {
		v := schema.Values{schema.Name: name, schema.BirthDate: birth, schema.Education: school}
		if number != "" {
			v[schema.IDNumber] = number
		}
		if platform != "beta" { // a key of more than three is hot here
			v[schema.Phone] = "15400000001"
		}
		return w.message(platform, key, schema.OpPut, v)
	}
	one := func(platform, school string) schema.Record {
		return say(platform, "1", "欧阳沐辰", "1980-03-07", "190102198003070018", school)
	}
	other := func(platform, school string) schema.Record {
		return say(platform, "2", "欧阳沐晨", "1980-07-03", "", school)
	}
	for _, m := range []schema.Record{one("alpha", "10"), one("beta", "10"), other("gamma", "10")} {
		w.takeIn([]schema.Record{m})
	}
	w.drain()
	queue := w.edges()
	require.NotEmpty(t, queue)
	require.Equal(t, [][]string{{"alpha/1", "beta/1"}, {"gamma/2"}}, w.partition())

	w.takeIn([]schema.Record{one("beta", "20"), other("beta", "20")})
	w.drain()
	require.Equal(t, [][]string{{"alpha/1", "beta/1"}, {"beta/2", "gamma/2"}}, w.partition())
	require.Subset(t, w.edges(), queue[:1], "alpha/1 and gamma/2")
	require.Equal(t, w.whole(nil).Edges, w.edges())
}
