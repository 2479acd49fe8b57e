package population

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEqualSeedsGiveEqualPopulations(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, seed := rapid.IntRange(1, 120).Draw(t, "n"), rapid.Int64().Draw(t, "seed")
		a, b := Generate(n, seed), Generate(n, seed)
		require.Equal(t, a, b)
		require.Len(t, a.Persons, n)
		for _, platform := range Platforms {
			require.Equal(t, a.Observe(platform), b.Observe(platform))
		}
	})
}

func TestOtherSeedsGiveOtherPopulations(t *testing.T) {
	t.Parallel()
	require.NotEqual(t, Generate(50, 1).Persons, Generate(50, 2).Persons)
}

func TestEveryNumberIsInventedValidAndUnique(t *testing.T) {
	t.Parallel()
	pop := Generate(3000, 7)
	seen := map[string]bool{}
	for _, p := range pop.Persons {
		number := p.Facts[IDNumber]
		require.True(t, ValidNumber(number), number)
		require.Contains(t, []string{"19", "29", "39", "49"}, number[:2], "an area code that no place has")
		require.Equal(t, strings.ReplaceAll(p.Facts[BirthDate], "-", ""), number[6:14])
		require.Equal(t, p.Facts[Sex] == "1", (number[16]-'0')%2 == 1)
		require.False(t, seen[number])
		seen[number] = true
		if phone := p.Facts[Phone]; phone != "" {
			require.Regexp(t, `^154\d{8}$`, phone)
		}
	}
}

func TestCheckDigit(t *testing.T) {
	t.Parallel()
	// Worked out by hand from the weights and remainders of GB 11643-1999.
	for first, want := range map[string]byte{"29010519491231001": 'X', "29010519491231006": '0', "29010519491231009": '5'} {
		require.Equal(t, want, CheckDigit(first))
		require.True(t, ValidNumber(first+string(want)))
	}
	require.False(t, ValidNumber("290105194912310011"))
	require.False(t, ValidNumber("29010519491231001"))
}

func TestSpecialCasesAreThere(t *testing.T) {
	t.Parallel()
	pop := Generate(3000, 1)
	var twins, old15, rare, dotted, renamed, dead, separated, floating, nearNames, sharedPhones int
	names, phones := map[string]int{}, map[string]int{}
	for _, p := range pop.Persons {
		f := p.Facts
		names[f[Name]]++
		if f[Phone] != "" {
			phones[f[Phone]]++
		}
		if p.Twin != 0 {
			twins++
			other := pop.Person(p.Twin)
			require.Equal(t, f[BirthDate], other.Facts[BirthDate])
			require.Equal(t, f[IDNumber][:14], other.Facts[IDNumber][:14])
			require.NotEqual(t, f[Name], other.Facts[Name])
		}
		if p.Old15 != "" {
			old15++
			require.Len(t, p.Old15, 15)
		}
		if strings.ContainsAny(f[Name], "𠮷㛃䶮") {
			rare++
		}
		if strings.Contains(f[Name], "·") {
			dotted++
		}
		if f[FormerName] != "" {
			renamed++
		}
		switch f[ResidenceType] {
		case ResidentSeparated:
			separated++
		case ResidentFloating:
			floating++
		}
		if !p.Living() {
			dead++
			require.NotEmpty(t, f[DeathDate])
		}
		if father := pop.Person(p.Father); father != nil && f[Sex] == "1" && differInLast(f[Name], father.Facts[Name]) {
			nearNames++
		}
	}
	for _, n := range phones {
		if n > 1 {
			sharedPhones++
		}
	}
	namesakes := 0
	for _, n := range names {
		if n > 1 {
			namesakes += n
		}
	}
	for what, n := range map[string]int{"twins": twins, "old numbers": old15, "rare characters": rare, "dotted names": dotted, "renamed": renamed,
		"dead": dead, "separated": separated, "floating": floating, "near names": nearNames, "shared phones": sharedPhones, "namesakes": namesakes} {
		require.Positive(t, n, what)
	}
	polyphones := slices.ContainsFunc(pop.Persons, func(p *Person) bool { return strings.HasPrefix(p.Facts[Name], "单") })
	require.True(t, polyphones)
}

func differInLast(a, b string) bool {
	x, y := []rune(a), []rune(b)
	return len(x) == len(y) && len(x) > 2 && slices.Equal(x[:len(x)-1], y[:len(y)-1])
}

// near checks a share against its rate, within what chance allows.
func near(t *testing.T, what string, hits, of int, rate float64) {
	t.Helper()
	if of == 0 {
		require.Zero(t, hits, what)
		return
	}
	got := float64(hits) / float64(of)
	slack := 3.5*sqrt(rate*(1-rate)/float64(of)) + 1e-9
	require.InDelta(t, rate, got, slack, "%s: %d of %d", what, hits, of)
}

func sqrt(x float64) float64 {
	z := 1.0
	for range 60 {
		z -= (z*z - x) / (2 * z)
	}
	return z
}

func TestRowsFollowTheRatesTable(t *testing.T) {
	t.Parallel()
	pop := Generate(20000, 3)
	for _, platform := range Platforms {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			rates := pop.Rates[platform]
			count, firsts, of := map[Error]int{}, 0, map[Error]int{}
			for _, o := range pop.Observe(platform) {
				person := pop.Person(o.Person)
				if slices.Contains(o.Errors, Duplicate) {
					count[Duplicate]++
				} else {
					firsts++
				}
				for _, e := range o.Errors {
					if e != Duplicate {
						count[e]++
					}
				}
				if person.Age(pop.Today) >= 1 {
					of[IDMissing]++
				} else if slices.Contains(o.Errors, IDMissing) {
					count[IDMissing]--
				}
				if !slices.Contains(o.Errors, IDMissing) {
					of[IDTypo]++
				}
				if !slices.Contains(o.Errors, Unnamed) {
					of[NameTypo]++
				}
				if person.Facts[Phone] != "" && person.Past[Phone] != "" {
					of[PhoneStale]++
				}
				of[AddressStale]++
			}
			near(t, "duplicates", count[Duplicate], firsts, rates.Duplicate)
			near(t, "ID missing", count[IDMissing], of[IDMissing], rates.IDMissing)
			near(t, "ID typo", count[IDTypo], of[IDTypo], rates.IDTypo)
			near(t, "name typo", count[NameTypo], of[NameTypo], rates.NameTypo)
			near(t, "phone stale", count[PhoneStale], of[PhoneStale], rates.PhoneStale)
			near(t, "address stale", count[AddressStale], of[AddressStale], rates.AddressStale)
		})
	}
}

func TestMembershipIsRealistic(t *testing.T) {
	t.Parallel()
	pop := Generate(20000, 5)
	count := map[string]int{}
	for _, p := range pop.Persons {
		age := p.Age(pop.Today)
		for platform, in := range p.Member {
			if !in {
				continue
			}
			count[platform]++
			switch platform {
			case Pension:
				require.GreaterOrEqual(t, age, 16)
			case Floating:
				require.Equal(t, ResidentFloating, p.Facts[ResidenceType])
			case Gongan:
				require.NotEqual(t, ResidentFloating, p.Facts[ResidenceType])
			case Maternal:
				require.True(t, age < 7 || p.Facts[MaternalStatus] != "")
			}
		}
	}
	share := func(platform string) float64 { return float64(count[platform]) / float64(len(pop.Persons)) }
	require.InDelta(t, 0.97, share(Medical), 0.01)
	require.InDelta(t, shareDisabled, share(Disabled), 0.01)
	require.InDelta(t, shareLowIncome, share(LowIncomes), 0.012)
	require.InDelta(t, shareVeteran, share(Veterans), 0.001)
	require.Greater(t, share(Gongan), 0.78)
}

func TestLowIncomeIsTheHouseholds(t *testing.T) {
	t.Parallel()
	pop := Generate(3000, 2)
	for _, h := range pop.Households {
		for _, id := range h.Members {
			require.Equal(t, h.LowIncome, pop.Person(id).Facts[LowIncome] != "")
		}
	}
}

func TestNobodyCrossesAnAgeLimitSoon(t *testing.T) {
	t.Parallel()
	pop := Generate(5000, 9)
	for _, p := range pop.Persons {
		for _, d := range []int{-3, 3} {
			require.Equal(t, p.Age(pop.Today), p.Age(pop.Today.AddDate(0, 0, d)), p.Facts[BirthDate])
		}
	}
}

func TestStaleRowsAreOlderThanRightOnes(t *testing.T) {
	t.Parallel()
	pop := Generate(2000, 4)
	for _, platform := range Platforms {
		for _, o := range pop.Observe(platform) {
			stale := slices.Contains(o.Errors, PhoneStale) || slices.Contains(o.Errors, AddressStale)
			if stale {
				require.True(t, o.ChangedAt.Before(pop.Today.AddDate(-2, 0, 0)))
			} else if pop.Person(o.Person).Living() {
				require.True(t, o.ChangedAt.After(pop.Today.AddDate(-2, 0, -2)))
			}
			require.True(t, o.ChangedAt.Before(pop.Today))
		}
	}
}

func TestAddressText(t *testing.T) {
	t.Parallel()
	a := Address{Province: "云川省", City: "临江市", County: "青河区", Street: "柳营街道", Community: "安宁里社区",
		Road: "槐荫路12号", Compound: "槐荫小区", Building: "3", Unit: "2", Room: "501"}
	require.Equal(t, "云川省|临江市|青河区|柳营街道|安宁里社区|槐荫路12号|槐荫小区|3|2|501|", a.Text())
	require.Equal(t, a, ParseAddress(a.Text()))
	require.Empty(t, Address{}.Text())
}

func TestTypos(t *testing.T) {
	t.Parallel()
	pop := Generate(300, 6)
	r := pop.chance("test", 1, 0)
	for _, p := range pop.Persons {
		require.NotEqual(t, p.Facts[Name], typo(r, p.Facts[Name]))
		wrong := numberTypo(r, p.Facts[IDNumber])
		require.False(t, ValidNumber(wrong))
		require.Len(t, wrong, 18)
	}
}

func TestSparePhonesBelongToNobody(t *testing.T) {
	t.Parallel()
	pop := Generate(3000, 1)
	taken := map[string]bool{}
	for _, p := range pop.Persons {
		taken[p.Facts[Phone]], taken[p.Past[Phone]] = true, true
	}
	for k := range 1000 {
		phone := pop.SparePhone(k)
		require.False(t, taken[phone])
		taken[phone] = true
	}
}

func Example() {
	pop := GenerateAt(100, 1, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(len(pop.Persons) == 100, len(pop.Observe(Gongan)) > 50)
	// Output: true true
}
