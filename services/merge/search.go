package merge

import (
	"strings"

	"heji/schema"
	"heji/schema/hanzi"
	"heji/services/store"
)

// searchText is what the desk's one search box looks in: name, pinyin, initials,
// ID number, phone, and the address as people say it (3-2-1801).
func searchText(master store.Survivors) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	for _, a := range []schema.Attribute{schema.Name, schema.FormerName} {
		name := master[a].Value
		if name == "" {
			continue
		}
		add(name)
		add(hanzi.Normalise(name))
		parts = append(parts, hanzi.PinyinKeys(name)...)
		parts = append(parts, hanzi.Initials(name)...)
	}
	add(master[schema.IDNumber].Value)
	add(master[schema.Phone].Value)
	addr := schema.AddressFromCanonical(master[schema.Residence].Value)
	if addr.Building != "" && addr.Room != "" {
		short := addr.Building
		if addr.Unit != "" {
			short += "-" + addr.Unit
		}
		add(short + "-" + addr.Room)
	}
	add(addr.Compound)
	add(addr.Community)
	return strings.ToLower(strings.Join(parts, " "))
}
