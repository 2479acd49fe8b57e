package desk_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

func TestEditSaysWhoDisputesAndWhoReceives(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	w.live("pension")
	path := "/api/v1/residents/" + id.String()

	r := w.send(200, "PATCH", path+"?preview=true&lang=en", entry(map[string]string{
		"name": "王建军", "phone": "13900002222", "education": "70", "pension_status": "3"}))
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`), "a preview saves nothing")
	require.Zero(t, w.wakes())

	values := byAttribute(r.json["values"])
	require.Equal(t, false, values["name"]["survives"])
	require.Equal(t, "王建国", values["name"]["stays"])
	disputes := values["name"]["disputes"].([]any)
	require.Len(t, disputes, 1)
	require.Equal(t, "gongan", disputes[0].(map[string]any)["platform"])
	require.Equal(t, "王建国", disputes[0].(map[string]any)["value"])
	require.Contains(t, values["name"]["note"], "Police register has the last word")
	require.Equal(t, true, values["phone"]["survives"])
	require.Empty(t, values["phone"]["disputes"])

	effects := map[string]map[string]any{}
	for _, e := range r.json["effects"].([]any) {
		m := e.(map[string]any)
		attribute, _ := m["attribute"].(string)
		effects[m["platform"].(string)+"/"+attribute] = m
	}
	require.Equal(t, "write", effects["pension/phone"]["outcome"])
	require.Equal(t, "1380*******", effects["pension/phone"]["shown"])
	require.Equal(t, "13900002222", effects["pension/phone"]["new"])
	require.Equal(t, "overwrite", effects["pension/phone"]["mode"])
	require.Equal(t, "withheld", effects["pension/education"]["outcome"])
	require.Equal(t, "has_own", effects["pension/education"]["why"], "fill_empty leaves what the platform has")
	require.Equal(t, "unchanged", effects["pension/name"]["why"], "the authority's name stays, so nothing new is proposed")
	require.Equal(t, "authority", effects["pension/pension_status"]["why"])
	require.Equal(t, "authority", effects["gongan/name"]["why"])
	require.Equal(t, "stage", effects["volunteers/"]["why"], "a row would be created, but nothing is written there yet")
	require.NotContains(t, r.text, "sealed")
	require.NotContains(t, r.text, "Invisible")

	r = w.send(202, "PATCH", path, entry(map[string]string{"name": "王建军"}), "Idempotency-Key", "e")
	require.NotEmpty(t, byAttribute(r.json["values"])["name"]["disputes"], "said again when it is saved")
	require.Equal(t, "edit", r.json["entry"].(map[string]any)["kind"])
	require.Equal(t, id, w.merge("e"))
	require.Equal(t, "merged", w.get("/api/v1/entries/e").json["state"])
}

func byAttribute(list any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, v := range list.([]any) {
		m := v.(map[string]any)
		out[m["attribute"].(string)] = m
	}
	return out
}

func TestPreviewOfEveryReason(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	path := "/api/v1/residents/" + id.String() + "?preview=true"
	effect := func(platform, attribute string, values map[string]string) string {
		r := w.send(200, "PATCH", path, entry(values))
		for _, e := range r.json["effects"].([]any) {
			m := e.(map[string]any)
			a, _ := m["attribute"].(string)
			if m["platform"] == platform && a == attribute {
				why, _ := m["why"].(string)
				return strings.Trim(m["outcome"].(string)+" "+why, " ")
			}
		}
		return ""
	}
	phone := map[string]string{"phone": "13900002222"}
	require.Equal(t, "withheld stage", effect("pension", "phone", phone))
	w.live("pension", "volunteers")
	require.Equal(t, "write", effect("pension", "phone", phone))
	require.Equal(t, "create create_waits", effect("volunteers", "", phone), "the campaign has asked for the row already")
	w.exec(`DELETE FROM targets WHERE platform = 'volunteers'`)
	require.Equal(t, "create", effect("volunteers", "", phone))
	require.Equal(t, "withheld unchanged", effect("pension", "phone", map[string]string{"phone": "13800001111"}))
	require.Equal(t, "withheld has_own", effect("pension", "education", map[string]string{"education": "70"}))
	require.Equal(t, "", effect("pension", "workplace", map[string]string{"workplace": "纺织厂"}), "the platform has no such field")
	require.Equal(t, "", effect("volunteers", "", map[string]string{"life_status": "dead"}), "out of scope: no row is made")
	require.Equal(t, "write", effect("pension", "life_status", map[string]string{"life_status": "dead"}))
	require.NoError(t, w.store.Pause(context.Background(), "pension", true))
	require.Equal(t, "write paused", effect("pension", "phone", phone))

	// What an authority does not know may be said by the desk, and is proposed.
	_, err := w.store.Decide(context.Background(), store.Choice{Kind: "keep", A: schema.RecordRef{Platform: "gongan", Key: "G1"},
		Attribute: "name", Value: "王建国", Who: "张三"})
	require.NoError(t, err)
	require.Equal(t, "withheld unchanged", effect("pension", "name", map[string]string{"name": "王建军"}))
	require.NoError(t, w.store.Revoke(context.Background(), 1, "张三"))
	w.exec(`DELETE FROM records WHERE platform = 'gongan'`)
	w.master(id)
	require.Equal(t, "propose", effect("pension", "name", map[string]string{"name": "王建军"}))

	// A blank takes back what the desk said; others still say what they say.
	r := w.send(200, "PATCH", path, entry(map[string]string{"phone": ""}))
	v := byAttribute(r.json["values"])["phone"]
	require.Equal(t, "1380*******", v["stays"])
	require.Contains(t, v["note"], "不会变空")

	// A decision of a person outranks everything until it is revoked.
	_, err = w.store.Decide(context.Background(), store.Choice{Kind: "keep", A: schema.RecordRef{Platform: "pension", Key: "P1"},
		Attribute: "phone", Value: "13800001111", Who: "张三"})
	require.NoError(t, err)
	r = w.send(200, "PATCH", path, entry(phone))
	require.Contains(t, byAttribute(r.json["values"])["phone"]["note"], "人工决定")
}

func TestPreviewOfANewResident(t *testing.T) {
	w := newWorld(t)
	w.live("volunteers")
	_, number := w.wang()
	r := w.send(200, "POST", "/api/v1/residents?preview=true", entry(map[string]string{"name": "王建国", "id_number": number, "sex": "2", "birth_date": "1981-05-01"}))
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
	require.Contains(t, r.text, `"create"`)
	var warned []string
	for _, x := range r.json["warnings"].([]any) {
		warned = append(warned, x.(map[string]any)["warning"].(string))
	}
	require.ElementsMatch(t, []string{"birth_and_id", "sex_and_id", "area", "known"}, warned)
}
