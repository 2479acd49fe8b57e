package desk_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/survivorship"
)

// changed writes a line into the history of a resident.
func (w *world) changed(id uuid.UUID, at time.Time, a schema.Attribute, old, fresh *survivorship.Survivor) {
	w.t.Helper()
	raw := func(s *survivorship.Survivor) any {
		if s == nil {
			return nil
		}
		b, err := json.Marshal(s)
		require.NoError(w.t, err)
		return b
	}
	w.exec(`INSERT INTO history (resident_id, at, kind, attribute, old, new) VALUES ($1, $2, 'value', $3, $4, $5)`, id, at, a, raw(old), raw(fresh))
}

func survivor(value, platform, key string) *survivorship.Survivor {
	return &survivorship.Survivor{Value: value, Source: schema.RecordRef{Platform: platform, Key: key}, Upto: today.AddDate(0, 0, -60), Rule: survivorship.Only}
}

func TestResidentAsOfADay(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	w.exec(`UPDATE residents SET created_at = $2 WHERE id = $1`, id, today.AddDate(0, 0, -100))
	w.changed(id, today.AddDate(0, 0, -50), "name", survivor("王建", "pension", "P1"), survivor("王建囯", "pension", "P1"))
	w.changed(id, today.AddDate(0, 0, -20), "name", survivor("王建囯", "pension", "P1"), survivor("王建国", "gongan", "G1"))
	w.changed(id, today.AddDate(0, 0, -20), "phone", survivor("13800009999", "pension", "P1"), survivor("13800001111", "pension", "P1"))
	w.changed(id, today.AddDate(0, 0, -20), "education", nil, survivor("61", "pension", "P1"))
	w.changed(id, today.AddDate(0, 0, -20), "former_name", survivor("王小建", "pension", "P1"), nil)
	path := "/api/v1/residents/" + id.String()
	values := func(day time.Time) (known bool, list map[string]map[string]any) {
		t.Helper()
		as := w.send(200, "GET", path+"?as_of="+day.Format(time.DateOnly), nil).json["as_of"].(map[string]any)
		require.Equal(t, day.Format(time.DateOnly), as["day"])
		return as["known"].(bool), byAttribute(as["values"])
	}
	known, list := values(today.AddDate(0, 0, -30))
	require.True(t, known)
	require.Equal(t, "王建囯", list["name"]["text"])
	require.Equal(t, true, list["name"]["changed"])
	require.Equal(t, "王建国", list["name"]["now"])
	require.Equal(t, "居民养老", list["name"]["platform_name"])
	require.Equal(t, "1380*******", list["phone"]["text"], "masked then as now")
	require.Equal(t, true, list["phone"]["changed"], "the masks are alike, the numbers not")
	require.Equal(t, "王小建", list["former_name"]["text"])
	require.NotContains(t, list["former_name"], "now")
	require.NotContains(t, list, "education", "nobody knew it yet")
	require.Equal(t, false, list["sex"]["changed"])

	_, list = values(today.AddDate(0, 0, -60))
	require.Equal(t, "王建", list["name"]["text"])
	_, list = values(today.AddDate(0, 0, -20)) // at its end
	require.Equal(t, "王建国", list["name"]["text"])
	require.Equal(t, false, list["name"]["changed"])
	require.Contains(t, list, "education")
	known, list = values(today.AddDate(0, 0, -101))
	require.False(t, known)
	require.Empty(t, list)

	for _, bad := range []string{"yesterday", "2026-13-01", today.AddDate(0, 0, 1).Format(time.DateOnly)} {
		require.Equal(t, "urn:heji:problem:as_of", w.send(400, "GET", path+"?as_of="+bad, nil).json["type"], bad)
	}
	require.NotContains(t, w.send(200, "GET", path, nil).json, "as_of")

	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url+"/residents/"+id.String()), chromedp.SetValue(chromedp.CSS(`[name=as_of]`), today.AddDate(0, 0, -30).Format(time.DateOnly)),
		chromedp.Click(chromedp.CSS(`#as-of button`)))
	b.eventually(`document.querySelector("#as-of .values") !== null && document.querySelector("#as-of .values").textContent.includes("王建囯")`)
	require.Contains(t, evaluate[string](b, `document.querySelector("#as-of .changed").textContent`), "现在是：王建国")
	shoot(b, "as-of")
	require.Empty(t, b.complaints())
}

// What came from a record of somebody who is not seen is not told of another day.
func TestAsOfADayKeepsCommunitiesApart(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`UPDATE residents SET created_at = $2 WHERE id = $1`, w.canary, today.AddDate(0, 0, -100))
	w.changed(w.canary, today.AddDate(0, 0, -20), "phone", survivor("13900001234", "volunteers", "V-other"), survivor("13712349876", "pension", "P-canary"))
	path := "/api/v1/residents/" + w.canary.String() + "?as_of=" + today.AddDate(0, 0, -30).Format(time.DateOnly)
	list := func(login string) map[string]map[string]any {
		return byAttribute(w.send(200, "GET", path, nil, w.as(login)...).json["as_of"].(map[string]any)["values"])
	}
	require.NotContains(t, list("anning"), "phone")
	require.Equal(t, "1390*******", list("steward")["phone"]["text"])
	require.Equal(t, 404, w.get(path, w.as("yongfu")...).status)
}
