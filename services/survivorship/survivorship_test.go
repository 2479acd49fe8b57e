package survivorship

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(days int) time.Time { return day.AddDate(0, 0, days) }

// point is a claim whose trusted clock tells when it appeared.
func point(a schema.Attribute, platform, value string, days int) Claim {
	return Claim{Attribute: a, Value: value, Record: schema.RecordRef{Platform: platform, Key: "1"}, After: at(days), Upto: at(days)}
}

// seen is a claim that was there when the platform was first read.
func seen(a schema.Attribute, platform, value string, days int) Claim {
	return Claim{Attribute: a, Value: value, Record: schema.RecordRef{Platform: platform, Key: "1"}, Upto: at(days)}
}

func authority(c Claim) Claim { c.Authority = true; return c }

func between(c Claim, after, upto int) Claim { c.After, c.Upto = at(after), at(upto); return c }

func TestMaster(t *testing.T) {
	r := DefaultRules()
	for _, c := range []struct {
		what     string
		claims   []Claim
		keeps    []Keep
		a        schema.Attribute
		value    string // "" means absent
		rule     Test
		disputed bool
		losers   int
	}{
		{what: "nobody else says anything", claims: []Claim{point(schema.Phone, "medical", "1", 0)}, a: schema.Phone, value: "1", rule: Only},
		{what: "the latest own evidence", claims: []Claim{point(schema.Phone, "medical", "1", 5), point(schema.Phone, "gongan", "2", 1)},
			a: schema.Phone, value: "1", rule: Recent, losers: 1},
		{what: "the authority has the last word, however old",
			claims: []Claim{authority(seen(schema.Name, "gongan", "张伟", 0)), point(schema.Name, "medical", "章伟", 9)},
			a:      schema.Name, value: "张伟", rule: Authority, losers: 1},
		{what: "a known time comes before a first load", claims: []Claim{seen(schema.Phone, "gongan", "1", 30), point(schema.Phone, "medical", "2", 1)},
			a: schema.Phone, value: "2", rule: Recent, losers: 1},
		{what: "first loads: the order of trust", claims: []Claim{seen(schema.Phone, "veterans", "1", 30), seen(schema.Phone, "floating", "2", 1)},
			a: schema.Phone, value: "2", rule: Trust, losers: 1},
		{what: "overlapping intervals: a person must say",
			claims: []Claim{between(point(schema.Phone, "medical", "1", 0), 1, 5), between(point(schema.Phone, "disabled", "2", 0), 3, 9)},
			a:      schema.Phone, value: "2", rule: Recent, disputed: true, losers: 1},
		{what: "overlapping intervals that say the same",
			claims: []Claim{between(point(schema.Phone, "medical", "1", 0), 1, 5), between(point(schema.Phone, "disabled", "1", 0), 3, 9)},
			a:      schema.Phone, value: "1", rule: Only},
		{what: "a valid number before a later one with a slip",
			claims: []Claim{point(schema.IDNumber, "medical", "190102198003070012", 9), point(schema.IDNumber, "pension", "190102198003070018", 1)},
			a:      schema.IDNumber, value: "190102198003070018", rule: Valid, losers: 1},
		{what: "a name before 之女", claims: []Claim{point(schema.Name, "maternal", "张伟之女", 9), point(schema.Name, "medical", "张沐阳", 1)},
			a: schema.Name, value: "张沐阳", rule: Valid, losers: 1},
		{what: "the more precise date", claims: []Claim{point(schema.BirthDate, "medical", "1980", 9), point(schema.BirthDate, "pension", "1980-03-07", 1)},
			a: schema.BirthDate, value: "1980-03-07", rule: Complete, losers: 1},
		{what: "blank and unknown never survive", claims: []Claim{point(schema.Sex, "medical", "0", 9), point(schema.Sex, "pension", "", 9), point(schema.Sex, "gongan", "2", 1)},
			a: schema.Sex, value: "2", rule: Only},
		{what: "one register alone does not spread a death", claims: []Claim{point(schema.LifeStatus, "medical", "dead", 9), point(schema.LifeStatus, "gongan", "alive", 1)},
			a: schema.LifeStatus, value: "alive", rule: Only},
		{what: "two independent registers do",
			claims: []Claim{point(schema.LifeStatus, "medical", "dead", 9), point(schema.LifeStatus, "pension", "dead", 8), point(schema.LifeStatus, "gongan", "alive", 1)},
			a:      schema.LifeStatus, value: "dead", rule: Recent, losers: 1},
		{what: "two rows of one register are one voice",
			claims: []Claim{point(schema.LifeStatus, "medical", "dead", 9), {Attribute: schema.LifeStatus, Value: "dead", Record: schema.RecordRef{Platform: "medical", Key: "2"}, After: at(9), Upto: at(9)}},
			a:      schema.LifeStatus},
		{what: "the desk alone does", claims: []Claim{point(schema.LifeStatus, "desk", "dead", 9), point(schema.LifeStatus, "gongan", "alive", 1)},
			a: schema.LifeStatus, value: "dead", rule: Recent, losers: 1},
		{what: "a person outranks an authority", claims: []Claim{authority(point(schema.Name, "gongan", "张伟", 9))},
			keeps: []Keep{{Attribute: schema.Name, Value: "章伟", At: at(1), ID: 3}}, a: schema.Name, value: "章伟", rule: Decision, losers: 1},
		{what: "the latest decision stands", keeps: []Keep{{Attribute: schema.Phone, Value: "2", ID: 7}, {Attribute: schema.Phone, Value: "1", ID: 3}},
			a: schema.Phone, value: "2", rule: Decision},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, ok := Master(r, c.claims, c.keeps)[c.a]
			require.Equal(t, c.value != "", ok)
			require.Equal(t, c.value, s.Value)
			require.Equal(t, c.rule, s.Rule)
			require.Equal(t, c.disputed, s.Disputed)
			require.Equal(t, c.losers, s.Losers)
		})
	}
}

// I2: the order in which claims are given does not matter.
func TestMasterIgnoresOrder(t *testing.T) {
	r := DefaultRules()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 7).Draw(t, "claims")
		var claims []Claim
		for range n {
			c := point(rapid.SampledFrom([]schema.Attribute{schema.Phone, schema.IDNumber, schema.BirthDate, schema.LifeStatus}).Draw(t, "attribute"),
				rapid.SampledFrom([]string{"desk", "gongan", "medical", "other"}).Draw(t, "platform"),
				rapid.SampledFrom([]string{"190102198003070018", "190102198003070012", "1980", "1980-03-07", "dead", "alive"}).Draw(t, "value"),
				rapid.IntRange(0, 3).Draw(t, "upto"))
			switch rapid.IntRange(0, 2).Draw(t, "known") {
			case 0:
				c.After = time.Time{}
			case 1:
				c.After = c.After.AddDate(0, 0, -1)
			}
			c.Record.Key = rapid.SampledFrom([]string{"1", "2"}).Draw(t, "key")
			c.Authority = rapid.Bool().Draw(t, "authority")
			claims = append(claims, c)
		}
		want := Master(r, claims, nil)
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 0)).Shuffle(n, func(i, j int) { claims[i], claims[j] = claims[j], claims[i] })
		got := Master(r, claims, nil)
		require.Len(t, got, len(want))
		for a, s := range want {
			require.True(t, s.Equal(got[a]), "%s: %v, %v", a, s, got[a])
		}
	})
}

func TestRulesAreStrict(t *testing.T) {
	for text, sentence := range map[string]string{
		"version: 1\ndefault: [recent]\nattributes: {phoen: [recent]}":   `no attribute is called "phoen"`,
		"version: 1\ndefault: [newest]":                                  `"newest" is none of`,
		"version: 1\ndefalt: [recent]":                                   "defalt",
		"version: 1\ndefault: [recent]\nattributes: {phone: [decision]}": `"decision" is none of`,
	} {
		_, err := ParseRules("rules.yaml", []byte(text))
		require.ErrorContains(t, err, sentence)
		require.ErrorContains(t, err, "rules.yaml")
	}
}
