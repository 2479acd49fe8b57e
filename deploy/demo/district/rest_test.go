package district

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	p "heji/deploy/demo/population"
)

// bearer asks 文化·志愿 for a token.
func bearer(t *testing.T, d *District) map[string]string {
	t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte("heji:" + d.Env()["VOLUNTEERS_SECRET"]))
	r := call(t, http.MethodPost, d.Env()["VOLUNTEERS_URL"]+"/oauth/token", "grant_type=client_credentials",
		map[string]string{"Authorization": "Basic " + basic, "Content-Type": "application/x-www-form-urlencoded"})
	require.Equal(t, http.StatusOK, r.status)
	return map[string]string{"Authorization": "Bearer " + r.body["access_token"].(string)}
}

func with(header map[string]string, k, v string) map[string]string {
	out := maps.Clone(header)
	out[k] = v
	return out
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestVolunteersListsByCursorAndSince(t *testing.T) {
	t.Parallel()
	d := running(t)
	bearer := bearer(t, d)
	base := d.Env()["VOLUNTEERS_URL"] + "/open/volunteers"
	pl := d.Platform(p.Volunteers)
	rows := snapshot(t, pl)
	seen, cursor, pages := map[string]bool{}, "", 0
	var last string
	for {
		r := call(t, http.MethodGet, base+"?limit=10&cursor="+cursor, "", bearer)
		require.Equal(t, http.StatusOK, r.status)
		for _, item := range r.body["items"].([]any) {
			row := item.(map[string]any)
			seen[row["vid"].(string)] = true
			last = row["mtime"].(string)
		}
		pages++
		next, more := r.body["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	require.Len(t, seen, len(rows))
	require.Equal(t, (len(rows)+9)/10, pages)

	key, _ := anyRow(t, pl)
	_, err := pl.Clerk(t.Context(), Edit{ID: "x", Op: EditDelete, Key: key})
	require.NoError(t, err)
	r := call(t, http.MethodGet, base+"?since="+url.QueryEscape(last), "", bearer)
	items := r.body["items"].([]any)
	gone := items[len(items)-1].(map[string]any)
	require.Equal(t, key, gone["vid"])
	require.Equal(t, "0", gone["yxbz"])
	require.Less(t, len(items), len(rows), "since leaves out what did not change")
}

func TestVolunteersChangesOneFieldUnderACondition(t *testing.T) {
	t.Parallel()
	d := running(t)
	bearer := bearer(t, d)
	pl := d.Platform(p.Volunteers)
	key, before := anyRow(t, pl)
	base := d.Env()["VOLUNTEERS_URL"] + "/open/volunteers/" + key

	require.Equal(t, http.StatusUnauthorized, call(t, http.MethodGet, base, "", nil).status)
	got := call(t, http.MethodGet, base, "", bearer)
	tag := got.header.Get("ETag")
	require.Equal(t, tag, got.body["etag"])

	ok := call(t, http.MethodPatch, base, `{"mobile":"15400009999"}`, with(bearer, "If-Match", tag))
	require.Equal(t, http.StatusOK, ok.status)
	require.Equal(t, "15400009999", ok.body["mobile"])
	require.NotEqual(t, tag, ok.header.Get("ETag"))
	require.Equal(t, before["realname"], ok.body["realname"])

	stale := call(t, http.MethodPatch, base, `{"mobile":"15400008888"}`, with(bearer, "If-Match", tag))
	require.Equal(t, http.StatusPreconditionFailed, stale.status)

	bad := call(t, http.MethodPatch, base, `{"mobile":"0571-88"}`, bearer)
	require.Equal(t, http.StatusUnprocessableEntity, bad.status)
	require.Equal(t, http.StatusUnprocessableEntity, call(t, http.MethodPatch, base, `{"nothing":"1"}`, bearer).status)
	require.Equal(t, http.StatusNotFound, call(t, http.MethodPatch, base+"9", `{"mobile":"15400008888"}`, bearer).status)

	again := call(t, http.MethodPatch, base, `{"mobile":"15400009999"}`, bearer)
	require.Equal(t, http.StatusOK, again.status)

	j := journal(t, pl)
	require.Len(t, j, 4, "a missed condition and an unknown row are no writes")
	require.True(t, j[0].Applied && !j[0].Repeated)
	require.False(t, j[1].Applied)
	require.Contains(t, j[1].Reason, "11位")
	require.True(t, j[3].Applied && j[3].Repeated, "the row held that content already")
}

func TestVolunteersMakesARowOnceForOneKey(t *testing.T) {
	t.Parallel()
	d := running(t)
	bearer := bearer(t, d)
	pl := d.Platform(p.Volunteers)
	n := len(snapshot(t, pl))
	base := d.Env()["VOLUNTEERS_URL"] + "/open/volunteers"
	body := `{"realname":"钱远航","idcard":"190102199505059796","addr":"云川省临江市青河区柳营街道安宁里社区槐荫路12号槐荫小区3号楼2单元501室"}`
	first := call(t, http.MethodPost, base, body, with(bearer, "Idempotency-Key", "k1"))
	require.Equal(t, http.StatusCreated, first.status)
	second := call(t, http.MethodPost, base, body, with(bearer, "Idempotency-Key", "k1"))
	require.Equal(t, first.body, second.body)
	third := call(t, http.MethodPost, base, body, with(bearer, "Idempotency-Key", "k2"))
	require.Equal(t, http.StatusConflict, third.status)
	require.Equal(t, first.body["vid"], third.body["error"].(map[string]any)["vid"])
	require.Equal(t, http.StatusUnprocessableEntity, call(t, http.MethodPost, base, `{"idcard":"190102199505059770"}`, bearer).status, "no name")
	require.Len(t, snapshot(t, pl), n+1)
	j := journal(t, pl)
	require.True(t, j[0].Create && j[0].Applied && !j[0].Replay)
	require.True(t, j[1].Replay)
	origins, err := pl.Origins(t.Context())
	require.NoError(t, err)
	require.NotContains(t, origins, first.body["vid"], "a row from outside has no true person")
}

var apiKey = map[string]string{"X-API-Key": maternalKey}

func TestMaternalListsByPageAndReplacesWholeRecords(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl := d.Platform(p.Maternal)
	base := d.Env()["MATERNAL_URL"] + "/mch/records"
	require.Equal(t, http.StatusUnauthorized, call(t, http.MethodGet, base, "", nil).status)
	rows := snapshot(t, pl)
	seen := map[string]bool{}
	for page := 1; ; page++ {
		r := call(t, http.MethodGet, fmt.Sprintf("%s?pageNo=%d&pageSize=20", base, page), "", apiKey)
		require.EqualValues(t, len(rows), r.body["total"])
		list := r.body["list"].([]any)
		if len(list) == 0 {
			break
		}
		for _, item := range list {
			seen[item.(map[string]any)["recordId"].(string)] = true
		}
	}
	require.Len(t, seen, len(rows))

	key, before := anyRow(t, pl)
	whole := call(t, http.MethodGet, base+"/"+key, "", apiKey).body
	require.Nil(t, whole["deathDate"], "blank is null here")
	whole["tel"] = "15400009999"
	put := call(t, http.MethodPut, base+"/"+key, jsonOf(t, whole), apiKey)
	require.Equal(t, http.StatusOK, put.status)
	after := snapshot(t, pl)[key]
	require.Equal(t, "15400009999", after["tel"])
	require.Equal(t, before["personName"], after["personName"])
	require.Equal(t, before["birthOrder"], after["birthOrder"], "a number stays a number")

	delete(whole, "addrRoom")
	require.Equal(t, http.StatusOK, call(t, http.MethodPut, base+"/"+key, jsonOf(t, whole), apiKey).status)
	require.Empty(t, snapshot(t, pl)[key]["addrRoom"], "what is not sent is cleared")
	require.Equal(t, http.StatusOK, call(t, http.MethodPut, base+"/"+key, jsonOf(t, whole), apiKey).status)
	delete(whole, "personName")
	bad := call(t, http.MethodPut, base+"/"+key, jsonOf(t, whole), apiKey)
	require.Equal(t, http.StatusBadRequest, bad.status)
	require.Equal(t, "personName", bad.body["field"])

	j := journal(t, pl)
	require.Equal(t, []bool{false, false, true, false}, []bool{j[0].Repeated, j[1].Repeated, j[2].Repeated, j[3].Repeated})
	require.False(t, j[3].Applied)
}

func TestMaternalKnowsAChildByItsMother(t *testing.T) {
	t.Parallel()
	d := running(t)
	base := d.Env()["MATERNAL_URL"] + "/mch/records"
	child := `{"personName":"钱某之女","sexCode":"2","birthDate":"2026-10-30","motherName":"钱芳","motherCertNo":"290105199505050022","birthOrder":1}`
	first := call(t, http.MethodPost, base, child, apiKey)
	require.Equal(t, http.StatusCreated, first.status)
	require.EqualValues(t, 1, first.body["birthOrder"])
	again := call(t, http.MethodPost, base, child, apiKey)
	require.Equal(t, http.StatusConflict, again.status)
	require.Equal(t, first.body["recordId"], again.body["recordId"])
	found := call(t, http.MethodGet, base+"?motherCertNo=290105199505050022&birthDate=2026-10-30&birthOrder=1", "", apiKey)
	require.EqualValues(t, 1, found.body["total"])
}

// access marks a call as one that is signed when it is sent.
var access = map[string]string{"X-Ca-Key": medicalApp}

func TestMedicalAnswers200WithItsOwnCodes(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl := d.Platform(p.Medical)
	base := d.Env()["MEDICAL_URL"] + "/insu/persons"
	denied := call(t, http.MethodGet, base, "", nil)
	require.Equal(t, http.StatusUnauthorized, denied.status)
	key, row := anyRow(t, pl)

	one := call(t, http.MethodGet, base+"?psn_no="+key, "", access)
	require.EqualValues(t, 0, one.body["code"])
	require.Equal(t, row["psn_name"], one.body["data"].(map[string]any)["rows"].([]any)[0].(map[string]any)["psn_name"])

	for _, c := range []struct {
		path, body string
		code       float64
	}{
		{"/update", `{"psn_no":"` + key + `","tel":"15400009999"}`, medicalFine},
		{"/update", `{"psn_no":"` + key + `","tel":"12"}`, medicalRefused},
		{"/update", `{"psn_no":"no","tel":"15400009999"}`, medicalGone},
		{"/update", `[]`, medicalBad},
		{"/add", `{"psn_name":"钱远航","certno":"190102199505059796","gend":"1","brdy":"1995-05-05"}`, medicalFine},
		{"/add", `{"psn_name":"钱远航","certno":"190102199505059796","gend":"1","brdy":"1995-05-05"}`, medicalExists},
		{"/add", `{"psn_name":"钱远航"}`, medicalRefused},
	} {
		r := call(t, http.MethodPost, base+c.path, c.body, access)
		require.Equal(t, http.StatusOK, r.status)
		require.EqualValues(t, c.code, r.body["code"], "%s %s", c.path, c.body)
	}
	body := `{"psn_no":"` + key + `","tel":"15400007777"}`
	first := call(t, http.MethodPost, base+"/update", body, with(access, "X-Request-Id", "r1"))
	second := call(t, http.MethodPost, base+"/update", body, with(access, "X-Request-Id", "r1"))
	require.Equal(t, first.body, second.body)
	j := journal(t, pl)
	require.True(t, j[len(j)-1].Replay)
	require.Equal(t, "r1", j[len(j)-2].Intent)
}

func TestMedicalPagesByTimeOverlap(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl := d.Platform(p.Medical)
	rows := snapshot(t, pl)
	key, _ := anyRow(t, pl)
	_, err := pl.Clerk(t.Context(), Edit{ID: "x", Op: EditDelete, Key: key})
	require.NoError(t, err)
	base := d.Env()["MEDICAL_URL"] + "/insu/persons"
	seen, since, repeats := map[string]string{}, "", 0
	for {
		r := call(t, http.MethodGet, base+"?limit=50&updatedSince="+url.QueryEscape(since), "", access)
		require.EqualValues(t, 0, r.body["code"])
		data := r.body["data"].(map[string]any)
		for _, item := range data["rows"].([]any) {
			row := item.(map[string]any)
			if _, met := seen[row["psn_no"].(string)]; met {
				repeats++
			}
			seen[row["psn_no"].(string)] = row["vali_flag"].(string)
			since = row["updt_time"].(string)
		}
		if data["hasMore"] == false {
			break
		}
	}
	require.Len(t, seen, len(rows))
	require.Positive(t, repeats, "the boundary comes twice")
	require.Equal(t, "0", seen[key])
	bad := call(t, http.MethodGet, base+"?updatedSince=yesterday", "", access)
	require.EqualValues(t, medicalBad, bad.body["code"])
}

func TestTooManyRequestsAreTurnedAway(t *testing.T) {
	t.Parallel()
	d := running(t)
	s := d.Platform(p.Volunteers).(*cursorAPI)
	bearer := bearer(t, d)
	s.limit.SetBurst(0)
	r := call(t, http.MethodGet, d.Env()["VOLUNTEERS_URL"]+"/open/volunteers", "", bearer)
	require.Equal(t, http.StatusTooManyRequests, r.status)
	require.Equal(t, "1", r.header.Get("Retry-After"))
}
