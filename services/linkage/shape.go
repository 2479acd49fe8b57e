package linkage

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"
	"go.yaml.in/yaml/v3"
)

// seal works out what follows from the rest.
func (m *Model) seal() {
	for i := range m.comparisons {
		c := &m.comparisons[i]
		c.weights = make([]int32, len(c.levels))
		for l := range c.levels {
			c.weights[l] = int32(c.levels[l].Weight)
		}
	}
	m.stamp = m.shape()
}

// layout counts up whenever the layout of Features changes.
const layout = "1"

// shape hashes all that the features of a record depend on.
func (m *Model) shape() uint16 {
	d := xxhash.New()
	put := func(texts ...string) {
		for _, t := range texts {
			_, _ = d.Write(appendPart(nil, t)) // never fails
		}
	}
	put(layout, m.version)
	for i := range m.comparisons {
		c := &m.comparisons[i]
		settings, _ := yaml.Marshal(c.settings) // was read as YAML
		put(c.name, c.kind, string(settings))
		put(c.attributes...)
		for _, l := range c.levels {
			put(l.Name)
		}
		if c.frequency == nil {
			continue
		}
		for _, t := range c.frequency.tables {
			put(t.name, fmt.Sprint(t.known, t.others))
			for _, v := range slices.Sorted(maps.Keys(t.values)) {
				put(v, fmt.Sprint(t.values[v]))
			}
		}
	}
	var sum [8]byte
	binary.LittleEndian.PutUint64(sum[:], d.Sum64())
	return binary.LittleEndian.Uint16(sum[:])
}
