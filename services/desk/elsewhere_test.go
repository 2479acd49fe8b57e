package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// Whoever is registered with another community is not brought over by an entry
// without a number: neither by a new one, nor by a change that makes the link.
func TestNoEntryBringsSomebodyOver(t *testing.T) {
	w := twoCommunities(t)
	theirs := schema.Values{"name": "上官予安", "birth_date": "1971-03-09", "phone": "13712340001", "sex": "1", "residence": at(anning, "1902")}
	w.resident(rec{platform: "volunteers", key: "V-theirs", at: today.Add(-48 * time.Hour), values: theirs})
	mine := w.resident(rec{platform: "volunteers", key: "V-mine", at: today.Add(-48 * time.Hour), values: schema.Values{"name": "上官予安", "residence": at(yongfu, "601")}})
	body := func(pairs ...string) map[string]any {
		values := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			values[pairs[i]] = pairs[i+1]
		}
		return entry(values)
	}
	before := w.count(`SELECT count(*) FROM desk_entries`)
	all := body("name", "上官予安", "birth_date", "1971-03-09", "phone", "13712340001", "sex", "1")
	r := w.send(409, "POST", "/api/v1/residents", all, append(w.as("yongfu"), "Idempotency-Key", "over")...)
	require.Equal(t, "urn:heji:problem:elsewhere", r.json["type"])
	require.NotContains(t, r.text, anning)
	w.send(409, "PATCH", "/api/v1/residents/"+mine.String(), body("birth_date", "1971-03-09", "phone", "13712340001", "sex", "1"), w.as("yongfu")...)
	require.Equal(t, before, w.count(`SELECT count(*) FROM desk_entries`))
	require.Equal(t, 2, w.count(`SELECT count(*) FROM claim_tries WHERE who = '陈静' AND hit`), "each answer is one that was asked for")

	// Likeness alone stands in nobody's way, nor does an entry of one's own people.
	w.send(202, "POST", "/api/v1/residents", body("name", "上官予安", "birth_date", "1990-01-01", "phone", "13900007777"), w.as("yongfu")...)
	w.send(202, "POST", "/api/v1/residents", all, w.as("anning")...)
	w.send(202, "POST", "/api/v1/residents", all, w.as("steward")...)
	w.send(202, "PATCH", "/api/v1/residents/"+mine.String(), body("education", "70"), w.as("yongfu")...)

	// As often as a number may be asked for.
	w.exec(`INSERT INTO claim_tries (who, hit) SELECT '陈静', true FROM generate_series(1, 30)`)
	w.send(429, "POST", "/api/v1/residents", all, w.as("yongfu")...)
}
