package district

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	p "heji/deploy/demo/population"
)

var sample = p.Facts{
	p.Name: "古丽娜尔·买买提", p.IDNumber: "290105199002280029", p.Sex: "2", p.Ethnicity: "05", p.BirthDate: "1990-02-28", p.MaritalStatus: "20",
	p.Education: "20", p.Phone: "15400000001", p.Relation: "12", p.HouseholdNo: "29010500000001", p.LifeStatus: p.Living,
	p.Residence:     "云川省|临江市|青河区|柳营街道|安宁里社区|槐荫路12号|槐荫小区|3|2|501|",
	p.HukouAddress:  "远山省|北渡市|石门县|柳河镇|王家村||||||",
	p.ResidenceType: p.ResidentFloating, p.Disability: "4-2", p.DisabilityNo: "29010519900228002942", p.LowIncome: "3", p.LowIncomeUntil: "2027-03-28",
	p.MotherName: "热依汗", p.MotherID: "290105196502280021", p.BirthOrder: "1", p.PensionStatus: "4", p.MedicalStatus: "1",
	p.SpouseName: "张𠮷", p.Contraception: "21", p.PregnancyCheck: "2026-10-20", p.OldAgeAllowance: "1", p.CareLevel: "2", p.VolunteerNo: "29010520000077",
	p.Interests: "书法", p.HealthFileNo: "29010500400100077", p.ChronicDisease: "4", p.FamilyDoctor: "柳营一团队", p.JobStatus: "3", p.Grid: "290105004001011", p.MentalDisorder: "2", p.Corrections: "普管", p.CorrectionUntil: "2028-01-15", p.ResidencePass: "290105000001234", p.PassUntil: "2027-05-01", p.Registered: "2026-03-01", p.Landlord: "陈国强", p.HukouRegion: "290105104207", p.MigrationNotice: "1", p.VeteranCategory: "05", p.VeteranNo: "优字第29000100号", p.Workplace: "临江机械厂",
}

var sampleTime = time.Date(2026, 11, 1, 1, 2, 3, 45_000_000, time.UTC)

func TestEachPlatformWritesThePersonInItsOwnWay(t *testing.T) {
	t.Parallel()
	for platform, want := range map[string]Row{
		p.Gongan: {"RYBH": "K1", "GMSFHM": "290105199002280029", "XM": "古丽娜尔·买买提", "CYM": "", "XB": "2", "MZ": "05", "CSRQ": "19900228",
			"HH": "29010500000001", "YHZGX": "12", "HJDZ": "远山省北渡市石门县柳河镇王家村", "HYZK": "20", "WHCD": "20", "RYZT": "1", "SWRQ": ""},
		p.Pension: {"aac001": "K1", "aac003": "古丽娜尔·买买提", "aac002": "290105199002280029", "aac004": "2", "aac005": "5", "aac006": "19900228", "aac017": "2", "aac011": "20",
			"aae005": "15400000001", "aae006": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3栋2单元501室", "aac008": "030", "aac060": "1", "aic162": "", "zxbz": "0", "aae036": "2026-11-01 09:02:03.045"},
		p.Women: {"fnbh": "K1", "fnxm": "古丽娜尔·买买提", "sfzh": "290105199002280029", "csny": "19900228", "mz": "5", "hyzk": "2", "zfxm": "张？", "whcd": "20",
			"bycs": "21", "yjrq": "20261020", "lxdh": "15400000001    ", "xjzd": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3号楼2单元501室",
			"rkzt": "1", "swrq": "", "scbz": "N", "gxsj": "2026-11-01 09:02:03.045"},
		p.Everybody: {"rybm": "K1", "xm": "古丽娜尔·买买提", "sfzh": "290105199002280029", "xb": "2", "mz": "05", "csrq": "1990-02-28", "hyzk": "20",
			"hjdz": "远山省北渡市石门县柳河镇王家村", "csyxzm": "", "mqxm": "热依汗", "mqsfzh": "290105196502280021", "tc": "1", "swbz": "0", "swrq": "", "zxbz": "0",
			"gxrq": "2026-11-01 09:02:03.045"},
		p.Notices: {"tbbh": "K1", "xm": "古丽娜尔·买买提", "sfzh": "290105199002280029", "xb": "女", "csrq": "19900228", "hjdqh": "290105104207", "lx": "流入",
			"hyzk": "已婚", "poxm": "张𠮷", "lxdh": "15400000001", "xjzdz": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3号楼2单元501室",
			"zt": "正常", "swrq": "", "gxsj": "2026-11-01 09:02:03.045"},
		p.Safety: {"_key": "K1", "person.xm": "古丽娜尔·买买提", "person.zjhm": "290105199002280029", "person.xb": "2", "person.mz": "05", "person.csrq": "19900228",
			"person.hyzk": "20", "person.whcd": "20", "person.lxdh": "15400000001", "person.gzdw": "临江机械厂",
			"address.full": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3幢2单元501室", "address.rklx": "3", "grid.wgbm": "290105004001011",
			"status.rzt": "1", "status.swrq": "", "_time": "2026-11-01T09:02:03.045+08:00"},
		p.Mental: {"bh": "K1", "xm": "古丽娜尔·买买提", "sfzh": "290105199002280029", "xb": "2", "csrq": "1990-02-28", "pgdj": "2", "lxdh": "15400000001",
			"xzz":  "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3幢2单元501室",
			"ryzt": "1", "swrq": "", "gxsj": "2026-11-01T09:02:03.045+08:00"},
		p.Correction: {"jzbh": "K1", "xm": "古丽娜尔·买买提", "sfzh": "290105199002280029", "xb": "2", "csrq": "19900228", "ypxf": "普管", "sqjzqx": "20280115",
			"lxdh": "15400000001", "jzd": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3号楼2单元501室", "ryzt": "1", "swrq": "", "gxsj": "20261101090203"},
		p.Marriages: {"DJZH": "K1", "XM": "古丽娜尔·买买提", "GMSFHM": "290105199002280029", "XB": "2", "CSRQ": "19900228", "HYZT": "结婚"},
		p.HealthFiles: {"archivePk": "K1", "personName": "古丽娜尔·买买提", "idCard": "290105199002280029", "sexCode": "2", "birthday": "1990-02-28", "nationCode": "05",
			"maritalCode": "20", "educationCode": "20", "guardian": "", "tel": "15400000001", "liveAddress": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3栋2单元501室",
			"archiveNo": "29010500400100077", "chronicCode": "12", "doctorTeam": "柳营一团队", "lifeState": "1", "deathDate": "", "modifyTime": "2026-11-01 09:02:03"},
		p.Jobs: {"aac001": "K1", "aac003": "古丽娜尔·买买提", "aac002": "290105199002280029", "aac004": "2", "aac005": "05", "aac006": "19900228", "aac011": "20", "aac017": "2",
			"aac016": "21", "aab004": "临江机械厂", "aae005": "15400000001", "aae006": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3栋2单元501室",
			"aac060": "1", "aic162": "", "aae036": "20261101090203"},
		p.OldAge: {"elderId": "K1", "person.name": "古丽娜尔·买买提", "person.idNo": "290105199002280029", "person.gender": "F", "person.birthday": "1990-02-28",
			"person.nation": "UG", "contact.mobile": "15400000001", "contact.address": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3幢2单元501室",
			"allowance.grade": "A80", "assessment.level": "2", "status": "ALIVE", "deathDate": "", "updatedAt": "2026-11-01T09:02:03.045+08:00"},
		p.Volunteers: {"vid": "K1", "realname": "古丽娜尔·买买提", "nickname": "", "idcard": "290105199002280029", "sex": "女", "birthday": "1990-02-28", "edu": "大学本科",
			"mobile": "15400000001", "addr": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3号楼2单元501室", "volunteer_no": "29010520000077", "hobby": "书法",
			"state": "健在", "death_day": "", "mtime": "2026-11-01T09:02:03.045+08:00"},
		p.Floating: {"DJBH": "K1", "XM": "古丽娜尔·买买提", "GMSFHM": "290105199002280029", "XBDM": "2", "MZDM": "05", "CSRQ": "19900228", "HYZKDM": "20", "XLDM": "20",
			"LXDH": "15400000001", "JZDZ": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3号楼2单元501室", "HJDZ": "远山省北渡市石门县柳河镇王家村", "JZLX": "3",
			"FWCS": "临江机械厂", "JZZH": "290105000001234", "JZZYXQ": "20270501", "DJRQ": "20260301", "FZXM": "陈国强", "GXSJ": "20261101090203"},
		p.Maternal: {"recordId": "K1", "personName": "古丽娜尔·买买提", "certNo": "290105199002280029", "sexCode": "2", "birthDate": "1990-02-28", "nationCode": "05",
			"motherName": "热依汗", "motherCertNo": "290105196502280021", "birthOrder": "1", "tel": "15400000001", "addrProvince": "云川省", "addrCity": "临江市",
			"addrCounty": "青河区", "addrTown": "柳营街道", "addrCommunity": "安宁里社区", "addrRoad": "槐荫路12号", "addrEstate": "槐荫小区", "addrBuilding": "3",
			"addrUnit": "2", "addrRoom": "501", "maternalState": "", "childState": "", "vitalState": "1", "deathDate": "", "modifiedAt": "2026-11-01T09:02:03.045+08:00"},
		p.Medical: {"psn_no": "K1", "psn_name": "古丽娜尔·买买提", "certno": "290105199002280029", "psn_cert_type": "01", "gend": "2", "naty": "05", "brdy": "1990-02-28",
			"tel": "15400000001", "addr": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3幢2单元501室", "resd_natu": "3", "psn_insu_stas": "1",
			"surv_stas": "1", "die_date": "", "updt_time": "2026-11-01 09:02:03.045"},
		p.Disabled: {"rybh": "K1", "xm": "古丽娜尔·买买提", "sfzh": "290105199002280029", "cjzh": "29010519900228002942", "xb": "2", "mz": "维吾尔族", "csrq": "1990/02/28",
			"cjlb": "4", "cjdj": "2", "hyzk": "2", "whcd": "20", "jhr": "", "lxdh": "15400000001",
			"jzdz": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3幢2单元501室", "ryzt": "1", "swrq": "", "gxsj": "2026-11-01 09:02:03.045"},
		p.LowIncomes: {"人员编号": "K1", "姓名": "古丽娜尔·买买提", "身份证号": "290105199002280029", "性别": "女", "民族": "维吾尔族", "出生日期": "1990/02/28",
			"户号": "29010500000001", "与户主关系": "妻", "联系电话": "15400000001", "家庭住址": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3栋2单元501室",
			"保障类别": "特困", "保障截止": "2027/03/28", "残疾类别": "4", "残疾等级": "2", "人员状态": "正常", "死亡日期": "", "修改时间": "2026-11-01 09:02:03.045"},
		p.Veterans: {"档案号": "K1", "姓名": "古丽娜尔·买买提", "身份证号码": "290105199002280029", "性别": "女", "民族": "维吾尔族", "出生年月日": "1990-02-28",
			"优抚证号": "优字第29000100号", "优抚类别": "复员军人", "电话": "15400000001", "现住址": "云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3幢2单元501室",
			"状态": "健在", "死亡日期": "", "更新时间": "2026-11-01 09:02:03.045"},
	} {
		require.Equal(t, want, LayoutOf(platform).Row("K1", sample, sampleTime), platform)
	}
}

func TestEachPlatformReadsBackWhatItWrites(t *testing.T) {
	t.Parallel()
	pop := p.Generate(1500, 11)
	for platform, layout := range layouts {
		for _, o := range pop.Observe(platform) {
			row := layout.Row("K", o.Facts, sampleTime)
			for _, f := range layout.Fields {
				kept := o.Facts[f.Fact]
				if layout.Holds != nil {
					kept = layout.Holds(kept)
				}
				require.Equal(t, kept, f.Value(row), "%s %s", platform, f.Fact)
				require.Equal(t, o.Facts[f.Fact] == "", f.Blank(row), "%s %s", platform, f.Fact)
			}
		}
	}
}

func TestACoarserCodeTableTakesTheWiderCode(t *testing.T) {
	t.Parallel()
	f, ok := LayoutOf(p.Pension).Field(p.MaritalStatus)
	require.True(t, ok)
	texts, ok := f.Encode("21")
	require.True(t, ok)
	require.Equal(t, "20", f.Decode(texts))
	_, ok = f.Encode("77")
	require.False(t, ok)
}

func TestGBKBytes(t *testing.T) {
	t.Parallel()
	b, err := gbkSheet{}.write([][]string{{"姓名", "a,b"}, {"张𠮷", "古·丽"}, {"单䶮", ""}})
	require.NoError(t, err)
	// 姓名,"a,b" · 张？,古·丽 (U+00B7 is A1A4) · 单䶮 (FE9F), Windows line ends.
	require.Equal(t, "d0d5c3fb2c22612c62220d0ad5c5a3bf2cb9c5a1a4c0f60d0ab5a5fe9f2c0d0a", hex.EncodeToString(b))
	back, err := gbkSheet{}.read(b)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"姓名", "a,b"}, {"张？", "古·丽"}, {"单䶮", ""}}, back)
}

func TestXLSXKeepsNumbersAsText(t *testing.T) {
	t.Parallel()
	lines := [][]string{{"姓名", "身份证号"}, {"张𠮷", "290105199002280029"}}
	b, err := xlsxSheet{name: "低保人员"}.write(lines)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "x.xlsx")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	f, err := excelize.OpenFile(path)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, []string{"低保人员"}, f.GetSheetList())
	kind, err := f.GetCellType("低保人员", "B2")
	require.NoError(t, err)
	require.Contains(t, []excelize.CellType{excelize.CellTypeInlineString, excelize.CellTypeSharedString}, kind)
	back, err := xlsxSheet{}.read(b)
	require.NoError(t, err)
	require.Equal(t, lines, back)
}

func TestThePoliceExtract(t *testing.T) {
	t.Parallel()
	d := running(t)
	dir := filepath.Join(d.Env()["GONGAN_DIR"], exportFolder)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.Regexp(t, `^CZRK_\d{8}\.csv$`, files[0].Name())
	require.Equal(t, files[0].Name()+".ok", files[1].Name())
	b, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	require.NoError(t, err)
	text, err := simplifiedchinese.GBK.NewDecoder().String(string(b))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
	require.True(t, strings.HasPrefix(lines[0], "RYBH,GMSFHM,XM,"))
	rows := snapshot(t, d.Platform(p.Gongan))
	require.Len(t, lines, len(rows)+2)
	require.True(t, strings.HasPrefix(lines[len(lines)-1], "合计,"+strconv.Itoa(len(rows))+","))
	cutOff, err := time.ParseInLocation("CZRK_20060102.csv", files[0].Name(), china)
	require.NoError(t, err)
	require.InDelta(t, 31, time.Since(cutOff).Hours()/24, 1.01)
}
