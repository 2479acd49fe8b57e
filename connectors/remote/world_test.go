package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"heji/connectors/conformance"
	"heji/services/embedded"
)

const token = conformance.Secret + "-0123456789"

const file = `platform: volunteers
name: 文化志愿者
name_en: Volunteers
kind: remote
class: A
key: [id]
natural: [id_number]
cadence: 24h
request_life: 10s
connect:
  can: [check, pull, preview, push, look]
  conditional: yes
  url: ${NATS_URL}
  rows: 7
fields:
  name: {column: xm}
  phone: {column: sjhm}
  id_number: {column: sfzh}
agreement:
  receives: {phone: overwrite, name: overwrite, id_number: overwrite}
  creates: true
`

// broker is a real NATS server with the hub's own way of letting programs in.
func broker(t testing.TB) *embedded.NATS {
	t.Helper()
	prefix := Prefix("volunteers") + "."
	n, err := embedded.StartNATS(context.Background(), embedded.Options{Dir: t.TempDir(), NATSListen: "127.0.0.1:0", NATSUsers: []embedded.NATSUser{
		{Name: "volunteers", Password: token, Publish: []string{prefix + OpBeat}, Subscribe: []string{prefix + "*"}, Replies: true},
		{Name: "hub", Password: token, Publish: []string{">"}, Subscribe: []string{">"}},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Stop()) })
	return n
}

func urlFor(n *embedded.NATS, user string) string {
	return strings.Replace(n.URL(), "nats://", "nats://"+user+":"+token+"@", 1)
}

// python is where the example's language is. On a developer's machine it may be
// missing; where everything must be tested it must not.
func python(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil && os.Getenv("HEJI_CI") == "" {
		t.Skip("python3 is not installed: deploy/setup.sh test gets it")
	}
	require.NoError(t, err)
	return path
}

// back is the back door of the example's database: SQL by lines of JSON.
const back = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
db.row_factory = sqlite3.Row
db.execute("CREATE TABLE IF NOT EXISTS person (id TEXT PRIMARY KEY, xm TEXT, sjhm TEXT, sfzh TEXT, changed INTEGER, gone INTEGER)")
db.execute("CREATE TABLE IF NOT EXISTS done (intent TEXT PRIMARY KEY, outcome TEXT)")
db.commit()
print("{}", flush=True)
for line in sys.stdin:
    q = json.loads(line)
    rows = []
    for args in q["args"]:
        rows += [dict(r) for r in db.execute(q["sql"], args)]
    db.commit()
    print(json.dumps(rows), flush=True)
`

// department is the example program over its own database, with a back door.
type department struct {
	t      testing.TB
	nats   *embedded.NATS
	db     string
	in     io.WriteCloser
	out    *bufio.Reader
	change int
	stop   func()
	tap    *nats.Conn
	mu     sync.Mutex
	asked  map[string]string // inbox → operation
	parts  map[string][]byte
	wrong  []string // messages that do not follow their schema
	seen   map[string]int
}

func newDepartment(t testing.TB) *department {
	t.Helper()
	d := &department{t: t, nats: broker(t), db: filepath.Join(t.TempDir(), "people.db"), asked: map[string]string{}, parts: map[string][]byte{}, seen: map[string]int{}}
	door := exec.Command(python(t), "-c", back, d.db)
	var err error
	d.in, err = door.StdinPipe()
	require.NoError(t, err)
	out, err := door.StdoutPipe()
	require.NoError(t, err)
	door.Stderr = os.Stderr
	require.NoError(t, door.Start())
	t.Cleanup(func() {
		require.NoError(t, d.in.Close())
		require.NoError(t, door.Wait())
	})
	d.out = bufio.NewReader(out)
	_, err = d.out.ReadString('\n')
	require.NoError(t, err)
	d.listen()
	d.run()
	return d
}

// run starts the program and waits until it answers.
func (d *department) run() {
	d.t.Helper()
	ready, err := d.tap.SubscribeSync(Prefix("volunteers") + "." + OpBeat)
	require.NoError(d.t, err)
	require.NoError(d.t, d.tap.Flush())
	program := exec.Command(python(d.t), "../../docs/examples/remote/volunteers.py", urlFor(d.nats, "volunteers"), d.db)
	program.Stderr = os.Stderr
	require.NoError(d.t, program.Start())
	var once sync.Once
	d.stop = func() {
		once.Do(func() {
			_ = program.Process.Kill() // it may be gone already
			_ = program.Wait()
		})
	}
	d.t.Cleanup(d.stop)
	_, err = ready.NextMsg(20 * time.Second)
	require.NoError(d.t, err, "the program gives a sign of life")
	require.NoError(d.t, ready.Unsubscribe())
}

// listen judges every message that goes over the wire by its schema.
func (d *department) listen() {
	d.t.Helper()
	schemas := compiled(d.t)
	var err error
	d.tap, err = nats.Connect(urlFor(d.nats, "hub"))
	require.NoError(d.t, err)
	judge := func(name string, text []byte) {
		d.seen[name]++
		if err := valid(schemas[name], text); err != nil {
			d.wrong = append(d.wrong, name+": "+err.Error())
		}
	}
	judged := func(m *nats.Msg) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if op, ok := strings.CutPrefix(m.Subject, Prefix("volunteers")+"."); ok {
			switch op {
			case OpBeat, OpCancel:
				judge(op, m.Data)
			default:
				d.asked[m.Reply] = op
				judge(op+".request", m.Data)
			}
			return
		}
		op, ok := d.asked[m.Subject]
		if !ok || m.Header.Get("Status") != "" {
			return
		}
		d.parts[m.Subject] = append(d.parts[m.Subject], m.Data...)
		if m.Header.Get(MoreHeader) == "" {
			judge(op+".reply", d.parts[m.Subject])
			delete(d.parts, m.Subject)
		}
	}
	for _, subject := range []string{Prefix("volunteers") + ".*", "_INBOX.>"} {
		_, err = d.tap.Subscribe(subject, judged)
		require.NoError(d.t, err)
	}
	require.NoError(d.t, d.tap.Flush())
	d.t.Cleanup(func() {
		d.tap.Close()
		d.mu.Lock()
		defer d.mu.Unlock()
		require.Empty(d.t, d.wrong, "every message follows its schema")
	})
}

func (d *department) sql(text string, args ...[]any) []map[string]any {
	d.t.Helper()
	if len(args) == 0 {
		args = [][]any{{}}
	}
	line, err := json.Marshal(map[string]any{"sql": text, "args": args})
	require.NoError(d.t, err)
	_, err = d.in.Write(append(line, '\n'))
	require.NoError(d.t, err)
	answer, err := d.out.ReadString('\n')
	require.NoError(d.t, err)
	var rows []map[string]any
	require.NoError(d.t, json.Unmarshal([]byte(answer), &rows))
	return rows
}

// later is a change number that is after every one before, the program's too.
func (d *department) later() int {
	rows := d.sql("SELECT coalesce(max(changed), 0) + 1 AS n FROM person")
	return int(rows[0]["n"].(float64))
}

func (d *department) Insert(_ testing.TB, rows ...map[string]string) {
	n := d.later()
	var args [][]any
	for _, r := range rows {
		args = append(args, []any{r["id"], r["xm"], r["sjhm"], r["sfzh"], n})
	}
	d.sql("INSERT OR REPLACE INTO person VALUES (?, ?, ?, ?, ?, 0)", args...)
}
func (d *department) Update(t testing.TB, rows ...map[string]string) { d.Insert(t, rows...) }
func (d *department) Delete(_ testing.TB, ids ...string) {
	n := d.later()
	for _, id := range ids {
		d.sql("UPDATE person SET gone = 1, changed = ? WHERE id = ?", []any{n, id})
	}
}
func (d *department) Row(_ testing.TB, id string) (map[string]string, bool) {
	rows := d.sql("SELECT id, xm, sjhm, sfzh FROM person WHERE NOT gone AND id = ?", []any{id})
	if len(rows) == 0 {
		return nil, false
	}
	out := map[string]string{}
	for _, k := range slices.Collect(maps.Keys(rows[0])) {
		out[k], _ = rows[0][k].(string)
	}
	return out, true
}
func (d *department) Publish(testing.TB) {}
func (d *department) Process(testing.TB) {}
func (d *department) Writes(testing.TB) int {
	return int(d.sql("SELECT count(*) AS n FROM done")[0]["n"].(float64))
}
