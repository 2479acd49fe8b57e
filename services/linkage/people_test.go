package linkage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/schema/idnum"
)

// idOf makes a valid ID number of an area that is not assigned.
func idOf(t testing.TB, birth string, order int) string {
	t.Helper()
	n, err := idnum.Make("190101", birth, order)
	require.NoError(t, err)
	return n
}

// slip changes the digit at a place, so that the number cannot be right.
func slip(n string, at int) string {
	b := []byte(n)
	b[at] = '0' + (b[at]-'0'+1)%10
	return string(b)
}

func dwelling(compound, building, room string) string {
	return schema.Address{Community: "柳荫社区", Compound: compound, Building: building, Unit: "1", Room: room}.Canonical()
}

// with returns v with some attributes replaced; an empty value removes one.
func with(v schema.Values, changes ...string) schema.Values {
	out := make(schema.Values, len(v)+len(changes)/2)
	for a, s := range v {
		out[a] = s
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			delete(out, schema.Attribute(changes[i]))
		} else {
			out[schema.Attribute(changes[i])] = changes[i+1]
		}
	}
	return out
}

// grownUp is a person with everything that most platforms hold.
func grownUp(t testing.TB) schema.Values {
	return schema.Values{
		schema.IDNumber: idOf(t, "1984-03-07", 121), schema.Name: "欧阳沐辰", schema.Sex: "1",
		schema.BirthDate: "1984-03-07", schema.Phone: "12919030571", schema.Residence: dwelling("听松苑", "3", "502"),
		schema.HouseholdNo: "190101005512", schema.Relation: "02",
	}
}

func ref(platform, key string) schema.RecordRef {
	return schema.RecordRef{Platform: platform, Key: key}
}

var secret = []byte("a secret of this test")

// items makes an item of each record, under the names r0, r1, …
func items(records ...schema.Values) []Item {
	m := Default()
	var list []Item
	for i, v := range records {
		f := m.Features(v)
		list = append(list, Item{Ref: ref("t", "r"+string(rune('0'+i))), F: f, Keys: m.Keys(f, secret)})
	}
	return list
}

// residents partitions records with the default model, each resident as a list
// of record indices.
func residentsOf(list []Item, decisions ...Decision) ([][]int, []Edge) {
	m := Default()
	r := Batch(m, list, decisions, HotKeys(m.Limits().HotKey, list))
	at := make(map[schema.RecordRef]int)
	for i, it := range list {
		at[it.Ref] = i
	}
	var groups [][]int
	for _, g := range r.Groups {
		var group []int
		for _, ref := range g {
			group = append(group, at[ref])
		}
		groups = append(groups, group)
	}
	return groups, r.Edges
}

func weigh(a, b schema.Values) Comparison {
	m := Default()
	return m.Compare(m.Features(a), m.Features(b))
}
