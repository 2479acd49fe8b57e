package schema

// Attribute names one canonical attribute of a resident. Values are text in
// one canonical form for each Kind, so that two platforms' spellings of the
// same fact are equal as strings.
type Attribute string

// The canonical attributes. An identifier's history and the intervals of every
// other value are kept by the store, not in the value.
const (
	// Identifiers.
	IDNumber      Attribute = "id_number"      // 公民身份号码 or its equivalents, 18 characters
	IDType        Attribute = "id_type"        // code table id_type: what kind of number IDNumber is
	DisabilityNo  Attribute = "disability_no"  // 残疾人证号, 20 characters
	HealthFileNo  Attribute = "health_file_no" // 健康档案编号, 17 digits
	MedicalNo     Attribute = "medical_no"     // 医保个人编号
	PensionNo     Attribute = "pension_no"     // 养老个人编号
	ResidencePass Attribute = "residence_pass" // 居住证号
	VeteranNo     Attribute = "veteran_no"     // 优抚证号
	BirthCertNo   Attribute = "birth_cert_no"  // 出生医学证明编号
	VolunteerNo   Attribute = "volunteer_no"   // 志愿者号

	// Names.
	Name       Attribute = "name"
	FormerName Attribute = "former_name" // 曾用名
	NamePinyin Attribute = "name_pinyin" // romanised as a register holds it, not derived

	// Demographics.
	Sex           Attribute = "sex"            // GB/T 2261.1
	BirthDate     Attribute = "birth_date"     // yyyy-mm-dd, yyyy-mm or yyyy: the length is the precision
	Ethnicity     Attribute = "ethnicity"      // GB/T 3304 number
	Nationality   Attribute = "nationality"    // ISO 3166-1 alpha-3
	MaritalStatus Attribute = "marital_status" // GB/T 2261.2
	Education     Attribute = "education"      // GB/T 4658-2006
	Political     Attribute = "political"      // GB/T 4762
	Employment    Attribute = "employment"     // GB/T 2261.4
	Workplace     Attribute = "workplace"

	// Contact.
	Phone      Attribute = "phone"
	PhoneOwner Attribute = "phone_owner" // code table phone_owner: whose phone it is

	// Residence and hukou are two different things.
	Residence     Attribute = "residence"      // where the person lives: Address
	ResidenceType Attribute = "residence_type" // code table residence_type
	HukouAddress  Attribute = "hukou_address"  // where the person is registered: Address
	HouseholdNo   Attribute = "household_no"   // 户号
	Relation      Attribute = "relation"       // GB/T 4761, two digits, relation to the head
	HukouRegion   Attribute = "hukou_region"   // 户籍地区划代码, 12 digits
	Landlord      Attribute = "landlord"       // 房主
	Grid          Attribute = "grid"           // 网格归属

	// Family of a child that has no number yet.
	MotherName  Attribute = "mother_name"
	MotherID    Attribute = "mother_id"
	BirthOrder  Attribute = "birth_order" // order within a multiple birth: 1, 2, …
	Guardian    Attribute = "guardian"
	SpouseName  Attribute = "spouse_name"
	LifeStatus  Attribute = "life_status" // code table life_status
	DeathDate   Attribute = "death_date"
	MoveOutDate Attribute = "move_out_date"

	// Department tags. Each is its own attribute, so that source, interval and
	// class hang on it alone.
	LowIncome       Attribute = "low_income"        // 低保类别
	LowIncomeUntil  Attribute = "low_income_until"  // 低保期限
	Disability      Attribute = "disability"        // 残疾类别 1–7 and 等级 1–4 as "4-2"
	PensionStatus   Attribute = "pension_status"    // 养老参保状态
	MedicalStatus   Attribute = "medical_status"    // 医保参保状态
	VeteranCategory Attribute = "veteran_category"  // 优抚类别
	PartyMember     Attribute = "party_member"      // 党员身份
	MaternalStatus  Attribute = "maternal_status"   // 孕产状态
	ChildHealth     Attribute = "child_health"      // 儿童保健管理状态
	Registered      Attribute = "registered"        // 居住登记日期
	PassUntil       Attribute = "pass_until"        // 居住证有效期
	Contraception   Attribute = "contraception"     // 避孕措施
	PregnancyCheck  Attribute = "pregnancy_check"   // 最近孕检日期
	MigrationNotice Attribute = "migration_notice"  // 流入流出通报
	FamilyReward    Attribute = "family_reward"     // 奖扶特扶资格
	ChronicDisease  Attribute = "chronic_disease"   // 慢病管理
	FamilyDoctor    Attribute = "family_doctor"     // 家庭医生签约团队
	JobStatus       Attribute = "job_status"        // 就业失业状态
	OldAgeAllowance Attribute = "old_age_allowance" // 高龄津贴
	CareLevel       Attribute = "care_level"        // 老年人能力评估
	ChildCategory   Attribute = "child_category"    // 困境留守儿童类别
	PartyBranch     Attribute = "party_branch"      // 组织关系所在支部
	ServiceDate     Attribute = "service_date"      // 妇女儿童之家最近服务日期
	Interests       Attribute = "interests"         // 兴趣特长
	Corrections     Attribute = "corrections"       // 社区矫正, sealed
	MentalDisorder  Attribute = "mental_disorder"   // 严重精神障碍, sealed
)

// Class is the sensitivity of an attribute or platform.
type Class string

const (
	ClassA Class = "A" // open within the hub
	ClassB Class = "B" // identity and contact
	ClassC Class = "C" // sensitive: owner and named purpose only
	ClassD Class = "D" // sealed: its owner only, and nobody may learn that it exists
)

// Kind is the form that an attribute's canonical values take.
type Kind string

const (
	KindText     Kind = "text"
	KindName     Kind = "name"     // NFC, separators emitted as U+00B7
	KindCode     Kind = "code"     // a code of the table named in Definition.Codes
	KindDate     Kind = "date"     // yyyy-mm-dd, yyyy-mm or yyyy
	KindIDNumber Kind = "idnumber" // upper case, half width
	KindPhone    Kind = "phone"    // digits, an optional leading +
	KindAddress  Kind = "address"  // Address.Canonical
	KindNumber   Kind = "number"   // decimal digits
)

// Definition describes one canonical attribute.
type Definition struct {
	Name  Attribute
	Kind  Kind
	Class Class
	Codes string // name of the code table of a KindCode attribute
	Zh    string // what staff call it
	En    string
	// Risky marks attributes whose change stops benefits or moves a person.
	Risky bool
	// Benefit marks attributes that say that somebody is paid or insured.
	Benefit bool
}

// Alive is the code of life_status for a person who lives here.
const Alive = "alive"

var definitions = []Definition{
	{Name: IDNumber, Kind: KindIDNumber, Class: ClassB, Zh: "证件号码", En: "ID number", Risky: true},
	{Name: IDType, Kind: KindCode, Class: ClassB, Codes: "id_type", Zh: "证件类型", En: "ID type"},
	{Name: DisabilityNo, Kind: KindText, Class: ClassC, Zh: "残疾人证号", En: "disability card number"},
	{Name: HealthFileNo, Kind: KindText, Class: ClassC, Zh: "健康档案编号", En: "health file number"},
	{Name: MedicalNo, Kind: KindText, Class: ClassB, Zh: "医保个人编号", En: "medical insurance number"},
	{Name: PensionNo, Kind: KindText, Class: ClassB, Zh: "养老个人编号", En: "pension number"},
	{Name: ResidencePass, Kind: KindText, Class: ClassB, Zh: "居住证号", En: "residence permit number"},
	{Name: VeteranNo, Kind: KindText, Class: ClassC, Zh: "优抚证号", En: "veteran card number"},
	{Name: BirthCertNo, Kind: KindText, Class: ClassC, Zh: "出生医学证明编号", En: "birth certificate number"},
	{Name: VolunteerNo, Kind: KindText, Class: ClassA, Zh: "志愿者号", En: "volunteer number"},
	{Name: Name, Kind: KindName, Class: ClassB, Zh: "姓名", En: "name"},
	{Name: FormerName, Kind: KindName, Class: ClassB, Zh: "曾用名", En: "former name"},
	{Name: NamePinyin, Kind: KindText, Class: ClassB, Zh: "姓名拼音", En: "name in pinyin"},
	{Name: Sex, Kind: KindCode, Class: ClassB, Codes: "sex", Zh: "性别", En: "sex"},
	{Name: BirthDate, Kind: KindDate, Class: ClassB, Zh: "出生日期", En: "date of birth"},
	{Name: Ethnicity, Kind: KindCode, Class: ClassB, Codes: "ethnicity", Zh: "民族", En: "ethnicity"},
	{Name: Nationality, Kind: KindText, Class: ClassB, Zh: "国籍", En: "nationality"},
	{Name: MaritalStatus, Kind: KindCode, Class: ClassC, Codes: "marital_status", Zh: "婚姻状况", En: "marital status"},
	{Name: Education, Kind: KindCode, Class: ClassB, Codes: "education", Zh: "文化程度", En: "education"},
	{Name: Political, Kind: KindCode, Class: ClassC, Codes: "political", Zh: "政治面貌", En: "political affiliation"},
	{Name: Employment, Kind: KindCode, Class: ClassB, Codes: "employment", Zh: "就业状况", En: "employment"},
	{Name: Workplace, Kind: KindText, Class: ClassB, Zh: "工作单位", En: "workplace"},
	{Name: Phone, Kind: KindPhone, Class: ClassB, Zh: "联系电话", En: "phone"},
	{Name: PhoneOwner, Kind: KindCode, Class: ClassB, Codes: "phone_owner", Zh: "电话归属", En: "whose phone"},
	{Name: Residence, Kind: KindAddress, Class: ClassB, Zh: "现住址", En: "residence"},
	{Name: ResidenceType, Kind: KindCode, Class: ClassB, Codes: "residence_type", Zh: "居住类型", En: "residence type"},
	{Name: HukouAddress, Kind: KindAddress, Class: ClassB, Zh: "户籍地址", En: "hukou address"},
	{Name: HouseholdNo, Kind: KindText, Class: ClassB, Zh: "户号", En: "household number"},
	{Name: Relation, Kind: KindCode, Class: ClassB, Codes: "relation", Zh: "与户主关系", En: "relation to head"},
	{Name: HukouRegion, Kind: KindText, Class: ClassB, Zh: "户籍地区划", En: "hukou region code"},
	{Name: Landlord, Kind: KindName, Class: ClassB, Zh: "房主", En: "landlord"},
	{Name: Grid, Kind: KindText, Class: ClassB, Zh: "所属网格", En: "grid"},
	{Name: MotherName, Kind: KindName, Class: ClassB, Zh: "母亲姓名", En: "mother's name"},
	{Name: MotherID, Kind: KindIDNumber, Class: ClassB, Zh: "母亲证件号码", En: "mother's ID number"},
	{Name: BirthOrder, Kind: KindNumber, Class: ClassB, Zh: "胎内次序", En: "birth order"},
	{Name: Guardian, Kind: KindName, Class: ClassB, Zh: "监护人", En: "guardian"},
	{Name: SpouseName, Kind: KindName, Class: ClassB, Zh: "配偶姓名", En: "spouse's name"},
	{Name: LifeStatus, Kind: KindCode, Class: ClassB, Codes: "life_status", Zh: "人员状态", En: "life status", Risky: true},
	{Name: DeathDate, Kind: KindDate, Class: ClassB, Zh: "死亡日期", En: "date of death", Risky: true},
	{Name: MoveOutDate, Kind: KindDate, Class: ClassB, Zh: "迁出日期", En: "move-out date", Risky: true},
	{Name: LowIncome, Kind: KindCode, Class: ClassC, Codes: "low_income", Zh: "低保类别", En: "low-income support", Benefit: true},
	{Name: LowIncomeUntil, Kind: KindDate, Class: ClassC, Zh: "低保期限", En: "low-income support until"},
	{Name: Disability, Kind: KindText, Class: ClassC, Zh: "残疾类别等级", En: "disability category and grade", Benefit: true},
	{Name: PensionStatus, Kind: KindCode, Class: ClassB, Codes: "pension_status", Zh: "养老参保状态", En: "pension status", Benefit: true},
	{Name: MedicalStatus, Kind: KindCode, Class: ClassB, Codes: "medical_status", Zh: "医保参保状态", En: "medical insurance status", Benefit: true},
	{Name: VeteranCategory, Kind: KindCode, Class: ClassC, Codes: "veteran_category", Zh: "优抚类别", En: "veteran category", Benefit: true},
	{Name: PartyMember, Kind: KindCode, Class: ClassC, Codes: "party_member", Zh: "党员身份", En: "party membership"},
	{Name: MaternalStatus, Kind: KindCode, Class: ClassC, Codes: "maternal_status", Zh: "孕产状态", En: "maternal status"},
	{Name: ChildHealth, Kind: KindCode, Class: ClassC, Codes: "child_health", Zh: "儿童保健状态", En: "child health status"},
	{Name: Registered, Kind: KindDate, Class: ClassB, Zh: "居住登记日期", En: "residence registered on"},
	{Name: PassUntil, Kind: KindDate, Class: ClassB, Zh: "居住证有效期", En: "residence permit until"},
	{Name: Contraception, Kind: KindCode, Class: ClassC, Codes: "contraception", Zh: "避孕措施", En: "contraception"},
	{Name: PregnancyCheck, Kind: KindDate, Class: ClassC, Zh: "最近孕检日期", En: "last pregnancy check"},
	{Name: MigrationNotice, Kind: KindCode, Class: ClassB, Codes: "migration_notice", Zh: "流入流出通报", En: "migration notice"},
	{Name: FamilyReward, Kind: KindCode, Class: ClassC, Codes: "family_reward", Zh: "奖扶特扶资格", En: "family planning support", Benefit: true},
	{Name: ChronicDisease, Kind: KindCode, Class: ClassC, Codes: "chronic_disease", Zh: "慢病管理", En: "chronic disease care"},
	{Name: FamilyDoctor, Kind: KindText, Class: ClassC, Zh: "家庭医生签约", En: "family doctor"},
	{Name: JobStatus, Kind: KindCode, Class: ClassB, Codes: "job_status", Zh: "就业失业状态", En: "job status"},
	{Name: OldAgeAllowance, Kind: KindCode, Class: ClassB, Codes: "old_age_allowance", Zh: "高龄津贴", En: "old-age allowance", Benefit: true},
	{Name: CareLevel, Kind: KindCode, Class: ClassB, Codes: "care_level", Zh: "能力评估等级", En: "care level"},
	{Name: ChildCategory, Kind: KindCode, Class: ClassC, Codes: "child_category", Zh: "困境留守儿童类别", En: "child in difficulty"},
	{Name: PartyBranch, Kind: KindText, Class: ClassC, Zh: "所在党支部", En: "party branch"},
	{Name: ServiceDate, Kind: KindDate, Class: ClassB, Zh: "妇儿之家最近服务", En: "last service of the women's home"},
	{Name: Interests, Kind: KindText, Class: ClassA, Zh: "兴趣特长", En: "interests"},
	{Name: Corrections, Kind: KindText, Class: ClassD, Zh: "社区矫正", En: "community corrections"},
	{Name: MentalDisorder, Kind: KindText, Class: ClassD, Zh: "严重精神障碍", En: "severe mental disorder"},
}

var byName = func() map[Attribute]Definition {
	m := make(map[Attribute]Definition, len(definitions))
	for _, d := range definitions {
		m[d.Name] = d
	}
	return m
}()

// Attributes returns every canonical attribute in display order.
func Attributes() []Definition { return append([]Definition(nil), definitions...) }

// Lookup returns the definition of a canonical attribute.
func Lookup(a Attribute) (Definition, bool) {
	d, ok := byName[a]
	return d, ok
}

// Values are what one record says. A missing key means that the source has no
// such field (unmapped), an empty value that the field is there and blank; a
// code table's own "unknown" is a third thing and stays a value.
type Values map[Attribute]string

// Known reports whether v holds something that can serve as evidence for a: it
// is there, not blank, and not a code table's unknown.
func (v Values) Known(a Attribute) bool {
	s, ok := v[a]
	return ok && s != "" && !IsUnknown(a, s)
}

// IsUnknown reports whether s is the "unknown" or "not stated" code of a.
func IsUnknown(a Attribute, s string) bool {
	switch a {
	case Sex:
		return s == "0" || s == "9"
	case MaritalStatus:
		return s == "90"
	}
	return false
}
