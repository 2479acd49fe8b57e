package population

import (
	"maps"
	"strings"
	"time"
)

// The facts about a person. The names are those that the hub uses for its
// canonical attributes, written out again.
const (
	Name            = "name"
	FormerName      = "former_name"
	IDNumber        = "id_number"
	Sex             = "sex"            // GB/T 2261.1: 1 男 2 女
	BirthDate       = "birth_date"     // yyyy-mm-dd
	Ethnicity       = "ethnicity"      // GB/T 3304: 01 … 56
	MaritalStatus   = "marital_status" // GB/T 2261.2: 10 20 30 40
	Education       = "education"      // GB/T 4658-2006: 10 20 30 40 60 70 80
	Workplace       = "workplace"
	Phone           = "phone"
	Residence       = "residence"      // Address.Text
	ResidenceType   = "residence_type" // ResidentHukou, ResidentSeparated, ResidentFloating
	HukouAddress    = "hukou_address"  // Address.Text
	HouseholdNo     = "household_no"
	Relation        = "relation" // GB/T 4761, two digits
	MotherName      = "mother_name"
	MotherID        = "mother_id"
	BirthOrder      = "birth_order"
	Guardian        = "guardian"
	LifeStatus      = "life_status" // Living, Dead, MovedOut
	DeathDate       = "death_date"
	LowIncome       = "low_income"
	LowIncomeUntil  = "low_income_until"
	Disability      = "disability" // category 1–7 and grade 1–4: "4-2"
	DisabilityNo    = "disability_no"
	PensionStatus   = "pension_status"
	MedicalStatus   = "medical_status"
	VeteranCategory = "veteran_category"
	VeteranNo       = "veteran_no"
	MaternalStatus  = "maternal_status"
	ChildHealth     = "child_health"

	// What only one department decides or writes down.
	ResidencePass   = "residence_pass"
	PassUntil       = "pass_until"
	Registered      = "registered" // 居住登记
	Landlord        = "landlord"
	SpouseName      = "spouse_name"
	Contraception   = "contraception"
	PregnancyCheck  = "pregnancy_check"
	BirthCertNo     = "birth_cert_no"
	HukouRegion     = "hukou_region" // 12 digits
	MigrationNotice = "migration_notice"
	FamilyReward    = "family_reward"
	HealthFileNo    = "health_file_no" // 17 digits
	ChronicDisease  = "chronic_disease"
	FamilyDoctor    = "family_doctor"
	JobStatus       = "job_status"
	OldAgeAllowance = "old_age_allowance"
	CareLevel       = "care_level"
	ChildCategory   = "child_category"
	PartyMember     = "party_member"
	PartyBranch     = "party_branch"
	Grid            = "grid"
	ServiceDate     = "service_date"
	VolunteerNo     = "volunteer_no"
	Interests       = "interests"
	Corrections     = "corrections"
	CorrectionUntil = "correction_until"
	MentalDisorder  = "mental_disorder"
)

// The platforms of the district.
const (
	Gongan      = "gongan"      // 公安常住人口
	Floating    = "floating"    // 流动人口·居住证
	Women       = "women"       // 育龄妇女 WIS
	Everybody   = "everybody"   // 全员人口
	Notices     = "notices"     // 流动人口计生协查
	Rewards     = "rewards"     // 奖励扶助·特别扶助
	HealthFiles = "healthfiles" // 公卫健康档案
	Maternal    = "maternal"    // 妇幼·接种
	Mental      = "mental"      // 严重精神障碍, sealed
	Jobs        = "jobs"        // 就业失业
	Pension     = "pension"     // 居民养老
	Medical     = "medical"     // 居民医保
	LowIncomes  = "lowincome"   // 低保·特困·临救
	Marriages   = "marriages"   // 婚姻登记
	OldAge      = "oldage"      // 高龄津贴·养老
	Children    = "children"    // 困境·留守儿童
	Disabled    = "disabled"    // 残疾人库
	Party       = "party"       // 党员管理
	Supervision = "supervision" // 社区监督·三务公开
	Safety      = "safety"      // 综治·平安
	Correction  = "correction"  // 社区矫正·安置帮教, sealed
	WomensHome  = "womenshome"  // 妇女儿童之家
	Veterans    = "veterans"    // 优抚·退役军人
	Volunteers  = "volunteers"  // 文化·志愿
)

// Platforms lists the platforms that the demo runs, in the order in which the
// district shows them.
var Platforms = []string{Gongan, Pension, Floating, Maternal, Medical, Disabled, LowIncomes, Veterans,
	Women, Everybody, Notices, Rewards, HealthFiles, Jobs, Marriages, OldAge, Children, Party, Supervision, Safety, WomensHome, Volunteers}

// Sealed are the platforms whose very existence is nobody's business.
var Sealed = []string{Mental, Correction}

// Facts are what is so, or what somebody believes to be so, about one person.
// A missing fact is not known or does not apply.
type Facts map[string]string

// Clone returns a copy.
func (f Facts) Clone() Facts { return maps.Clone(f) }

// Person is one true resident.
type Person struct {
	ID        int // from 1; also the index in Population.Persons plus one
	Household int // from 1
	Facts     Facts
	// Past holds values that were true once and that stale rows still show.
	Past Facts
	// Spellings are other ways in which this person's name is written (dots of
	// a minority name, a character that a platform cannot store).
	Spellings []string
	// Old15 is the 15-digit number that old systems still hold for old people.
	Old15 string
	// Member says which platforms should have this person.
	Member map[string]bool

	Twin, Mother, Father int // person IDs, 0: none known here
}

// Age returns whole years at a day.
func (p *Person) Age(today time.Time) int {
	b, err := time.Parse(time.DateOnly, p.Facts[BirthDate])
	if err != nil {
		return 0
	}
	years := today.Year() - b.Year()
	if today.Month() < b.Month() || today.Month() == b.Month() && today.Day() < b.Day() {
		years--
	}
	return years
}

// Living reports whether the person lives in the district as far as truth knows.
func (p *Person) Living() bool { return p.Facts[LifeStatus] == Living }

// Household is the people registered or living together.
type Household struct {
	ID      int
	Members []int // person IDs, the head first
	// LowIncome marks a household that receives 低保: the benefit is the
	// household's, not a person's.
	LowIncome bool
	Floating  bool
}

// Address is a structured address of the invented city.
type Address struct {
	Province, City, County, Street, Community, Road, Compound string
	Building, Unit, Room                                      string // numbers alone
}

// Text returns the parts in order, separated by "|", with an empty eleventh
// part for what could not be placed. The zero Address is "".
func (a Address) Text() string {
	if a == (Address{}) {
		return ""
	}
	return strings.Join([]string{a.Province, a.City, a.County, a.Street, a.Community, a.Road,
		a.Compound, a.Building, a.Unit, a.Room, ""}, "|")
}

// ParseAddress is the inverse of Text.
func ParseAddress(s string) Address {
	p := strings.Split(s, "|")
	for len(p) < 10 {
		p = append(p, "")
	}
	return Address{p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9]}
}

// Dwelling is one flat.
type Dwelling struct {
	Address   Address
	Household int // who lives there, 0: empty
}

// Population is the truth.
type Population struct {
	Seed       int64
	Today      time.Time // a day, UTC midnight: ages and past dates count from it
	Persons    []*Person
	Households []*Household
	Dwellings  []*Dwelling
	Rates      map[string]Rates // by platform
}

// Clone returns a copy whose persons' facts can change by themselves.
func (p *Population) Clone() *Population {
	out := *p
	out.Persons = make([]*Person, len(p.Persons))
	for i, person := range p.Persons {
		one := *person
		one.Facts = person.Facts.Clone()
		out.Persons[i] = &one
	}
	return &out
}

// Person returns the person with an ID, nil for none.
func (p *Population) Person(id int) *Person {
	if id < 1 || id > len(p.Persons) {
		return nil
	}
	return p.Persons[id-1]
}

// Observed is what one platform holds about one person before that platform's
// own spelling: facts with that platform's errors.
type Observed struct {
	Platform string
	Person   int
	Facts    Facts
	// ChangedAt is when the platform's clerk last touched the row. A row with a
	// stale value is older than every row that is right.
	ChangedAt time.Time
	Errors    []Error // what is wrong with it
}

// Error names one deliberate error of a row.
type Error string

// The errors that Rates count.
const (
	IDMissing    Error = "id_missing"
	IDTypo       Error = "id_typo"
	IDOld        Error = "id_15_digits"
	NameTypo     Error = "name_typo"
	NameVariant  Error = "name_variant"
	PhoneStale   Error = "phone_stale"
	AddressStale Error = "address_stale"
	Duplicate    Error = "duplicate"
	Unnamed      Error = "unnamed_baby"
	Blank        Error = "blank"
)
