package merge

import (
	"heji/schema"
	"heji/services/store"
)

// risks are the changes of a known resident that may stop a benefit or move a
// person: they wait before they leave. A first number is no change of number, and
// whoever is said to live has always been taken for alive.
func risks(was, now store.Survivors) []store.Risk {
	var out []store.Risk
	for _, d := range schema.Attributes() {
		if !d.Risky {
			continue
		}
		old, fresh := was[d.Name].Value, now[d.Name].Value
		if old == fresh || old == "" && (d.Name == schema.IDNumber || fresh == schema.Alive) {
			continue
		}
		out = append(out, store.Risk{Attribute: d.Name, Old: old, New: fresh, Source: now[d.Name].Source})
	}
	return out
}

// benefits reports whether somebody holds something that a wrong merge could
// cost him.
func benefits(master store.Survivors) bool {
	for a := range master {
		if d, ok := schema.Lookup(a); ok && d.Benefit {
			return true
		}
	}
	return false
}
