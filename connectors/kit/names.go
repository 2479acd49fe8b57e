package kit

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"heji/schema"
)

// aliases are what the platforms of the departments call an attribute: the
// initials of its Chinese name, the codes of the social insurance data elements
// (aac…, aae…), of the cadre data elements (A01…), of medical insurance, and
// English. Spelling is folded: case, width, "_", "-", "." and blanks do not count.
var aliases = map[schema.Attribute][]string{
	schema.IDNumber: {"身份证号", "身份证号码", "公民身份号码", "公民身份证号码", "居民身份证号", "证件号码", "证件号", "社会保障号", "社会保障号码", "身份证",
		"sfzh", "sfzhm", "sfz", "gmsfhm", "gmsfzhm", "sfhm", "zjhm", "zjh", "shbzh", "shbzhm", "aac002", "aac147", "a0184", "certno", "certificateno", "certcode",
		"idcard", "idcardno", "idno", "idnum", "idnumber", "identityno", "identitycard", "cardno", "cardid", "pid", "citizenid"},
	schema.IDType: {"证件类型", "证件种类", "身份证件类型", "zjlx", "zjlxdm", "zjzl", "aac058", "psncerttype", "certtype", "idtype", "cardtype"},
	schema.Name: {"姓名", "人员姓名", "名字", "本人姓名", "居民姓名", "xm", "ryxm", "aac003", "a0101", "psnname", "name", "fullname", "personname", "username",
		"realname", "custname"},
	schema.FormerName: {"曾用名", "cym", "formername", "a0101a"},
	schema.NamePinyin: {"姓名拼音", "拼音", "xmpy", "pinyin", "namepinyin"},
	schema.Sex:        {"性别", "性别代码", "xb", "xbdm", "xbbm", "aac004", "a0104", "gend", "gender", "sex", "sexcode"},
	schema.BirthDate: {"出生日期", "出生年月日", "出生年月", "生日", "csrq", "csny", "csnyr", "aac006", "a0107", "brdy", "birth", "birthday", "birthdate",
		"dateofbirth", "dob"},
	schema.Ethnicity:     {"民族", "民族代码", "mz", "mzdm", "mzbm", "aac005", "a0117", "naty", "nation", "nationcode", "ethnic", "ethnicity", "ethnicgroup"},
	schema.Nationality:   {"国籍", "gj", "gjdm", "aac161", "country", "nationality"},
	schema.MaritalStatus: {"婚姻状况", "婚姻", "婚姻状态", "hyzk", "hyzkdm", "hyzt", "aac017", "mariage", "marital", "maritalstatus", "marry", "marrystatus", "mrgstas"},
	schema.Education:     {"文化程度", "学历", "最高学历", "whcd", "whcddm", "xl", "xldm", "aac011", "education", "edu", "degree", "educationlevel"},
	schema.Political:     {"政治面貌", "zzmm", "zzmmdm", "aac024", "a0141", "political", "politicalstatus", "polstas"},
	schema.Employment:    {"就业状况", "就业状态", "职业状况", "jyzk", "jyzt", "aac016", "employment", "employstatus", "jobstatus"},
	schema.Workplace:     {"工作单位", "单位名称", "服务处所", "gzdw", "dwmc", "fwcs", "aab004", "a0192a", "empname", "workplace", "company", "workunit", "employer"},
	schema.Phone: {"联系电话", "电话", "手机", "手机号", "手机号码", "电话号码", "移动电话", "联系方式", "lxdh", "dh", "dhhm", "sj", "sjh", "sjhm", "yddh", "lxfs",
		"aae005", "aac067", "tel", "telno", "telephone", "phone", "phoneno", "phonenumber", "mob", "mobile", "mobileno", "mobilephone", "contactphone"},
	schema.PhoneOwner: {"电话归属", "机主", "dhgs", "jzgx", "phoneowner"},
	schema.Residence: {"现住址", "居住地址", "现居住地", "现住地址", "实际居住地", "常住地址", "住址", "地址", "家庭住址", "详细地址", "通讯地址", "联系地址",
		"xzz", "xjzd", "jzdz", "jzd", "sjjzd", "czdz", "zz", "dz", "jtzz", "xxdz", "txdz", "aae006", "aac026", "addr", "address", "homeaddress", "liveaddr", "residence", "curraddr"},
	schema.ResidenceType: {"居住类型", "人口类型", "jzlx", "rklx", "residencetype"},
	schema.HukouAddress: {"户籍地址", "户籍地", "户口所在地", "户口地址", "户籍所在地", "hjdz", "hjd", "hkdz", "hkszd", "hjszd", "aac010", "hukouaddress",
		"registeredaddress", "rprraddr", "domicile"},
	schema.HouseholdNo: {"户号", "户编号", "户口簿号", "hh", "hbh", "hkbh", "householdno", "familyno", "familyid", "jtbh"},
	schema.Relation:    {"与户主关系", "家庭关系", "户主关系", "yhzgx", "yhzgxdm", "jtgx", "gx", "aac069", "relation", "relationship", "relationtohead"},
	schema.MotherName:  {"母亲姓名", "母亲", "mqxm", "mother", "mothername"},
	schema.MotherID:    {"母亲身份证号", "母亲证件号码", "mqsfzh", "mqsfz", "mqzjhm", "motherid", "motheridno", "mothercertno"},
	schema.BirthOrder:  {"胎次", "胎内次序", "孩次", "tc", "hc", "birthorder"},
	schema.Guardian:    {"监护人", "监护人姓名", "jhr", "jhrxm", "guardian", "guardianname"},
	schema.LifeStatus:  {"人员状态", "生存状态", "在世状态", "健在状态", "人口状态", "ryzt", "rybs", "sczt", "aac008", "lifestatus", "alive", "survival", "personstatus"},
	schema.DeathDate:   {"死亡日期", "死亡时间", "去世日期", "swrq", "swsj", "aac100", "deathdate", "diedat", "dateofdeath"},
	schema.MoveOutDate: {"迁出日期", "迁出时间", "qcrq", "moveoutdate"},

	schema.DisabilityNo:  {"残疾证号", "残疾人证号", "cjzh", "cjrzh", "disabilityno", "disablecardno"},
	schema.Disability:    {"残疾类别等级", "残疾类别", "cjlb", "cjlbdj", "disability"},
	schema.HealthFileNo:  {"健康档案编号", "健康档案号", "jkdah", "jkdabh", "healthfileno", "ehrno"},
	schema.MedicalNo:     {"医保个人编号", "医保编号", "psnno", "ybbh", "medicalno"},
	schema.PensionNo:     {"养老个人编号", "养老编号", "ylbh", "pensionno"},
	schema.ResidencePass: {"居住证号", "居住证号码", "jzzh", "jzzhm", "residencepass", "residencepermitno"},
	schema.VeteranNo:     {"优抚证号", "优待证号", "yfzh", "veteranno"},
	schema.BirthCertNo:   {"出生证号", "出生医学证明编号", "出生证编号", "csyxzmbh", "cszh", "birthcertno"},

	schema.VolunteerNo:     {"志愿者号", "志愿者编号", "zyzbh", "zyzh", "volunteerno", "volunteerid"},
	schema.HukouRegion:     {"户籍地区划", "户籍区划", "户籍地行政区划", "hjdqh", "hjqh", "hukouregion"},
	schema.Landlord:        {"房主", "房东", "房主姓名", "fz", "fzxm", "fdxm", "landlord"},
	schema.SpouseName:      {"配偶姓名", "配偶", "poxm", "po", "spouse", "spousename"},
	schema.Registered:      {"居住登记日期", "登记日期", "djrq", "jzdjrq", "registered"},
	schema.PassUntil:       {"居住证有效期", "有效期至", "yxqz", "jzzyxq", "passuntil"},
	schema.Contraception:   {"避孕措施", "避孕方法", "bycs", "byff", "contraception"},
	schema.PregnancyCheck:  {"最近孕检日期", "孕检日期", "yjrq", "pregnancycheck"},
	schema.FamilyDoctor:    {"家庭医生签约", "家庭医生", "签约医生", "jtys", "qyys", "familydoctor"},
	schema.ChronicDisease:  {"慢病管理", "慢病类型", "慢病", "mblx", "mb", "chronicdisease"},
	schema.JobStatus:       {"就业失业状态", "就失业状态", "jsyzt", "jobstate"},
	schema.OldAgeAllowance: {"高龄津贴", "津贴状态", "gljt", "jtzt", "oldageallowance"},
	schema.CareLevel:       {"能力评估等级", "评估等级", "nlpgdj", "pgdj", "carelevel"},
	schema.ChildCategory:   {"困境留守儿童类别", "儿童类别", "etlb", "childcategory"},
	schema.PartyBranch:     {"所在党支部", "党支部", "支部名称", "dzb", "zbmc", "partybranch"},
	schema.ServiceDate:     {"最近服务", "服务日期", "fwrq", "servicedate"},
	schema.Interests:       {"兴趣特长", "兴趣爱好", "特长", "xqah", "interests", "hobby"},
	schema.Grid:            {"网格", "网格编号", "所属网格", "wg", "wgbh", "grid", "gridno"},

	schema.LowIncome:       {"低保类别", "救助类别", "保障类别", "dblb", "jzlb", "bzlb", "lowincome"},
	schema.LowIncomeUntil:  {"低保期限", "保障期限", "dbqx", "bzqx", "lowincomeuntil"},
	schema.PensionStatus:   {"养老参保状态", "参保状态", "cbzt", "aac031", "pensionstatus"},
	schema.MedicalStatus:   {"医保参保状态", "医保状态", "ybzt", "psninsustas", "medicalstatus"},
	schema.VeteranCategory: {"优抚类别", "yflb", "veterancategory"},
	schema.PartyMember:     {"党员身份", "是否党员", "dysf", "sfdy", "partymember"},
	schema.MaternalStatus:  {"孕产状态", "yczt", "maternalstatus"},
	schema.ChildHealth:     {"儿童保健状态", "etbj", "childhealth"},
}

// Names of columns that are no attribute of a person.
var (
	keyNames = []string{"id", "rowid", "uuid", "guid", "pk", "xh", "bh", "rybh", "ryid", "grbh", "aac001", "psnno", "dah", "dabh", "zj", "zlbh", "dyid", "code", "no", "personid",
		"userid", "recordid", "编号", "人员编号", "个人编号", "档案号", "档案编号", "序号", "主键", "唯一标识", "记录号"}
	deletedNames = []string{"zx", "zxbz", "zxbs", "sfzx", "sc", "scbz", "scbs", "sfsc", "yxbz", "sfyx", "deleted", "isdeleted", "isdelete", "delflag", "deleteflag", "isdel", "valid", "isvalid",
		"注销标志", "删除标志", "是否注销", "是否删除", "有效标志", "是否有效"}
	changeNames = []string{"gxsj", "xgsj", "czsj", "gxrq", "xgrq", "bgsj", "zhgxsj", "updatetime", "updatedat", "updated", "updatedate", "lastupdate", "lastupdated", "modifytime",
		"modifiedat", "modified", "lastmodified", "mtime", "changetime", "changedat", "optime", "updttime", "aae036", "更新时间", "修改时间", "变更时间", "最后更新时间", "操作时间", "最后修改时间"}
)

var byAlias = func() map[string]schema.Attribute {
	m := map[string]schema.Attribute{}
	for _, d := range schema.Attributes() {
		m[foldName(string(d.Name))] = d.Name
		m[foldName(d.Zh)] = d.Name
		for _, alias := range aliases[d.Name] {
			m[foldName(alias)] = d.Name
		}
	}
	return m
}()

func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, width.Fold.String(s))
}

// last is the last part of a dotted path.
func last(column string) string { return column[strings.LastIndexByte(column, '.')+1:] }

// ByName finds the attribute that a column's name means. sure is false where the
// name only contains one.
func ByName(column string) (a schema.Attribute, sure, ok bool) {
	for _, name := range []string{foldName(column), foldName(last(column))} {
		if a, ok := byAlias[name]; ok {
			return a, true, true
		}
	}
	name, longest := foldName(last(column)), 0
	for alias, b := range byAlias {
		// Two letters are in every other name; a Chinese word of two is a word.
		if n := len([]rune(alias)); (n >= 4 || n >= 2 && alias[0] >= 0x80) && strings.Contains(name, alias) &&
			(len(alias) > longest || len(alias) == longest && b < a) {
			a, longest = b, len(alias)
		}
	}
	return a, false, longest > 0
}

func oneOf(column string, names []string) bool {
	full, end := foldName(column), foldName(last(column))
	for _, n := range names {
		if f := foldName(n); f == full || f == end {
			return true
		}
	}
	return false
}
