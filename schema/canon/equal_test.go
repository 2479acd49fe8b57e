package canon

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"heji/schema"
)

// What is written without regular expressions says what they would say.
func TestShortcutsOfAddresses(t *testing.T) {
	road := regexp.MustCompile(`(?:路|街|大道|巷|胡同)(?:[东西南北中]段)?$`)
	compound := regexp.MustCompile(`(?:小区|新区|[东西南北中住A-Z]区|[苑园院庭城府里坊楼居邸湾寓庄屯村厦组期宿舍场队])$`)
	words := []string{"路", "街", "大道", "道", "巷", "胡同", "东", "中", "段", "小区", "新区", "区", "住", "B", "苑", "期", "1", "甲", "-", "—", " ", "/", "|", "，", "(", ")", "３", "e", "́"}
	long := func(s string) string {
		s = reDash.ReplaceAllString(norm.NFKC.String(s), "-")
		return norm.NFKC.String(addressBlanks.Replace(reNumberGap.ReplaceAllString(s, "$1-")))
	}
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 8).Draw(t, "words"), "")
		require.Equal(t, road.MatchString(s), endsInRoad(s), s)
		require.Equal(t, compound.MatchString(s), namesCompound(s), s)
		require.Equal(t, long(s), flat(s), s)
	})
}

// A template that is known writes what one that is worked out anew does.
func TestTemplatesAreKept(t *testing.T) {
	part := rapid.SampledFrom([]string{"", "", "3", "甲", "和平社区", "-"})
	pieces := []string{"{community}", "{compound}", "{building}", "{unit}", "{room}", "{rest}", "[", "]", "幢", "单元", "室", "-", "号", "x", "{nothing}"}
	rapid.Check(t, func(t *rapid.T) {
		a := schema.Address{Community: part.Draw(t, "community"), Compound: part.Draw(t, "compound"), Building: part.Draw(t, "building"),
			Unit: part.Draw(t, "unit"), Room: part.Draw(t, "room"), Rest: part.Draw(t, "rest")}
		pattern := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 10).Draw(t, "pattern"), "")
		first := FormatAddress(a, pattern)
		require.Equal(t, first, FormatAddress(a, pattern))
		other := a
		for _, p := range []*string{&other.Community, &other.Compound, &other.Building, &other.Unit, &other.Room, &other.Rest} {
			if *p != "" {
				*p = "7"
			}
		}
		filled := FormatAddress(other, pattern)
		require.Equal(t, first == "", filled == "" || strings.Trim(first, "-") == "", "shown or not, whatever it says")
	})
}
