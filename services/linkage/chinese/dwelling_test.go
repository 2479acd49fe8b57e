package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/schema/canon"
)

// at reads an address as people write it into the form that features are made of.
func at(t testing.TB, text string) string {
	t.Helper()
	address, problem := canon.Value(schema.Residence, text)
	require.Empty(t, problem, text)
	return address
}

func TestDwellingLevels(t *testing.T) {
	t.Parallel()
	here := at(t, "听松苑3号楼1单元502室")
	there := at(t, "望湖里9号楼101室")
	requireLevels(t, kindOf(t, "dwelling", 2), []pair{
		{"same room", v(here), v(here), "same_room"},
		{"same room, unit not given", v(here), v(at(t, "听松苑3-502")), "same_room"},
		{"lives here, registered there", v(here), v(there, here), "same_room"},
		{"a house in a village", v(at(t, "石桥村12号")), v(at(t, "柳河镇石桥村12号")), "same_room"},
		{"a room on a road", v(at(t, "解放路12号101室")), v(at(t, "解放路12号101")), "same_room"},
		{"same building, another room", v(here), v(at(t, "听松苑3号楼1单元501室")), "same_building"},
		{"same building, room not given", v(here), v(at(t, "听松苑3号楼")), "same_building"},
		{"same building, one names the community alone", v(at(t, "柳荫社区听松苑3号楼1单元502室")), v(at(t, "柳荫社区3号楼1单元502室")), "same_building"},
		{"same compound, another unit", v(here), v(at(t, "听松苑3号楼2单元502室")), "same_place"},
		{"same compound, another building", v(here), v(at(t, "听松苑4号楼1单元502室")), "same_place"},
		{"same community, another house", v(at(t, "石桥村12号")), v(at(t, "石桥村13号")), "same_place"},
		{"another compound", v(here), v(there), "different"},
		{"another village", v(at(t, "石桥村12号")), v(at(t, "柳树村12号")), "different"},
		{"blank", v(here), v(""), "missing"},
		{"no place", v(here), v(schema.Address{Building: "3", Room: "502"}.Canonical()), "missing"},
		{"a road without a door", v(at(t, "解放路")), v(at(t, "解放路")), "missing"},
		{"a compound and a community that need not hold it", v(here), v(at(t, "柳荫社区")), "missing"},
	})
}

// One room, in the many ways in which registers and people write it.
func TestSpellingsOfOneRoom(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "dwelling", 2)
	room := at(t, "平安小区3号楼2单元1801室")
	for _, text := range []string{
		"平安小区3幢2单元1801", "平安小区3栋2单元1801号", "平安小区3座2门1801户", "平安小区3#2单元1801", "平安小区3#楼2单元1801室",
		"平安小区03幢02单元1801室", "平安小区3楼2单元1801", "平安小区3-2-1801", "平安小区３－２－１８０１", "平安小区 3 2 1801",
		"平安小区3—2—1801", "平安小区3/2/1801", "平安小区-3-2-1801", "平安小区3#2-1801", "平安小区3号楼2-1801", "平安小区3栋2-1801",
		"平安小区3号2单元1801室", "平安小区3号楼2单元18层1801室", "平安小区三号楼二单元1801室", "平安小区三栋二单元一八〇一室",
		"平安小区３号楼２单元１８０１室", "平安小区 3 号楼 2 单元 1801 室", "平安小区3号楼2单元1801室(租户)",
		"翠湖街道和平社区平安小区3号楼2单元1801室", "山东省东山市临湖区翠湖街道和平社区居委会平安小区3幢2单元1801",
		"平安小区3-1801", "平安小区3号楼1801室",
	} {
		require.Equal(t, "same_room", levelOf(t, c, v(room), v(at(t, text))), text)
		require.Equal(t, keysOf(c, "room", room), keysOf(c, "room", at(t, text)), text)
	}
	for _, text := range []string{"平安小区3号楼2单元1802室", "平安小区3号楼2单元180室", "平安小区3-2-181"} {
		require.Equal(t, "same_building", levelOf(t, c, v(room), v(at(t, text))), text)
	}
}

func TestDwellingKeys(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "dwelling", 2)
	here, there := at(t, "听松苑3号楼1单元502室"), at(t, "石桥村12号")
	require.Equal(t, v("听松苑|3|502", "石桥村|12号|*"), keysOf(c, "room", here, there))
	require.Equal(t, v("听松苑|3|502"), keysOf(c, "room", here, here))
	require.Equal(t, v("听松苑|3|502"), keysOf(c, "room", "", here))
	require.Empty(t, keysOf(c, "room", at(t, "听松苑3号楼")), "a building has hundreds")
	require.Empty(t, keysOf(c, "room", at(t, "听松苑")))
	require.Empty(t, keysOf(c, "unit", here), "no such part")
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"听松苑3号楼1单元502室", "石桥村12号", "||||||||||", "a|b", "\xff|", "解放路12号101"} {
		f.Add(s, s)
	}
	c := kindOf(f, "dwelling", 2)
	f.Fuzz(func(t *testing.T, a, b string) {
		if canonical, _ := canon.Value(schema.Residence, a); canonical != "" {
			a = canonical
		}
		x, y := feature(c, a, b), feature(c, b, a)
		if len(x) == 0 {
			require.Empty(t, y)
			return
		}
		level := c.Level(x, y)
		require.Equal(t, level, c.Level(y, x))
		require.NotEqual(t, otherDwelling, level, "they share both homes")
		keysOf(c, "room", a, b)
	})
}
