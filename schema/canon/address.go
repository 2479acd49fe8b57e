package canon

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"heji/schema"
)

// Address takes a free-text Chinese address apart, from the province to the
// room. It goes by the words that end each part (市, 街道, 社区, 号楼 …), so it
// needs no gazetteer and reads places that it has never seen; a part that it
// cannot tell is left in Rest, and nothing is guessed. Numbers of buildings,
// units and rooms lose their word and leading zeros: 03幢, 三号楼 and 3# are all
// "3".
//
// The dwelling is read from the end of the text, everything wider from its
// beginning.
func Address(text string) schema.Address {
	s, problem := Text(text)
	if problem != "" && s == "" || placeholderWord(s) {
		return schema.Address{}
	}
	var a schema.Address
	s, a.Rest = withoutRemarks(flat(s))
	s = dwelling(s, &a)
	s = region(s, &a)
	place(s, &a)
	return a
}

// flat folds width and drops blanks, but keeps those between two numbers as a
// hyphen: 3 2 1801 is 3-2-1801.
func flat(s string) string {
	s = norm.NFKC.String(s)
	if strings.ContainsAny(s, dashes) { // most addresses have none, and to look for one is cheap
		s = reDash.ReplaceAllString(s, "-")
	}
	if !strings.ContainsAny(s, blanks) {
		return s
	}
	s = reNumberGap.ReplaceAllString(s, "$1-")
	// Once more, because taking out a blank can bring an accent to a letter.
	return norm.NFKC.String(addressBlanks.Replace(s))
}

const (
	dashes = "‐‑‒–—―−－/"
	blanks = " |,，。、;"
)

var addressBlanks = strings.NewReplacer(" ", "", "|", "", ",", "", "，", "", "。", "", "、", "", ";", "")

var (
	reDash = regexp.MustCompile(`\s*[` + dashes + `]\s*`)
	// Only before a number that stands alone, not before 3号楼.
	reNumberGap     = regexp.MustCompile(`([0-9]) +(?:\b)`)
	reAddressRemark = regexp.MustCompile(`\(([^()]*)\)`)
)

// withoutRemarks moves what stands in brackets (暂住, 原纺织厂宿舍) to the rest.
func withoutRemarks(s string) (address, rest string) {
	if !strings.Contains(s, "(") {
		return s, ""
	}
	var remarks []string
	s = reAddressRemark.ReplaceAllStringFunc(s, func(r string) string {
		if inside := strings.Trim(r, "()"); inside != "" {
			remarks = append(remarks, inside)
		}
		return ""
	})
	return s, strings.Join(remarks, " ")
}

// A number as addresses write it: 3, 03, 3A, A, B2, 甲3, 三, 十二.
const num = `([0-9]{1,5}[A-Za-z]?|[A-Za-z][0-9]{0,4}|[甲乙丙丁戊][0-9]{0,3}|[` + chineseDigits + `]{1,6})`

// The words of a room may follow it or not; of 号楼, 幢 and the rest one must.
const (
	buildingWord = `(?:号楼|号幢|号栋|号座|幢|栋|座|楼栋|#楼|#)`
	unitWord     = `(?:单元|单位|门洞|门|单)`
	unitNum      = `([0-9]{1,3}[A-Za-z]?|[A-Za-z]|[甲乙丙丁东西南北中无]|[` + chineseDigits + `]{1,3})`
	roomNum      = `([0-9]{1,6}[A-Za-z]?|[A-Za-z][0-9]{0,5}|[东西南北中无]|[` + chineseDigits + `]{1,6})`
	roomWord     = `(?:室|号房|号室|房间|户|房|号)`
	floor        = `(?:(?:[0-9]{1,2}|[` + chineseDigits + `]{1,3})(?:层|楼|F|f))?`
)

// dwellingForm is one way to write building, unit and room at the end of an
// address. Its groups are the text before, building, unit, room; 0: not in it.
type dwellingForm struct {
	// needs are characters without one of which the form cannot fit: looking for
	// them first saves most of the work.
	needs                string
	re                   *regexp.Regexp
	building, unit, room int
	// door: the building is called by its number and 号 alone, so on a road it is
	// a door.
	door bool
	// bare: nothing but numbers and hyphens, which on a road are a door number.
	bare bool
}

// dwellingForms in the order they are tried: the more a form says, the earlier.
var dwellingForms = []dwellingForm{
	// 3-2-1801, 3#-2-1801, 3号楼-2单元-1801室
	{needs: "-", re: form(num + `(?:` + buildingWord + `|号)?-` + unitNum + unitWord + `?-` + roomNum + roomWord + `?`), building: 2, unit: 3, room: 4},
	// 3号楼2-1801
	{needs: "-", re: form(num + buildingWord + unitNum + unitWord + `?-` + roomNum + roomWord + `?`), building: 2, unit: 3, room: 4},
	// 3号楼-1801, 3#-1801室
	{needs: "-", re: form(num + buildingWord + `-` + roomNum + roomWord + `?`), building: 2, room: 3},
	// 3号楼2单元1801室 and every shorter form of it
	{needs: "元门单", re: form(num + buildingWord + unitNum + unitWord + floor + roomNum + roomWord + `?`), building: 2, unit: 3, room: 4},
	{needs: "元门单", re: form(num + buildingWord + unitNum + unitWord + floor), building: 2, unit: 3},
	{needs: "楼幢栋座#", re: form(num + buildingWord + floor + roomNum + roomWord + `?`), building: 2, room: 3},
	{needs: "楼幢栋座#", re: form(num + buildingWord + floor), building: 2},
	// 3楼2单元1801: without a unit after it, 3楼 is a floor
	{needs: "元门单", re: form(num + `(?:楼|号院)` + unitNum + unitWord + floor + roomNum + roomWord + `?`), building: 2, unit: 3, room: 4},
	// 3号2单元1801, 3号1801室
	{needs: "元门单", re: form(num + `号` + unitNum + unitWord + floor + roomNum + roomWord + `?`), building: 2, unit: 3, room: 4, door: true},
	{needs: "元门单", re: form(num + `号` + unitNum + unitWord + floor), building: 2, unit: 3, door: true},
	{needs: "号", re: form(num + `号` + floor + roomNum + `(?:室|户|房)?`), building: 2, room: 3, door: true},
	// 2单元1801, 1801室, 18层1801
	{needs: "元门单", re: form(unitNum + unitWord + floor + roomNum + roomWord + `?`), unit: 2, room: 3},
	{needs: "室户房", re: form(`-?` + floor + `([0-9]{1,6}[A-Za-z]?|[` + chineseDigits + `]{1,6})(?:室|号房|号室|房间|户|房)`), room: 2},
	// 3-1801
	{needs: "-", re: form(num + `-` + roomNum + roomWord + `?`), building: 2, room: 3, bare: true},
}

func form(tail string) *regexp.Regexp { return regexp.MustCompile(`^(.*?)` + tail + `$`) }

// dwelling takes building, unit and room from the end of s, and what is written
// behind them into the rest, and returns what is before them.
func dwelling(s string, a *schema.Address) string {
	before, ok := homeAtEnd(s, a)
	if ok {
		return before
	}
	// Words behind the home: 1801室租户.
	if m := reBehindHome.FindStringSubmatch(s); m != nil {
		if before, ok = homeAtEnd(m[1], a); ok {
			a.Rest = strings.TrimSpace(m[2] + " " + a.Rest)
			return before
		}
	}
	return s
}

var reBehindHome = regexp.MustCompile(`^(.*[0-9A-Za-z](?:室|号房|房间|户))([^0-9]{1,60})$`)

func homeAtEnd(s string, a *schema.Address) (before string, ok bool) {
	for _, f := range dwellingForms {
		if !strings.ContainsAny(s, f.needs) {
			continue
		}
		m := f.re.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		before := m[1]
		onRoad := endsInRoad(before)
		if f.bare && onRoad {
			continue
		}
		if f.door && onRoad {
			before += m[2] + "号"
		} else if f.building > 0 {
			a.Building = plainNumber(m[f.building])
		}
		if f.unit > 0 {
			a.Unit = plainNumber(m[f.unit])
		}
		if f.room > 0 {
			a.Room = plainNumber(m[f.room])
		}
		return strings.TrimSuffix(before, "-"), true
	}
	return s, false
}

// plainNumber is the one spelling of a number within an address.
func plainNumber(s string) string {
	if s == "无" { // what some registers demand in place of a blank
		return ""
	}
	if d, ok := numeral(s); ok {
		s = d
	}
	if t := strings.TrimLeft(s, "0"); t != "" {
		return strings.ToUpper(t)
	}
	return "0"
}

// endsInRoad reports whether a number after s is a door number. A lane (弄)
// numbers its buildings, so it is none.
func endsInRoad(s string) bool {
	if part, ok := strings.CutSuffix(s, "段"); ok {
		if r, size := utf8.DecodeLastRuneInString(part); strings.ContainsRune("东西南北中", r) {
			s = part[:len(part)-size]
		}
	}
	for _, w := range []string{"路", "街", "大道", "巷", "胡同"} {
		if strings.HasSuffix(s, w) {
			return true
		}
	}
	return false
}

// place takes community, road and compound from what is left between the
// region and the dwelling.
func place(s string, a *schema.Address) {
	for s != "" {
		community, afterCommunity := takeCommunity(s)
		road, afterRoad := takeRoad(s)
		switch {
		case a.Community == "" && community != "" && (road == "" || len(afterCommunity) >= len(afterRoad)):
			a.Community, s = community, afterCommunity
		case a.Road == "" && road != "":
			a.Road, s = road, afterRoad
		default:
			if door := reDoor.FindString(s); door == s && a.Road == "" {
				a.Road = s // 张家村12号: a door without a road
			} else if a.Building == "" && a.Room == "" && !namesCompound(s) {
				a.Rest = strings.TrimSpace(s + " " + a.Rest)
			} else {
				a.Compound = s
			}
			return
		}
	}
}

// namesCompound tells the name of a compound from words that lead nowhere.
func namesCompound(s string) bool {
	r, size := utf8.DecodeLastRuneInString(s)
	if r != '区' {
		return strings.ContainsRune("苑园院庭城府里坊楼居邸湾寓庄屯村厦组期宿舍场队", r)
	}
	r, _ = utf8.DecodeLastRuneInString(s[:len(s)-size])
	return strings.ContainsRune("小新东西南北中住", r) || r >= 'A' && r <= 'Z'
}

var reDoor = regexp.MustCompile(`^(?:[0-9]{1,5}|[` + chineseDigits + `]{1,5})(?:[-之附][0-9]{1,4})?[号弄](?:院|附[0-9]{1,3}号|之[` + chineseDigits + `0-9])?`)

// committees are the words for a community's committee, and the community's own.
var committees = []struct{ word, is string }{
	{"社区居民委员会", "社区"}, {"社区居委会", "社区"}, {"社区村委会", "社区"}, {"居民委员会", "社区"}, {"居委会", "社区"},
	{"社区", "社区"}, {"村村民委员会", "村"}, {"村村委会", "村"}, {"村民委员会", "村"}, {"村委会", "村"}, {"村", "村"},
}

// takeCommunity takes a 社区 or 村 from the head of s.
func takeCommunity(s string) (community, after string) {
	best := -1
	for _, c := range committees {
		i := strings.Index(s, c.word)
		if i < 0 || best >= 0 && i >= best || utf8.RuneCountInString(s[:i]) > 12 || strings.ContainsAny(s[:i], "0123456789") {
			continue
		}
		rest := s[i+len(c.word):]
		if c.word == "村" && !village(s[:i], rest) || i == 0 {
			continue
		}
		best, community, after = i, s[:i]+c.is, rest
	}
	return community, after
}

// village reports whether 村 between two texts ends the name of a village
// rather than standing in the name of a compound (阳光新村, 张家村小区) or road
// (中关村大街).
func village(before, after string) bool {
	return !strings.HasSuffix(before, "新") && !strings.HasSuffix(before, "小") && !reNoVillage.MatchString(after)
}

var reNoVillage = regexp.MustCompile(`^(?:小区|新区|新苑|家园|花园|公寓|宿舍|安置|[东西南北中]?大?(?:街|路|道|巷|胡同))`)

// takeRoad takes a road with its door number from the head of s.
func takeRoad(s string) (road, after string) {
	after = s
	for {
		n := roadEnd(after)
		// A second road word belongs to the first road if it follows at once:
		// 解放路南街.
		if n == 0 || road != "" && utf8.RuneCountInString(after[:n]) > 4 {
			break
		}
		road, after = road+after[:n], after[n:]
	}
	if road == "" {
		return "", s
	}
	door := reDoor.FindString(after)
	return road + door, after[len(door):]
}

var roadWords = []string{"大街", "大道", "胡同", "路", "街", "巷"}

// roadEnd returns the length of the road name at the head of s, 0 where there is none.
func roadEnd(s string) int {
	end := 0
	for _, w := range roadWords {
		i := strings.Index(s, w)
		if i <= 0 || end > 0 && i+len(w) >= end || utf8.RuneCountInString(s[:i]) > 10 {
			continue
		}
		if i+len(w) < len(s) && reNoRoad.MatchString(s[i+len(w):]) {
			continue
		}
		end = i + len(w)
	}
	return end
}

var reNoRoad = regexp.MustCompile(`^(?:区|道|社区|小区|居委会|居民委员会|家属院|宿舍|新村|村|号楼)`)
