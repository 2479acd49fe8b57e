package kit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	_ "heji/connectors/files"
	_ "heji/connectors/kafka"
	"heji/connectors/kit"
	_ "heji/connectors/manual"
	"heji/connectors/mapping"
	_ "heji/connectors/remote"
	_ "heji/connectors/rest"
	_ "heji/connectors/soap"
	"heji/connectors/spec"
	_ "heji/connectors/table"
	_ "heji/connectors/template"
	"heji/schema"
	"heji/schema/codes"
	"heji/schema/idnum"
)

func environment(name string) (string, bool) {
	switch {
	case strings.HasSuffix(name, "_DSN"):
		return "postgres://u:p@127.0.0.1:1/x", true
	case strings.HasSuffix(name, "_URL"):
		return "http://127.0.0.1:1", true
	}
	return "/nowhere/" + name, true
}

// What new writes can be opened as a draft by its kind, whatever the kind.
func TestEveryKindHasAFileToBeginWith(t *testing.T) {
	for _, k := range connectors.Kinds() {
		t.Run(k, func(t *testing.T) {
			text, err := kit.New(k, "street_care")
			require.NoError(t, err)
			require.Contains(t, string(text), "STREET_CARE_", "secrets come from the environment")
			require.Regexp(t, `(?m)# .*\p{Han}.*[a-z]{4}`, string(text), "comments in both languages")
			p, err := spec.ParseDraft("street_care.yaml", text, environment)
			require.NoError(t, err)
			c, err := connectors.Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
			require.NoError(t, err)
			require.NoError(t, c.Close())
			_, err = spec.Parse("street_care.yaml", text, environment)
			require.ErrorContains(t, err, "key is missing", "a draft is not taken for a finished file")
		})
	}
	_, err := kit.New("table", "Street")
	require.ErrorContains(t, err, "lower case")
	_, err = kit.New("tabel", "street")
	require.ErrorContains(t, err, "none of")
}

var people = []string{"张伟", "王芳", "李秀英", "刘洋", "陈静", "欧阳沐辰", "杨磊", "赵敏", "黄丽", "周杰", "吴刚", "徐倩"}

// column makes a column of n invented people.
func column(t *testing.T, name, what string, n int) connectors.Column {
	t.Helper()
	c := connectors.Column{Name: name}
	for i := range n {
		birth := fmt.Sprintf("%04d%02d%02d", 1940+i*5, 1+i%12, 1+i%28)
		id, err := idnum.Make("190101", birth[:4]+"-"+birth[4:6]+"-"+birth[6:], 10+i)
		require.NoError(t, err)
		sex := "2" // an even order
		if i%2 == 1 {
			sex = "1"
		}
		text := map[string]string{
			"id": id, "name": people[i%len(people)], "birth": birth, "dashed": birth[:4] + "-" + birth[4:6] + "-" + birth[6:],
			"phone": fmt.Sprintf("139%08d", i*7919), "sex": sex, "sex01": map[string]string{"1": "1", "2": "0"}[sex],
			"sex10": map[string]string{"1": "0", "2": "1"}[sex], "sexzh": map[string]string{"1": "男", "2": "女"}[sex],
			"address": fmt.Sprintf("幸福路%d号和平小区%d幢%d室", i, i, i+100), "ethnicity": []string{"汉族", "回族", "满族"}[i%3],
			"serial": fmt.Sprint(1000 + i), "time": fmt.Sprintf("2026-03-%02d 10:11:%02d", 1+i, i), "lost": id[:15] + "000", "yes": "是",
			"empty": "",
		}[what]
		c.Samples = append(c.Samples, text)
	}
	return c
}

func proposed(t *testing.T, columns ...connectors.Column) map[string]kit.Proposal {
	t.Helper()
	out := map[string]kit.Proposal{}
	for _, p := range kit.Propose(columns) {
		out[p.Column.Name] = p
	}
	return out
}

func TestIDNumbersAreKnownByEveryName(t *testing.T) {
	for _, name := range []string{"身份证号", "SFZH", "GMSFHM", "aac002", "certno", "sfz_hm", "ID_CARD", "ＳＦＺＨ", "person.idNo", "col7"} {
		p := proposed(t, column(t, name, "id", 12))[name]
		require.Equal(t, schema.IDNumber, p.Attribute, name)
	}
	// Nobody has it filled in, and its name says what it is.
	require.Equal(t, schema.IDNumber, proposed(t, column(t, "GMSFHM", "empty", 12))["GMSFHM"].Attribute)
}

func TestContentSpeaksWhereNamesDoNot(t *testing.T) {
	got := proposed(t, column(t, "c1", "serial", 12), column(t, "c2", "id", 12), column(t, "c3", "name", 12), column(t, "c4", "birth", 12),
		column(t, "c5", "phone", 12), column(t, "c6", "sexzh", 12), column(t, "c7", "address", 12), column(t, "c8", "ethnicity", 12),
		column(t, "c9", "time", 12), column(t, "c10", "yes", 12))
	for name, want := range map[string]schema.Attribute{"c2": schema.IDNumber, "c3": schema.Name, "c4": schema.BirthDate, "c5": schema.Phone,
		"c6": schema.Sex, "c7": schema.Residence, "c8": schema.Ethnicity, "c1": "", "c9": "", "c10": ""} {
		require.Equal(t, want, got[name].Attribute, name)
	}
	require.Equal(t, "yyyyMMdd", got["c4"].Format)
	require.Equal(t, "sex_zh", got["c6"].Codes)
	require.Equal(t, "ethnicity_zh", got["c8"].Codes)
	require.Equal(t, kit.RoleKey, got["c1"].Role)
	require.Equal(t, kit.RoleChange, got["c9"].Role)
}

// 0 and 1 stand for the sexes both ways round: the ID numbers of the same rows
// say which.
func TestIDNumbersTellTheSexes(t *testing.T) {
	for what, table := range map[string]string{"sex": "", "sex01": "sex_01", "sex10": "sex_10", "sexzh": "sex_zh"} {
		p := proposed(t, column(t, "xb", what, 12), column(t, "sfzh", "id", 12))["xb"]
		require.Equal(t, schema.Sex, p.Attribute)
		require.Empty(t, p.Left)
		read := func(text string) string {
			name := p.Codes
			if name == "" {
				name = "sex"
			}
			walk, ok := codes.LookupCrosswalk(name)
			require.True(t, ok)
			code, _ := walk.ToCanonical(text)
			return code
		}
		for i, s := range column(t, "sfzh", "id", 12).Samples {
			want, _ := idnum.Parse(s).Sex()
			require.Equal(t, want, read(column(t, "xb", what, 12).Samples[i]), "%s read by %s, expected %s", what, p.Codes, table)
		}
	}
}

func TestANameThatTheContentContradicts(t *testing.T) {
	got := proposed(t, column(t, "bh", "serial", 12), column(t, "sfzh", "phone", 12), column(t, "lxdh", "id", 12))
	require.Equal(t, schema.IDNumber, got["lxdh"].Attribute, "the columns are swapped")
	require.Equal(t, schema.Phone, got["sfzh"].Attribute)
}

func TestLostDigitsAreSaid(t *testing.T) {
	require.Contains(t, proposed(t, column(t, "身份证号", "lost", 12))["身份证号"].Warning, "末位丢失")
}

// A proposal is a file that loads, and keeps what was written by hand.
func TestProposalsLoad(t *testing.T) {
	draft, err := kit.New("table", "pension")
	require.NoError(t, err)
	columns := []connectors.Column{column(t, "grbh", "serial", 12), column(t, "aac003", "name", 12), column(t, "aac002", "id", 12), column(t, "xb", "sexzh", 12),
		column(t, "csrq", "dashed", 12), column(t, "mz", "ethnicity", 12), column(t, "lxdh", "phone", 12), column(t, "jzdz", "address", 12), column(t, "gxsj", "time", 12), column(t, "bz", "yes", 12)}
	text, err := kit.Write(draft, kit.Propose(columns))
	require.NoError(t, err)
	p, err := spec.Parse("pension.yaml", text, environment)
	require.NoError(t, err, string(text))
	m, err := mapping.New(p)
	require.NoError(t, err)
	require.ElementsMatch(t, []schema.Attribute{schema.Name, schema.IDNumber, schema.Sex, schema.BirthDate, schema.Ethnicity, schema.Phone, schema.Residence}, m.Attributes())
	require.Equal(t, []string{"grbh"}, p.Key)
	require.Equal(t, "gxsj", p.ChangeColumn)
	require.Contains(t, string(text), "# 注销标志", "comments stay")
	require.Contains(t, string(text), "bz", "what is left out is said")
	for _, c := range columns[1:3] {
		for _, s := range c.Samples {
			require.NotContains(t, string(text), s, "I9: samples are masked")
		}
	}
	again, err := kit.Write(text, kit.Propose(columns))
	require.NoError(t, err)
	require.Equal(t, string(text), string(again), "what is there stays")
}

func TestMasks(t *testing.T) {
	for _, c := range []struct {
		a          schema.Attribute
		text, want string
	}{
		{schema.Name, "张三丰", "张**"}, {schema.Name, "欧阳锋", "欧阳*"}, {schema.Phone, "13812341234", "138****1234"},
		{schema.IDNumber, "190101199003070018", "1901**************"}, {schema.BirthDate, "19900307", "1990****"}, {schema.Sex, "女", "女"},
		{"", "王小明", "王**"}, {"", "13812341234", "1381*******"}, {"", "", ""}, {schema.Residence, "幸福路12号和平小区3幢", "幸福路12号…"},
	} {
		require.Equal(t, c.want, kit.Mask(c.a, c.text), c.text)
	}
}

const file = `
platform: clinic
name: 卫生服务
kind: files
connect: {dir: "${CLINIC_DIR}", pattern: "a_{date}.csv"}
key: [bh]
cadence: 24h
fields:
  name: {column: xm}
  sex: {column: xb, map: {"1": "1", "2": "2", "3": "0"}}
  phone: {column: dh, blank: [无], defaults: ["13000000000"]}
  education: {column: xl, codes: education_1984}
  residence: {column: dz}
agreement: {receives: {sex: fill_empty, phone: overwrite, education: fill_empty}}
`

// Blank, unknown and unmapped are three different things, and so are a default
// and a text that no table knows.
func TestSurvey(t *testing.T) {
	p, err := spec.Parse("clinic.yaml", []byte(file), environment)
	require.NoError(t, err)
	m, err := mapping.New(p)
	require.NoError(t, err)
	rows := []connectors.Row{
		{Op: schema.OpPut, Key: "1", Columns: map[string]string{"xm": "张伟", "xb": "1", "dh": "13912341234", "xl": "20", "dz": "幸福路1号"}},
		{Op: schema.OpPut, Key: "2", Columns: map[string]string{"xm": "王芳", "xb": "3", "dh": "无", "xl": "大学"}},
		{Op: schema.OpPut, Key: "2", Columns: map[string]string{"xm": "", "xb": "男性", "dh": "13000000000", "xl": "大学"}},
		{Op: schema.OpDead, Problem: schema.ProblemNoKey, Place: "a.csv:5"},
	}
	s := kit.Look(p, m, rows, 100)
	require.Equal(t, 3, s.Rows)
	require.Equal(t, 1, s.Repeated)
	require.Equal(t, 1, s.Dead[schema.ProblemNoKey])
	got := map[schema.Attribute]kit.Field{}
	for _, f := range s.Fields {
		got[f.Attribute] = f
	}
	require.Equal(t, 1, got[schema.Sex].Known)
	require.Equal(t, 1, got[schema.Sex].Unknown, "unknown is no blank")
	require.Equal(t, map[string]int{"男性": 1}, got[schema.Sex].Uncovered)
	require.Equal(t, []string{"大学"}, got[schema.Education].Texts())
	require.Equal(t, 1, got[schema.Phone].Blank)
	require.Equal(t, 1, got[schema.Phone].Defaults)
	require.Equal(t, 2, got[schema.Residence].Absent, "a column that is not there is no blank either")
	require.NotEmpty(t, got[schema.Education].Lossy, "a coarser table says what it loses")

	shown := kit.Preview(m, rows, false)
	require.Len(t, shown, 4)
	text := fmt.Sprintf("%+v", shown)
	require.NotContains(t, text, "张伟")
	require.NotContains(t, text, "13912341234")
	require.Contains(t, fmt.Sprintf("%+v", kit.Preview(m, rows, true)), "张伟")
	require.Equal(t, schema.ProblemNoKey, shown[3].Dead)
}
