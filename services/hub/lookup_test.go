package hub_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/hub"
	"heji/services/store"
)

func gbkReader(_ string, in io.Reader) (io.Reader, error) {
	return simplifiedchinese.GBK.NewDecoder().Reader(in), nil
}

const marriageFile = `
platform: marriage
name: 婚姻登记
department: 民政
kind: rest
class: C
connect:
  base_url: ${MARRIAGE}
  format: xml
  encoding: gbk
  lookup:
    path: /query
    items: result.record
    request: "<query><XM>{{.Natural.XM}}</XM><GMSFHM>{{.Natural.GMSFHM}}</GMSFHM></query>"
  error: {code: code, ok: ["0"], gone: ["404"], throttled: ["429"], message: message}
key: [DJBH]
natural: [name, id_number]
cadence: 20ms
lag: 0s
limits: {questions_per_day: 3, ask_again: 720h}
fields:
  name: {column: XM}
  id_number: {column: GMSFHM}
  marital_status: {column: HYZK}
agreement: {authority: [marital_status]}
`

// office is the marriage register: it answers about one person at a time, and
// counts.
type office struct {
	server *httptest.Server
	mu     sync.Mutex
	known  map[string]string // name → the record that it answers with
	asked  []string
}

func newOffice(t *testing.T) *office {
	o := &office{known: map[string]string{}}
	o.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			return
		}
		var q struct {
			Name string `xml:"XM"`
			ID   string `xml:"GMSFHM"`
		}
		d := xml.NewDecoder(r.Body)
		d.CharsetReader = gbkReader
		if err := d.Decode(&q); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.asked = append(o.asked, q.Name)
		record, ok := o.known[q.Name]
		answer := `<r><code>404</code><message>查无此人</message></r>`
		if ok {
			answer = `<r><code>0</code><result><record>` + record + `</record></result></r>`
		}
		w.Header().Set("Content-Type", "text/xml; charset=GBK")
		_, _ = w.Write(gbk(t, `<?xml version="1.0" encoding="GBK"?>`+answer))
	}))
	t.Cleanup(o.server.Close)
	return o
}

func (o *office) set(name, record string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known[name] = record; record == "" {
		delete(o.known, name)
	}
}

func (o *office) questions() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.asked)
}

// newRegister is a district with the street's extracts and the register; restart
// stops the hub and starts it again on the same disk.
func newRegister(t *testing.T) (d *district, o *office, db *pgxpool.Pool, restart func()) {
	t.Helper()
	return newRegisterOf(t, marriageFile, newOffice(t))
}

func newRegisterOf(t *testing.T, file string, o *office) (d *district, _ *office, db *pgxpool.Pool, restart func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	d = &district{t: t, ctx: ctx, folder: t.TempDir()}
	env := map[string]string{"STREET": d.folder, "MARRIAGE": o.server.URL}
	dsn, dir := pgtestDSN(t), t.TempDir()
	db, err := pgxpool.New(ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	stop := func() {}
	start := func() {
		var specs []*spec.Platform
		for name, text := range map[string]string{"street.yaml": streetFile, "marriage.yaml": file} {
			p, err := spec.Parse(name, []byte(text), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
			require.NoError(t, err)
			specs = append(specs, p)
		}
		h, err := hub.New(ctx, hub.Config{Dir: dir, DatabaseURL: dsn, Specs: specs, Listen: "127.0.0.1:0",
			Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), MaxWait: 50 * time.Millisecond})
		require.NoError(t, err)
		d.hub = h
		run, end := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- h.Run(run) }()
		stop = func() {
			end()
			require.NoError(t, <-done)
			require.NoError(t, h.Close())
		}
	}
	start()
	t.Cleanup(func() { stop() })
	return d, o, db, func() {
		stop()
		// Another process would wait for the lease of a dead one to run out.
		_, err := db.Exec(ctx, `UPDATE platforms SET pull_until = now() - interval '1 hour', write_until = now() - interval '1 hour', pulled_at = NULL`)
		require.NoError(t, err)
		start()
	}
}

// passes waits until the register was passed over again without error.
func (d *district) passes(db *pgxpool.Pool) {
	d.t.Helper()
	for range 2 { // the first may have begun before
		_, err := db.Exec(d.ctx, `UPDATE platforms SET pulled_at = NULL WHERE id = 'marriage'`)
		require.NoError(d.t, err)
		d.within("another pass", func() bool {
			var done bool
			require.NoError(d.t, db.QueryRow(d.ctx, `SELECT pulled_at IS NOT NULL FROM platforms WHERE id = 'marriage'`).Scan(&done))
			return done
		})
	}
}

func (d *district) nextDay(db *pgxpool.Pool) {
	d.t.Helper()
	_, err := db.Exec(d.ctx, `UPDATE question_days SET day = day - 1000 - (SELECT count(*)::integer FROM question_days)`)
	require.NoError(d.t, err)
}

// The whole way of a platform that can only be asked person by person: never
// more questions than agreed, restarts included; the most useful first; "not
// found" takes back; another person's row is set aside and used for nothing.
func TestAskedPersonByPerson(t *testing.T) {
	d, o, db, restart := newRegister(t)
	names := []string{"欧阳沐辰", "上官子墨", "诸葛明月", "司马青禾", "令狐少侠"}
	numbers := map[string]string{}
	var rows []string
	for i, name := range names {
		birth := fmt.Sprintf("19%d-03-07", 70+i)
		numbers[name] = number(t, birth, 1)
		rows = append(rows, fmt.Sprintf("S%d,%s,%s,%s,01,1540000000%d", i, name, numbers[name], birth, i))
		o.set(name, fmt.Sprintf("<DJBH>M%d</DJBH><XM>%s</XM><GMSFHM>%s</GMSFHM><HYZK>20</HYZK>", i, name, numbers[name]))
	}
	rows = append(rows, "S9,公孙静好,,1989-09-09,01,15400000009") // without a number nobody can be asked about
	o.set("上官子墨", "")                                         // nobody by this key
	o.set("诸葛明月", "<DJBH>M7</DJBH><XM>另一人</XM><GMSFHM>"+number(t, "1999-09-09", 1)+"</GMSFHM><HYZK>40</HYZK>")
	d.drop("rk_20261101.csv", extract(t, rows...))

	d.within("the day's questions are asked", func() bool { return len(o.questions()) == 3 })
	d.passes(db)
	restart()
	d.passes(db)
	require.Len(t, o.questions(), 3, "neither another pass nor a restart asks more than agreed")
	_, body := d.get("/api/v1/platforms")
	require.Equal(t, []string{"3"}, matches(body, `"questions_today":\s*(\d+)`), "only of the register")
	_, page := d.get("/platforms")
	require.Regexp(t, `<dt>今日查询人数</dt><dd>3 / 3</dd>`, page)

	d.nextDay(db)
	d.within("the next day asks about the others", func() bool { return len(o.questions()) == 5 })
	d.passes(db)
	asked := o.questions()
	slices.Sort(asked)
	require.Equal(t, []string{"上官子墨", "令狐少侠", "司马青禾", "欧阳沐辰", "诸葛明月"}, asked, "everybody once")
	d.shows("marriage", "M0", "M3", "M4")
	require.Equal(t, []string{"/query, item 1: other_person"}, d.dead("marriage"))
	married := func(name string) string {
		var got string
		err := db.QueryRow(d.ctx, `SELECT coalesce(master->'marital_status'->>'v', '') FROM residents WHERE name = $1 AND redirect_to IS NULL AND ended_at IS NULL`, name).Scan(&got)
		require.NoError(t, err, name)
		return got
	}
	d.within("the answers are in the master record", func() bool { return married("欧阳沐辰") == "20" && married("令狐少侠") == "20" })
	require.Empty(t, married("诸葛明月"), "another person's status is nobody's")
	require.Empty(t, married("上官子墨"))

	// Somebody whom the register no longer knows, asked about again when it is time.
	o.set("欧阳沐辰", "")
	_, err := db.Exec(d.ctx, `UPDATE questions SET asked_at = now() - interval '31 days' WHERE person LIKE '欧阳沐辰%'`)
	require.NoError(t, err)
	d.within("the answer is taken back", func() bool { return d.records("marriage")["M0"].deleted })
	d.within("in the master record too", func() bool { return married("欧阳沐辰") == "" })
	require.Len(t, o.questions(), 6)

	// A number is corrected: another question, and the old answer goes.
	right := number(t, "1974-03-07", 3)
	rows[4] = strings.Replace(rows[4], numbers["令狐少侠"], right, 1)
	o.set("令狐少侠", "<DJBH>M8</DJBH><XM>令狐少侠</XM><GMSFHM>"+right+"</GMSFHM><HYZK>40</HYZK>")
	d.nextDay(db)
	d.drop("rk_20261102.csv", extract(t, rows...))
	d.within("the corrected number is asked about", func() bool { return slices.Contains(d.keys("marriage"), "M8") })
	restart() // what nobody asks any more is looked for at the start, and every hour
	d.shows("marriage", "M3", "M8")
	require.Equal(t, schema.Values{"name": "令狐少侠", "id_number": right, "marital_status": "40"}, d.records("marriage")["M8"].values)
}

// A register that is down costs no questions, and one that turns us away is left
// alone; the trouble has a code.
func TestQuestionsThatNeverArriveAreNotCounted(t *testing.T) {
	d, o, db, _ := newRegister(t)
	o.server.Close()
	d.drop("rk_20261101.csv", extract(t, "S1,欧阳沐辰,"+number(t, "1980-03-07", 1)+",1980-03-07,01,15400000001"))
	d.within("the trouble is said", func() bool { return strings.Contains(d.trouble("marriage"), "no connection") })
	d.within("nothing is counted", func() bool {
		var asked, tried int
		require.NoError(t, db.QueryRow(d.ctx, `SELECT coalesce(sum(asked), 0), (SELECT count(*) FROM questions) FROM question_days`).Scan(&asked, &tried))
		return asked == 0 && tried == 1
	})
	platforms, err := d.hub.Store.Platforms(d.ctx)
	require.NoError(t, err)
	i := slices.IndexFunc(platforms, func(p store.Platform) bool { return p.ID == "marriage" })
	require.Equal(t, "no_connection", platforms[i].PullTrouble.Code)
	_, page := d.get("/api/v1/platforms")
	require.Contains(t, page, "连不上，或连接中断")
}

// matches are the first groups of a pattern.
func matches(text, pattern string) (out []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}
