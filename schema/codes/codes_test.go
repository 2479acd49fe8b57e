package codes

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

func TestEveryAttributeHasItsTable(t *testing.T) {
	for _, d := range schema.Attributes() {
		if d.Kind != schema.KindCode {
			continue
		}
		_, ok := LookupTable(d.Codes)
		require.True(t, ok, "attribute %s names the table %s", d.Name, d.Codes)
		for _, name := range []string{d.Codes, d.Codes + "_zh"} {
			_, ok = LookupCrosswalk(name)
			require.True(t, ok, "crosswalk %s", name)
		}
	}
}

func TestTablesAreWellFormed(t *testing.T) {
	for _, name := range Tables() {
		table, ok := LookupTable(name)
		require.True(t, ok)
		require.NotEmpty(t, table.Standard)
		require.NotEmpty(t, table.Version)
		labels := map[string]string{}
		for _, e := range table.Entries() {
			require.Equal(t, strings.TrimSpace(e.Code), e.Code)
			require.Empty(t, labels[e.Zh], "%s: two codes are called %s", name, e.Zh)
			labels[e.Zh] = e.Code
			require.NotEqual(t, table.Label(e.Code, "zh"), table.Label(e.Code, "en"))
			if e.Parent != "" {
				require.True(t, table.Refines(e.Code, e.Parent))
				require.False(t, table.Refines(e.Parent, e.Code))
			}
		}
		require.Equal(t, len(table.Codes()), len(table.Entries()))
	}
}

// Whatever a crosswalk writes it can read, and reading it again changes nothing
// more: a value that was written and read back is a fixed point.
func TestCrosswalksLandInTheirTable(t *testing.T) {
	for _, name := range Crosswalks() {
		c, _ := LookupCrosswalk(name)
		table, ok := LookupTable(c.Table)
		require.True(t, ok, name)
		require.NotEmpty(t, c.Source)
		for _, local := range c.Locals() {
			code, ok := c.ToCanonical(local)
			require.True(t, ok)
			require.True(t, table.Has(code), "%s: %q leads to %q", name, local, code)
			written, ok := c.FromCanonical(code)
			require.True(t, ok, "%s: %q is read as %q, which it cannot write", name, local, code)
			again, ok := c.ToCanonical(written)
			require.True(t, ok)
			require.Equal(t, code, again, "%s: %q is read as %s, written as %q", name, local, code, written)
		}
		for _, code := range table.Codes() {
			written, ok := c.FromCanonical(code)
			if !ok {
				continue
			}
			_, ok = c.ToCanonical(written)
			require.True(t, ok, "%s: %s is written as %q, which it cannot read", name, code, written)
		}
	}
}

func TestCrosswalks(t *testing.T) {
	for _, c := range []struct{ crosswalk, local, code string }{
		{"sex", "1", "1"}, {"sex_01", "0", "2"}, {"sex_01", "1", "1"}, {"sex_10", "0", "1"}, {"sex_10", "1", "2"},
		{"sex_zh", "男", "1"}, {"sex_zh", "女性", "2"}, {"sex_zh", "未知", "0"}, {"sex_fm", "f", "2"}, {"sex_fm", " Ｍ ", "1"},
		{"marital_1digit", "2", "20"}, {"marital_zh", "离异", "40"}, {"marital_status_zh", "再婚", "22"},
		{"education_1984", "50", "47"}, {"education_1984", "61", "61"}, {"education_zh", "大专", "30"}, {"education_zh", "普通高中毕业", "61"},
		{"ethnicity_zh", "汉", "01"}, {"ethnicity_zh", "汉族", "01"}, {"ethnicity_zh", "崩龙族", "46"}, {"ethnicity_zh", "毛难", "36"},
		{"ethnicity_zh", "基洛族", "56"}, {"ethnicity_nozero", "5", "05"}, {"ethnicity_nozero", "05", "05"}, {"ethnicity_letters", "ug", "05"},
		{"relation_1digit", "0", "02"}, {"relation_zh", "妻子", "12"}, {"relation_zh", "户主", "02"},
		{"life_status_zh", "健在", "alive"}, {"life_status_zh", "迁出", "moved_out"}, {"id_type_2digit", "1", "111"},
		{"pension_status_zh", "领取待遇", "4"}, {"political_zh", "团员", "03"}, {"residence_type_zh", "人户分离", "2"},
	} {
		x, ok := LookupCrosswalk(c.crosswalk)
		require.True(t, ok, c.crosswalk)
		code, ok := x.ToCanonical(c.local)
		require.True(t, ok, "%s %q", c.crosswalk, c.local)
		require.Equal(t, c.code, code, "%s %q", c.crosswalk, c.local)
	}
	for _, c := range []struct{ crosswalk, code, local string }{
		{"sex_zh", "0", "未知"}, {"marital_1digit", "22", "2"}, {"marital_1digit", "90", "9"}, {"education_1984", "42", "40"},
		{"education_1984", "48", "51"}, {"education_zh", "14", "硕士研究生毕业"}, {"education_level_zh", "14", "研究生"}, {"relation_1digit", "01", "0"}, {"relation_1digit", "22", "2"},
		{"relation_1digit", "99", "8"}, {"relation_1digit", "55", "5"}, {"ethnicity_nozero", "05", "5"}, {"ethnicity_zh", "05", "维吾尔族"},
	} {
		x, _ := LookupCrosswalk(c.crosswalk)
		local, ok := x.FromCanonical(c.code)
		require.True(t, ok, "%s %s", c.crosswalk, c.code)
		require.Equal(t, c.local, local, "%s %s", c.crosswalk, c.code)
	}
	x, _ := LookupCrosswalk("sex_01")
	_, ok := x.FromCanonical("0")
	require.False(t, ok, "0/1 has no word for unknown")
	_, ok = x.ToCanonical("2")
	require.False(t, ok, "a code outside the crosswalk is not guessed")
	_, ok = LookupCrosswalk("sex_nowhere")
	require.False(t, ok)
}

func TestLabels(t *testing.T) {
	table, _ := LookupTable("ethnicity")
	require.Equal(t, "维吾尔族", table.Label("05", "zh"))
	require.Equal(t, "Uygur", table.Label("05", "en"))
	require.Equal(t, "77", table.Label("77", "zh"), "an unknown code is its own label")
	e, ok := table.Entry("05")
	require.True(t, ok)
	require.Equal(t, "UG", e.Letters)
	require.Len(t, table.Codes(), 58)
}

func TestBrokenDataFilesAreNamed(t *testing.T) {
	good := "# GB; version 1\ncode,zh,en,parent\n1,男,male,\n"
	for _, c := range []struct{ name, table, crosswalk, want string }{
		{"no heading", "code,zh,en\n1,男,male\n", "", "tables/x.csv:1"},
		{"no rows", "# GB; version 1\ncode,zh,en\n", "", "no rows"},
		{"twice", good + "1,女,female,\n", "", "twice"},
		{"no label", good + "2,,female,\n", "", `code "2"`},
		{"parent below", good + "2,女,female,3\n", "", "parent"},
		{"columns", good + "2,女\n", "", "tables/x.csv"},
		{"unknown table", good, "# table y; us; version 1\nlocal,code,use\na,1,both\n", `no table "y"`},
		{"unknown code", good, "# table x; us; version 1\nlocal,code,use\na,7,both\n", "no such code"},
		{"read twice", good, "# table x; us; version 1\nlocal,code,use\na,1,both\na,1,read\n", "read as"},
		{"written twice", good, "# table x; us; version 1\nlocal,code,use\na,1,both\nb,1,both\n", "written as"},
		{"use", good, "# table x; us; version 1\nlocal,code,use\na,1,sometimes\n", "none of both, read, write"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{"tables/x.csv": {Data: []byte(c.table)}}
			if c.crosswalk != "" {
				fsys["crosswalks/x_local.csv"] = &fstest.MapFile{Data: []byte(c.crosswalk)}
			}
			tables, err := loadTables(fsys)
			if err == nil {
				_, err = loadCrosswalks(fsys, tables)
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}
