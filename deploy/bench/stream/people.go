package stream

import (
	"fmt"
	"strconv"
)

// people knows everybody without keeping anybody: each fact is computed from
// the person's number, so that a million rows take no memory.
type people struct{ seed uint64 }

// roll is an even number below n, for one fact of one person.
func (p people) roll(i int, fact string, n int) int {
	h := p.seed ^ uint64(i)*0x9e3779b97f4a7c15
	for _, c := range []byte(fact) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	h ^= h >> 31
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	h ^= h >> 31
	return int(h % uint64(n))
}

// householdSize is how many people share a flat.
const householdSize = 3

func (p people) household(i int) int { return i / householdSize }

// child reports whether a person is the third of the household: a minor.
func (p people) child(i int) bool { return i%householdSize == 2 }

func (p people) sex(i int) string {
	switch i % householdSize {
	case 0:
		return "1"
	case 1:
		return "2"
	}
	return strconv.Itoa(1 + p.roll(i, "sex", 2))
}

// birth is a day without separators, yyyymmdd.
func (p people) birth(i int) string {
	year := 1940 + p.roll(i, "year", 65)
	if p.child(i) {
		year = 2009 + p.roll(i, "year", 16)
	}
	return fmt.Sprintf("%04d%02d%02d", year, 1+p.roll(i, "month", 12), 1+p.roll(i, "day", 28))
}

// idNumber is a number with a right check digit and an area that no place has.
// Numbers are different for different people below two million.
func (p people) idNumber(i int) string {
	order := i / 20 % 500 * 2
	if p.sex(i) == "1" {
		order++
	}
	first := fmt.Sprintf("%d9%02d%02d%s%03d", 1+i/1_000_000, i/10_000%100, i%20+1, p.birth(i), order)
	return first + checkDigit(first)
}

func checkDigit(first17 string) string {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += int(first17[i]-'0') * w
	}
	return "10X98765432"[sum%11 : sum%11+1]
}

// Surnames by share, and the characters of given names.
var (
	surnames = []rune("王王王王王王王李李李李李李李张张张张张张刘刘刘刘刘陈陈陈陈杨杨杨赵赵黄黄周周吴吴徐徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾")
	firsts   = []rune("建志国德金水福永文长玉宝树春秀学卫爱和伟强勇军磊涛斌超刚鹏海晓俊立少振新宏旭明浩子宇梓一沐奕天嘉煜锦瑞思昊博铭若景承睿泽晨家诗欣雨语可梦雅佳芷婉书安月心紫")
	seconds  = []rune("国强明生根康忠林山庆军东民平华刚福贵胜龙英兰珍芬芳梅云花娟霞玲燕静丽红敏然轩豪熙诺辰航墨佑懿城程霖远天文泽尘行恩阳涵铭桐嫣馨琪萱怡曦瑶清妍宁雪昕")
	misread  = []rune("伟健建辉晖华平萍英瑛杰洁文雯")
)

func (p people) name(i int) string {
	head := p.household(i) * householdSize
	surname := surnames[p.roll(head, "surname", len(surnames))]
	if i%householdSize == 1 {
		surname = surnames[p.roll(i, "surname", len(surnames))]
	}
	name := []rune{surname, firsts[p.roll(i, "first", len(firsts))]}
	if p.roll(i, "length", 10) < 8 {
		name = append(name, seconds[p.roll(i, "second", len(seconds))])
	}
	return string(name)
}

// phone is the number that a person has now; old is the one before. Numbers
// begin with 154, which no operator has.
func (p people) phone(i int, old bool) string {
	if p.child(i) {
		i-- // a minor is reached through the mother
	}
	n := uint64(i)*2 + 1
	if old {
		n++
	}
	return fmt.Sprintf("154%08d", n*61_803_399%100_000_000)
}

// flat is where a household lives, or lived before.
type flat struct{ community, compound, building, unit, room string }

func (p people) flat(i int, old bool) flat {
	h := p.household(i)
	if old {
		h += 7_919
	}
	building, compound := h/60, h/1200
	return flat{
		community: place(compound/5) + "社区", compound: place(compound) + "苑",
		building: strconv.Itoa(building%20 + 1), unit: strconv.Itoa(h%60/20 + 1),
		room: strconv.Itoa((h%20/2+1)*100 + h%2 + 1),
	}
}

// place is an invented name for a number.
func place(n int) string {
	chars := []rune("青柳安和明临新长平东南西北春秋金银云山水")
	return string([]rune{chars[n/len(chars)%len(chars)], chars[n%len(chars)]})
}
