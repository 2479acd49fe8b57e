package linkage

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/schema/idnum"
)

// A small district with known truth. It is no measurement (the demo is one, with
// platforms of its own), but a change of weights that costs quality shows here.

const (
	familyNames  = "王王王李李李张张张刘刘陈陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董袁潘蔡蒋余杜叶程魏苏吕丁沈任姚卢"
	givenLetters = "伟芳娜敏静丽强磊洋勇军杰涛艳娟超明霞英兰红玲梅鹏辉斌波燕萍飞丹琴云鑫浩俊帅建国华志秀玉桂春淑珍凤文佳婷雪倩莉亮宁健梓涵子轩宇然欣怡诗雨桐沐辰一诺思远"
)

type population struct {
	r       *rand.Rand
	persons []schema.Values // the truth
	former  []string
	order   map[string]int
}

func newPopulation(seed uint64, households int) *population {
	p := &population{r: rand.New(rand.NewPCG(seed, 7)), order: make(map[string]int)}
	for h := range households {
		p.household(h)
	}
	return p
}

func (p *population) chance(percent float64) bool { return p.r.Float64()*100 < percent }

func pick(r *rand.Rand, s string) string { l := []rune(s); return string(l[r.IntN(len(l))]) }

func (p *population) given() string {
	g := pick(p.r, givenLetters)
	if p.chance(70) {
		g += pick(p.r, givenLetters)
	}
	return g
}

func (p *population) household(h int) {
	home := dwelling([]string{"听松苑", "望湖里", "春晓园"}[h%3], fmt.Sprint(1+h/3%30), fmt.Sprint(101+h/90))
	family := pick(p.r, familyNames)
	phone := p.phone()
	add := func(surname, relation, sex string, year int, mother schema.Values) schema.Values {
		own := phone
		if year < 2008 && year > 1950 && p.chance(80) {
			own = p.phone()
		}
		birth := fmt.Sprintf("%d-%02d-%02d", year, 1+p.r.IntN(12), 1+p.r.IntN(28))
		v := schema.Values{
			schema.Name: surname + p.given(), schema.Sex: sex, schema.BirthDate: birth, schema.Phone: own, schema.Residence: home,
			schema.HouseholdNo: fmt.Sprintf("H%05d", h), schema.Relation: relation,
		}
		if mother != nil {
			v[schema.MotherName], v[schema.MotherID] = mother[schema.Name], mother[schema.IDNumber]
		}
		p.number(v)
		former := ""
		if p.chance(1) {
			former = surname + p.given()
		}
		p.persons, p.former = append(p.persons, v), append(p.former, former)
		return v
	}
	born := 1945 + p.r.IntN(50)
	add(family, "02", "1", born, nil)
	if p.chance(30) {
		return
	}
	wife := add(pick(p.r, familyNames), "12", "2", born+p.r.IntN(5)-1, nil)
	for range p.r.IntN(3) {
		sex, relation := "1", "20"
		if p.chance(50) {
			sex, relation = "2", "30"
		}
		child := add(family, relation, sex, min(2026, born+23+p.r.IntN(10)), wife)
		if p.chance(4) { // a twin: the next number, often a like name
			twin := with(child, "name", family+p.given())
			if n := []rune(child[schema.Name]); len(n) == 3 && p.chance(60) {
				twin[schema.Name] = string(n[:2]) + pick(p.r, givenLetters)
			}
			child[schema.BirthOrder], twin[schema.BirthOrder] = "1", "2"
			p.number(twin)
			p.persons, p.former = append(p.persons, twin), append(p.former, "")
		}
	}
}

func (p *population) phone() string { return fmt.Sprintf("129%08d", 10000000+p.r.IntN(80000000)) }

func (p *population) number(v schema.Values) {
	birth := v[schema.BirthDate]
	p.order[birth] += 2
	n := p.order[birth]
	if v[schema.Sex] == "1" {
		n++
	}
	v[schema.IDNumber], _ = idnum.Make("190101", birth, n)
}

// row is what a clerk's platform holds about a person.
func (p *population) row(i int) schema.Values {
	v := with(p.persons[i])
	baby := v[schema.BirthDate] >= "2025"
	for _, a := range []schema.Attribute{schema.Phone, schema.HouseholdNo, schema.Relation, schema.MotherName, schema.MotherID, schema.Residence} {
		if p.chance(35) {
			delete(v, a)
		}
	}
	switch {
	case p.chance(5), baby && p.chance(60):
		delete(v, schema.IDNumber)
	case p.chance(0.8):
		v[schema.IDNumber] = slip(v[schema.IDNumber], p.r.IntN(17))
	case p.chance(0.2):
		v[schema.IDNumber] = p.persons[max(0, i-1)][schema.IDNumber] // of a relative
	case v[schema.BirthDate] < "1980" && p.chance(5):
		v[schema.IDNumber] = v[schema.IDNumber][:6] + v[schema.IDNumber][8:17]
	}
	name := []rune(v[schema.Name])
	switch {
	case baby && p.chance(30) && v[schema.MotherName] != "":
		v[schema.Name] = v[schema.MotherName] + map[string]string{"1": "之子", "2": "之女"}[v[schema.Sex]]
	case p.former[i] != "" && p.chance(40):
		v[schema.Name] = p.former[i]
	case p.former[i] != "" && p.chance(50):
		v[schema.FormerName] = p.former[i]
	case p.chance(1.5):
		name[len(name)-1] = []rune(pick(p.r, givenLetters))[0]
		v[schema.Name] = string(name)
	}
	if p.chance(20) && v[schema.Phone] != "" {
		v[schema.Phone] = p.phone()
	}
	if p.chance(20) && v[schema.Residence] != "" {
		v[schema.Residence] = dwelling("老街坊", fmt.Sprint(p.r.IntN(40)), fmt.Sprint(100+p.r.IntN(600)))
	}
	if b := v[schema.BirthDate]; b[8:] <= "12" && p.chance(1) {
		v[schema.BirthDate] = b[:5] + b[8:] + "-" + b[5:7]
	}
	return v
}

func TestDistrict(t *testing.T) {
	t.Parallel()
	const platforms, coverage, duplicates = 7, 55, 2
	m := Default()
	p := newPopulation(20261123, 900)
	var list []Item
	truth := make(map[schema.RecordRef]int)
	for i := range p.persons {
		for platform := range platforms {
			rows := 0
			if p.chance(coverage) {
				rows++
			}
			if rows > 0 && p.chance(duplicates) {
				rows++
			}
			for n := range rows {
				f := m.Features(p.row(i))
				it := Item{Ref: ref(fmt.Sprint("p", platform), fmt.Sprint(i, "-", n)), F: f, Keys: m.Keys(f, secret)}
				truth[it.Ref] = i
				list = append(list, it)
			}
		}
	}
	r := Batch(m, list, nil, HotKeys(m.limits.HotKey, list))
	perPerson := make(map[int]int)
	for _, person := range truth {
		perPerson[person]++
	}
	right, found, want := 0, 0, 0
	for _, n := range perPerson {
		want += n * (n - 1) / 2
	}
	for _, g := range r.Groups {
		for i, a := range g {
			for _, b := range g[:i] {
				found++
				if truth[a] == truth[b] {
					right++
				}
			}
		}
	}
	precision, recall := float64(right)/float64(found), float64(right)/float64(want)
	t.Logf("%d persons, %d records, %d residents, %d edges; precision %.5f, recall %.5f",
		len(p.persons), len(list), len(r.Groups), len(r.Edges), precision, recall)
	require.GreaterOrEqual(t, precision, 0.999)
	require.GreaterOrEqual(t, recall, 0.97)
}
