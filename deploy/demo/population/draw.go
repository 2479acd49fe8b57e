package population

import "math/rand/v2"

// What other generators of people borrow, so that there is one table of names
// and one idea of a slip.

// DrawSurname returns a surname by its share of the population.
func DrawSurname(r *rand.Rand) string { return pick(r, surnames) }

// DrawGiven returns a Han given name of a person of a sex (GB/T 2261.1) born in
// a year.
func DrawGiven(r *rand.Rand, sex string, born int) string { return given(r, sex, born) }

// MistypeName is what a clerk makes of a name in a hurry.
func MistypeName(r *rand.Rand, name string) string { return typo(r, name) }

// MistypeNumber spoils an ID number so that its check digit shows it.
func MistypeNumber(r *rand.Rand, number string) string { return numberTypo(r, number) }
