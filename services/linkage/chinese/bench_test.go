package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/linkage/comparator"
)

// person is one record as most platforms hold it, by kind of comparator.
func person(name, id, birth, phone, room string) map[string][]string {
	home := schema.Address{Community: "柳荫社区", Compound: "听松苑", Building: "3", Unit: "1", Room: room}.Canonical()
	return map[string][]string{
		"id_number": {id, ""}, "chinese_name": {name, "", ""}, "birth_date": {birth, id, ""}, "sex": {"1", id, name, ""},
		"phone": {phone}, "dwelling": {home, ""}, "household": {"190101005512", "02"}, "mother": {"", "", name},
		"birth_order": {"", name}, "department_numbers": {"", "M190101", "", "", "", "", ""},
	}
}

func people(t testing.TB) (a, b, c map[string][]string) {
	return person("欧阳沐辰", idOf(t, "1984-03-07", 121), "1984-03-07", "12919030571", "502"),
		person("歐陽沐晨", idOf(t, "1984-03-07", 121), "1984-03-07", "12919030517", "502"),
		person("魏兰舟", idOf(t, "1968-01-09", 246), "1968-01-09", "12600190777", "101")
}

// order is the one of the model for residents.
var order = []string{"id_number", "chinese_name", "birth_date", "sex", "phone", "dwelling", "household", "mother",
	"birth_order", "department_numbers"}

func TestLevelAllocatesNothing(t *testing.T) {
	all := everyKind(t)
	a, b, d := people(t)
	for _, kind := range order {
		x := feature(all[kind], a[kind]...)
		for _, p := range []map[string][]string{a, b, d} {
			y := feature(all[kind], p[kind]...)
			if len(x) == 0 || len(y) == 0 {
				continue
			}
			require.Zero(t, testing.AllocsPerRun(10, func() { all[kind].Level(x, y) }), kind)
		}
	}
}

// BenchmarkAppend makes the features of one record with all ten comparators.
func BenchmarkAppend(b *testing.B) {
	all := everyKind(b)
	for name, who := range map[string]string{"short": "王伟", "long": "欧阳沐辰", "polyphone": "单乐", "dotted": "阿布都·热合曼", "latin": "Wang Wei"} {
		p := person(who, idOf(b, "1984-03-07", 121), "1984-03-07", "12919030571", "502")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var memo comparator.Memo
			r := comparator.Record{Memo: &memo}
			buf := make([]byte, 0, 1024)
			for b.Loop() {
				memo.Reset()
				buf = buf[:0]
				for _, kind := range order {
					r.Values = p[kind]
					buf = all[kind].Append(buf, &r)
				}
			}
			b.ReportMetric(float64(len(buf)), "bytes/record")
		})
	}
}

func BenchmarkLevel(b *testing.B) {
	all := everyKind(b)
	x, y, z := people(b)
	for _, kind := range order {
		for name, p := range map[string]map[string][]string{"same": x, "near": y, "stranger": z} {
			u, v := feature(all[kind], x[kind]...), feature(all[kind], p[kind]...)
			if len(u) == 0 {
				continue
			}
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					all[kind].Level(u, v)
				}
			})
		}
	}
}
