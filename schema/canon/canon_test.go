package canon

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
	"heji/schema/idnum"
)

type reading struct {
	in, want string
	problem  schema.Problem
}

func check(t *testing.T, read func(string) (string, schema.Problem), cases []reading) {
	t.Helper()
	for _, c := range cases {
		got, problem := read(c.in)
		require.Equal(t, c.want, got, "%q", c.in)
		require.Equal(t, c.problem, problem, "%q", c.in)
	}
}

func TestDate(t *testing.T) {
	check(t, func(s string) (string, schema.Problem) { return Date(s, "") }, []reading{
		{"19900307", "1990-03-07", ""}, {"1990-03-07", "1990-03-07", ""}, {"1990/3/7", "1990-03-07", ""}, {"1990.03.07", "1990-03-07", ""},
		{"1990年3月7日", "1990-03-07", ""}, {"1990年3月7号", "1990-03-07", ""}, {"1990年3月", "1990-03", ""}, {"1990年", "1990", ""},
		{"一九九〇年三月十七日", "1990-03-17", ""}, {" １９９０－０３－０７ ", "1990-03-07", ""}, {"1990-03-07\u00a0", "1990-03-07", ""},
		{"1990-03-07 00:00:00", "1990-03-07", ""}, {"1990-03-07T08:30:00.123", "1990-03-07", ""}, {"1990/3/7 0:00", "1990-03-07", ""},
		{"19900307083000", "1990-03-07", ""}, {"1990-03-07T00:00:00+08:00", "1990-03-07", ""},
		{"1990-03-06T16:00:00Z", "1990-03-07", ""}, {"1988-07-06T15:00:00Z", "1988-07-07", ""}, // summer time
		{"199003", "1990-03", ""}, {"1990-03", "1990-03", ""}, {"1990", "1990", ""},
		{"19900300", "1990-03", ""}, {"1990-03-00", "1990-03", ""}, {"19900000", "1990", ""}, {"1990-00-05", "1990", ""},
		{"1992-02-29", "1992-02-29", ""}, {"", "", ""}, {"  ", "", ""},
		{"1990-02-30", "", schema.ProblemDate}, {"1991-02-29", "", schema.ProblemDate}, {"19901301", "", schema.ProblemDate},
		{"1849-12-31", "", schema.ProblemDate}, {"2100-01-01", "", schema.ProblemDate}, {"07/03/1990", "", schema.ProblemDate},
		{"900307", "", schema.ProblemDate}, {"三月", "", schema.ProblemDate}, {"1990-03-07x", "", schema.ProblemDate}, {"32939", "", schema.ProblemDate},
		{"0000-00-00", "", schema.ProblemPlaceholder}, {"00000000", "", schema.ProblemPlaceholder}, {"9999-12-31", "", schema.ProblemPlaceholder},
		{"0001-01-01T00:00:00", "", schema.ProblemPlaceholder}, {"不详", "", schema.ProblemPlaceholder}, {"-", "", schema.ProblemPlaceholder},
	})
	for _, c := range []struct {
		in, format, want string
		problem          schema.Problem
	}{
		{"07/03/1990", "dd/MM/yyyy", "1990-03-07", ""}, {"19900307", "yyyyMMdd", "1990-03-07", ""},
		{"1990-03-07", "yyyyMMdd", "1990-03-07", ""}, // not as declared, but not to be mistaken
		{"1990年3月7日", "yyyy年M月d日", "1990-03-07", ""}, {"1990-03-07 10:11:12", "yyyy-MM-dd HH:mm:ss", "1990-03-07", ""},
		{"31/02/1990", "dd/MM/yyyy", "", schema.ProblemDate}, {"32939", FormatExcel, "1990-03-07", ""},
		{"636739200000", FormatUnixMilli, "1990-03-07", ""}, {"636739200", FormatUnix, "1990-03-07", ""},
		{"584204400000", FormatUnixMilli, "1988-07-07", ""}, // midnight in summer time
		{"19900307", FormatExcel, "1990-03-07", ""},
	} {
		got, problem := Date(c.in, c.format)
		require.Equal(t, c.want, got, "%q as %s", c.in, c.format)
		require.Equal(t, c.problem, problem, "%q as %s", c.in, c.format)
	}
}

func TestFormatDate(t *testing.T) {
	for _, c := range []struct {
		in, format, want string
		ok               bool
	}{
		{"1990-03-07", "", "1990-03-07", true}, {"1990-03-07", "yyyyMMdd", "19900307", true}, {"1990-03-07", "yyyy年M月d日", "1990年3月7日", true},
		{"1990-03-07", "yyyy/M/d HH:mm:ss", "1990/3/7 00:00:00", true}, {"1990-03-07", "yyyyMM", "199003", true}, {"1990-03", "yyyyMM", "199003", true},
		{"1990-03", "yyyyMMdd", "", false}, {"1990", "yyyy-MM", "", false}, {"1990", "yyyy", "1990", true}, {"1990", FormatExcel, "", false},
		{"1990-03-07", FormatExcel, "32939", true}, {"1990-03-07", FormatUnixMilli, "636739200000", true}, {"", "yyyyMMdd", "", true}, {"1990-02-30", "yyyyMMdd", "", false}, {"rubbish", "yyyy", "", false},
	} {
		got, ok := FormatDate(c.in, c.format)
		require.Equal(t, c.ok, ok, "%s as %s", c.in, c.format)
		require.Equal(t, c.want, got, "%s as %s", c.in, c.format)
	}
}

func TestDatesComeBack(t *testing.T) {
	formats := []string{"", "yyyyMMdd", "yyyy-MM-dd", "yyyy/MM/dd", "yyyy/M/d", "yyyy.MM.dd", "yyyy年M月d日", "dd/MM/yyyy", "yyyy-MM-dd HH:mm:ss", "yyyyMMddHHmmss", FormatUnix, FormatUnixMilli}
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 365*140).Draw(t, "days"))
		want := day.Format(time.DateOnly)
		format := rapid.SampledFrom(formats).Draw(t, "format")
		wire, ok := FormatDate(want, format)
		require.True(t, ok)
		got, problem := Date(wire, format)
		require.Empty(t, problem)
		require.Equal(t, want, got, "%s as %s", wire, format)
	})
}

func TestPhone(t *testing.T) {
	check(t, Phone, []reading{
		{"13912345678", "13912345678", ""}, {"１３９１２３４５６７８", "13912345678", ""}, {"139 1234 5678", "13912345678", ""}, {"139-1234-5678", "13912345678", ""},
		{"+86 139 1234 5678", "13912345678", ""}, {"+8613912345678", "13912345678", ""}, {"8613912345678", "13912345678", ""}, {"008613912345678", "13912345678", ""},
		{"0531-88881234", "053188881234", ""}, {"(0531)88881234", "053188881234", ""}, {"0531-88881234转801", "053188881234", ""}, {"88881234", "88881234", ""},
		{"13912345678(母亲)", "13912345678", ""}, {"母亲13912345678", "13912345678", ""}, {"13912345678/0531-88881234", "13912345678", ""}, {"无、13912345678", "13912345678", ""},
		{"+852 2345 6789", "+85223456789", ""}, {"0085223456789", "+85223456789", ""}, {"13912345678.0", "13912345678", ""},
		{"", "", ""}, {"123", "", schema.ProblemPlaceholder}, {"无", "", schema.ProblemPlaceholder}, {"11111111111", "", schema.ProblemPlaceholder},
		{"00000000", "", schema.ProblemPlaceholder}, {"13900000000", "", schema.ProblemPlaceholder}, {"12345678", "", schema.ProblemPlaceholder},
		{"1.39123E+10", "", schema.ProblemUnreadable}, {"1901011990030701200", "", schema.ProblemTooLong},
	})
}

func TestIDNumber(t *testing.T) {
	valid, err := idnum.Make("190101", "1990-03-07", 12)
	require.NoError(t, err)
	last := "1"
	if valid[17] == '1' {
		last = "2"
	}
	check(t, IDNumber, []reading{
		{valid, valid, ""}, {" " + strings.ToLower(valid[:6]) + " " + valid[6:] + "\u00a0", valid, ""}, {"190101900307012", valid, ""},
		{"190101850307996", "190101850307996", ""}, // a centenarian: not sure, so not upgraded
		{valid[:17] + last, valid[:17] + last, schema.ProblemCheckDigit}, {"190101900231012", "190101900231012", schema.ProblemDate},
		{"usa110079050612", "USA110079050612", ""}, {"", "", ""}, {"\u3000", "", ""},
		{"12345", "", schema.ProblemIDNumber}, {"丢失", "", schema.ProblemIDNumber}, {"无", "", schema.ProblemPlaceholder}, {"000000000000000000", "", schema.ProblemPlaceholder},
	})
}

func TestTextAndName(t *testing.T) {
	check(t, Text, []reading{
		{" 第一\u00a0纺织厂 \u3000", "第一 纺织厂", ""}, {"Ａ１（甲）", "A1（甲）", ""}, {"一\x00厂", "一厂", schema.ProblemControl}, {"一\n厂", "一 厂", ""},
		{"\x07", "", schema.ProblemControl}, {"\xff\xfe", "", schema.ProblemEncoding}, {strings.Repeat("长", 1001), "", schema.ProblemTooLong}, {strings.Repeat("长", 1000), strings.Repeat("长", 1000), ""},
		{"", "", ""}, {"a\u200bb", "ab", ""},
	})
	check(t, Name, []reading{
		{" 张　伟 ", "张伟", ""}, {"阿布都•热合曼", "阿布都·热合曼", ""}, {"张\x01伟", "张伟", schema.ProblemControl}, {"王？", "王?", ""},
		{strings.Repeat("张", 1<<20), "", schema.ProblemTooLong}, {strings.Repeat("张", 101), "", schema.ProblemTooLong}, {"无名氏", "", schema.ProblemPlaceholder}, {"不详", "", schema.ProblemPlaceholder},
		{"", "", ""}, {"𠮷田", "𠮷田", ""},
	})
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		a        schema.Attribute
		in, want string
		problem  schema.Problem
	}{
		{schema.Sex, "1", "1", ""}, {schema.Sex, "女", "2", ""}, {schema.Sex, "3", "", schema.ProblemCode}, {schema.Sex, "", "", ""},
		{schema.Ethnicity, "汉", "01", ""}, {schema.LifeStatus, "dead", "dead", ""}, {schema.LifeStatus, "死亡", "dead", ""}, {schema.Education, "无", "", schema.ProblemPlaceholder},
		{schema.BirthDate, "1990.3.7", "1990-03-07", ""}, {schema.Name, "张 伟", "张伟", ""}, {schema.Phone, "+86 13912345678", "13912345678", ""},
		{schema.MotherID, "190101900307012", "190101199003070120", ""}, {schema.BirthOrder, "０２", "2", ""}, {schema.BirthOrder, "第二胎", "2", ""}, {schema.BirthOrder, "x", "", schema.ProblemUnreadable},
		{schema.Residence, "和平社区3号楼2单元1801室", "||||和平社区|||3|2|1801|", ""}, {schema.Residence, "||||和平社区|||3|2|1801|", "||||和平社区|||3|2|1801|", ""},
		{schema.Residence, "不详", "", schema.ProblemPlaceholder}, {schema.Residence, strings.Repeat("长", 1001), "", schema.ProblemTooLong},
		{schema.HouseholdNo, " 01 23４5 ", "012345", ""}, {schema.HouseholdNo, "0000", "", schema.ProblemPlaceholder}, {schema.MedicalNo, "无", "", schema.ProblemPlaceholder},
		{schema.Nationality, "中国", "CHN", ""}, {schema.Nationality, "usa", "USA", ""},
		{schema.Disability, "4-2", "4-2", ""}, {schema.Disability, "42", "4-2", ""}, {schema.Disability, "肢体残疾二级", "4-2", ""}, {schema.Disability, "190101199003070120" + "42", "4-2", ""},
		{schema.Disability, "9-9", "", schema.ProblemCode}, {schema.Workplace, " 第一纺织厂 ", "第一纺织厂", ""}, {"no_such", "x", "", schema.ProblemUnreadable},
	} {
		got, problem := Value(c.a, c.in)
		require.Equal(t, c.want, got, "%s %q", c.a, c.in)
		require.Equal(t, c.problem, problem, "%s %q", c.a, c.in)
	}
}

// What has been brought into canonical form stays as it is: the desk's own
// values pass through Value again.
func TestValuesAreFixedPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := schema.Attributes()
		a := all[rapid.IntRange(0, len(all)-1).Draw(t, "attribute")].Name
		in := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9xX ./年月日号楼单元室-]{0,20}`),
			rapid.StringOfN(rapid.SampledFrom([]rune("张伟·阿布都热合曼号楼单元室社区街道路幢市县区123456789 -（）|#")), 0, 30, -1)).Draw(t, "text")
		value, _ := Value(a, in)
		again, problem := Value(a, value)
		require.Equal(t, value, again, "%s", a)
		require.NotEqual(t, schema.ProblemEncoding, problem)
	})
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"1990-03-07", "19900307", "1990年3月7日", "一九九〇年", "1990-03-06T16:00:00Z", "\xff", "9"} {
		f.Add(s, "")
		f.Add(s, "yyyyMMdd")
		f.Add(s, "excel")
	}
	f.Fuzz(func(t *testing.T, s, format string) {
		date, problem := Date(s, format)
		require.False(t, date != "" && problem != "")
		if date != "" {
			again, problem := Date(date, "")
			require.Empty(t, problem)
			require.Equal(t, date, again)
		}
		FormatDate(s, format)
		FormatDate(date, format)
	})
}

func FuzzPhone(f *testing.F) {
	for _, s := range []string{"13912345678", "+852 2345 6789", "(0531)88881234转1", "无", "\xff", "+", "00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		phone, problem := Phone(s)
		require.False(t, phone != "" && problem != "")
		if phone != "" {
			again, problem := Phone(phone)
			require.Empty(t, problem)
			require.Equal(t, phone, again)
		}
	})
}

func FuzzIDNumber(f *testing.F) {
	for _, s := range []string{"190101199003070120", "190101900307012", "x", "\xff", "USA110079050612"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, problem := IDNumber(s)
		again, p := IDNumber(n)
		require.Equal(t, n, again)
		if n != "" {
			require.Equal(t, problem, p)
		}
	})
}

// FuzzValue: every attribute reads any text, and reads what it made of it as the
// same.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "张伟", "女", "1", "汉族", "三级", "二〇二六年三月四日", "云川省临江市青河区柳荫社区3-1-501", "\xff", "０１", "不详", "4-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range schema.Attributes() {
			v, problem := Value(d.Name, s)
			if v == "" || problem != "" {
				continue
			}
			again, problem := Value(d.Name, v)
			require.Empty(t, problem, "%s: %q", d.Name, v)
			require.Equal(t, v, again, d.Name)
		}
	})
}

// FuzzNumeral: dates in Chinese numerals are digits or are left alone.
func FuzzNumeral(f *testing.F) {
	for _, s := range []string{"一九九〇年三月七日", "二十", "廿八", "初一", "十十", "\xff", "〇〇〇"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := numeral(s); ok {
			for _, r := range n {
				require.True(t, r >= '0' && r <= '9', "%q", n)
			}
		}
		arabicDate(s)
	})
}

// FuzzPattern: a pattern that is accepted writes any address.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"{community}{compound}{building}幢[{unit}单元]{room}室", "[{unit}", "{}", "[[{room}]]", "{room}\xff", "]{room}["} {
		f.Add(s, "听松苑", "3")
	}
	f.Fuzz(func(t *testing.T, pattern, compound, room string) {
		if CheckPattern(pattern) != nil {
			return
		}
		FormatAddress(schema.Address{Compound: compound, Room: room}, pattern)
		require.Empty(t, FormatAddress(schema.Address{}, pattern), "of nothing, nothing is written")
	})
}
