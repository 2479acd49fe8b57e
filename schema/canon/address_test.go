package canon

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

func TestAddress(t *testing.T) {
	whole := schema.Address{Province: "山东省", City: "东山市", County: "临湖区", Street: "翠湖街道", Community: "和平社区",
		Compound: "平安小区", Building: "3", Unit: "2", Room: "1801"}
	home := schema.Address{Compound: "平安小区", Building: "3", Unit: "2", Room: "1801"}
	noUnit := schema.Address{Compound: "平安小区", Building: "3", Room: "1801"}
	for _, c := range []struct {
		in   string
		want schema.Address
	}{
		{"山东省东山市临湖区翠湖街道和平社区平安小区3号楼2单元1801室", whole},
		{"山东省 东山市 临湖区 翠湖街道办事处 和平社区居委会 平安小区 3号楼 2单元 1801室", whole},
		{"山东省东山市市辖区临湖区翠湖街办和平居委会平安小区三号楼二单元一八〇一", whole},

		{"平安小区3号楼2单元1801室", home}, {"平安小区3幢2单元1801", home}, {"平安小区3栋2单元1801号", home}, {"平安小区3座2门1801户", home},
		{"平安小区3#2单元1801", home}, {"平安小区3#楼2单元1801室", home}, {"平安小区03幢02单元1801室", home}, {"平安小区3楼2单元1801", home},
		{"平安小区3-2-1801", home}, {"平安小区３－２－１８０１", home}, {"平安小区 3 2 1801", home}, {"平安小区3#2-1801", home}, {"平安小区3号楼2-1801", home},
		{"平安小区3号2单元1801室", home}, {"平安小区3号楼2单元18层1801室", home}, {"平安小区三号楼二单元1801室", home},
		{"平安小区3-1801", noUnit}, {"平安小区3号楼1801", noUnit}, {"平安小区3号1801室", noUnit}, {"平安小区3幢无单元1801室", noUnit}, {"平安小区3号楼-1801", noUnit},
		{"平安小区十二号楼", schema.Address{Compound: "平安小区", Building: "12"}}, {"平安小区2单元101", schema.Address{Compound: "平安小区", Unit: "2", Room: "101"}},
		{"平安小区A座1201", schema.Address{Compound: "平安小区", Building: "A", Room: "1201"}}, {"平安小区3a号楼东单元203", schema.Address{Compound: "平安小区", Building: "3A", Unit: "东", Room: "203"}},
		{"平安花园二期东区3号楼101", schema.Address{Compound: "平安花园二期东区", Building: "3", Room: "101"}},

		{"东山市临湖区文化东路88号平安小区3号楼2单元1801室", schema.Address{City: "东山市", County: "临湖区", Road: "文化东路88号", Compound: "平安小区", Building: "3", Unit: "2", Room: "1801"}},
		{"解放路12号", schema.Address{Road: "解放路12号"}}, {"解放路12号101室", schema.Address{Road: "解放路12号", Room: "101"}}, {"幸福路12-3号", schema.Address{Road: "幸福路12-3号"}},
		{"解放路南街12号院3号楼101", schema.Address{Road: "解放路南街12号院", Building: "3", Room: "101"}},
		{"长宁路100弄3号201室", schema.Address{Road: "长宁路100弄", Building: "3", Room: "201"}},
		{"中关村大街5号院2号楼301", schema.Address{Road: "中关村大街5号院", Building: "2", Room: "301"}},
		{"舜耕路社区阳光新村15栋203", schema.Address{Community: "舜耕路社区", Compound: "阳光新村", Building: "15", Room: "203"}},

		{"树林镇张家村民委员会12号", schema.Address{Street: "树林镇", Community: "张家村", Road: "12号"}}, {"树林镇张家村村委会12号", schema.Address{Street: "树林镇", Community: "张家村", Road: "12号"}},
		{"青海省海北藏族自治州门源回族自治县浩门镇", schema.Address{Province: "青海省", City: "海北藏族自治州", County: "门源回族自治县", Street: "浩门镇"}},
		{"北京市朝阳区建国路88号", schema.Address{Province: "北京市", County: "朝阳区", Road: "建国路88号"}}, {"山东东山市临湖区", schema.Address{Province: "山东省", City: "东山市", County: "临湖区"}},
		{"内蒙古自治区鄂尔多斯市达拉特旗", schema.Address{Province: "内蒙古自治区", City: "鄂尔多斯市", County: "达拉特旗"}}, {"东山市市中区", schema.Address{City: "东山市", County: "市中区"}},
		{"景德镇市珠山区新村街道", schema.Address{City: "景德镇市", County: "珠山区", Street: "新村街道"}}, {"东山市临湖区解放南路街道", schema.Address{City: "东山市", County: "临湖区", Street: "解放南路街道"}},

		{"阳光小镇3号楼301", schema.Address{Compound: "阳光小镇", Building: "3", Room: "301"}}, {"平安小区3号楼(暂住)", schema.Address{Compound: "平安小区", Building: "3", Rest: "暂住"}},
		{"平安小区3幢2单元1801室租户", schema.Address{Compound: "平安小区", Building: "3", Unit: "2", Room: "1801", Rest: "租户"}},
		{"远山省北渡市石门县柳河镇石桥村", schema.Address{Province: "远山省", City: "北渡市", County: "石门县", Street: "柳河镇", Community: "石桥村"}},
		{"云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫嘉苑3栋2单元301室", schema.Address{Province: "云川省", City: "临江市", County: "青河区",
			Street: "柳营街道", Community: "安宁里社区", Road: "槐荫路12号", Compound: "槐荫嘉苑", Building: "3", Unit: "2", Room: "301"}},
		{"农贸市场旁", schema.Address{Rest: "农贸市场旁"}}, {"", schema.Address{}}, {"不详", schema.Address{}}, {"无", schema.Address{}}, {strings.Repeat("长", 2000), schema.Address{}},
	} {
		require.Equal(t, c.want, Address(c.in), "%q", c.in)
	}
}

func TestFormatAddress(t *testing.T) {
	a := schema.Address{Community: "和平社区", Compound: "平安小区", Building: "3", Unit: "2", Room: "1801"}
	noUnit := a
	noUnit.Unit = ""
	pattern := "{community}{compound}{building}幢[{unit}单元]{room}室"
	require.Equal(t, "和平社区平安小区3幢2单元1801室", FormatAddress(a, pattern))
	require.Equal(t, "和平社区平安小区3幢1801室", FormatAddress(noUnit, pattern))
	require.Equal(t, "", FormatAddress(schema.Address{}, pattern))
	require.Equal(t, "", FormatAddress(schema.Address{City: "东山市"}, pattern), "nothing that the pattern shows")

	always := "{community}{compound}{building}幢{unit}单元{room}室"
	require.Equal(t, "和平社区平安小区3幢1801室", FormatAddress(noUnit, always))
	require.Equal(t, "石桥村", FormatAddress(schema.Address{Community: "石桥村"}, always))
	require.Equal(t, "平安小区3-1801", FormatAddress(noUnit, "{compound}{building}-{unit}-{room}"))
	require.Equal(t, "平安小区3", FormatAddress(schema.Address{Compound: "平安小区", Building: "3"}, "{compound}{building}-{unit}-{room}"))

	require.NoError(t, CheckPattern(pattern))
	require.ErrorContains(t, CheckPattern("{comunity}{room}"), "{comunity}")
	require.ErrorContains(t, CheckPattern("{room}[室"), "stands alone")
	require.ErrorContains(t, CheckPattern("[a[{room}]]"), "stands alone")
	require.ErrorContains(t, CheckPattern("室"), "no placeholder")
}

// The ways in which platforms of the demonstration and of the domain's examples
// write a home.
var styles = []string{
	"{community}{compound}{building}幢{unit}单元{room}室",
	"{community}{compound}{building}幢[{unit}单元]{room}室",
	"{community}{compound}[{building}号楼][{unit}单元][{room}室]",
	"{compound}{building}号楼[{unit}单元]{room}",
	"{compound}{building}栋{unit}单元{room}号",
	"{compound}{building}#{unit}-{room}",
	"{community}{compound}{building}-{unit}-{room}",
	"{province}{city}{county}{street}{community}{compound}{building}号楼{unit}单元{room}室",
	"{province}{city}{county}{street}{community}{road}{compound}{building}号楼[{unit}单元]{room}室",
	"{city}{county}{road}{compound}{building}座{unit}门{room}",
	"{province}{city}{county}{street}{community}{road}{compound}{building}栋{unit}单元{room}室",
	"{province}{city}{county}{street}{community}{road}{compound}{building}幢{unit}单元{room}室{rest}",
	"{province}{city}{county}{street}{community}",
}

// Formatting and reading again gives back what the pattern shows: otherwise our
// own write would look like a clerk's edit when it is read (I6).
func TestAddressesComeBack(t *testing.T) {
	number := rapid.OneOf(rapid.StringMatching(`[1-9][0-9]?`), rapid.StringMatching(`[1-9][0-9]?[A-C]`), rapid.Just("A"))
	rapid.Check(t, func(t *rapid.T) {
		from := func(label string, list ...string) string { return rapid.SampledFrom(list).Draw(t, label) }
		a := schema.Address{
			Province:  from("province", "山东省", "内蒙古自治区", "云州省", "广西壮族自治区"),
			City:      from("city", "东山市", "呼伦贝尔市", "海北藏族自治州", "新乡市", "景德镇市"),
			County:    from("county", "临湖区", "市中区", "城东区", "门源回族自治县", "达拉特旗", "滨海新区"),
			Street:    from("street", "翠湖街道", "解放路街道", "树林镇", "张村镇", "红旗乡", "新村街道"),
			Community: from("community", "和平社区", "幸福里社区", "舜耕路社区", "张家村", "第一社区"),
			Road:      from("road", "解放路12号", "文化东路88号", "中山大道5号", "柳巷3号", "建设大街"),
			Compound:  from("compound", "平安小区", "阳光新村", "翠湖花园东区", "纺织厂宿舍", "幸福里", "金色家园二期", "张家村小区", "古镇花园"),
			Building:  number.Draw(t, "building"),
			Unit:      rapid.SampledFrom([]string{"1", "2", "12", "东", "A"}).Draw(t, "unit"),
			Room:      rapid.StringMatching(`[1-9][0-9]{2,3}`).Draw(t, "room"),
		}
		style := rapid.SampledFrom(styles).Draw(t, "style")
		if strings.Contains(style, "[{unit}") && rapid.Bool().Draw(t, "no unit") {
			a.Unit = ""
		}
		if strings.Contains(style, "{rest}") && rapid.Bool().Draw(t, "remark") {
			a.Rest = from("rest", "租户", "暂住")
		}
		if strings.Contains(style, "{community}") && strings.Contains(style, "单元") && rapid.Bool().Draw(t, "village") {
			a.Road, a.Compound, a.Building, a.Unit, a.Room, a.Rest = "", "", "", "", "", ""
		}
		want := schema.Address{}
		for _, m := range rePlaceholder.FindAllStringSubmatch(style, -1) {
			part, _ := addressPart(a, m[1])
			switch m[1] {
			case "province":
				want.Province = part
			case "city":
				want.City = part
			case "county":
				want.County = part
			case "street":
				want.Street = part
			case "community":
				want.Community = part
			case "road":
				want.Road = part
			case "compound":
				want.Compound = part
			case "building":
				want.Building = part
			case "unit":
				want.Unit = part
			case "room":
				want.Room = part
			case "rest":
				want.Rest = part
			}
		}
		wire := FormatAddress(a, style)
		require.Equal(t, want, Address(wire), "%s", wire)
		require.Equal(t, wire, FormatAddress(Address(wire), style))
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"山东省东山市临湖区翠湖街道和平社区平安小区3号楼2单元1801室", "3-2-1801", "解放路12号", "张家村12号(暂住)", "\xff", "||", "省市区"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := Address(s)
		require.Equal(t, a, schema.AddressFromCanonical(a.Canonical()))
		for _, style := range styles {
			FormatAddress(a, style)
		}
	})
}

func BenchmarkAddress(b *testing.B) {
	for b.Loop() {
		Address("山东省东山市临湖区翠湖街道和平社区平安小区3号楼2单元1801室")
	}
}
