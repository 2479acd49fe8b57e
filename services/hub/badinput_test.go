package hub_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// TestBadRowsOfAFile: a bad value is set aside and flagged, a row that cannot be
// used is set aside whole with its place, and everything else is merged.
func TestBadRowsOfAFile(t *testing.T) {
	d := newDistrict(t)
	good, bad := number(t, "1980-03-07", 1), wrong(number(t, "1981-04-08", 3))
	text := extract(t,
		"S1,欧阳沐辰,"+good+",1980-03-07,01,15400000001",
		",司马青禾,"+number(t, "1990-12-12", 2)+",1990-12-12,01,15400000002", // line 3: no key
		"S3,上官子墨,,1999-02-30,01,15400000003",
		"S4,诸葛明月,"+bad+",1981-04-08,01,15400000004",
		"S5,东方既白,,1985-05-05,Z9,15400000005",
		"S6,慕容\x07\x1b雪,,1986-06-06,01,15400000006",
		"S7,"+strings.Repeat("长", 1<<19)+",,1987-07-07,01,15400000007", // 1 MB in GBK
		"S8,令狐少侠",                         // line 9: too few columns
		"S9,#,,1988-08-08,01,15400000009", // line 10: made no text below
		"S10,公孙静好,,1989-09-09,01,15400000010",
	)
	d.drop("rk_20261101.csv", bytes.Replace(text, []byte("S9,#"), []byte("S9,\xff\xff"), 1))

	d.shows("street", "S1", "S10", "S3", "S4", "S5", "S6", "S7")
	require.Equal(t, []string{"rk_20261101.csv:10: encoding", "rk_20261101.csv:3: no_key", "rk_20261101.csv:9: columns"}, d.dead("street"))
	got := d.records("street")
	flag := func(a schema.Attribute, p schema.Problem) []schema.ValueProblem {
		return []schema.ValueProblem{{Attribute: a, Problem: p}}
	}
	require.Empty(t, got["S1"].flags)
	require.Equal(t, good, got["S1"].values[schema.IDNumber])
	require.Equal(t, flag(schema.BirthDate, schema.ProblemDate), got["S3"].flags)
	require.NotContains(t, got["S3"].values, schema.BirthDate)
	require.Equal(t, "上官子墨", got["S3"].values[schema.Name], "the rest of the row is used")
	require.Equal(t, flag(schema.IDNumber, schema.ProblemCheckDigit), got["S4"].flags)
	require.Equal(t, bad, got["S4"].values[schema.IDNumber], "kept, and compared as invalid")
	require.Equal(t, flag(schema.Ethnicity, schema.ProblemCode), got["S5"].flags)
	require.NotContains(t, got["S5"].values, schema.Ethnicity)
	require.Equal(t, flag(schema.Name, schema.ProblemControl), got["S6"].flags)
	require.Equal(t, flag(schema.Name, schema.ProblemTooLong), got["S7"].flags)
	require.NotContains(t, got["S7"].values, schema.Name)
	require.Equal(t, "15400000007", got["S7"].values[schema.Phone])

	d.clinic.answer(list(`{"id": "C1", "name": "欧阳沐辰", "idn": "` + good + `", "changed": "2026-11-01T08:00:00+08:00"}`))
	d.shows("clinic", "C1")
	d.balance()
	st, err := d.hub.Store.Stats(d.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 7, st.Residents, "the clinic's record is S1's person")
	require.EqualValues(t, 3, st.Platforms["street"].DeadRecords["pull"])
	_, metrics := d.get("/metrics")
	require.EqualValues(t, 3, figure(metrics, "heji_dead_records", "street", "pull"))
}

// TestBadItemsOfAnAnswer is the same over HTTP.
func TestBadItemsOfAnAnswer(t *testing.T) {
	d := newDistrict(t)
	bad := wrong(number(t, "1981-04-08", 3))
	at := `, "changed": "2026-11-01T08:00:00+08:00"}`
	d.clinic.answer(list(
		`{"id": "C1", "name": "欧阳沐辰", "born": "1980-03-07"`+at,
		`{"name": "司马青禾"`+at,
		`{"id": null, "name": "司马青禾"`+at,
		`{"id": {"a": 1}, "name": "司马青禾"`+at,
		`"no object at all"`,
		`{"id": "`+strings.Repeat("k", 1<<20)+`"`+at,
		`{"id": "C3", "name": "上官子墨", "born": "1999-02-30"`+at,
		`{"id": "C4", "name": "诸葛明月", "idn": "`+bad+`"`+at,
		`{"id": "C5", "name": "东方既白", "nation": "Z9"`+at,
		`{"id": "C6", "name": "慕容\u0000\u0007雪"`+at,
		`{"id": "C7", "name": "`+strings.Repeat("长", 1<<19)+`", "tel": "15400000007"`+at,
		`{"id": 8, "name": ["令狐少侠"], "born": 19880808, "tel": 15400000008`+at,
	))
	d.shows("clinic", "8", "C1", "C3", "C4", "C5", "C6", "C7")
	require.Equal(t, []string{"/persons, page 1, item 2: no_key", "/persons, page 1, item 3: no_key", "/persons, page 1, item 4: no_key",
		"/persons, page 1, item 5: unreadable", "/persons, page 1, item 6: too_long"}, d.dead("clinic"))
	got := d.records("clinic")
	for key, want := range map[string]schema.ValueProblem{
		"C3": {Attribute: schema.BirthDate, Problem: schema.ProblemDate}, "C4": {Attribute: schema.IDNumber, Problem: schema.ProblemCheckDigit},
		"C5": {Attribute: schema.Ethnicity, Problem: schema.ProblemCode}, "C6": {Attribute: schema.Name, Problem: schema.ProblemControl},
		"C7": {Attribute: schema.Name, Problem: schema.ProblemTooLong},
	} {
		require.Equal(t, []schema.ValueProblem{want}, got[key].flags, key)
	}
	require.Equal(t, "15400000007", got["C7"].values[schema.Phone])
	require.Equal(t, "15400000008", got["8"].values[schema.Phone], "a number is read as it was written")

	d.drop("rk_20261101.csv", extract(t, "S1,欧阳沐辰,,1980-03-07,01,15400000001"))
	d.shows("street", "S1")
	d.balance()
}

// TestBadFiles: a file in the wrong encoding and one that was cut off are
// refused whole and named; nobody is taken for deleted; later files and the
// other platform go on.
func TestBadFiles(t *testing.T) {
	d := newDistrict(t)
	rows := []string{"S1,欧阳沐辰,,1980-03-07,01,15400000001", "S2,上官子墨,,1981-03-07,01,15400000002", "S3,诸葛明月,,1982-03-07,01,15400000003"}
	d.drop("rk_20261001.csv", extract(t, rows...))
	d.shows("street", "S1", "S2", "S3")

	utf8 := strings.Join(append([]string{header}, rows[0], "合计,1,,,,"), "\n")
	d.drop("rk_20261002.csv", []byte(utf8))
	d.within("the encoding is named", func() bool { return strings.Contains(d.trouble("street"), "rk_20261002.csv") })
	require.Contains(t, d.trouble("street"), "UTF-8")
	require.NotContains(t, d.trouble("street"), "欧阳")

	whole := extract(t, rows...)
	d.drop("rk_20261003.csv", whole[:len(whole)*2/3])
	d.within("the cut is named", func() bool { return strings.Contains(d.trouble("street"), "rk_20261003.csv") })
	require.Contains(t, d.trouble("street"), "cut off")
	require.Contains(t, d.trouble("street"), "rk_20261002.csv", "the first is not forgotten")

	d.clinic.answer(list(`{"id": "C1", "name": "司马青禾", "born": "1990-12-12", "changed": "2026-11-01T08:00:00+08:00"}`))
	d.shows("clinic", "C1")
	require.Equal(t, []string{"S1", "S2", "S3"}, d.keys("street"), "nobody was taken for deleted")

	d.drop("rk_20261004.csv", extract(t, rows[0], rows[2]))
	d.shows("street", "S1", "S3")
	d.within("who is missing from a whole extract is gone", func() bool { return d.records("street")["S2"].deleted })
	d.within("what is merged is moved away", func() bool { _, err := os.Stat(filepath.Join(d.folder, "rk_20261004.csv")); return os.IsNotExist(err) })
	require.FileExists(t, filepath.Join(d.folder, "rk_20261002.csv"), "what was refused stays where a person finds it")
	d.balance()
}

// TestPlatformInTrouble: I10. One platform answers HTML, then 500, then nothing
// at all; the other is pulled and merged meanwhile, the hub stays ready and says
// which is in trouble, and afterwards everything is there.
func TestPlatformInTrouble(t *testing.T) {
	d := newDistrict(t, "request_life: 10s", "request_life: 200ms")
	person := func(n int) string {
		return fmt.Sprintf(`{"id": "C%d", "name": "欧阳沐辰", "born": "19%d-03-07", "changed": "2026-11-0%dT08:00:00+08:00"}`, n, 50+n, n)
	}
	d.clinic.answer(list(person(1)))
	d.shows("clinic", "C1")

	row := func(n int) string { return fmt.Sprintf("S%d,上官子墨,,19%d-05-05,01,1540000000%d", n, 60+n, n) }
	rows, street := []string{}, []string{}
	for n, x := range []struct {
		how  reply
		says string
	}{{html, "login page"}, {broken, "500"}, {hangs, "no answer within"}} {
		d.clinic.answer(x.how)
		d.within(x.says, func() bool { return strings.Contains(d.trouble("clinic"), x.says) })
		require.NotContains(t, d.trouble("clinic"), "19010119800307", "no answer's content in an error")

		rows, street = append(rows, row(n+1)), append(street, fmt.Sprintf("S%d", n+1))
		d.drop(fmt.Sprintf("rk_2026110%d.csv", n+1), extract(t, rows...))
		d.shows("street", street...)
		// It is asked again and again, and stays in trouble: an hour in short.
		d.within("asked again", func() bool { return d.clinic.requests() >= 6 })
		require.Contains(t, d.trouble("clinic"), x.says)
		require.Empty(t, d.trouble("street"))
		require.Equal(t, []string{"C1"}, d.keys("clinic"), "nobody was taken for deleted")
		status, body := d.get("/readyz")
		require.Equal(t, http.StatusOK, status, "one platform's trouble does not make the hub unready")
		require.Regexp(t, regexp.MustCompile(`"clinic","ok":false`), body)
		require.Regexp(t, regexp.MustCompile(`"street","ok":true`), body)
	}
	d.clinic.answer(list(person(1), person(2)))
	d.shows("clinic", "C1", "C2")
	d.within("well again", func() bool { return d.trouble("clinic") == "" })
	require.Empty(t, d.dead(""))
	d.balance()
}

// TestCredentialsAreNotTriedForEver: a platform that refuses our credentials is
// left alone for longer and longer, because many lock an account after a few
// tries; a whole read that a person asks for is tried at once, as often as it is
// asked for.
func TestCredentialsAreNotTriedForEver(t *testing.T) {
	d := newDistrictThatWaits(t, time.Hour)
	d.clinic.answer(func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		w.WriteHeader(http.StatusUnauthorized)
	})
	d.hub.Wake("clinic")
	d.within("refused", func() bool { return strings.Contains(d.trouble("clinic"), "401") })
	tries := d.clinic.requests()
	for range 3 {
		d.hub.Wake("clinic") // whatever else wakes it does not knock again
	}
	require.NoError(t, d.hub.Store.Reread(d.ctx, "clinic", "张三", "the password was changed"))
	d.within("tried again", func() bool { return d.clinic.requests() > tries })
	require.Equal(t, 2*tries, d.clinic.requests())

	d.clinic.answer(list(`{"id": "C1", "name": "欧阳沐辰", "born": "1980-03-07", "changed": "2026-11-01T08:00:00+08:00"}`))
	require.NoError(t, d.hub.Store.Reread(d.ctx, "clinic", "张三", "once more: the account was locked"))
	d.shows("clinic", "C1")
	d.within("well again", func() bool { return d.trouble("clinic") == "" })
}

// TestOneHangs: I10. While a request to one platform has no answer, the other is
// pulled, merged and shown.
func TestOneHangs(t *testing.T) {
	d := newDistrict(t, "request_life: 10s", "request_life: 10m")
	d.clinic.answer(hangs)
	d.within("the request hangs", func() bool { return d.clinic.requests() > 0 })
	d.drop("rk_20261101.csv", extract(t, "S1,欧阳沐辰,,1980-03-07,01,15400000001"))
	d.shows("street", "S1")
	require.Equal(t, 1, d.clinic.requests(), "it hangs still")
	d.clinic.answer(list(`{"id": "C1", "name": "欧阳沐辰", "born": "1980-03-07", "changed": "2026-11-01T08:00:00+08:00"}`))
	d.shows("clinic", "C1")
	d.balance()
}
