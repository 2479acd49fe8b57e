package linkage

import (
	"fmt"
	"testing"

	"heji/schema"
)

func BenchmarkFeatures(b *testing.B) {
	m, v := Default(), grownUp(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Features(v)
	}
}

func BenchmarkKeys(b *testing.B) {
	m := Default()
	f := m.Features(grownUp(b))
	b.ReportAllocs()
	for b.Loop() {
		m.Keys(f, secret)
	}
}

func BenchmarkCompare(b *testing.B) {
	m := Default()
	p := grownUp(b)
	others := map[string]schema.Values{
		"same":     p,
		"stranger": {schema.Name: "魏兰舟", schema.Sex: "2", schema.BirthDate: "1984-03-07", schema.Phone: "12600190777", schema.IDNumber: idOf(b, "1984-03-07", 246)},
		"no_id":    with(p, "id_number", ""),
	}
	x := m.Features(p)
	for name, v := range others {
		y := m.Features(v)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Compare(x, y)
			}
		})
	}
}

func BenchmarkBatch(b *testing.B) {
	m := Default()
	var list []Item
	const persons, platforms = 500, 4
	for i := range persons {
		v := with(grownUp(b), "id_number", idOf(b, fmt.Sprintf("19%02d-03-07", 50+i%50), i), "birth_date", fmt.Sprintf("19%02d-03-07", 50+i%50),
			"phone", fmt.Sprintf("129190%05d", i), "residence", dwelling("听松苑", fmt.Sprint(i/100), fmt.Sprint(i%100)))
		f := m.Features(v)
		for p := range platforms {
			list = append(list, Item{Ref: ref(fmt.Sprint(p), fmt.Sprint(i)), F: f, Keys: m.Keys(f, secret)})
		}
	}
	hot := HotKeys(m.limits.HotKey, list)
	b.ReportAllocs()
	for b.Loop() {
		Batch(m, list, nil, hot)
	}
	b.ReportMetric(float64(len(list)), "records/op")
}
