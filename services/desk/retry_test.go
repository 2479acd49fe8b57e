package desk_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// refusedRow has the platform refuse the phone of a row.
func (w *world) refusedRow(id uuid.UUID) (target string) {
	w.t.Helper()
	var record int64
	var state []byte
	require.NoError(w.t, w.db.QueryRow(context.Background(), `SELECT id, state FROM records WHERE key = 'P1'`).Scan(&record, &state))
	var row lineage.Row
	require.NoError(w.t, json.Unmarshal(state, &row))
	row.Lineage.Fields = map[schema.Attribute]lineage.Field{
		schema.Phone:     {Flag: &lineage.Flag{Kind: lineage.Refused, Reason: lineage.ReasonRefused}},
		schema.Education: {Flag: &lineage.Flag{Kind: lineage.Contested}, Sent: &lineage.Sent{Text: lineage.Text{Raw: "61"}, Settled: true}}}
	raw, err := row.Append(nil)
	require.NoError(w.t, err)
	w.exec(`UPDATE records SET state = $2 WHERE id = $1`, record, raw)
	w.exec(`UPDATE targets SET state = 'refused', due_at = NULL, refused = '{"phone": "13800001111"}', held = '{"phone": "refused"}' WHERE record_id = $1`, record)
	return strconv.Itoa(w.count(`SELECT id FROM targets WHERE record_id = $1`, record))
}

func (w *world) flagsOfP1() map[schema.Attribute]lineage.Flag {
	w.t.Helper()
	var state []byte
	require.NoError(w.t, w.db.QueryRow(context.Background(), `SELECT state FROM records WHERE key = 'P1'`).Scan(&state))
	row, err := lineage.Decode(state)
	require.NoError(w.t, err)
	return row.Flags()
}

// A refusal stands until something changes. That a person asks is a change: what
// was refused is tried again, what is contested waits for its verdict.
func TestRetryARefusedWrite(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	id, _ := w.wang()
	w.live("pension")
	target := w.refusedRow(id)
	_, h := w.session("worker")
	page := w.get("/residents/"+id.String(), h...)
	require.Contains(t, page.text, "再试一次")
	_, auditor := w.session("auditor")
	require.Equal(t, 403, w.do("POST", "/residents/"+id.String()+"/retry", "target="+target, auditor...).status)

	path := "/api/v1/residents/" + id.String() + "/targets/" + target + "/retry"
	r := w.do("POST", path, "", h...)
	require.Equal(t, 200, r.status, r.text)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM targets WHERE id = $1 AND due_at <= clock_timestamp() AND refused IS NULL`, target))
	flags := w.flagsOfP1()
	require.NotContains(t, flags, schema.Phone)
	require.Equal(t, lineage.Contested, flags[schema.Education].Kind)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE kind = 'field' AND value = 'again' AND attribute = 'phone' AND who = '李红'`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'write.retry' AND who = '李红' AND platform = 'pension' AND what = $1`, "resident/"+id.String()))

	// Not twice within a minute, whoever clicks.
	r = w.do("POST", path, "", h...)
	require.Equal(t, 429, r.status)
	require.Equal(t, "urn:heji:problem:retry_soon", r.json["type"])

	// Not what is on its way, done, or contested; nor another's, or none at all.
	for _, state := range []string{"open", "queued", "doubt", "contested", "green"} {
		w.exec(`UPDATE targets SET state = $2, due_at = NULL WHERE id = $1`, target, state)
		w.serve() // whose memory is empty
		require.Equal(t, 409, w.do("POST", path, "", h...).status, state)
		require.Equal(t, 409, w.do("POST", path, "", h...).status, "what came to nothing is no try")
	}
	other := w.resident(rec{platform: "volunteers", key: "V9", values: schema.Values{"name": "王芳"}})
	require.Equal(t, 404, w.do("POST", "/api/v1/residents/"+other.String()+"/targets/"+target+"/retry", "", h...).status)
	require.Equal(t, 404, w.do("POST", "/api/v1/residents/"+id.String()+"/targets/x/retry", "", h...).status)

	// A sealed platform is not there.
	w.target(id, "sealed", "S1", store.TargetRefused, "")
	sealed := w.count(`SELECT id FROM targets WHERE platform = 'sealed'`)
	require.Equal(t, 404, w.do("POST", "/api/v1/residents/"+id.String()+"/targets/"+strconv.Itoa(sealed)+"/retry", "", h...).status)

	// A new row that the platform refused.
	w.exec(`UPDATE targets SET state = 'green', due_at = NULL`)
	w.exec(`INSERT INTO targets (platform, anchor_id, resident_id, state, refused) SELECT 'volunteers', id, resident_id, 'refused', '{"name": "王建国"}' FROM records WHERE key = 'P1'
		ON CONFLICT (platform, anchor_id) WHERE key IS NULL DO UPDATE SET state = 'refused', refused = excluded.refused`)
	create := w.count(`SELECT id FROM targets WHERE platform = 'volunteers' AND key IS NULL AND refused IS NOT NULL`)
	r = w.do("POST", "/residents/"+id.String()+"/retry", url.Values{"target": {strconv.Itoa(create)}, "back": {"/residents/" + id.String()}}.Encode(), h...)
	require.Equal(t, "/residents/"+id.String(), r.header.Get("Location"), r.text)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM targets WHERE id = $1 AND refused IS NULL AND due_at IS NOT NULL`, create))
}

func TestBrowserRetries(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	w.live("pension")
	b := newBrowser(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(w.url+"/residents/"+id.String()), chromedp.WaitVisible(chromedp.CSS(`#targets`)))
	w.refusedRow(id) // while somebody looks: the script draws the button
	b.eventually(`document.querySelector("#targets form button") !== null`)
	shoot(b, "retry-1280")
	b.do(chromedp.EmulateViewport(390, 844))
	shoot(b, "retry-390")
	b.do(chromedp.Click(chromedp.CSS(`#targets form button`)))
	b.eventually(`document.querySelector("#targets") !== null`)
	require.Eventually(t, func() bool { return len(w.flagsOfP1()) == 1 }, time.Minute, 20*time.Millisecond)
	require.Empty(t, b.complaints())
}
