package linkage

// Factor is one line of the waterfall: an attribute, or a correction for what
// the attributes have in common.
type Factor uint8

// The factors, in the order of the waterfall.
const (
	FactorID            Factor = iota // ID number
	FactorName                        // name
	FactorNameFrequency               // a common name says less
	FactorBirth                       // date of birth
	FactorSex                         // sex
	FactorPhone                       // phone
	FactorDwelling                    // dwelling
	FactorHousehold                   // household number and relation to its head
	FactorMother                      // mother's number or name
	FactorBirthOrder                  // order within a multiple birth
	FactorNumber                      // a department's own number of the person
	FactorShared                      // what a whole household shares counts once
	FactorConflict                    // one ID number under clearly different people
	numFactors
)

// Level is what two records have in common in one factor.
type Level uint8

// The levels. Which of them a factor knows is in levelsOf.
const (
	Missing Level = iota // one of the two does not say
	Identical
	IdenticalInvalid // the same number, but it cannot be a right one
	SameCore         // one number in two spellings
	Near             // one edit or one swap away
	Contradicts      // both are valid, and they differ
	Different
	Variant      // the same after variants and separators
	UnknownChar  // the same where both could be written
	Former       // the other's former name
	SameSound    // the same toneless pinyin
	SimilarShape // a character that is easily mistaken
	Reordered    // the same characters in another order
	OneChar      // one character off, in a short name
	OneCharLong  // one character off, in a name of four or more
	SameSurname
	Newborn     // one is "child of …", the other a name
	NewbornBoth // both are "child of …"
	Swapped     // day and month swapped
	OneDigit    // one digit off
	Partial     // equal as far as both are known
	SameMonth
	CloseBy // up to two months apart: a lunar birthday
	SameYear
	SameRoom
	SameBuilding
	SamePlace // one compound or community, another building
	SameHousehold
	SameRole       // one household, the same relation to its head
	OtherRole      // one household, relations that one person cannot have
	SameMotherID   // the mother's number
	SameMotherName // the mother's name
	Unclear        // a later child of a multiple birth, the other does not say which
	Applied        // the correction was made
	numLevels
)

// levelsOf lists the levels that a factor has weights for. Missing weighs
// nothing, always.
var levelsOf = [numFactors][]Level{
	FactorID: {Identical, IdenticalInvalid, SameCore, Near, Contradicts, Different},
	FactorName: {Identical, Variant, UnknownChar, Former, SameSound, SimilarShape, Reordered, OneChar, OneCharLong,
		SameSurname, Newborn, NewbornBoth, Different},
	FactorNameFrequency: {}, // weights of their own, by name
	FactorBirth:         {Identical, Swapped, OneDigit, Partial, SameMonth, CloseBy, SameYear, Different},
	FactorSex:           {Identical, Different},
	FactorPhone:         {Identical, Near, Different},
	FactorDwelling:      {SameRoom, SameBuilding, SamePlace, Different},
	FactorHousehold:     {SameRole, SameHousehold, OtherRole, Different},
	FactorMother:        {SameMotherID, SameMotherName, SameSurname, Different},
	FactorBirthOrder:    {Identical, Unclear, Different},
	FactorNumber:        {Identical, Different},
	FactorShared:        {}, // what is above the limit is taken off
	FactorConflict:      {}, // down to below the link threshold
}

// factorNames and levelNames are what the model's file and the labels call them.
var factorNames = [numFactors]string{
	"id_number", "name", "name_frequency", "birth_date", "sex", "phone", "dwelling", "household", "mother",
	"birth_order", "number", "shared", "conflict",
}

var levelNames = [numLevels]string{
	"missing", "identical", "identical_invalid", "same_core", "near", "contradicts", "different", "variant",
	"unknown_char", "former", "same_sound", "similar_shape", "reordered", "one_char", "one_char_long",
	"same_surname", "newborn", "newborn_both", "swapped", "one_digit", "partial", "same_month", "close_by",
	"same_year", "same_room", "same_building", "same_place", "same_household", "same_role", "other_role",
	"same_id", "same_name", "unclear", "applied",
}

func (f Factor) String() string { return factorNames[f] }
func (l Level) String() string  { return levelNames[l] }

// Step is one line of the waterfall.
type Step struct {
	Factor Factor
	Level  Level
	Weight int // hundredths of a bit
}

// Comparison is what two records have in common, line by line. It holds no
// values.
type Comparison struct {
	Weight int // hundredths of a bit: the sum of the steps
	// Conflict: one ID number under clearly different people.
	Conflict bool

	level  [numFactors]Level
	weight [numFactors]int32
}

// Level returns the level that a factor fell into.
func (c Comparison) Level(f Factor) Level { return c.level[f] }

// Steps returns the lines of the waterfall in order, without those that neither
// record says anything about.
func (c Comparison) Steps() []Step {
	var steps []Step
	for f := range numFactors {
		if c.level[f] != Missing {
			steps = append(steps, Step{Factor: f, Level: c.level[f], Weight: int(c.weight[f])})
		}
	}
	return steps
}

func (c *Comparison) add(f Factor, l Level, weight int32) {
	c.level[f] = l
	c.weight[f] = weight
	c.Weight += int(weight)
}
