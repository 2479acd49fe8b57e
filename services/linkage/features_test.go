package linkage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	valid := idOf(t, "1984-03-07", 121)
	fifteen := valid[:6] + valid[8:17]
	tests := map[string]struct {
		a, b string
		want Level
	}{
		"the same":                 {valid, valid, Identical},
		"15 and 18":                {valid, fifteen, Identical},
		"check character":          {valid, valid[:17] + wrongCheck(valid), SameCore},
		"one digit":                {valid, slip(valid, 15), Near},
		"swap":                     {valid, valid[:9] + "04" + valid[11:], Near},
		"two digits":               {valid, slip(slip(valid, 15), 3), Different},
		"another valid one":        {valid, idOf(t, "1984-03-07", 123), Contradicts},
		"both invalid, the same":   {slip(valid, 15), slip(valid, 15), IdenticalInvalid},
		"placeholder":              {valid, "000000000000000000", Missing},
		"not a number":             {valid, "无", Missing},
		"blank":                    {valid, "", Missing},
		"a child of another time":  {idOf(t, "1920-03-07", 121), idOf(t, "2020-03-07", 121), Contradicts},
		"15 digits of this time":   {fifteen, idOf(t, "2084-03-07", 121), Contradicts},
		"a foreigner's old card":   {"XYZ999999999999", "XYZ999999999999", Identical},
		"two foreigners' old card": {"XYZ999999999998", "XYZ999999999997", Contradicts},
	}
	for name, tt := range tests {
		require.Equal(t, tt.want, idLevel(identityOf(tt.a), identityOf(tt.b)), name)
		require.Equal(t, tt.want, idLevel(identityOf(tt.b), identityOf(tt.a)), name)
	}
}

func identityOf(text string) identity { id, _ := readIdentity(text); return id }

// A 15-digit number of someone born before 1900 leaves the century open: it is
// compared, but not sure enough to keep two records apart by itself.
func TestCentenariansNumberIsNotSure(t *testing.T) {
	t.Parallel()
	id := identityOf("190101850307998")
	require.NotEmpty(t, id.text)
	require.Empty(t, id.valid)
	require.Equal(t, SameCore, idLevel(id, identityOf(idOf(t, "1885-03-07", 998))))
}

func TestFeaturesFromANumber(t *testing.T) {
	t.Parallel()
	m := Default()
	n := idOf(t, "1984-03-07", 121)
	f := m.Features(schema.Values{schema.IDNumber: n})
	require.Equal(t, date{1984, 3, 7}, f.birth)
	require.True(t, f.birthFromID)
	require.Equal(t, byte('1'), f.sex)
	require.True(t, f.HasValidID())

	f = m.Features(schema.Values{schema.IDNumber: n, schema.BirthDate: "1984-07-03", schema.Sex: "2"})
	require.Equal(t, date{1984, 7, 3}, f.birth)
	require.Equal(t, date{1984, 3, 7}, f.altBirth, "one of the two is a slip")
	require.Equal(t, byte('2'), f.sex)

	f = m.Features(schema.Values{schema.IDNumber: n, schema.BirthDate: "1984"})
	require.Equal(t, date{1984, 3, 7}, f.birth)

	f = m.Features(schema.Values{schema.DisabilityNo: n + "43"})
	require.True(t, f.HasValidID(), "the card's number starts with the person's")

	f = m.Features(schema.Values{schema.IDNumber: slip(n, 15)})
	require.False(t, f.HasValidID())
	require.True(t, f.birth.zero(), "an invalid number proves no birth date")
}

// What says nothing is no feature and makes no key.
func TestPlaceholdersAreNoEvidence(t *testing.T) {
	t.Parallel()
	m := Default()
	f := m.Features(schema.Values{
		schema.IDNumber: "111111111111111111", schema.Name: "不详", schema.Phone: "13800138000", schema.Sex: "9",
		schema.BirthDate: "不详", schema.HouseholdNo: "0000", schema.MedicalNo: "无", schema.MotherName: "未知",
		schema.MotherID: "000000000000000000", schema.Residence: schema.Address{Building: "3", Room: "502"}.Canonical(),
	})
	require.Equal(t, &Features{}, f)
	require.Empty(t, m.Keys(f, secret))
	for _, phone := range []string{"00000000000", "13333333333", "110", "", "+86", "1", "13888888888"} {
		require.Empty(t, m.phone(phone), phone)
	}
	require.Equal(t, "12919030571", m.phone("+8612919030571"))
	require.Equal(t, &Features{}, m.Features(nil))
	require.Empty(t, m.Compare(f, f).Steps())
}

func TestNewbornNames(t *testing.T) {
	t.Parallel()
	tests := map[string]newborn{
		"张丽之女":     {parent: "张丽", sex: '2'},
		"张丽之子":     {parent: "张丽", sex: '1'},
		"张某之女":     {parent: "张", surnameOnly: true, sex: '2'},
		"张某某之长子":   {parent: "张", surnameOnly: true, sex: '1', rank: 1},
		"张*之女":     {parent: "张", surnameOnly: true, sex: '2'},
		"张丽之次女":    {parent: "张丽", sex: '2', rank: 2},
		"张丽之双胞胎女1": {parent: "张丽", sex: '2', rank: 1},
		"张丽之女婴":    {parent: "张丽", sex: '2'},
		"张丽之婴":     {parent: "张丽"},
		"张丽之女儿":    {parent: "张丽", sex: '2'},
		"新生儿":      {},
		"男婴":       {sex: '1'},
	}
	for name, want := range tests {
		got, ok := parseNewborn(name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "张之洞", "王羲之", "之女", "林敏之", "张丽", "张丽之", "杨之子龙女郎君"} {
		_, ok := parseNewborn(name)
		require.False(t, ok, name)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want Level
	}{
		{"1984-03-07", "1984-03-07", Identical},
		{"1984-03-07", "1984-07-03", Swapped},
		{"1984-03-07", "1984-03-08", OneDigit},
		{"1984-03-07", "1994-03-07", OneDigit},
		{"1984-03-07", "1984-03-19", SameMonth},
		{"1984-03-07", "1984-04-12", CloseBy},
		{"1984-01-20", "1983-12-18", CloseBy},
		{"1984-03-07", "1984-10-28", SameYear},
		{"1984-03-07", "1971-10-28", Different},
		{"1984-03-07", "1984-03", Partial},
		{"1984-03-07", "1984", Partial},
		{"1984", "1984", Partial},
		{"1984-03", "1984-05", SameYear},
		{"1984", "1985", Different},
		{"1984-03-07", "", Missing},
		{"1984-03-07", "1984/03/07", Missing},
		{"1984-03-07", "1984-13-07", Missing},
		{"1984-03-07", "1984-00-00", Missing},
		{"1984-03-07", "not a date", Missing},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, parseDate(tt.a).level(parseDate(tt.b)), "%s %s", tt.a, tt.b)
		require.Equal(t, tt.want, parseDate(tt.b).level(parseDate(tt.a)), "%s %s", tt.b, tt.a)
	}
}

// Whatever text arrives, it is read or left alone.
func FuzzFeatures(f *testing.F) {
	f.Add("张丽之女", "1984-03-07", "12919030571", "a|b|c")
	f.Add("\x00\xff", "0000-00-00", "+", "||||||||||")
	f.Fuzz(func(t *testing.T, name, date, number, address string) {
		m := Default()
		v := schema.Values{
			schema.Name: name, schema.FormerName: number, schema.BirthDate: date, schema.Phone: number, schema.IDNumber: number,
			schema.Residence: address, schema.MotherName: address, schema.MotherID: date, schema.DisabilityNo: number,
			schema.BirthOrder: number, schema.Relation: name, schema.Sex: name, schema.HouseholdNo: name,
		}
		a, b := m.Features(v), m.Features(schema.Values{schema.Name: address, schema.IDNumber: date})
		require.LessOrEqual(t, len(m.Keys(a, secret)), m.maxKeys)
		require.Equal(t, m.Compare(a, b), m.Compare(b, a))
	})
}
