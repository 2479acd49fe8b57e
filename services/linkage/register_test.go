package linkage

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

// Whatever weights say, a group holds one of the register at most, and without
// it nothing is together but by decision.
func TestRegisterIsNoBridge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, items, _ := drawWorld(fromRapid(t))
		s.limits.LinkOnly, s.limits.OnePerSource, s.limits.Register, s.limits.Margin = false, false, "p", 5
		for _, group := range Batch(s, items, nil, HotKeys(s.limits.HotKey, items)).Groups {
			registered, others := 0, 0
			for _, ref := range group {
				switch ref.Platform {
				case "p":
					registered++
				case "desk": // follows what it is anchored to
				default:
					others++
				}
			}
			require.LessOrEqual(t, registered, 1)
			if registered == 0 {
				require.LessOrEqual(t, others, 1, "what is not of the register joins nothing")
			}
		}
	})
}

func registerModel(t *testing.T) *Model {
	t.Helper()
	m, err := parse(RegisterSource("residents"))
	require.NoError(t, err)
	require.Equal(t, "residents", m.Limits().Register)
	return m
}

func itemsOf(m *Model, list map[schema.RecordRef]schema.Values) []Item {
	var out []Item
	for r, v := range list {
		f := m.Features(v)
		out = append(out, Item{Ref: r, F: f, Keys: m.Keys(f, secret)})
	}
	return out
}

func groupOf(r Result, of schema.RecordRef) []schema.RecordRef {
	for _, g := range r.Groups {
		for _, x := range g {
			if x == of {
				return g
			}
		}
	}
	return nil
}

func TestRegister(t *testing.T) {
	t.Parallel()
	m := registerModel(t)
	person := grownUp(t)
	sealed, sealed2 := ref("sealed", "1"), ref("sealed2", "7")
	batch := func(list map[schema.RecordRef]schema.Values) Result {
		items := itemsOf(m, list)
		return Batch(m, items, nil, HotKeys(m.Limits().HotKey, items))
	}

	t.Run("a record is put to its resident", func(t *testing.T) {
		r := batch(map[schema.RecordRef]schema.Values{ref("residents", "a"): person, sealed: person, sealed2: person})
		require.Len(t, groupOf(r, sealed), 3)
	})
	t.Run("records of nobody in the register join nothing", func(t *testing.T) {
		r := batch(map[schema.RecordRef]schema.Values{sealed: person, sealed2: person})
		require.Len(t, groupOf(r, sealed), 1)
	})
	t.Run("two residents that are one person stay two", func(t *testing.T) {
		r := batch(map[schema.RecordRef]schema.Values{ref("residents", "a"): person, ref("residents", "b"): person, sealed: person})
		require.Len(t, groupOf(r, sealed), 1, "two fit as well: a person decides")
		require.Len(t, groupOf(r, ref("residents", "a")), 1)
		require.Len(t, r.Edges, 2)
		require.Equal(t, Undecided, r.Edges[0].Reason)
	})
	t.Run("the clearly better one wins", func(t *testing.T) {
		twin := with(person, "id_number", idOf(t, "1984-03-07", 123), "name", "欧阳沐阳")
		r := batch(map[schema.RecordRef]schema.Values{ref("residents", "a"): person, ref("residents", "b"): twin, sealed: person})
		require.Equal(t, []schema.RecordRef{ref("residents", "a"), sealed}, groupOf(r, sealed))
	})
}
