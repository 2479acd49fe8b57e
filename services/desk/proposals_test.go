package desk_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// The owner of a platform answers one by one, through the API or with the list
// that was downloaded: all of it or, where a line cannot be used, nothing.
func TestProposals(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	for i, proposed := range []string{"13800001111", "+8613800002222", "13800003333"} {
		w.exec(`INSERT INTO proposals (platform, key, attribute, resident_id, shown, proposed) VALUES ('pension', $1, 'phone', $2, '', $3)`, fmt.Sprintf("P%d", i), id, proposed)
	}
	open := func() int { return w.count(`SELECT count(*) FROM proposals WHERE outcome = 'open'`) }
	page := w.get("/platforms/pension/proposals").text
	require.Contains(t, page, "1380*******")
	require.NotContains(t, page, "13800001111", "a screen shows no number to everybody")
	require.Contains(t, page, "等待答复")
	require.Contains(t, w.get("/platforms").text, "/platforms/pension/proposals")
	w.send(404, "GET", "/api/v1/platforms/sealed/proposals", nil)
	first := w.count(`SELECT min(id) FROM proposals`)

	answer := func(status int, proposed, outcome string) {
		w.send(status, "POST", "/api/v1/platforms/pension/proposals", map[string]any{"who": "周科长",
			"answers": []map[string]any{{"id": first, "proposed": proposed, "outcome": outcome, "why": "本人来电"}}})
	}
	answer(422, "13800001111", "perhaps")
	answer(409, "13800009999", "accepted")
	answer(200, "13800001111", "accepted")
	require.Contains(t, w.get("/api/v1/platforms/pension/proposals").text, "已采纳，平台尚未显示")

	csv := w.get("/platforms/pension/proposals/file?format=csv").text
	lines := strings.Split(strings.TrimSpace(csv), "\n")
	require.Len(t, lines, 3, "what was answered is not asked again")
	require.Contains(t, csv, ",'+8613800002222,", "no office program may take it for a formula")
	fill := func(said ...string) []byte {
		out := []string{lines[0]}
		for i, s := range said {
			out = append(out, strings.TrimSuffix(lines[i+1], ",,")+","+s)
		}
		return []byte(strings.Join(out, "\n") + "\n")
	}
	r := w.bring("/api/v1/platforms/pension/proposals/file?who=x", "清单.csv", fill("采纳,", "也许,"), "who", "周科长")
	require.Equal(t, "urn:heji:problem:proposal_answer", r.json["type"])
	require.Contains(t, r.text, "第 3 行")
	require.Equal(t, 2, open(), "nothing of it was recorded")
	r = w.bring("/api/v1/platforms/pension/proposals/file", "清单.csv", []byte("编号,处理\n1,采纳\n"), "who", "周科长")
	require.Equal(t, "urn:heji:problem:proposal_columns", r.json["type"])
	r = w.bring("/api/v1/platforms/pension/proposals/file", "清单.xlsx", []byte("PK\x03\x04 rubbish"), "who", "周科长")
	require.Equal(t, "urn:heji:problem:bad_file", r.json["type"])
	r = w.bring("/api/v1/platforms/pension/proposals/file", "清单.csv", fill("采纳,", "不采纳,号码不是本人的"), "who", "周科长")
	require.Equal(t, 200, r.status, r.text)
	require.Zero(t, open())
	require.Equal(t, 1, w.count(`SELECT count(*) FROM proposals WHERE outcome = 'declined' AND who = '周科长' AND why = '号码不是本人的'`))

	// The list as a sheet, filled in and brought back.
	w.exec(`INSERT INTO proposals (platform, key, attribute, resident_id, shown, proposed) VALUES ('pension', 'P9', 'phone', $1, '', '+8613800009999')`, id)
	book, err := excelize.OpenReader(strings.NewReader(w.get("/platforms/pension/proposals/file").text))
	require.NoError(t, err)
	sheet := book.GetSheetName(0)
	rows, err := book.GetRows(sheet)
	require.NoError(t, err)
	require.Len(t, rows, 2, "what was answered is not asked again")
	require.Contains(t, rows[1], "+8613800009999", "a text, as it is")
	for column, text := range map[string]string{"处理（采纳/不采纳）": "不采纳", "说明": "停机号码"} {
		k := slices.Index(rows[0], column)
		require.GreaterOrEqual(t, k, 0, column)
		cell, err := excelize.CoordinatesToCellName(k+1, 2)
		require.NoError(t, err)
		require.NoError(t, book.SetCellStr(sheet, cell, text))
	}
	filled, err := book.WriteToBuffer()
	require.NoError(t, err)
	r = w.bring("/api/v1/platforms/pension/proposals/file", "清单.xlsx", filled.Bytes(), "who", "周科长")
	require.Equal(t, 200, r.status, r.text)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM proposals WHERE key = 'P9' AND outcome = 'declined' AND who = '周科长' AND why = '停机号码'`))

	require.Equal(t, 303, w.form("/platforms/pension/proposals", url.Values{"id": {fmt.Sprint(first)}, "proposed": {"1380*******"}, "outcome": {"declined"},
		"who": {"周科长"}, "back": {"/platforms"}}).status)
	require.Equal(t, 3, w.count(`SELECT count(*) FROM proposals WHERE outcome = 'declined'`))
}
