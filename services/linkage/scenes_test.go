package linkage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// The scenes of everyday life that must come out right. Each record stands for
// one row of one platform.

func TestOnePersonOnSeveralPlatforms(t *testing.T) {
	t.Parallel()
	p := grownUp(t)
	same := map[string]schema.Values{
		"everything alike":               p,
		"phone and address out of date":  with(p, "phone", "12719030999", "residence", dwelling("望湖里", "9", "101")),
		"no number":                      with(p, "id_number", ""),
		"no number, and moved":           with(p, "id_number", "", "phone", "12719030999", "residence", dwelling("望湖里", "9", "101")),
		"number alone":                   {schema.IDNumber: p[schema.IDNumber]},
		"number and name":                {schema.IDNumber: p[schema.IDNumber], schema.Name: p[schema.Name]},
		"15 digits":                      with(p, "id_number", p[schema.IDNumber][:6]+p[schema.IDNumber][8:17]),
		"wrong check character":          with(p, "id_number", p[schema.IDNumber][:17]+wrongCheck(p[schema.IDNumber])),
		"a digit of the number mistyped": with(p, "id_number", slip(p[schema.IDNumber], 15)),
		"number mistyped in the birth date, no other birth date": with(p, "id_number", slip(p[schema.IDNumber], 11), "birth_date", ""),
		"day and month swapped":                                  with(p, "birth_date", "1984-07-03"),
		"birth date mistyped":                                    with(p, "birth_date", "1994-03-07"),
		"a homophone in the name":                                with(p, "name", "欧阳沐晨"),
		"traditional characters":                                 with(p, "name", "歐陽沐辰"),
		"a character that could not be written, no number":       with(p, "name", "欧阳沐?", "id_number", ""),
		"name in pinyin":                                         with(p, "name", "Ouyang Muchen"),
		"new given name, old number, same household":             with(p, "name", "欧阳远"),
		"former name":                                            with(p, "name", "林远", "former_name", "欧阳沐辰"),
	}
	for name, other := range same {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			groups, _ := residentsOf(items(p, other))
			m := Default()
			require.Len(t, groups, 1, "\n"+m.Explain(weigh(p, other), English))
		})
	}
}

func wrongCheck(n string) string {
	if n[17] == '5' {
		return "6"
	}
	return "5"
}

// apart asserts that every record is a resident of its own, and how many pairs
// a person is asked about.
func apart(t *testing.T, reviews int, records ...schema.Values) []Edge {
	t.Helper()
	groups, edges := residentsOf(items(records...))
	m := Default()
	var why string
	for i := range records {
		for j := range i {
			why += m.Explain(weigh(records[j], records[i]), English) + "\n"
		}
	}
	require.Len(t, groups, len(records), "\n"+why)
	require.Len(t, edges, reviews, "\n"+why)
	return edges
}

func TestTwinsWithNeighbouringNumbersStayApart(t *testing.T) {
	t.Parallel()
	first := schema.Values{
		schema.IDNumber: idOf(t, "2015-06-01", 20), schema.Name: "林佳怡", schema.Sex: "2", schema.BirthDate: "2015-06-01",
		schema.Phone: "12919030571", schema.Residence: dwelling("听松苑", "3", "502"), schema.HouseholdNo: "77",
		schema.Relation: "30", schema.MotherName: "苏晚晴", schema.MotherID: idOf(t, "1985-01-02", 20),
	}
	second := with(first, "id_number", idOf(t, "2015-06-01", 40), "name", "林佳欣")
	apart(t, 0, first, second)
	t.Run("without numbers", func(t *testing.T) {
		apart(t, 1, with(first, "id_number", ""), with(second, "id_number", ""))
	})
	t.Run("one without a number", func(t *testing.T) {
		apart(t, 1, first, with(second, "id_number", ""))
	})
	t.Run("names of two characters, without numbers", func(t *testing.T) {
		apart(t, 1, with(first, "id_number", "", "name", "林佳"), with(second, "id_number", "", "name", "林怡"))
	})
	t.Run("names of one sound", func(t *testing.T) {
		apart(t, 0, with(first, "name", "林佳仪"), with(second, "name", "林佳怡"))
	})
	t.Run("four records of two twins", func(t *testing.T) {
		moved := dwelling("望湖里", "9", "101")
		groups, _ := residentsOf(items(first, second, with(first, "residence", moved), with(second, "residence", moved)))
		require.Equal(t, [][]int{{0, 2}, {1, 3}}, groups)
	})
}

func TestTwoChildrenOfOneHouseholdStayApart(t *testing.T) {
	t.Parallel()
	elder := schema.Values{
		schema.Name: "林佳怡", schema.Sex: "2", schema.BirthDate: "2012-06-01", schema.Phone: "12919030571",
		schema.Residence: dwelling("听松苑", "3", "502"), schema.HouseholdNo: "77", schema.Relation: "30",
		schema.MotherName: "苏晚晴", schema.MotherID: idOf(t, "1985-01-02", 20),
	}
	younger := with(elder, "name", "林佳欣", "birth_date", "2015-06-01")
	apart(t, 0, elder, younger)
	apart(t, 0, with(elder, "birth_date", ""), with(younger, "birth_date", ""))
}

func TestFatherAndSonWithNearNamesStayApart(t *testing.T) {
	t.Parallel()
	father := schema.Values{
		schema.IDNumber: idOf(t, "1960-02-03", 111), schema.Name: "王建国", schema.Sex: "1", schema.BirthDate: "1960-02-03",
		schema.Phone: "12919030571", schema.Residence: dwelling("听松苑", "3", "502"), schema.HouseholdNo: "77", schema.Relation: "02",
	}
	son := with(father, "id_number", idOf(t, "1986-09-12", 113), "name", "王建", "birth_date", "1986-09-12", "relation", "20")
	apart(t, 0, father, son)
	apart(t, 0, with(father, "id_number", ""), with(son, "id_number", ""))
	t.Run("the father's number typed for the son", func(t *testing.T) {
		edges := apart(t, 1, father, with(son, "id_number", father[schema.IDNumber]))
		require.Equal(t, SameID, edges[0].Reason)
	})
}

func TestOnePhoneForFivePeople(t *testing.T) {
	t.Parallel()
	home := schema.Values{schema.Phone: "12919030571", schema.Residence: dwelling("听松苑", "3", "502"), schema.HouseholdNo: "77"}
	apart(t, 0,
		with(home, "name", "韩石", "birth_date", "1950-01-02", "sex", "1", "relation", "02"),
		with(home, "name", "孟秋", "birth_date", "1951-03-04", "sex", "2", "relation", "12"),
		with(home, "name", "韩冬", "birth_date", "1975-05-06", "sex", "1", "relation", "20"),
		with(home, "name", "严春", "birth_date", "1976-07-08", "sex", "2", "relation", "38"),
		with(home, "name", "韩小雨", "birth_date", "2004-09-10", "sex", "2", "relation", "42"))
}

// One record of P carries the number of Q: it may join neither.
func TestNeighboursNumberTypedByMistake(t *testing.T) {
	t.Parallel()
	p := grownUp(t)
	q := schema.Values{
		schema.IDNumber: idOf(t, "1971-11-30", 245), schema.Name: "魏兰舟", schema.Sex: "1", schema.BirthDate: "1971-11-30",
		schema.Phone: "12600190777", schema.Residence: dwelling("听松苑", "3", "501"),
	}
	wrong := with(p, "id_number", q[schema.IDNumber])
	groups, edges := residentsOf(items(p, q, wrong))
	require.Equal(t, [][]int{{0}, {1}, {2}}, groups)
	require.Len(t, edges, 2)
	require.Equal(t, SameID, edges[1].Reason)
	t.Run("many records of each do not pull it in", func(t *testing.T) {
		groups, _ := residentsOf(items(p, p, p, q, q, q, wrong))
		require.Equal(t, [][]int{{0, 1, 2}, {3, 4, 5}, {6}}, groups)
	})
}

// I3, second half: the same number under clearly different people.
func TestOneNumberUnderDifferentPeopleGoesToReview(t *testing.T) {
	t.Parallel()
	p := grownUp(t)
	others := map[string]schema.Values{
		"another name":           with(p, "name", "魏兰舟"),
		"all else different":     {schema.IDNumber: p[schema.IDNumber], schema.Name: "魏兰舟", schema.Sex: "2", schema.BirthDate: "1999-10-10"},
		"nothing but the name":   {schema.IDNumber: p[schema.IDNumber], schema.Name: "魏兰舟"},
		"a child under it":       with(p, "name", "欧阳小满", "birth_date", "2018-04-05"),
		"a newborn under it":     with(p, "name", "欧阳沐辰之女", "birth_date", "2026-04-05", "sex", "2"),
		"a newborn, no birthday": {schema.IDNumber: p[schema.IDNumber], schema.Name: "欧阳沐辰之女"},
		"another sex and date":   {schema.IDNumber: p[schema.IDNumber], schema.Sex: "2", schema.BirthDate: "1999-10-10"},
	}
	for name, other := range others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edges := apart(t, 1, p, other)
			require.Equal(t, SameID, edges[0].Reason)
		})
	}
}

// I3, first half, however alike everything else is.
func TestTwoValidNumbersNeverJoin(t *testing.T) {
	t.Parallel()
	p := grownUp(t)
	other := with(p, "id_number", idOf(t, "1984-03-07", 123))
	edges := apart(t, 1, p, other)
	require.Equal(t, ref("t", "r0"), edges[0].A)
	t.Run("nor through a record without a number", func(t *testing.T) {
		groups, edges := residentsOf(items(p, other, with(p, "id_number", "")))
		require.Len(t, groups, 2)
		require.NotEmpty(t, edges)
	})
	t.Run("unless a person says so", func(t *testing.T) {
		list := items(p, other, with(p, "phone", ""), with(other, "phone", ""))
		groups, _ := residentsOf(list, Decision{A: list[0].Ref, B: list[1].Ref, Same: true})
		require.Equal(t, [][]int{{0, 1, 2, 3}}, groups)
	})
}

func TestNamesakes(t *testing.T) {
	t.Parallel()
	p := schema.Values{schema.Name: "王伟", schema.Sex: "1", schema.BirthDate: "1980-05-06"}
	apart(t, 1, with(p, "phone", "12919030571"), with(p, "phone", "12600190777"))
	rare := with(p, "name", "欧阳沐辰")
	groups, _ := residentsOf(items(with(rare, "phone", "12919030571"), with(rare, "phone", "12600190777")))
	require.Len(t, groups, 1)
	require.Less(t, weigh(p, p).Weight, weigh(rare, rare).Weight)
}

func TestNewbornBecomesAPerson(t *testing.T) {
	t.Parallel()
	mother := idOf(t, "1990-01-02", 224)
	newborn := schema.Values{
		schema.Name: "苏晚晴之女", schema.BirthDate: "2026-03-04", schema.MotherID: mother, schema.Phone: "12919030571",
		schema.Residence: dwelling("听松苑", "3", "502"),
	}
	child := schema.Values{
		schema.Name: "林一诺", schema.Sex: "2", schema.BirthDate: "2026-03-04", schema.IDNumber: idOf(t, "2026-03-04", 28),
		schema.MotherID: mother, schema.MotherName: "苏晚晴", schema.Residence: dwelling("听松苑", "3", "502"),
	}
	mum := schema.Values{
		schema.Name: "苏晚晴", schema.Sex: "2", schema.BirthDate: "1990-01-02", schema.IDNumber: mother,
		schema.Phone: "12919030571", schema.Residence: dwelling("听松苑", "3", "502"),
	}
	groups, edges := residentsOf(items(newborn, child, mum))
	require.Equal(t, [][]int{{0, 1}, {2}}, groups)
	require.Empty(t, edges)
	t.Run("by her mother's name", func(t *testing.T) {
		groups, _ := residentsOf(items(with(newborn, "mother_id", ""), with(child, "mother_id", ""), mum))
		require.Equal(t, [][]int{{0, 1}, {2}}, groups)
	})
	t.Run("not by living there alone", func(t *testing.T) {
		apart(t, 1, with(newborn, "mother_id", ""), with(child, "mother_id", "", "mother_name", ""))
	})
	t.Run("two newborn twins", func(t *testing.T) {
		apart(t, 0, with(newborn, "birth_order", "1"), with(newborn, "birth_order", "2"))
		apart(t, 0, with(newborn, "name", "苏晚晴之长女"), with(newborn, "name", "苏晚晴之次女"))
	})
	t.Run("by her mother's phone, wherever she moved", func(t *testing.T) {
		named := with(child, "mother_id", "", "mother_name", "", "phone", "12919030571", "residence", dwelling("望湖里", "9", "101"))
		groups, _ := residentsOf(items(with(newborn, "mother_id", ""), named, mum))
		require.Equal(t, [][]int{{0, 1}, {2}}, groups)
	})
	t.Run("twice in one register", func(t *testing.T) {
		named := with(child, "medical_no", "2901050001")
		apart(t, 1, with(newborn, "mother_id", "", "name", "苏某之女", "medical_no", "2901050002"), with(named, "mother_id", "", "phone", "12919030571"))
		apart(t, 1, with(newborn, "medical_no", "2901050002"), with(named, "phone", "12919030571"))
	})
	t.Run("a son is no daughter", func(t *testing.T) {
		groups, _ := residentsOf(items(newborn, with(child, "sex", "1", "id_number", idOf(t, "2026-03-04", 31))))
		require.Len(t, groups, 2)
	})
	t.Run("on two platforms", func(t *testing.T) {
		groups, _ := residentsOf(items(newborn, with(newborn, "phone", "", "name", "苏某之女")))
		require.Len(t, groups, 1)
	})
}

// A newborn without a name of her own, and twins who both have theirs: whatever
// the three records say of their mother, she is one of the two, and a person says
// which.
func TestNewbornFitsEitherTwin(t *testing.T) {
	t.Parallel()
	twin := schema.Values{
		schema.Name: "林佳怡", schema.Sex: "2", schema.BirthDate: "2026-03-04", schema.IDNumber: idOf(t, "2026-03-04", 28),
		schema.MotherID: idOf(t, "1990-01-02", 224), schema.MotherName: "苏晚晴", schema.Phone: "12919030571",
		schema.Residence: dwelling("听松苑", "3", "502"),
	}
	other := with(twin, "name", "林佳欣", "id_number", idOf(t, "2026-03-04", 42))
	newborn := with(twin, "name", "苏晚晴之女", "id_number", "")
	for name, list := range map[string][]schema.Values{
		"who both have numbers":             {newborn, twin, other},
		"of whom one has a number":          {newborn, with(twin, "id_number", ""), other},
		"of whom one is known less well":    {newborn, with(twin, "phone", ""), other},
		"and another newborn":               {newborn, twin, other, with(newborn, "name", "苏某之女", "mother_id", "", "mother_name", "")},
		"several records of each":           {newborn, twin, twin, other, other},
		"several records of one, moved":     {newborn, twin, with(twin, "residence", ""), other},
		"of whom one has a name to be read": {newborn, with(twin, "name", "林佳仪"), other},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			groups, edges := residentsOf(items(list...))
			at := map[string]int{} // which group has whom
			for g, members := range groups {
				for _, i := range members {
					at[list[i][schema.Name]] = g
				}
			}
			require.NotEqual(t, at["苏晚晴之女"], at["林佳欣"])
			require.NotEqual(t, at["苏晚晴之女"], at[list[1][schema.Name]])
			require.Contains(t, reasons(edges), GroupRule)
			decided, _ := residentsOf(items(list...), Decision{A: ref("t", "r0"), B: ref("t", "r1"), Same: true})
			for _, members := range decided {
				if members[0] == 0 {
					require.Contains(t, members, 1, "a person's word decides it")
				}
			}
		})
	}
	t.Run("one child is no twin", func(t *testing.T) {
		groups, edges := residentsOf(items(newborn, twin, with(twin, "phone", ""), with(newborn, "name", "苏某之女", "phone", "")))
		require.Equal(t, [][]int{{0, 1, 2, 3}}, groups)
		require.Empty(t, edges)
	})
}

func TestMinorityNames(t *testing.T) {
	t.Parallel()
	p := schema.Values{schema.Name: "阿布都·热合曼", schema.Sex: "1", schema.BirthDate: "1979-08-09", schema.Phone: "12919030571"}
	for _, name := range []string{"阿布都热合曼", "阿布都.热合曼", "阿不都·热合曼", "热合曼·阿布都", "阿布都•热合曼"} {
		groups, _ := residentsOf(items(p, with(p, "name", name)))
		require.Len(t, groups, 1, name)
	}
}

// A chain of weak links makes no resident out of a street: everybody once had the
// name that the next one has, was born a day later, has lived next door and has a
// phone one digit off. Each fits the next well enough to be joined.
func TestNoChainOfWeakLinksThroughAStreet(t *testing.T) {
	t.Parallel()
	const street = 28
	names := []string{"陈安", "白霜", "范舟", "龚雨", "韩石", "贾霖", "孔平", "雷鸣", "孟秋", "倪虹"}
	compounds := []string{"听松苑", "望湖里", "春晓园", "青石巷", "槐荫里", "枫林苑", "杏花村"}
	home := func(i int) string { return dwelling(compounds[i%len(compounds)], fmt.Sprint(1+i), "101") }
	var list []Item
	m := Default()
	for i := range street {
		phone := []byte("12919030571")
		for j := range i { // one digit more than the one before has changed
			phone[4+j%7] = '0' + (phone[4+j%7]-'0'+1)%10
		}
		v := schema.Values{
			schema.Name: names[i%len(names)], schema.FormerName: names[(i+1)%len(names)], schema.Sex: "1",
			schema.BirthDate: fmt.Sprintf("1984-03-%02d", 1+i), schema.Phone: string(phone),
			schema.Residence: home(i), schema.HukouAddress: home(i + 1),
		}
		// One key for the whole street: what keeps it apart is not the blocking.
		list = append(list, Item{Ref: ref("t", letters(i)), F: m.Features(v), Keys: []int64{1}})
	}
	links := 0
	for i := range street - 1 {
		if m.Weigh(list[i].F, list[i+1].F).Total >= m.Limits().Link {
			links++
		}
	}
	require.GreaterOrEqual(t, links, 24, "neighbours are linked, or this proves nothing")
	r := Batch(m, list, nil, HotKeys(m.Limits().HotKey, list))
	for _, g := range r.Groups {
		require.LessOrEqual(t, len(g), 3)
	}
	require.Contains(t, reasons(r.Edges), GroupRule)
}

// The same with nothing but weights: each is near the next, and the ends have
// nothing in common.
func TestNoChainMakesOneResidentOutOfAStreet(t *testing.T) {
	t.Parallel()
	s := &toy{weight: make(map[[2]string]int), limits: Limits{Link: 20, Review: 10, Group: 6, HotKey: 10, Component: 1000}}
	const street = 30
	var list []Item
	for i := range street {
		for j := i; j < street; j++ {
			w := -20
			switch j - i {
			case 0:
				w = 40
			case 1:
				w = 21 - i%2 // every link reaches the threshold or misses it by one
			}
			s.weight[[2]string{letters(i), letters(j)}] = max(w, -20)
		}
		list = append(list, Item{Ref: ref("t", letters(i)), F: toyFeatures(letters(i), "", 1), Keys: []int64{int64(i), int64(i + 1)}})
	}
	r := Batch(s, list, nil, HotKeys(10, list))
	for _, g := range r.Groups {
		require.LessOrEqual(t, len(g), 2)
	}
	require.Contains(t, reasons(r.Edges), GroupRule)
}

func letters(i int) string { return string(rune('a'+i/10)) + string(rune('0'+i%10)) }

func reasons(edges []Edge) []Reason {
	var list []Reason
	for _, e := range edges {
		list = append(list, e.Reason)
	}
	return list
}
