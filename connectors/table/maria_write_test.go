package table

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
)

// Every way in which MariaDB refuses a row has its column and its sentence, and
// none repeats the value.
func TestMariaDBRefusals(t *testing.T) {
	const value = "13812345678秘密"
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "  touch: true", "")
	p.exec(t, `CREATE TABLE known (code varchar(10) PRIMARY KEY); INSERT INTO known VALUES ('a');
		ALTER TABLE persons MODIFY csrq date NOT NULL DEFAULT '2000-01-01', ADD age int, ADD code varchar(10), ADD narrow varchar(20) CHARACTER SET latin1,
			ADD doubled varchar(40) AS (concat(xm, xm)) PERSISTENT, ADD CONSTRAINT phone_form CHECK (sjhm NOT LIKE '%密'), ADD CONSTRAINT known_code FOREIGN KEY (code) REFERENCES known (code);
		CREATE TRIGGER no BEFORE UPDATE ON persons FOR EACH ROW IF NEW.sjhm = '9' THEN
			SET @words = concat('手机号不对, 证件 190000199001011234 ', NEW.xm); SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = @words; END IF;`)
	p.Insert(t, person(1), person(2))
	for _, test := range []struct{ name, column, text, says, named string }{
		{"too long", "xm", value + value, "longer", "xm"},
		{"not null", "csrq", "", "requires a value", "csrq"},
		{"check", "sjhm", value, "phone_form", ""},
		{"unique", "sfzh", "N2", "another row", "sfzh"},
		{"no date", "csrq", "20260231", "not of the column's type", "csrq"},
		{"no number", "age", "老", "not of the column's type", "age"},
		{"reference", "code", "b", "knows no entry", "code"},
		{"charset", "narrow", "秘密", "character", "narrow"},
		{"computed", "doubled", "x", "computes this column", ""},
		{"trigger", "sjhm", "9", "手机号", ""},
		{"no column", "nope", "1", "no such column", "nope"},
	} {
		t.Run(test.name, func(t *testing.T) {
			yaml := mariaYAML(mariaName(t, 1), "persons", "  touch: true", "")
			yaml = strings.Replace(yaml, "  phone: {column: sjhm}", "  phone: {column: sjhm}\n  birth_date: {column: csrq, format: yyyyMMdd}\n  birth_order: {column: age}\n  workplace: {column: code}\n  nationality: {column: narrow}\n  former_name: {column: doubled}", 1)
			c := connectBrand(t, yaml)
			out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{test.column: test.text}}})
			require.NoError(t, err)
			require.Equal(t, connectors.Refused, out[0].Status, out[0].Reason)
			require.Equal(t, test.named, out[0].Column, out[0].Reason)
			require.Contains(t, out[0].Reason, test.says)
			require.NotContains(t, out[0].Reason, value)
			require.NotContains(t, out[0].Reason, "190000199001011234")
		})
	}
	_ = c
}

// mariaName is the variable with the address of the test so many levels up.
func mariaName(t *testing.T, up int) string {
	parts := strings.Split(t.Name(), "/")
	return strings.ReplaceAll("MARIA_"+strings.Join(parts[:len(parts)-up], "_"), "/", "_")
}

// A row that already shows what is written was found, and is no miss: without
// CLIENT_FOUND_ROWS MySQL would count it as nobody.
func TestMariaDBFoundRowsCount(t *testing.T) {
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
	p.Insert(t, person(1))
	out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": person(1)["sjhm"]}, If: map[string]string{"sjhm": person(1)["sjhm"]}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
}

// A comparison of bytes, not of the column's collation, decides whether a row
// still shows what it did.
func TestMariaDBConditionsCompareBytes(t *testing.T) {
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
	p.Insert(t, map[string]string{"id": "P0001", "xm": "abc", "sjhm": "1", "sfzh": "N1"})
	for _, shown := range []string{"ABC", "abc ", "àbc"} {
		out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": "2"}, If: map[string]string{"xm": shown}}})
		require.NoError(t, err)
		require.Equal(t, connectors.Missed, out[0].Status, shown)
	}
}

// cutter is a wire between us and the database that breaks when COMMIT passes.
type cutter struct {
	net.Listener
	to      string
	forward bool // the server still gets the COMMIT
	armed   atomic.Bool
	hit     chan struct{}
	pumps   sync.WaitGroup
}

func newCutter(t *testing.T, forward bool) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{Listener: l, to: fmt.Sprintf("127.0.0.1:%d", maria.Get(t).Port), forward: forward, hit: make(chan struct{}, 8)}
	c.pumps.Add(1)
	go func() {
		defer c.pumps.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.pumps.Add(1)
			go c.serve(conn)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); c.pumps.Wait() })
	return c
}

func (c *cutter) serve(client net.Conn) {
	defer c.pumps.Done()
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	c.pumps.Add(1)
	var silent atomic.Bool
	answers := make(chan struct{})
	go func() {
		defer c.pumps.Done()
		defer close(answers)
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if n > 0 && !silent.Load() {
				_, _ = client.Write(buffer[:n])
			}
			if err != nil || silent.Load() {
				_ = client.Close()
				return
			}
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if n > 0 && c.armed.Load() && bytes.Contains(buffer[:n], []byte("COMMIT")) {
			if c.forward {
				silent.Store(true)
				_, _ = server.Write(buffer[:n])
				<-answers // it has answered, and nobody will hear it
			}
			c.hit <- struct{}{}
			return
		}
		if n > 0 {
			_, _ = server.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

var _ io.Closer = (*cutter)(nil)

// An answer that does not come after COMMIT is Doubt; a look afterwards waits
// for the old session and then tells the truth, whichever it is.
func TestMariaDBDoubtEndsWithALook(t *testing.T) {
	for _, test := range []struct {
		name    string
		forward bool
		shows   string
	}{{"NotDone", false, person(1)["sjhm"]}, {"Done", true, "7"}} {
		t.Run(test.name, func(t *testing.T) {
			p, name := newMaria(t, "datetime(6) NOT NULL", "@at")
			p.Insert(t, person(1))
			wire := newCutter(t, test.forward)
			dsn, _ := lookup(name)
			user, _, _ := strings.Cut(dsn, ":")
			env.Store(name+"_WIRE", fmt.Sprintf("%s:%s@tcp(%s)/%s", user, conformance.Secret, wire.Addr(), user))
			c := connectBrand(t, mariaYAML(name+"_WIRE", "persons", "  touch: true", "request_life: 10s"))
			wire.armed.Store(true)
			out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": "7"}}})
			require.NoError(t, err)
			require.Equal(t, connectors.Doubt, out[0].Status, out[0].Reason)
			<-wire.hit
			wire.armed.Store(false)
			rows, err := c.Look(context.Background(), connectors.Query{Key: "P0001"})
			require.NoError(t, err)
			require.Equal(t, test.shows, rows[0].Columns["sjhm"])
		})
	}
}

// A connection that breaks before COMMIT leaves nothing done, and says so.
func TestMariaDBBreakBeforeCommitIsBusy(t *testing.T) {
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
	p.Insert(t, person(1))
	p.exec(t, `CREATE TRIGGER die BEFORE UPDATE ON persons FOR EACH ROW SET @x = (SELECT 1 FROM dual WHERE NEW.sjhm = '7' AND SLEEP(20))`)
	ctx := context.Background()
	done := make(chan connectors.Outcome, 1)
	go func() {
		out, err := c.Push(ctx, []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": "7"}}})
		if err != nil {
			out = []connectors.Outcome{{Reason: err.Error()}}
		}
		done <- out[0]
	}()
	var session int
	require.Eventually(t, func() bool {
		return p.db.QueryRow("SELECT id FROM information_schema.processlist WHERE state = 'User sleep' AND db = DATABASE()").Scan(&session) == nil
	}, 10*time.Second, 5*time.Millisecond)
	p.exec(t, fmt.Sprint("KILL ", session))
	out := <-done
	require.Equal(t, connectors.Busy, out.Status, out.Reason)
	rows, err := c.Look(ctx, connectors.Query{Key: "P0001"})
	require.NoError(t, err)
	require.Equal(t, person(1)["sjhm"], rows[0].Columns["sjhm"])
}

// A look waits for a write of ours that is still under way, whoever began it.
func TestMariaDBLookWaitsForAnOpenWrite(t *testing.T) {
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "  touch: true", "")
	p.Insert(t, person(1))
	ctx := context.Background()
	l, err := c.discover(ctx)
	require.NoError(t, err)
	a, err := (&brandTarget{c, l}).begin(ctx, connectors.Write{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": "8"}})
	require.NoError(t, err)
	defer a.end(ctx)
	out, err := a.do(ctx)
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out.Status)
	looked := make(chan string, 1)
	go func() {
		rows, err := c.Look(ctx, connectors.Query{Key: "P0001"})
		if err != nil || len(rows) != 1 {
			looked <- fmt.Sprint("no answer: ", err)
			return
		}
		looked <- rows[0].Columns["sjhm"]
	}()
	require.Eventually(t, func() bool {
		var waiting int
		err := p.db.QueryRow("SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = DATABASE()").Scan(&waiting)
		return err == nil && waiting == 1
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, a.commit(ctx))
	a.end(ctx)
	require.Equal(t, "8", <-looked)
}

// Two creates of one person at the same time make one row, with or without the
// platform's own unique rule.
func TestMariaDBConcurrentCreatesMakeOneRow(t *testing.T) {
	for name, rule := range map[string]string{"Unruled": "ALTER TABLE persons DROP KEY sfzh", "Ruled": "SELECT 1"} {
		t.Run(name, func(t *testing.T) {
			p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "  touch: true", "limits: {concurrency: 6}")
			p.exec(t, rule)
			var writes []connectors.Write
			for i := range 6 {
				writes = append(writes, connectors.Write{Intent: fmt.Sprint(i), Natural: map[string]string{"sfzh": "N1"}, Set: map[string]string{"xm": "甲"}})
			}
			out, err := c.Push(context.Background(), writes)
			require.NoError(t, err)
			made := map[connectors.Status]int{}
			for _, o := range out {
				made[o.Status]++
				require.NotEmpty(t, o.Key, o.Reason)
			}
			require.Equal(t, map[connectors.Status]int{connectors.Applied: 1, connectors.Exists: 5}, made)
		})
	}
}

// A row that somebody of the platform is about to commit under the same natural
// key is found, not doubled.
func TestMariaDBCreateMeetsAClerk(t *testing.T) {
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "  touch: true", "request_life: 20s")
	ctx := context.Background()
	clerk, err := p.db.Begin()
	require.NoError(t, err)
	defer clerk.Rollback() //nolint:errcheck // it was committed, or the test has failed
	_, err = clerk.Exec("INSERT INTO persons (id, xm, sfzh, gxsj) VALUES ('K1', '甲', 'N1', now(6))")
	require.NoError(t, err)
	done := make(chan connectors.Outcome, 1)
	go func() {
		out, err := c.Push(ctx, []connectors.Write{{Intent: "i", Natural: map[string]string{"sfzh": "N1"}, Set: map[string]string{"xm": "甲"}}})
		if err != nil {
			out = []connectors.Outcome{{Reason: err.Error()}}
		}
		done <- out[0]
	}()
	require.Eventually(t, func() bool {
		var waiting int
		err := p.db.QueryRow("SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").Scan(&waiting)
		return err == nil && waiting == 1
	}, 10*time.Second, 150*time.Millisecond) // the server shows what it knew, unless it was not asked for 100 ms
	require.NoError(t, clerk.Commit())
	out := <-done
	require.Equal(t, connectors.Exists, out.Status, out.Reason)
	require.Equal(t, "K1", out.Key)
}

// The token that we store with a created row finds it again.
func TestMariaDBToken(t *testing.T) {
	p, name := newMaria(t, "datetime(6) NOT NULL", "@at")
	p.exec(t, "ALTER TABLE persons ADD heji varchar(40)")
	c := connectBrand(t, mariaYAML(name, "persons", "  touch: true", "token_column: heji"))
	write := connectors.Write{Intent: "i", Token: "tok-1", Natural: map[string]string{"sfzh": "N1"}, Set: map[string]string{"xm": "甲"}}
	out, err := c.Push(context.Background(), []connectors.Write{write})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
	p.exec(t, "UPDATE persons SET sfzh = 'N2'") // a clerk corrects the number
	again, err := c.Push(context.Background(), []connectors.Write{write})
	require.NoError(t, err)
	require.Equal(t, connectors.Exists, again[0].Status)
	require.Equal(t, out[0].Key, again[0].Key)
	var token string
	require.NoError(t, c.Pull(context.Background(), nil, func(b connectors.Batch) error { token = b.Rows[0].Token; return nil }))
	require.Equal(t, "tok-1", token)
}

// A version column tells a write's own version from anybody else's.
func TestMariaDBVersionOfAWrite(t *testing.T) {
	p, name := newMaria(t, "datetime(6) NOT NULL", "@at")
	p.exec(t, "ALTER TABLE persons ADD bb bigint DEFAULT 0; CREATE TRIGGER bump BEFORE UPDATE ON persons FOR EACH ROW SET NEW.bb = OLD.bb + 1, NEW.sjhm = left(NEW.sjhm, 5)")
	p.Insert(t, person(1))
	c := connectBrand(t, mariaYAML(name, "persons", "  touch: true", "version_column: bb"))
	out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": "13912345678"}, If: map[string]string{"sjhm": person(1)["sjhm"]}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
	require.Equal(t, "13912", out[0].Shown["sjhm"])
	rows, err := c.Look(context.Background(), connectors.Query{Key: "P0001"})
	require.NoError(t, err)
	require.Equal(t, out[0].RowVersion, rows[0].RowVersion)
	p.exec(t, "UPDATE persons SET xm = 'x'")
	rows, err = c.Look(context.Background(), connectors.Query{Key: "P0001"})
	require.NoError(t, err)
	require.NotEqual(t, out[0].RowVersion, rows[0].RowVersion)
}
