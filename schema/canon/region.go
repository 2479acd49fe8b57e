package canon

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"heji/schema"
	"heji/schema/idnum"
)

// provinces by the names that addresses start with: 山东省, 山东; the full name
// is the canonical one.
var provinces = func() map[string]string {
	m := map[string]string{}
	for _, code := range []string{"11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41", "42",
		"43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71", "81", "82"} {
		r, ok := idnum.LookupArea(code)
		if !ok {
			panic("canon: the area table lacks province " + code)
		}
		m[r.Zh] = r.Zh
		m[reProvinceWord.ReplaceAllString(r.Zh, "")] = r.Zh
	}
	return m
}()

var reProvinceWord = regexp.MustCompile(`(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)$`)

// region takes province, city, county and street from the head of s. Each is
// optional; the words that end them stand in other names too, so a candidate
// must be short and must not run over the word of a narrower part.
func region(s string, a *schema.Address) string {
	s = takeProvince(s, a)
	s = strings.TrimPrefix(s, "市辖区")
	if n := cityEnd(s); n > 0 {
		if s[:n] != a.Province {
			a.City = s[:n]
		}
		s = strings.TrimPrefix(s[n:], "市辖区")
	}
	if n := countyEnd(s, a.City != ""); n > 0 {
		a.County, s = s[:n], s[n:]
	}
	if n, name := streetEnd(s); n > 0 {
		a.Street, s = name, s[n:]
	}
	return s
}

func takeProvince(s string, a *schema.Address) string {
	// 特别行政区 and 自治区 make the longest names: nine characters.
	for n := min(9, utf8.RuneCountInString(s)); n >= 2; n-- {
		head := s[:byteLen(s, n)]
		full, ok := provinces[head]
		if !ok {
			continue
		}
		rest := s[len(head):]
		// A short name may as well be a road (山东路): a region must follow.
		if head == full || cityEnd(rest) > 0 || strings.HasSuffix(full, "市") && countyEnd(rest, true) > 0 {
			a.Province = full
			return rest
		}
	}
	if m := reOtherProvince.FindString(s); m != "" {
		a.Province = m
		return s[len(m):]
	}
	return s
}

// reOtherProvince is a province of no table: demonstrations invent them.
var reOtherProvince = regexp.MustCompile(`^[^省市县区街道路村社号0-9]{2,4}省`)

// byteLen is the length in bytes of the first n runes.
func byteLen(s string, n int) int {
	end := 0
	for range n {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return end
}

// narrower are words of parts below a city: a region's name does not run over
// them.
var narrower = regexp.MustCompile(`[0-9A-Za-z]|街道|社区|小区|[路号#幢栋]`)

// headEnding returns the length of the shortest head of s, of least to most
// characters, that ends in one of the words and that accept takes.
func headEnding(s string, words []string, least, most int, accept func(head, rest string) bool) int {
	end := 0
	for n := 0; n < most && end < len(s); n++ {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
		if n+1 < least {
			continue
		}
		for _, w := range words {
			if strings.HasSuffix(s[:end], w) && accept(s[:end], s[end:]) {
				return end
			}
		}
	}
	return 0
}

var (
	cityWords   = []string{"市", "自治州", "地区", "盟"}
	reNotCity   = regexp.MustCompile(`^(?:场|政|民|直|委|中心)`)
	countyWords = []string{"区", "县", "旗", "市"}
	reNotCounty = regexp.MustCompile(`(?:[社小园校矿院街厂库片]|生活|家属|住宅|别墅|工业|商业|风景|休闲)区$|超市$|菜市$|集市$|夜市$`)
	rePartOf    = regexp.MustCompile(`(?:花园|家园|公寓|[苑城庭寓厦湾府邸居里]|[` + chineseDigits + `]期).*区$|.{2,}[东西南北中` + chineseDigits + `]区$`)
	reNotStreet = regexp.MustCompile(`(?:小|古|新|特色)镇$|水乡$|老乡$`)
	reOverRun   = regexp.MustCompile(`[0-9A-Za-z]|社区|小区|花园|[路号#幢栋]`)
)

func cityEnd(s string) int {
	return headEnding(s, cityWords, 3, 10, func(head, rest string) bool {
		return !narrower.MatchString(head) && !strings.ContainsAny(head[:len(head)-len("市")], "市区县") &&
			!(strings.HasSuffix(head, "市") && reNotCity.MatchString(rest))
	})
}

func countyEnd(s string, inCity bool) int {
	return headEnding(s, countyWords, 2, 12, func(head, rest string) bool {
		n := utf8.RuneCountInString(head)
		switch {
		case narrower.MatchString(head) || reNotCounty.MatchString(head):
			return false
		case strings.HasSuffix(head, "区"):
			return (n <= 5 || strings.HasSuffix(head, "新区") || strings.HasSuffix(head, "开发区")) &&
				!(n > 3 && rePartOf.MatchString(head))
		case strings.HasSuffix(head, "市"): // a county-level city
			return inCity && n <= 5 && !reNotCity.MatchString(rest)
		}
		return true
	})
}

// streetEnd returns the length of a 街道, town or township at the head of s, and
// its name without the office (办事处).
func streetEnd(s string) (int, string) {
	n := headEnding(s, []string{"街道", "镇", "乡", "苏木", "街办", "地区办事处"}, 2, 12, func(head, rest string) bool {
		if reOverRun.MatchString(strings.TrimSuffix(strings.TrimSuffix(head, "街道"), "路")) || reNotStreet.MatchString(head) {
			return false
		}
		if strings.HasSuffix(head, "镇") || strings.HasSuffix(head, "乡") {
			return utf8.RuneCountInString(head) <= 6 || strings.HasSuffix(head, "族乡")
		}
		return true
	})
	if n == 0 {
		return 0, ""
	}
	name := strings.TrimSuffix(s[:n], "街办")
	if name != s[:n] {
		name += "街道"
	}
	for _, office := range []string{"办事处", "人民政府"} {
		if strings.HasPrefix(s[n:], office) {
			n += len(office)
		}
	}
	return n, name
}
