package district

import (
	"time"

	p "heji/deploy/demo/population"
)

// china is the platforms' time zone: their clocks show no zone.
var china = time.FixedZone("CST", 8*60*60)

func local(pattern string) func(time.Time) string {
	return func(t time.Time) string { return t.In(china).Format(pattern) }
}

const (
	localMillis = "2006-01-02 15:04:05.000"
	zonedMillis = "2006-01-02T15:04:05.000Z07:00"
)

var layouts = index(
	// 公安常住人口: 拼音首字母 in capitals, codes of the national standards.
	&Layout{Platform: p.Gongan, Key: "RYBH", Prefix: "290105R", Fields: []Field{
		required(text(p.IDNumber, "GMSFHM")), required(text(p.Name, "XM")), text(p.FormerName, "CYM"),
		coded(p.Sex, "XB", sexDigits), coded(p.Ethnicity, "MZ", ethnicityGB), day(p.BirthDate, "CSRQ", "20060102"),
		text(p.HouseholdNo, "HH"), coded(p.Relation, "YHZGX", relationGB), address(p.HukouAddress, "HJDZ", "幢"),
		coded(p.MaritalStatus, "HYZK", maritalGB), coded(p.Education, "WHCD", educationGB),
		coded(p.LifeStatus, "RYZT", lifeDigits), day(p.DeathDate, "SWRQ", "20060102"),
	}},
	// 居民养老: the names of the social insurance's own standard, the codes of
	// 1984, a tombstone.
	&Layout{Platform: p.Pension, Key: "aac001", Prefix: "YL", Changed: "aae036", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "aac003")), text(p.IDNumber, "aac002"), coded(p.Sex, "aac004", sexDigits), coded(p.Ethnicity, "aac005", ethnicityShort),
		day(p.BirthDate, "aac006", "20060102"), coded(p.MaritalStatus, "aac017", maritalOld), coded(p.Education, "aac011", education1984),
		text(p.Phone, "aae005"), address(p.Residence, "aae006", "栋"),
		coded(p.PensionStatus, "aac008", codeTable{"1": "010", "2": "020", "4": "030"}),
		coded(p.LifeStatus, "aac060", lifeDigits), day(p.DeathDate, "aic162", "20060102"),
	}, Extra: []string{"zxbz"}, Fill: Row{"zxbz": "0"}},
	// 流动人口·居住证: names and codes of GA/T 1223, an address in one line.
	&Layout{Platform: p.Floating, Key: "DJBH", Prefix: "LK", Changed: "GXSJ", Stamp: local("20060102150405"), Fields: []Field{
		required(text(p.Name, "XM")), text(p.IDNumber, "GMSFHM"), coded(p.Sex, "XBDM", sexDigits), coded(p.Ethnicity, "MZDM", ethnicityGB),
		day(p.BirthDate, "CSRQ", "20060102"), coded(p.MaritalStatus, "HYZKDM", maritalGB), coded(p.Education, "XLDM", educationGB),
		text(p.Phone, "LXDH"), required(address(p.Residence, "JZDZ", "号楼")), address(p.HukouAddress, "HJDZ", "号楼"),
		coded(p.ResidenceType, "JZLX", residenceDigits), text(p.Workplace, "FWCS"), text(p.ResidencePass, "JZZH"), day(p.PassUntil, "JZZYXQ", "20060102"),
		day(p.Registered, "DJRQ", "20060102"), text(p.Landlord, "FZXM"),
	}},
	// 妇幼: English names, an address in parts, the mother beside the child.
	&Layout{Platform: p.Maternal, Key: "recordId", Prefix: "MCH", Changed: "modifiedAt", Stamp: local(zonedMillis), Fields: []Field{
		required(text(p.Name, "personName")), text(p.IDNumber, "certNo"), required(coded(p.Sex, "sexCode", codeTable{"1": "1", "2": "2"})),
		required(day(p.BirthDate, "birthDate", "2006-01-02")), coded(p.Ethnicity, "nationCode", ethnicityGB),
		text(p.MotherName, "motherName"), text(p.MotherID, "motherCertNo"), text(p.BirthOrder, "birthOrder"),
		text(p.Phone, "tel"), addressColumns(p.Residence, "addrProvince", "addrCity", "addrCounty", "addrTown", "addrCommunity",
			"addrRoad", "addrEstate", "addrBuilding", "addrUnit", "addrRoom"),
		coded(p.MaternalStatus, "maternalState", codeTable{"1": "1", "2": "2", "3": "3", "4": "4"}),
		coded(p.ChildHealth, "childState", codeTable{"1": "1", "2": "2"}),
		coded(p.LifeStatus, "vitalState", lifeDigits), day(p.DeathDate, "deathDate", "2006-01-02"),
	}},
	// 居民医保: the national insurance platform's names.
	&Layout{Platform: p.Medical, Key: "psn_no", Prefix: "2901050", Changed: "updt_time", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "psn_name")), text(p.IDNumber, "certno"), required(coded(p.Sex, "gend", sexDigits)), coded(p.Ethnicity, "naty", ethnicityGB),
		required(day(p.BirthDate, "brdy", "2006-01-02")), text(p.Phone, "tel"), address(p.Residence, "addr", "幢"),
		coded(p.ResidenceType, "resd_natu", residenceDigits), coded(p.MedicalStatus, "psn_insu_stas", codeTable{"1": "1", "2": "2"}),
		coded(p.LifeStatus, "surv_stas", lifeDigits), day(p.DeathDate, "die_date", "2006-01-02"),
	}, Extra: []string{"psn_cert_type"}, Fill: Row{"psn_cert_type": "01"}},
	// 残联.
	&Layout{Platform: p.Disabled, Key: "rybh", Prefix: "CL", Changed: "gxsj", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "xm")), text(p.IDNumber, "sfzh"), text(p.DisabilityNo, "cjzh"), coded(p.Sex, "xb", sexDigits),
		coded(p.Ethnicity, "mz", ethnicityPeople), day(p.BirthDate, "csrq", "2006/01/02"), disability("cjlb", "cjdj"),
		coded(p.MaritalStatus, "hyzk", maritalOld), coded(p.Education, "whcd", educationGB), text(p.Guardian, "jhr"),
		text(p.Phone, "lxdh"), address(p.Residence, "jzdz", "幢"), coded(p.LifeStatus, "ryzt", lifeDigits), day(p.DeathDate, "swrq", "2006/01/02"),
	}},
	// 民政低保: Chinese headings, words instead of codes.
	&Layout{Platform: p.LowIncomes, Key: "人员编号", Prefix: "DB", Changed: "修改时间", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "姓名")), text(p.IDNumber, "身份证号"), coded(p.Sex, "性别", sexChinese), coded(p.Ethnicity, "民族", ethnicityPeople),
		day(p.BirthDate, "出生日期", "2006/01/02"), text(p.HouseholdNo, "户号"), coded(p.Relation, "与户主关系", relationChinese),
		text(p.Phone, "联系电话"), address(p.Residence, "家庭住址", "栋"),
		coded(p.LowIncome, "保障类别", codeTable{"1": "低保", "3": "特困", "5": "低保边缘"}), day(p.LowIncomeUntil, "保障截止", "2006/01/02"),
		disability("残疾类别", "残疾等级"), coded(p.LifeStatus, "人员状态", lifeChinese), day(p.DeathDate, "死亡日期", "2006/01/02"),
	}},
	// 退役军人优抚: Chinese headings, old numbers.
	&Layout{Platform: p.Veterans, Key: "档案号", Prefix: "YF", Changed: "更新时间", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "姓名")), text(p.IDNumber, "身份证号码"), coded(p.Sex, "性别", sexChinese), coded(p.Ethnicity, "民族", ethnicityPeople),
		day(p.BirthDate, "出生年月日", "2006-01-02"), text(p.VeteranNo, "优抚证号"),
		coded(p.VeteranCategory, "优抚类别", codeTable{"01": "伤残军人", "02": "烈属", "05": "复员军人", "07": "参战退役"}),
		text(p.Phone, "电话"), address(p.Residence, "现住址", "幢"), coded(p.LifeStatus, "状态", lifeVeteran), day(p.DeathDate, "死亡日期", "2006-01-02"),
	}},
	// 育龄妇女: a register of the nineties. Characters of GB2312 only, a phone
	// column of fifteen characters that is always full, an address cut at 60.
	&Layout{Platform: p.Women, Key: "fnbh", Prefix: "FN", Changed: "gxsj", Stamp: local(localMillis), Holds: inGB2312, Fields: []Field{
		required(text(p.Name, "fnxm")), text(p.IDNumber, "sfzh"), day(p.BirthDate, "csny", "20060102"), coded(p.Ethnicity, "mz", ethnicityShort),
		coded(p.MaritalStatus, "hyzk", maritalOld), text(p.SpouseName, "zfxm"), coded(p.Education, "whcd", education1984),
		coded(p.Contraception, "bycs", sameCodes("10", "11", "12", "21", "22", "23", "24", "25", "29")), day(p.PregnancyCheck, "yjrq", "20060102"),
		padded(text(p.Phone, "lxdh"), 15), address(p.Residence, "xjzd", "号楼"),
		coded(p.LifeStatus, "rkzt", lifeDigits), day(p.DeathDate, "swrq", "20060102"),
	}, Extra: []string{"scbz"}, Fill: Row{"scbz": "N"}},
	// 全员人口: a view for others, in capitals in life; dates with dashes.
	&Layout{Platform: p.Everybody, Key: "rybm", Prefix: "QY", Changed: "gxrq", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "xm")), text(p.IDNumber, "sfzh"), coded(p.Sex, "xb", sexDigits), coded(p.Ethnicity, "mz", ethnicityGB),
		day(p.BirthDate, "csrq", "2006-01-02"), coded(p.MaritalStatus, "hyzk", maritalGB), address(p.HukouAddress, "hjdz", "幢"),
		text(p.BirthCertNo, "csyxzm"), text(p.MotherName, "mqxm"), text(p.MotherID, "mqsfzh"), text(p.BirthOrder, "tc"),
		coded(p.LifeStatus, "swbz", codeTable{p.Living: "0", p.Dead: "1", p.MovedOut: "2"}), day(p.DeathDate, "swrq", "2006-01-02"),
	}, Extra: []string{"zxbz"}, Fill: Row{"zxbz": "0"}},
	// 流动人口计生协查: notices between places, with regions of twelve digits.
	&Layout{Platform: p.Notices, Key: "tbbh", Prefix: "TB", Changed: "gxsj", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "xm")), text(p.IDNumber, "sfzh"), coded(p.Sex, "xb", sexChinese), day(p.BirthDate, "csrq", "20060102"),
		text(p.HukouRegion, "hjdqh"), coded(p.MigrationNotice, "lx", codeTable{"1": "流入", "2": "流出", "3": "返回"}),
		coded(p.MaritalStatus, "hyzk", maritalChinese), text(p.SpouseName, "poxm"), text(p.Phone, "lxdh"), address(p.Residence, "xjzdz", "号楼"),
		coded(p.LifeStatus, "zt", lifeChinese), day(p.DeathDate, "swrq", "20060102"),
	}},
	// 奖励扶助·特别扶助: a sheet with headings in two rows.
	&Layout{Platform: p.Rewards, Key: "基本信息/人员编号", Prefix: "JF", Changed: "状态/更新时间", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "基本信息/姓名")), text(p.IDNumber, "基本信息/身份证号"), coded(p.Sex, "基本信息/性别", sexChinese),
		day(p.BirthDate, "基本信息/出生日期", "2006.01.02"), coded(p.MaritalStatus, "婚育情况/婚姻状况", maritalChinese), text(p.SpouseName, "婚育情况/配偶姓名"),
		coded(p.FamilyReward, "婚育情况/扶助类别", codeTable{"1": "奖励扶助", "2": "伤残特扶", "3": "死亡特扶"}),
		text(p.Phone, "联系方式/手机"), address(p.Residence, "联系方式/现住址", "幢"),
		coded(p.LifeStatus, "状态/人员状态", lifeChinese), day(p.DeathDate, "状态/死亡日期", "2006.01.02"),
	}},
	// 困境·留守儿童.
	&Layout{Platform: p.Children, Key: "儿童编号", Prefix: "ET", Changed: "更新时间", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "儿童姓名")), text(p.IDNumber, "身份证号"), coded(p.Sex, "性别", sexChinese), day(p.BirthDate, "出生日期", "2006-01-02"),
		coded(p.Ethnicity, "民族", ethnicityPeople), coded(p.ChildCategory, "儿童类别", codeTable{"1": "孤儿", "2": "事实无人抚养", "3": "留守儿童", "4": "困境儿童"}),
		text(p.Guardian, "监护人"), text(p.Phone, "监护人电话"), address(p.Residence, "居住地址", "号楼"), coded(p.ResidenceType, "居住类型", residenceChinese),
		coded(p.LifeStatus, "儿童状态", lifeChinese), day(p.DeathDate, "死亡日期", "2006-01-02"),
	}},
	// 党员管理: the items of GB/T 14946.
	&Layout{Platform: p.Party, Key: "A0000", Prefix: "DY", Changed: "A9999", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "A0101")), coded(p.Sex, "A0104", sexDigits), day(p.BirthDate, "A0107", "20060102"), coded(p.Ethnicity, "A0117", ethnicityGB),
		text(p.IDNumber, "A0184"), coded(p.PartyMember, "A0141", codeTable{"1": "01", "2": "02"}), text(p.PartyBranch, "B0101"),
		coded(p.Education, "A0801", educationGB), text(p.Workplace, "A0192"), text(p.Phone, "A3707"), address(p.Residence, "A3711", "幢"),
		coded(p.LifeStatus, "A0163", lifeDigits), day(p.DeathDate, "A0164", "20060102"),
	}},
	// 妇女儿童之家: a young system, headings of its form.
	&Layout{Platform: p.WomensHome, Key: "编号", Prefix: "FE", Changed: "修改时间", Stamp: local(localMillis), Fields: []Field{
		required(text(p.Name, "姓名")), text(p.IDNumber, "证件号"), coded(p.Sex, "性别", sexChinese), day(p.BirthDate, "生日", "2006/01/02"),
		text(p.Guardian, "监护人"), text(p.Phone, "手机号"), address(p.Residence, "住址", "号楼"), coded(p.ResidenceType, "居住类型", residenceChinese),
		day(p.ServiceDate, "最近服务", "2006/01/02"), coded(p.LifeStatus, "人员状态", lifeVeteran), day(p.DeathDate, "死亡日期", "2006/01/02"),
	}},
	// 公卫健康档案: the value domains of WS 364.
	&Layout{Platform: p.HealthFiles, Key: "archivePk", Prefix: "DA", Changed: "modifyTime", Stamp: local("2006-01-02 15:04:05"), Fields: []Field{
		required(text(p.Name, "personName")), text(p.IDNumber, "idCard"), coded(p.Sex, "sexCode", sexDigits), day(p.BirthDate, "birthday", "2006-01-02"),
		coded(p.Ethnicity, "nationCode", ethnicityGB), coded(p.MaritalStatus, "maritalCode", maritalGB), coded(p.Education, "educationCode", educationGB),
		text(p.Guardian, "guardian"), text(p.Phone, "tel"), address(p.Residence, "liveAddress", "栋"),
		text(p.HealthFileNo, "archiveNo"), coded(p.ChronicDisease, "chronicCode", codeTable{"1": "01", "2": "02", "3": "03", "4": "12", "5": "05"}),
		text(p.FamilyDoctor, "doctorTeam"), coded(p.LifeStatus, "lifeState", lifeDigits), day(p.DeathDate, "deathDate", "2006-01-02"),
	}},
	// 就业失业: the names of the social insurance's own standard.
	&Layout{Platform: p.Jobs, Key: "aac001", Prefix: "JY", Changed: "aae036", Stamp: local("20060102150405"), Fields: []Field{
		required(text(p.Name, "aac003")), text(p.IDNumber, "aac002"), coded(p.Sex, "aac004", sexDigits), coded(p.Ethnicity, "aac005", ethnicityGB),
		day(p.BirthDate, "aac006", "20060102"), coded(p.Education, "aac011", education1984), coded(p.MaritalStatus, "aac017", maritalOld),
		coded(p.JobStatus, "aac016", codeTable{"1": "11", "2": "12", "3": "21", "4": "31", "5": "32", "6": "39"}), text(p.Workplace, "aab004"),
		text(p.Phone, "aae005"), address(p.Residence, "aae006", "栋"),
		coded(p.LifeStatus, "aac060", lifeDigits), day(p.DeathDate, "aic162", "20060102"),
	}},
	// 综治·平安: objects within objects, codes of GB/T 31000.
	&Layout{Platform: p.Safety, Key: "_key", Prefix: "ZZ", Changed: "_time", Stamp: local(zonedMillis), Fields: []Field{
		required(text(p.Name, "person.xm")), text(p.IDNumber, "person.zjhm"), coded(p.Sex, "person.xb", sexDigits), coded(p.Ethnicity, "person.mz", ethnicityGB),
		day(p.BirthDate, "person.csrq", "20060102"), coded(p.MaritalStatus, "person.hyzk", maritalGB), coded(p.Education, "person.whcd", educationGB),
		text(p.Phone, "person.lxdh"), text(p.Workplace, "person.gzdw"), address(p.Residence, "address.full", "幢"),
		coded(p.ResidenceType, "address.rklx", residenceDigits), text(p.Grid, "grid.wgbm"),
		coded(p.LifeStatus, "status.rzt", lifeDigits), day(p.DeathDate, "status.swrq", "20060102"),
	}},
	// 严重精神障碍, sealed.
	&Layout{Platform: p.Mental, Key: "bh", Prefix: "JS", Changed: "gxsj", Stamp: local(zonedMillis), Fields: []Field{
		required(text(p.Name, "xm")), text(p.IDNumber, "sfzh"), coded(p.Sex, "xb", sexDigits), day(p.BirthDate, "csrq", "2006-01-02"),
		text(p.MentalDisorder, "pgdj"), text(p.Phone, "lxdh"), address(p.Residence, "xzz", "幢"),
		coded(p.LifeStatus, "ryzt", lifeDigits), day(p.DeathDate, "swrq", "2006-01-02"),
	}},
	// 社区矫正·安置帮教, sealed.
	&Layout{Platform: p.Correction, Key: "jzbh", Prefix: "JZ", Changed: "gxsj", Stamp: local("20060102150405"), Fields: []Field{
		required(text(p.Name, "xm")), text(p.IDNumber, "sfzh"), coded(p.Sex, "xb", sexDigits), day(p.BirthDate, "csrq", "20060102"),
		text(p.Corrections, "ypxf"), day(p.CorrectionUntil, "sqjzqx", "20060102"), text(p.Phone, "lxdh"), address(p.Residence, "jzd", "号楼"),
		coded(p.LifeStatus, "ryzt", lifeDigits), day(p.DeathDate, "swrq", "20060102"),
	}},
	// 婚姻登记: what a certificate says.
	&Layout{Platform: p.Marriages, Key: "DJZH", Prefix: "J290105", Fields: []Field{
		required(text(p.Name, "XM")), text(p.IDNumber, "GMSFHM"), coded(p.Sex, "XB", sexDigits), day(p.BirthDate, "CSRQ", "20060102"),
		coded(p.MaritalStatus, "HYZT", codeTable{"20": "结婚", "40": "离婚"}),
	}},
	// 高龄津贴·养老: English names in two groups.
	&Layout{Platform: p.OldAge, Key: "elderId", Prefix: "ZL", Changed: "updatedAt", Stamp: local(zonedMillis), Fields: []Field{
		required(text(p.Name, "person.name")), text(p.IDNumber, "person.idNo"), coded(p.Sex, "person.gender", codeTable{"1": "M", "2": "F"}),
		day(p.BirthDate, "person.birthday", "2006-01-02"), coded(p.Ethnicity, "person.nation", ethnicityLetters),
		text(p.Phone, "contact.mobile"), address(p.Residence, "contact.address", "幢"),
		coded(p.OldAgeAllowance, "allowance.grade", codeTable{"1": "A80", "2": "A90", "3": "A100"}),
		coded(p.CareLevel, "assessment.level", sameCodes("0", "1", "2", "3", "4")),
		coded(p.LifeStatus, "status", codeTable{p.Living: "ALIVE", p.Dead: "DECEASED", p.MovedOut: "MOVED"}), day(p.DeathDate, "deathDate", "2006-01-02"),
	}},
	// 文化·志愿: a young system; people sign up by themselves.
	&Layout{Platform: p.Volunteers, Key: "vid", Prefix: "ZY", Changed: "mtime", Stamp: local(zonedMillis), Fields: []Field{
		required(text(p.Name, "realname")), text(p.IDNumber, "idcard"), coded(p.Sex, "sex", codeTable{"1": "男", "2": "女"}), day(p.BirthDate, "birthday", "2006-01-02"),
		coded(p.Education, "edu", educationChinese), text(p.Phone, "mobile"), address(p.Residence, "addr", "号楼"),
		text(p.VolunteerNo, "volunteer_no"), text(p.Interests, "hobby"),
		coded(p.LifeStatus, "state", lifeVeteran), day(p.DeathDate, "death_day", "2006-01-02"),
	}, Extra: []string{"nickname"}},
)

func index(list ...*Layout) map[string]*Layout {
	m := map[string]*Layout{}
	for _, l := range list {
		l.Columns = append(l.Columns, l.Key)
		for _, f := range l.Fields {
			l.Columns = append(l.Columns, f.Columns...)
		}
		l.Columns = append(l.Columns, l.Extra...)
		if l.Changed != "" {
			l.Columns = append(l.Columns, l.Changed)
		}
		m[l.Platform] = l
	}
	return m
}
