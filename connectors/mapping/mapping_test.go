package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/connectors"
	"heji/connectors/platforms"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/codes"
	"heji/schema/idnum"
)

const file = `platform: test
name: 测试
kind: table
key: [id]
natural: [id_number, name]
connect: {}
fields:
  id_number: {column: sfzh}
  name: {column: xm, max: 6}
  former_name: {column: cym, pad: 8, blank: [无], required: true}
  sex: {column: xb, codes: sex_zh}
  ethnicity: {column: mz, codes: ethnicity_nozero}
  marital_status: {column: hyzk, codes: marital_1digit}
  education: {column: whcd, map: {大学: "20", 本科: "20", 高中: "60"}}
  birth_date: {column: csrq, format: yyyyMMdd, blank: ["00000000"], defaults: ["19000101"]}
  death_date: {column: swrq, format: yyyy/MM/dd}
  phone: {column: dh, max: 12}
  residence: {column: dz, format: "{community}{compound}{building}幢{unit}单元{room}室"}
  hukou_address: {columns: [hj1, hj2, hj3], format: "{road}|{building}|{room}"}
  disability: {columns: [cjlb, cjdj]}
  workplace: {column: gzdw}
  life_status: {column: zt, codes: life_status_digit, read_only: true}
agreement:
  receives: {id_number: overwrite, name: overwrite, sex: overwrite, ethnicity: overwrite, marital_status: overwrite,
    education: overwrite, birth_date: overwrite, death_date: overwrite, phone: overwrite, residence: overwrite,
    hukou_address: overwrite, disability: overwrite, workplace: overwrite, former_name: overwrite}
cadence: 1h
`

func mapOf(t require.TestingT, text string) (*Map, error) {
	p, err := spec.Parse("p.yaml", []byte(text), nil)
	require.NoError(t, err)
	return New(p)
}

func testMap(t require.TestingT) *Map {
	m, err := mapOf(t, file)
	require.NoError(t, err)
	return m
}

func id(t require.TestingT, order int) string {
	n, err := idnum.Make("190101", "1990-03-07", order)
	require.NoError(t, err)
	return n
}

func TestRead(t *testing.T) {
	m := testMap(t)
	values, raw, problems := m.Read(connectors.Row{Columns: map[string]string{
		"sfzh": " " + strings.ToLower(id(t, 12)), "xm": "阿依•古丽", "cym": "无", "xb": "男", "mz": "5", "hyzk": "2",
		"whcd": "大学", "csrq": "19900307", "dh": "１３９ 0000-0001", "dz": "和平社区幸福小区3幢2单元301室",
		"hj1": "人民路1号", "hj2": "", "hj3": "302", "cjlb": "4", "cjdj": "2", "zt": "9", "other": "x",
	}})
	require.Equal(t, id(t, 12), values[schema.IDNumber])
	require.Equal(t, "阿依·古丽", values[schema.Name])
	require.Equal(t, "", values[schema.FormerName], "无 is blank here")
	require.Equal(t, "1", values[schema.Sex])
	require.Equal(t, "05", values[schema.Ethnicity])
	require.Equal(t, "20", values[schema.MaritalStatus])
	require.Equal(t, "20", values[schema.Education])
	require.Equal(t, "1990-03-07", values[schema.BirthDate])
	require.Equal(t, "13900000001", values[schema.Phone])
	require.Equal(t, "301", schema.AddressFromCanonical(values[schema.Residence]).Room)
	require.Equal(t, schema.Address{Road: "人民路1号", Room: "302"}.Canonical(), values[schema.HukouAddress])
	require.Equal(t, "4-2", values[schema.Disability])
	require.NotContains(t, values, schema.DeathDate, "the row does not have the column: unmapped, not blank")
	require.NotContains(t, raw, schema.DeathDate)
	require.Equal(t, "4-2", raw[schema.Disability])
	require.NotContains(t, values, schema.LifeStatus)
	require.Equal(t, "9", raw[schema.LifeStatus], "set aside, kept raw, flagged")
	require.Equal(t, []schema.ValueProblem{{Attribute: schema.LifeStatus, Problem: schema.ProblemCode}}, problems)
}

// Bad values are set aside one by one, and the record goes on.
func TestBadValues(t *testing.T) {
	m := testMap(t)
	huge := strings.Repeat("长", 1<<20/3)
	for _, test := range []struct {
		column, text string
		a            schema.Attribute
		problem      schema.Problem
		kept         bool
	}{
		{"csrq", "20260231", schema.BirthDate, schema.ProblemDate, false},
		{"csrq", "someday", schema.BirthDate, schema.ProblemDate, false},
		{"sfzh", id(t, 12)[:17] + wrongCheck(id(t, 12)), schema.IDNumber, schema.ProblemCheckDigit, true},
		{"sfzh", "12345", schema.IDNumber, schema.ProblemIDNumber, false},
		{"mz", "777", schema.Ethnicity, schema.ProblemCode, false},
		{"xb", "不男不女", schema.Sex, schema.ProblemCode, false},
		{"xm", huge, schema.Name, schema.ProblemTooLong, false},
		{"dz", huge, schema.Residence, schema.ProblemTooLong, false},
		{"whcd", huge, schema.Education, schema.ProblemTooLong, false},
		{"xm", "张\x00三", schema.Name, schema.ProblemControl, true},
	} {
		t.Run(fmt.Sprint(test.column, test.problem), func(t *testing.T) {
			columns := map[string]string{"sfzh": id(t, 14), "xm": "张三", "gzdw": "厂"}
			columns[test.column] = test.text
			values, raw, problems := m.Read(connectors.Row{Columns: columns})
			require.Equal(t, []schema.ValueProblem{{Attribute: test.a, Problem: test.problem}}, problems)
			_, there := values[test.a]
			require.Equal(t, test.kept, there)
			require.Contains(t, raw, test.a)
			require.NotContains(t, raw[test.a], "\x00", "PostgreSQL has no text with a NUL")
			require.LessOrEqual(t, len(raw[test.a]), maxRaw, "a message must fit the stream")
			require.Equal(t, "厂", values[schema.Workplace])
		})
	}
	other := keepable(huge + "x")
	require.NotEqual(t, keepable(huge), other, "two different texts stay different")
	value, problem := m.Value(schema.Nationality, "x")
	require.Equal(t, schema.ProblemUnreadable, problem)
	require.Empty(t, value)
}

func wrongCheck(id string) string {
	if id[17] == '1' {
		return "2"
	}
	return "1"
}

func TestWire(t *testing.T) {
	m := testMap(t)
	full := schema.Address{Province: "江省", Community: "和平社区", Compound: "幸福小区", Building: "3", Unit: "2", Room: "301"}
	for _, test := range []struct {
		a         schema.Attribute
		canonical string
		wire      string
		says      string
	}{
		{schema.Sex, "2", "女", ""},
		{schema.Ethnicity, "05", "5", ""},
		{schema.MaritalStatus, "21", "2", ""}, // the platform's table is coarser
		{schema.Education, "20", "大学", ""},    // the first text listed
		{schema.BirthDate, "1990-03-07", "19900307", ""},
		{schema.BirthDate, "1990-03", "", "needs a full date"},
		{schema.DeathDate, "2026-01-02", "2026/01/02", ""},
		{schema.Name, "买买提·阿布都拉", "买买提·阿布", ""},
		{schema.Phone, "+8613900000001234", "", "cutting it would make it another value"},
		{schema.Residence, full.Canonical(), "和平社区幸福小区3幢2单元301室", ""},
		{schema.Residence, schema.Address{Province: "江省"}.Canonical(), "", "holds nothing that the platform's pattern can show"},
		{schema.HukouAddress, schema.Address{Road: "人民路1号", Room: "302"}.Canonical(), "人民路1号||302", ""},
		{schema.Disability, "4-2", "4-2", ""},
		{schema.Disability, "4", "", "does not fit the platform's columns"},
		{schema.Name, "", "", ""},
		{schema.FormerName, "", "无", ""}, // required: the platform's word for nothing
		{schema.FormerName, "张三", "张三      ", ""},
		{schema.FormerName, "无", "", "would read it as blank"},
		{schema.Disability, "", "-", ""},
		{schema.LifeStatus, "dead", "", "takes no value"},
		{schema.Ethnicity, "zz", "", "has nothing for this code"},
		{schema.Nationality, "CHN", "", "has no such field"},
	} {
		t.Run(fmt.Sprint(test.a, test.canonical), func(t *testing.T) {
			wire, err := m.Wire(test.a, test.canonical)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				if test.canonical != "" && test.a != schema.Disability && test.a != schema.Nationality {
					require.NotContains(t, err.Error(), test.canonical, "I9")
				}
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.wire, wire)
		})
	}
	require.Equal(t, map[string]string{"hj1": "人民路1号", "hj2": "", "hj3": "302"}, m.Columns(schema.HukouAddress, "人民路1号||302"))
	require.Equal(t, map[string]string{"cjlb": "", "cjdj": ""}, m.Columns(schema.Disability, ""))
	require.Equal(t, map[string]string{"xm": "张三"}, m.Columns(schema.Name, "张三"))
	require.Nil(t, m.Columns(schema.Nationality, "x"))
}

func TestShows(t *testing.T) {
	m := testMap(t)
	for _, test := range []struct {
		a             schema.Attribute
		shown, wanted string
		want          bool
	}{
		{schema.MaritalStatus, "2", "20", true},
		{schema.MaritalStatus, "2", "21", true}, // I5: its table cannot say more
		{schema.MaritalStatus, "4", "21", false},
		{schema.Education, "本科", "20", true},
		{schema.Name, "买买提·阿布", "买买提·阿布都拉", true},
		{schema.Name, "买买提", "买买提·阿布都拉", false},
		{schema.Sex, "不明白", "1", false},
		{schema.FormerName, "无", "", true},
		{schema.FormerName, "张三", "", false},
		{schema.BirthDate, "19900307", "1990-03", false},
		{schema.Nationality, "x", "x", false},
	} {
		require.Equal(t, test.want, m.Shows(test.a, test.shown, test.wanted), "%s %s %s", test.a, test.shown, test.wanted)
	}
}

func TestDefaultsPredictionsNatural(t *testing.T) {
	m := testMap(t)
	require.True(t, m.IsDefault(schema.BirthDate, "19000101"))
	require.False(t, m.IsDefault(schema.BirthDate, "19900307"))
	require.False(t, m.IsDefault(schema.Nationality, ""))
	require.Equal(t, []string{"张三"}, m.Predictions(schema.Name, " 张三 "))
	require.Equal(t, []string{"一二三四五六"}, m.Predictions(schema.Name, "一二三四五六七"))
	require.Equal(t, []string{"张三", "张三      "}, m.Predictions(schema.FormerName, "张三 "))
	require.Equal(t, map[string]string{"sfzh": id(t, 12), "xm": "张三"}, m.Natural(schema.Values{schema.IDNumber: id(t, 12), schema.Name: "张三"}))
	require.Nil(t, m.Natural(schema.Values{schema.Name: "张三"}), "not by half a key")
	require.True(t, m.Writable(schema.Name))
	require.False(t, m.Writable(schema.LifeStatus))
	require.False(t, m.Writable(schema.Nationality))
	require.Equal(t, schema.IDNumber, m.Attributes()[0])
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct{ name, from, to, want string }{
		{"no such table", "codes: sex_zh", "codes: sex_zz", `p.yaml:11: fields.sex: there is no code table "sex_zz". Known for sex:`},
		{"another table", "codes: sex_zh", "codes: marital_1digit", "is one of marital_status, not of sex"},
		{"no such code", `大学: "20"`, `大学: "2"`, `p.yaml:14: fields.education.map: "2" is no code of the table education.`},
		{"no part", "{room}室", "{rom}室", "{rom}"},
		{"parts and columns", "{road}|{building}|{room}", "{road}|{room}", "format must name one part for each of the 3 columns"},
		{"no single part", "{road}|{building}|{room}", "{road}号|{building}|{room}", "is no part of an address"},
		{"date", "yyyy/MM/dd", "MM/dd", "fields.death_date: the platform receives it, but the mapping cannot be reversed"},
		{"one column twice", "column: gzdw", "column: xm", `the column "xm" is already written by name`},
		{"a number that does not fit", "id_number: {column: sfzh}", "id_number: {column: sfzh, max: 15}", "p.yaml:8: fields.id_number: the platform receives it, but the mapping cannot be reversed: no ordinary value can be written: it is longer than the platform's column"},
		{"codes that do not fit", `{column: mz, codes: ethnicity_nozero}`, `{column: mz, codes: ethnicity_zh, max: 1}`, "fields.ethnicity: the platform receives it, but the mapping cannot be reversed: no ordinary value"},
		{"a phone that is blank there", "phone: {column: dh, max: 12}", `phone: {column: dh, max: 8}`, "fields.phone: the platform receives it, but the mapping cannot be reversed"},
		{"a text in two columns", "workplace: {column: gzdw}", "workplace: {columns: [gzdw, bm]}", "fields.workplace: the platform receives it, but the mapping cannot be reversed: no ordinary value can be written: it does not fit the platform's columns"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(file, test.from, test.to, 1)
			require.NotEqual(t, file, text)
			_, err := mapOf(t, text)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// What is written is read back as it was, up to what is declared lost.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	m := testMap(t)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(m.Attributes()).Draw(t, "attribute")
		v := canonical(t, a)
		wire, err := m.Wire(a, v)
		if err != nil {
			return // said so, and not written
		}
		back, problem := m.Value(a, wire)
		require.Empty(t, problem)
		require.True(t, m.Shows(a, wire, v), "what we wrote would be written again")
		switch a {
		case schema.Name:
			require.True(t, strings.HasPrefix(v, back), "declared: max")
		case schema.Residence:
			require.True(t, within(back, v), "declared: the parts of the pattern")
		case schema.HukouAddress:
			require.True(t, within(back, v))
		case schema.MaritalStatus, schema.Education:
			table, _ := codes.LookupTable(definition(a).Codes)
			require.True(t, back == v || table.Refines(v, back) || lossy(a, v, back), "%s: %s came back as %s", a, v, back)
		default:
			require.Equal(t, v, back)
		}
		// A second time changes nothing more.
		again, err := m.Wire(a, back)
		require.NoError(t, err)
		last, _ := m.Value(a, again)
		require.Equal(t, back, last)
		// Spreading over columns and gathering again is the identity.
		_, raw, _ := m.Read(connectors.Row{Columns: m.Columns(a, wire)})
		require.Equal(t, wire, raw[a])
	})
}

// Every mapping that ships, and those of these tests, with everything that a
// field can say: what is written shows what was meant, stays what it is when it
// is written again, and is spread over its columns without a loss.
func TestEveryMappingGoesBothWays(t *testing.T) {
	texts := map[string]string{"test.yaml": file, "special.yaml": special}
	entries, err := platforms.FS.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		data, err := platforms.FS.ReadFile(e.Name())
		require.NoError(t, err)
		texts[e.Name()] = string(data)
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			p, err := spec.Parse(name, []byte(text), func(name string) (string, bool) { return "https://" + name, true })
			require.NoError(t, err)
			m, err := New(p)
			require.NoError(t, err)
			var received []schema.Attribute
			for _, a := range m.Attributes() {
				if p.Agreement.Mode(a) != schema.Never {
					require.True(t, m.Writable(a))
					received = append(received, a)
				}
			}
			for _, a := range received {
				wrote := false
				rapid.Check(t, func(t *rapid.T) { wrote = bothWays(t, m, a) || wrote })
				require.True(t, wrote, "no value of %s could ever be written", a)
			}
		})
	}
}

// bothWays writes a value and reads it; false where the platform has no text
// for it, which is said, and held for a person.
func bothWays(t *rapid.T, m *Map, a schema.Attribute) bool {
	v := canonical(t, a)
	wire, err := m.Wire(a, v)
	if err != nil {
		return false
	}
	columns := m.Columns(a, wire)
	for column, text := range m.Constants([]schema.Attribute{a}, true) {
		columns[column] = text // a condition's own column
	}
	read, raw, problems := m.Read(connectors.Row{Columns: columns})
	require.Equal(t, wire, raw[a])
	for _, x := range problems {
		require.NotEqual(t, a, x.Attribute)
	}
	require.True(t, m.Shows(a, wire, v), "what we wrote would be written again")
	again, err := m.Wire(a, read[a])
	require.NoError(t, err)
	require.True(t, m.Shows(a, again, read[a]))
	once, _ := m.Value(a, again)
	require.Equal(t, read[a], once, "a declared loss is lost once")
	return v != ""
}

// lossy are codes that the platform's table has only as "other".
func lossy(a schema.Attribute, v, back string) bool {
	return a == schema.MaritalStatus && back == "90"
}

func definition(a schema.Attribute) schema.Definition {
	d, _ := schema.Lookup(a)
	return d
}

// within reports whether every part of one address is in the other.
func within(part, whole string) bool {
	p, w := schema.AddressFromCanonical(part), schema.AddressFromCanonical(whole)
	for _, name := range addressParts {
		have, of := *addressPart(&p, name), *addressPart(&w, name)
		if have != "" && have != of {
			return false
		}
	}
	return true
}

func canonical(t *rapid.T, a schema.Attribute) string {
	if rapid.IntRange(0, 9).Draw(t, "blank") == 0 {
		return ""
	}
	d := definition(a)
	han := func(least, most int, label string) string {
		return rapid.StringOfN(rapid.RuneFrom([]rune("欧阳沐辰王伟李明华建国秀英东升")), least, most, -1).Draw(t, label)
	}
	digits := func(least, most int, label string) string {
		return rapid.StringOfN(rapid.RuneFrom([]rune("123456789")), least, most, -1).Draw(t, label)
	}
	switch d.Kind {
	case schema.KindCode:
		table, _ := codes.LookupTable(d.Codes)
		return rapid.SampledFrom(table.Codes()).Draw(t, "code")
	case schema.KindDate:
		return fmt.Sprintf("%04d-%02d-%02d", rapid.IntRange(1900, 2030).Draw(t, "y"), rapid.IntRange(1, 12).Draw(t, "m"), rapid.IntRange(1, 28).Draw(t, "d"))
	case schema.KindIDNumber:
		return id(t, rapid.IntRange(1, 900).Draw(t, "order"))
	case schema.KindPhone:
		return "139" + digits(8, 8, "phone")
	case schema.KindNumber:
		return digits(1, 3, "number")
	case schema.KindName:
		return han(2, 8, "name")
	case schema.KindAddress:
		return schema.Address{Community: han(2, 3, "c") + "社区", Compound: han(2, 3, "x") + "小区", Road: han(2, 3, "r") + "路" + digits(1, 2, "n") + "号",
			Building: digits(1, 2, "b"), Unit: digits(1, 1, "u"), Room: digits(3, 4, "room")}.Canonical()
	}
	if a == schema.Disability {
		return fmt.Sprintf("%d-%d", rapid.IntRange(1, 7).Draw(t, "kind"), rapid.IntRange(1, 4).Draw(t, "grade"))
	}
	return han(1, 12, "text")
}

// The files that ship with Heji are right, and their mappings can be reversed.
func TestPlatforms(t *testing.T) {
	entries, err := platforms.FS.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			data, err := platforms.FS.ReadFile(e.Name())
			require.NoError(t, err)
			p, err := spec.Parse(e.Name(), data, func(name string) (string, bool) { return "https://" + name, true })
			require.NoError(t, err)
			_, err = New(p)
			require.NoError(t, err)
		})
	}
}

func FuzzValue(f *testing.F) {
	m, err := mapOf(f, file)
	require.NoError(f, err)
	f.Add("张三", uint8(1))
	f.Add("和平社区|3|", uint8(9))
	f.Add("\x00\xff", uint8(3))
	attributes := m.Attributes()
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		a := attributes[int(n)%len(attributes)]
		v, _ := m.Value(a, text)
		if wire, err := m.Wire(a, v); err == nil && v != "" {
			require.True(t, m.Shows(a, wire, v))
		}
	})
}
