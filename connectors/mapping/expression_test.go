package mapping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

// special is a platform that no table describes: names in two columns, a number
// of any kind with a column for its kind, a sex with a prefix, a GB2312 store.
const special = `platform: test
name: 测试
kind: table
key: [id]
connect: {}
cadence: 1h
charset: {encoding: gb2312, fallback: ？}
write_with: {bsr: 社区}
fields:
  name: {columns: [xing, ming], format: "{surname}|{given}"}
  id_number: {column: zjhm, when: {column: zjlx, is: ["1", "01"]}}
  residence_pass: {column: zjhm, when: {column: zjlx, is: ["9"]}, read_only: true}
  sex: {column: xb, codes: sex_zh, read: 'trimPrefix(value, "XB-")', write: '"XB-" + value'}
  phone: {column: dh, read: 'split(half(value), "/")[0]', write: value}
  workplace: {column: gzdw}
agreement:
  receives: {name: overwrite, id_number: fill_empty, sex: overwrite, phone: overwrite, workplace: overwrite}
`

func TestNameInTwoColumns(t *testing.T) {
	m, err := mapOf(t, special)
	require.NoError(t, err)
	for name, want := range map[string][2]string{
		"欧阳沐辰": {"欧阳", "沐辰"}, "李磊": {"李", "磊"}, "阿依·古丽": {"", "阿依·古丽"},
	} {
		wire, err := m.Wire(schema.Name, name)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"xing": want[0], "ming": want[1]}, m.Columns(schema.Name, wire))
		values, _, problems := m.Read(connectors.Row{Columns: map[string]string{"xing": want[0] + " ", "ming": want[1]}})
		require.Empty(t, problems)
		require.Equal(t, name, values[schema.Name])
	}
}

// A condition: the same column is another attribute, or none, in another row.
func TestWhen(t *testing.T) {
	m, err := mapOf(t, special)
	require.NoError(t, err)
	number := id(t, 12)
	for kind, want := range map[string]schema.Values{
		"1": {schema.IDNumber: number}, "01": {schema.IDNumber: number}, "9": {schema.ResidencePass: number}, "3": {},
	} {
		values, raw, problems := m.Read(connectors.Row{Columns: map[string]string{"zjhm": number, "zjlx": kind}})
		require.Empty(t, problems)
		require.Equal(t, want, values, kind)
		require.Len(t, raw, len(want), "what is not meant is not shown: unmapped, not blank")
	}
	require.Equal(t, map[string]string{"bsr": "社区", "zjlx": "1"}, m.Constants([]schema.Attribute{schema.IDNumber, schema.Sex}, true))
	require.Equal(t, map[string]string{"bsr": "社区"}, m.Constants([]schema.Attribute{schema.IDNumber}, false))
}

func TestExpressions(t *testing.T) {
	m, err := mapOf(t, special)
	require.NoError(t, err)
	v, problem := m.Value(schema.Sex, "XB-男")
	require.Equal(t, "1", v)
	require.Empty(t, problem)
	wire, err := m.Wire(schema.Sex, "2")
	require.NoError(t, err)
	require.Equal(t, "XB-女", wire)
	require.True(t, m.Shows(schema.Sex, "XB-女", "2"))
	v, _ = m.Value(schema.Phone, "１２９ 1903 0571/传达室")
	require.Equal(t, "12919030571", v)
}

// What cannot be held follows the platform's rule, and is then equal: it is not
// written again and again.
func TestFallback(t *testing.T) {
	m, err := mapOf(t, special)
	require.NoError(t, err)
	wire, err := m.Wire(schema.Name, "司马㛃")
	require.NoError(t, err)
	require.Equal(t, "司马|？", wire)
	require.True(t, m.Shows(schema.Name, wire, "司马㛃"))
	require.False(t, m.Shows(schema.Name, "司马|青", "司马㛃"))

	m, err = mapOf(t, strings.Replace(special, "fallback: ？", "fallback: pinyin", 1))
	require.NoError(t, err)
	wire, err = m.Wire(schema.Name, "朱镕")
	require.NoError(t, err)
	require.Equal(t, "朱|RONG", wire)

	m, err = mapOf(t, strings.Replace(special, ", fallback: ？", "", 1))
	require.NoError(t, err)
	_, err = m.Wire(schema.Name, "朱镕")
	require.EqualError(t, err, "name: it holds a character that the platform's encoding cannot hold", "no value in it")
}

func TestSpecialFilesAreChecked(t *testing.T) {
	for change, want := range map[[2]string]string{
		{`, write: '"XB-" + value'`, ""}:                     "fields.sex: the platform receives it, but the mapping cannot be reversed: there is read and no write",
		{`write: '"XB-" + value'`, `write: value + "!"`}:     "is not read back as the same",
		{`write: '"XB-" + value'`, `write: vaule`}:           "fields.sex.write: the expression is not right: unknown name vaule",
		{`write: '"XB-" + value'`, `write: len(value)`}:      "fields.sex.write: the expression is not right",
		{`write: '"XB-" + value'`, `write: 'string(now())'`}: "unknown name now",
		{`{surname}|{given}`, `{surname}`}:                   `a name in several columns is a surname and a given name`,
		{`is: ["9"]`, `is: []`}:                              "when needs column and is",
		{`encoding: gb2312`, `encoding: gb2313`}:             `charset.encoding: "gb2313" is none of gb18030, gb2312, gbk, utf-8, utf-8-bom. Did you mean "gb2312"?`,
		{`encoding: gb2312, fallback: ？`, `fallback: ？`}:     "fallback without encoding",
		{`fallback: ？`, `fallback: 㛃`}:                       "the platform cannot hold \"㛃\" either",
	} {
		text := strings.Replace(special, change[0], change[1], 1)
		require.NotEqual(t, special, text, change[0])
		p, err := spec.Parse("p.yaml", []byte(text), nil)
		if err == nil {
			_, err = New(p)
		}
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "p.yaml:", "it names the line")
	}
}
