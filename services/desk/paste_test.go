package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/schema/idnum"
)

func TestAPastedLineIsUnderstood(t *testing.T) {
	number, err := idnum.Make("190101", "1980-05-01", 8)
	require.NoError(t, err)
	home := schema.Address{Compound: "幸福家园", Building: "3", Unit: "2", Room: "1801"}.Canonical()
	today := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for line, want := range map[string]schema.Values{
		"张三 男 " + number + " 13900001111":                                 {"name": "张三", "sex": "1", "id_number": number, "phone": "13900001111"},
		"张三，女，" + number + "，13900001111，幸福家园3号楼2单元1801室":                 {"name": "张三", "sex": "2", "id_number": number, "phone": "13900001111", "residence": home},
		"张三\t" + number + "\t139 0000 1111":                               {"name": "张三", "id_number": number},
		"张三" + number + "电话：13900001111":                                  {"name": "张三", "id_number": number, "phone": "13900001111"},
		"姓名：张三 身份证号： " + number + " 联系电话:13900001111 现住址：幸福家园3号楼2单元1801室": {"name": "张三", "id_number": number, "phone": "13900001111", "residence": home},
		"１３９００００１１１１　欧阳沐辰　汉族　1980年5月1日":                                   {"name": "欧阳沐辰", "phone": "13900001111", "ethnicity": "01", "birth_date": "1980-05-01"},
		"\u202e张三\u200b 1980-05-01":                                       {"name": "张三", "birth_date": "1980-05-01"},
		"阿卜杜热合曼·买买提 维吾尔族 男":                                               {"name": "阿卜杜热合曼·买买提", "ethnicity": "05", "sex": "1"},
		"𠮷田秀英 0531-88881234":                                              {"name": "𠮷田秀英", "phone": "053188881234"},
		"":                                                                {},
		"<script>":                                                        {},
		"123456 ， ；":                                                      {},
		strings.Repeat("长", 10_000):                                       {},
	} {
		got, _ := readLine(line, today)
		for a, v := range want {
			require.Equal(t, v, got[a], "%s of %q", a, line)
		}
		if len(want) == 0 {
			require.Empty(t, got, line)
		}
	}
	_, rest := readLine("张三 李四 13900001111 13900002222", today)
	require.Equal(t, []string{"李四", "13900002222"}, rest, "what is not understood is shown, not dropped")
}

func FuzzReadLine(f *testing.F) {
	f.Add("张三 男 190101198005010087 13900001111 幸福家园3号楼2单元1801室")
	f.Add("姓名：x 电话：+8613900001111")
	f.Fuzz(func(t *testing.T, line string) {
		values, _ := readLine(line, time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
		for a, v := range values {
			d, ok := known(a)
			require.True(t, ok)
			again, problem := read(d, v, time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
			if d.Kind != schema.KindAddress { // addresses are read from speech, and kept in parts
				require.Empty(t, problem, "%s %q", a, v)
				require.Equal(t, v, again)
			}
		}
	})
}
