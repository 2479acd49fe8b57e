package canon

import (
	"regexp"
	"strconv"
	"strings"
)

// chineseDigits are the characters that Chinese numbers are written with.
const chineseDigits = "〇零一二三四五六七八九十百两"

var digitOf = map[rune]int{'〇': 0, '零': 0, '一': 1, '二': 2, '两': 2, '三': 3, '四': 4, '五': 5,
	'六': 6, '七': 7, '八': 8, '九': 9}

// numeral reads a Chinese number below a thousand (一百零一, 二十, 十二), or
// digits read out one by one (一八〇一).
func numeral(s string) (string, bool) {
	if s == "" {
		return "", false
	}
	if !strings.ContainsAny(s, "十百") {
		var b strings.Builder
		for _, r := range s {
			d, ok := digitOf[r]
			if !ok {
				return "", false
			}
			b.WriteString(strconv.Itoa(d))
		}
		return b.String(), true
	}
	total, digit := 0, -1
	for _, r := range s {
		switch r {
		case '百', '十':
			unit := 10
			if r == '百' {
				unit = 100
			}
			if digit < 0 {
				digit = 1
			}
			total += digit * unit
			digit = -1
		default:
			d, ok := digitOf[r]
			if !ok {
				return "", false
			}
			digit = d
		}
	}
	if digit > 0 {
		total += digit
	}
	return strconv.Itoa(total), true
}

var reChineseDate = regexp.MustCompile(`[` + chineseDigits + `]+`)

// arabicDate rewrites the numbers of 一九九〇年三月七日 in digits.
func arabicDate(s string) string {
	return reChineseDate.ReplaceAllStringFunc(s, func(n string) string {
		if d, ok := numeral(n); ok {
			return d
		}
		return n
	})
}
