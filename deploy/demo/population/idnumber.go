package population

import (
	"fmt"
	"strings"
)

// Codes of facts that are not of a national standard.
const (
	Living   = "alive"
	Dead     = "dead"
	MovedOut = "moved_out"

	ResidentHukou     = "1" // lives where registered
	ResidentSeparated = "2" // 人户分离: registered here, lives in another flat
	ResidentFloating  = "3" // registered elsewhere
)

// homeArea is the invented area code of the district's own registrations.
const homeArea = "290105"

// farAreas are invented area codes of elsewhere. No place has a code that
// starts with 19, 29, 39 or 49.
var farAreas = []string{"190102", "190321", "192724", "290203", "291122", "390104", "392526", "393301", "490102", "492927"}

// CheckDigit computes the 18th character of a GB 11643-1999 number (MOD 11-2).
func CheckDigit(first17 string) byte {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += int(first17[i]-'0') * w
	}
	return "10X98765432"[sum%11]
}

// ValidNumber reports whether s is an 18-character number with the right check digit.
func ValidNumber(s string) bool {
	if len(s) != 18 {
		return false
	}
	for i := range 17 {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return CheckDigit(s[:17]) == s[17]
}

// number15 is the old form of a number of the twentieth century.
func number15(s string) string { return s[:6] + s[8:17] }

// numbers hands out ID numbers, each once.
type numbers struct {
	next map[string]int // area and birth → last order given, by parity
}

// take returns a number; people of one area, day and sex who ask one after the
// other (twins) get consecutive orders. Odd orders are male. start is where the
// first of them begins, below 400.
func (n *numbers) take(area, birth, sex string, start int) string {
	day := strings.ReplaceAll(birth, "-", "")
	key := area + day + sex
	order, ok := n.next[key]
	switch {
	case ok:
		order += 2
	case sex == "1":
		order = 2*start + 1
	default:
		order = 2*start + 2
	}
	n.next[key] = order
	first := fmt.Sprintf("%s%s%03d", area, day, order%1000)
	return first + string(CheckDigit(first))
}
