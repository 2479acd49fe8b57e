package population

// Rates are the error rates of one platform's rows.
type Rates struct {
	IDMissing     float64 // persons of one year and older
	BabyIDMissing float64 // persons younger than one year
	IDTypo        float64 // one digit wrong or two neighbours swapped
	IDOld         float64 // 15 digits, persons of 60 and older
	NameTypo      float64 // a homophone, a similar character, two characters swapped
	NameVariant   float64 // another dot, no dot, a replacement for a rare character; where there is one
	PhoneStale    float64
	AddressStale  float64
	Duplicate     float64 // the same person once more under another key
	Blank         float64 // each of marital status, education, ethnicity, workplace: left blank
	Absent        float64 // should be in the platform and is not
}

// DefaultRates is the one table of error rates. The ranges are the assumptions
// of the project's domain study (no solid rates are published; police data
// after their clean-up of 2014–17 are near 0.2 % duplicates and 0.8 % of items
// corrected, department lists are worse):
//
//	ID missing 3–8 %, babies 60 % · ID typo 0.5–1 % · name typo 1–2 %
//	phone stale 20 % · address stale 15–25 % · duplicates in a file 1–3 %
//
// 公安 issues the numbers and the names, so its own rows are near right, and it
// holds no phone and no residence. 15-digit numbers survive where paper files
// were typed in before 2000.
//
//	IDmiss baby  typo   old15 name   variant phone addr  dupl   blank absent
var DefaultRates = map[string]Rates{
	Gongan:     {0.000, 0.00, 0.000, 0.00, 0.000, 0.00, 0.00, 0.00, 0.002, 0.00, 0.010},
	Pension:    {0.030, 0.00, 0.005, 0.15, 0.010, 0.20, 0.20, 0.20, 0.010, 0.15, 0.150},
	Floating:   {0.040, 0.60, 0.010, 0.00, 0.020, 0.40, 0.20, 0.25, 0.030, 0.15, 0.100},
	Maternal:   {0.050, 0.60, 0.008, 0.00, 0.015, 0.30, 0.20, 0.20, 0.015, 0.15, 0.080},
	Medical:    {0.030, 0.60, 0.005, 0.00, 0.010, 0.30, 0.20, 0.15, 0.010, 0.20, 0.030},
	Disabled:   {0.030, 0.00, 0.005, 0.00, 0.015, 0.30, 0.20, 0.20, 0.010, 0.15, 0.000},
	LowIncomes: {0.060, 0.60, 0.010, 0.00, 0.020, 0.30, 0.20, 0.20, 0.020, 0.15, 0.000},
	Veterans:   {0.080, 0.00, 0.010, 0.30, 0.020, 0.30, 0.20, 0.25, 0.020, 0.15, 0.000},

	Women:       {0.030, 0.00, 0.008, 0.00, 0.015, 0.30, 0.20, 0.20, 0.015, 0.15, 0.050},
	Everybody:   {0.010, 0.30, 0.002, 0.00, 0.005, 0.10, 0.00, 0.00, 0.010, 0.10, 0.030},
	Notices:     {0.030, 0.00, 0.010, 0.00, 0.020, 0.30, 0.20, 0.25, 0.010, 0.15, 0.000},
	Rewards:     {0.030, 0.00, 0.008, 0.10, 0.015, 0.30, 0.20, 0.20, 0.005, 0.15, 0.000},
	HealthFiles: {0.050, 0.60, 0.010, 0.05, 0.020, 0.30, 0.20, 0.20, 0.030, 0.20, 0.000},
	Mental:      {0.030, 0.00, 0.005, 0.00, 0.015, 0.30, 0.20, 0.20, 0.000, 0.15, 0.000},
	Jobs:        {0.020, 0.00, 0.005, 0.00, 0.010, 0.30, 0.20, 0.20, 0.010, 0.15, 0.000},
	Marriages:   {0.000, 0.00, 0.000, 0.00, 0.000, 0.00, 0.00, 0.00, 0.000, 0.00, 0.050},
	OldAge:      {0.020, 0.00, 0.005, 0.05, 0.010, 0.30, 0.20, 0.20, 0.010, 0.15, 0.000},
	Children:    {0.050, 0.60, 0.010, 0.00, 0.015, 0.30, 0.20, 0.20, 0.010, 0.15, 0.000},
	Party:       {0.010, 0.00, 0.003, 0.02, 0.005, 0.30, 0.20, 0.15, 0.005, 0.10, 0.000},
	Safety:      {0.040, 0.60, 0.010, 0.00, 0.020, 0.30, 0.20, 0.20, 0.020, 0.20, 0.050},
	Correction:  {0.000, 0.00, 0.005, 0.00, 0.010, 0.30, 0.20, 0.20, 0.000, 0.15, 0.000},
	WomensHome:  {0.150, 0.60, 0.010, 0.00, 0.020, 0.30, 0.20, 0.20, 0.010, 0.20, 0.000},
	Volunteers:  {0.200, 0.00, 0.010, 0.00, 0.020, 0.30, 0.15, 0.20, 0.010, 0.20, 0.000},
}

// Shares of the population that a platform keeps, where the rule is a share
// and not an age or a kind of residence. Low income is counted in households.
const (
	shareDisabled  = 0.06
	shareLowIncome = 0.04
	shareVeteran   = 0.02
)

// Shares of special cases among the persons or families that can have them.
const (
	shareTwins       = 0.04  // of families with children
	shareMinority    = 0.07  // of households
	shareRare        = 0.006 // of Han given names
	shareNamesake    = 0.03  // of adults: one of the country's commonest names
	shareNearName    = 0.10  // of sons: the father's name but for the last character
	shareNameChange  = 0.01  // of adults
	shareSharedPhone = 0.30  // of people of 65 and older: a child's phone
	shareSeparated   = 0.05  // of registered households: live in another flat than the registered one
	shareDead        = 0.020 // of people of 60 and older, within two years
	shareFloating    = 0.15  // of households
)
