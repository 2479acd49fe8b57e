package comparator

import "testing"

func BenchmarkLevel(b *testing.B) {
	for _, v := range []struct {
		name, kind string
		levels     []string
		x, y       []string
	}{
		{"text identical", "text", nil, []string{"Catherine"}, []string{"catherine"}},
		{"text similar", "text", nil, []string{"Catherine"}, []string{"Kathryn"}},
		{"text different", "text", nil, []string{"Catherine"}, []string{"Bartholomew"}},
		{"text names", "text", []string{"identical", "nickname", "swapped", "jaro_winkler >= 0.92", "damerau <= 1", "same_sound", "jaro_winkler >= 0.8", "different"},
			[]string{"Catherine", "Johansson"}, []string{"Bartholomew", "Petersen"}},
		{"text accents", "text", nil, []string{"Müllerová"}, []string{"Möllerova"}},
		{"full_name different", "full_name", nil, []string{"John Adam Smith"}, []string{"Peter Miller"}},
		{"full_name subset", "full_name", nil, []string{"John Adam Smith"}, []string{"Smith John"}},
		{"date", "date", nil, []string{"1984-03-07"}, []string{"1971-12-22"}},
		{"email", "email", nil, []string{"ann.lee@example.org"}, []string{"bob.fox@example.net"}},
		{"number", "number", nil, []string{"12"}, []string{"15"}},
		{"tokens", "tokens", nil, []string{"12 high street leeds"}, []string{"9 low road york"}},
		{"list", "list", nil, []string{"a,b,c"}, []string{"c,d"}},
		{"identifier", "identifier", nil, []string{"AB123456"}, []string{"CD654321"}},
	} {
		b.Run(v.name, func(b *testing.B) {
			c := must(b, v.kind, "", len(v.x), v.levels...)
			x, y := feature(c, v.x...), feature(c, v.y...)
			b.ReportAllocs()
			for b.Loop() {
				c.Level(x, y)
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, v := range []struct{ kind, value string }{
		{"text", "Catherine"}, {"text", "Müllerová"}, {"full_name", "John Adam Smith"}, {"date", "1984-03-07"}, {"email", "ann.lee@example.org"},
		{"tokens", "12 high street leeds"},
	} {
		b.Run(v.kind+" "+v.value, func(b *testing.B) {
			c := must(b, v.kind, "", 1)
			r := &Record{Values: []string{v.value}}
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = c.Append(dst[:0], r)
			}
		})
	}
}
