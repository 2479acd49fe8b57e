package desk_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// A field that waits for a person is shown with both texts, numbers masked; a
// steward says what it is with one button, for a row or for the whole column.
func TestHeldFieldsHaveButtons(t *testing.T) {
	w := newWorld(t)
	var ids []string
	var records []int64
	for i, p := range []string{"赵一", "钱二", "孙三"} {
		key := "P" + strconv.Itoa(i)
		id := w.resident(rec{platform: "pension", key: key, values: schema.Values{"name": p, "phone": "13712349876"}, at: today.AddDate(0, 0, -2)})
		var record int64
		var state []byte
		require.NoError(t, w.db.QueryRow(context.Background(), `SELECT id, state FROM records WHERE key = $1`, key).Scan(&record, &state))
		var row lineage.Row
		require.NoError(t, json.Unmarshal(state, &row))
		row.Raw[schema.Phone] = "+86 13712349876"
		row.Lineage.Fields = map[schema.Attribute]lineage.Field{schema.Phone: {
			Sent: &lineage.Sent{Text: lineage.Text{Raw: "13712349876"}, Settled: true},
			Flag: &lineage.Flag{Kind: lineage.Contested}}}
		raw, err := row.Append(nil)
		require.NoError(t, err)
		w.exec(`UPDATE records SET state = $2 WHERE id = $1`, record, raw)
		w.target(id, "pension", key, store.TargetContested, `held = '{"phone": "contested"}'`)
		ids, records = append(ids, id.String()), append(records, record)
	}
	page := w.get("/residents/" + ids[0])
	require.Equal(t, 200, page.status)
	require.Contains(t, page.text, "平台现在显示")
	require.Less(t, strings.Index(page.text, `id="waits"`), strings.Index(page.text, "登记内容"), "what waits for a person stands first")
	require.Contains(t, page.text, "认作该平台的写法")
	require.NotContains(t, page.text, "13712349876")
	held := w.send(200, "GET", "/api/v1/residents/"+ids[0], nil).json["records"].([]any)[0].(map[string]any)["held"].([]any)[0].(map[string]any)
	require.Equal(t, "contested", held["kind"])
	require.Equal(t, "1371*******", held["sent"])
	require.Equal(t, []any{"rendition", "theirs", "again"}, held["verdicts"])

	say := func(id string, record int64, verdict string, more url.Values) int {
		f := url.Values{"record": {strconv.FormatInt(record, 10)}, "attribute": {"phone"}, "verdict": {verdict}, "who": {"王芳"}, "back": {"/residents/" + id}}
		for k, v := range more {
			f[k] = v
		}
		return w.form("/residents/"+id+"/fields", f).status
	}
	require.Equal(t, 409, say(ids[0], records[1], "again", nil), "another person's row")
	w.send(200, "POST", "/api/v1/targets/pension/P0/fields/phone", map[string]any{"verdict": "again", "who": "王芳", "why": "居民确认"})
	require.Equal(t, 409, say(ids[0], records[0], "again", nil), "said once")
	require.Equal(t, 303, say(ids[1], records[1], "rendition", url.Values{"column": {"yes"}}))
	require.Equal(t, 409, say(ids[2], records[2], "rendition", nil), "said with the column")
	require.Equal(t, 3, w.count(`SELECT count(*) FROM decisions WHERE kind = 'field' AND who = '王芳'`))
}
