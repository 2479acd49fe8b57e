package table

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

func person(n int) map[string]string {
	return map[string]string{"id": fmt.Sprintf("P%04d", n), "xm": "测试", "sjhm": "1", "sfzh": fmt.Sprintf("N%d", n)}
}

// openTable makes a connector on a fresh platform.
func openTable(t *testing.T, changeType, clock, connect, more string) (*pension, *writer) {
	t.Helper()
	p, dsn := newPension(t, changeType, clock)
	return p, connectTo(t, fmt.Sprintf(yamlText, dsn, "persons", connect, more))
}

func connectTo(t *testing.T, yaml string) *writer {
	t.Helper()
	s, err := spec.Parse("platform.yaml", []byte(yaml), lookup)
	require.NoError(t, err)
	c, err := Open(context.Background(), s, connectors.Environment{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c.(*writer)
}

// second opens another connection of the platform's own programs.
func second(t *testing.T, p *pension) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(context.Background(), p.conn.Config())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

// once makes one pass and returns the keys in the order of their appearance,
// and the last cursor.
func once(t *testing.T, c connectors.Connector, from connectors.Cursor) ([]string, connectors.Cursor) {
	t.Helper()
	keys, last := []string{}, from
	require.NoError(t, c.Pull(context.Background(), from, func(b connectors.Batch) error {
		for _, row := range b.Rows {
			keys = append(keys, row.Key)
		}
		if b.Cursor != nil {
			last = b.Cursor
		}
		return nil
	}))
	return keys, last
}

// A transaction that takes its change time early and commits late is found, and
// found once; what others wrote in the meantime is not given out again.
func TestLateCommitsAreFoundOnce(t *testing.T) {
	for _, clock := range []struct{ name, typ, now, more string }{
		{"time", "timestamptz NOT NULL", "now()", ""},
		{"text", "text NOT NULL", "to_char(now(), 'YYYYMMDDHH24MISS')", "change_format: yyyyMMddHHmmss"},
		{"count", "bigint NOT NULL", "(extract(epoch from now()) * 10)::bigint", ""},
	} {
		t.Run(clock.name, func(t *testing.T) {
			p, c := openTable(t, clock.typ, clock.now, "", clock.more)
			ctx := context.Background()
			p.Insert(t, person(1))
			_, at := once(t, c, nil)

			slow, err := second(t, p).Begin(ctx)
			require.NoError(t, err)
			insert := "INSERT INTO persons (id, xm, gxsj) VALUES ($1, 'x', " + clock.now + ")"
			_, err = slow.Exec(ctx, insert, "P0002")
			require.NoError(t, err)
			nested, err := slow.Begin(ctx) // a savepoint: its rows carry the id of a subtransaction
			require.NoError(t, err)
			_, err = nested.Exec(ctx, insert, "P0003")
			require.NoError(t, err)
			require.NoError(t, nested.Commit(ctx))

			p.exec(t, "SELECT pg_sleep(0.11)")
			p.Insert(t, person(5))
			keys, at := once(t, c, at)
			require.Equal(t, []string{"P0005"}, keys)
			keys, at = once(t, c, at)
			require.Empty(t, keys)

			require.NoError(t, slow.Commit(ctx))
			keys, at = once(t, c, at)
			require.Equal(t, []string{"P0002", "P0003"}, keys)
			for range 3 {
				keys, at = once(t, c, at)
				require.Empty(t, keys)
			}
			p.Update(t, person(5))
			keys, _ = once(t, c, at)
			require.Equal(t, []string{"P0005"}, keys)
		})
	}
}

// A second change within the same change time is a change.
func TestChangeWithinTheSameTime(t *testing.T) {
	p, c := openTable(t, "timestamptz NOT NULL", "'2026-01-01 00:00:00+08'::timestamptz", "", "")
	p.Insert(t, person(1), person(2), person(3))
	_, at := once(t, c, nil)
	p.Update(t, person(1))
	p.Insert(t, map[string]string{"id": "A0000", "xm": "前", "sjhm": "1", "sfzh": "N9"}) // sorts before what was read
	keys, at := once(t, c, at)
	require.ElementsMatch(t, []string{"P0001", "A0000"}, keys)
	keys, _ = once(t, c, at)
	require.Empty(t, keys)
}

func TestRowsWithoutChangeTimeAreFound(t *testing.T) {
	p, c := openTable(t, "timestamptz", "now()", "", "")
	p.Insert(t, person(1))
	_, at := once(t, c, nil)
	p.exec(t, "INSERT INTO persons (id, xm) SELECT 'U' || i, 'x' FROM generate_series(10, 30) i")
	keys, at := once(t, c, at)
	require.Len(t, keys, 21)
	keys, _ = once(t, c, at)
	require.Empty(t, keys)
}

// A database that is behind what the cursor saw was restored: everything is
// read again.
func TestRestoredDatabaseIsReadWhole(t *testing.T) {
	p, c := openTable(t, "timestamptz NOT NULL", "now()", "", "")
	p.Insert(t, person(1), person(2))
	_, at := once(t, c, nil)
	decoded, err := decodeCursor(at)
	require.NoError(t, err)
	decoded.Snapshot = "4000000000:4000000000:"
	keys, _ := once(t, c, decoded.encode())
	require.Len(t, keys, 2)
}

func TestFullReadComesDue(t *testing.T) {
	p, c := openTable(t, "timestamptz NOT NULL", "now()", "  deletes: full\n  full_every: 1h", "")
	now := time.Now()
	c.now = func() time.Time { return now }
	p.vanish = true
	p.Insert(t, person(1), person(2))
	_, at := once(t, c, nil)
	p.Delete(t, "P0001")
	keys, at := once(t, c, at)
	require.Empty(t, keys, "an incremental pass cannot see who vanished")
	now = now.Add(time.Hour)
	var complete bool
	require.NoError(t, c.Pull(context.Background(), at, func(b connectors.Batch) error {
		complete = b.Complete
		require.Equal(t, now, b.AsOf)
		require.Len(t, b.Rows, 1)
		return nil
	}))
	require.True(t, complete)
}

func TestCompositeKeysAndKeyless(t *testing.T) {
	p, dsn := newPension(t, "timestamptz", "now()")
	p.exec(t, "CREATE TABLE parts (a int, b text, xm text, sjhm text, sfzh text, gxsj timestamptz DEFAULT now()); INSERT INTO parts (a, b, xm) VALUES (1, 'x~y', '甲'), (10, 'z', '乙'), (NULL, 'w', '丙')")
	yaml := replaceLine(fmt.Sprintf(yamlText, dsn, "parts", "", ""), "key:", "key: [a, b]")
	c := connectTo(t, yaml)
	var rows []connectors.Row
	require.NoError(t, c.Pull(context.Background(), nil, func(b connectors.Batch) error { rows = append(rows, b.Rows...); return nil }))
	require.Len(t, rows, 3)
	require.Equal(t, "1~x%7Ey", rows[0].Key)
	require.Equal(t, schema.OpDead, rows[2].Op)
	require.Equal(t, schema.ProblemNoKey, rows[2].Problem)
	out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: rows[0].Key, Set: map[string]string{"sjhm": "2"}, If: map[string]string{"sjhm": ""}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status)
	require.Equal(t, "2", out[0].Shown["sjhm"])
}

// Every way in which PostgreSQL refuses a row has its column and its sentence,
// and none repeats the value.
func TestRefusals(t *testing.T) {
	const value = "13812345678秘密"
	p, c := openTable(t, "timestamptz NOT NULL", "now()", "  touch: true", "")
	p.exec(t, `ALTER TABLE persons ALTER csrq SET DEFAULT '2000-01-01', ALTER csrq SET NOT NULL; ALTER TABLE persons ADD CONSTRAINT phone_form CHECK (sjhm !~ '密$');
		CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.sjhm = '9' THEN RAISE EXCEPTION '手机号 % 不对, 证件 190000199001011234', NEW.xm; END IF; RETURN NEW; END $$;
		CREATE TRIGGER no BEFORE UPDATE ON persons FOR EACH ROW EXECUTE FUNCTION no();`)
	p.Insert(t, person(1), person(2))
	for _, test := range []struct {
		name, column, text, says, named string
	}{
		{"too long", "xm", value + value, "longer", "xm"},
		{"not null", "csrq", "", "requires a value", "csrq"},
		{"check", "sjhm", value, "phone_form", "sjhm"},
		{"unique", "sfzh", "N2", "another row", "sfzh"},
		{"no date", "csrq", "20260231", "not of the column's type", "csrq"},
		{"trigger", "sjhm", "9", "手机号", ""},
		{"no column", "nope", "1", "no such column", "nope"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{test.column: test.text}}})
			require.NoError(t, err)
			require.Equal(t, connectors.Refused, out[0].Status, out[0].Reason)
			require.Equal(t, test.named, out[0].Column)
			require.Contains(t, out[0].Reason, test.says)
			require.NotContains(t, out[0].Reason, value)
			require.NotContains(t, out[0].Reason, "190000199001011234")
		})
	}
}

// An answer that does not come after COMMIT is Doubt; a look afterwards waits
// for the old transaction and then tells the truth.
func TestDoubtEndsWithALook(t *testing.T) {
	p, c := openTable(t, "timestamptz NOT NULL", "now()", "  timeout: 10s", "request_life: 10s")
	p.Insert(t, person(1))
	// The write's COMMIT runs a deferred trigger that kills its own connection.
	p.exec(t, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF current_setting('application_name') = 'heji' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON persons DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die();`)
	out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": "7"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Doubt, out[0].Status)
	rows, err := c.Look(context.Background(), connectors.Query{Key: "P0001"})
	require.NoError(t, err)
	require.Equal(t, "1", rows[0].Columns["sjhm"], "it had not been done")
}

// A look waits for a write of ours that is still under way, whoever began it.
func TestLookWaitsForAnOpenWrite(t *testing.T) {
	p, c := openTable(t, "timestamptz NOT NULL", "now()", "  touch: true", "")
	p.Insert(t, person(1))
	ctx := context.Background()
	l, err := c.discover(ctx)
	require.NoError(t, err)
	tx, err := c.pool.Begin(ctx)
	require.NoError(t, err)
	out, err := c.within(ctx, l, tx, connectors.Write{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": "8"}})
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
		err := p.conn.QueryRow(ctx, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").Scan(&waiting)
		return err == nil && waiting == 1
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, tx.Commit(ctx))
	require.Equal(t, "8", <-looked)
}

// Two creates of one person at the same time make one row.
func TestConcurrentCreatesMakeOneRow(t *testing.T) {
	p, c := openTable(t, "timestamptz NOT NULL", "now()", "  touch: true", "limits: {concurrency: 6}")
	p.exec(t, "ALTER TABLE persons DROP CONSTRAINT persons_sfzh_key") // nothing of the platform's own helps
	var writes []connectors.Write
	for i := range 6 {
		writes = append(writes, connectors.Write{Intent: fmt.Sprint(i), Natural: map[string]string{"sfzh": "N1"}, Set: map[string]string{"xm": "甲"}})
	}
	out, err := c.Push(context.Background(), writes)
	require.NoError(t, err)
	made := map[connectors.Status]int{}
	for _, o := range out {
		made[o.Status]++
		require.NotEmpty(t, o.Key)
	}
	require.Equal(t, map[connectors.Status]int{connectors.Applied: 1, connectors.Exists: 5}, made)
}

func TestPlatformThatIsDownIsBusy(t *testing.T) {
	env.Store("DOWN", "postgres://u:p@127.0.0.1:1/x")
	c := connectTo(t, fmt.Sprintf(yamlText, "DOWN", "persons", "", ""))
	out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "1", Set: map[string]string{"xm": "x"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Busy, out[0].Status)
	require.Positive(t, out[0].RetryAfter)
	err = c.Pull(context.Background(), nil, func(connectors.Batch) error { return nil })
	require.ErrorIs(t, err, connectors.ErrUnreachable)
}

func TestRestoreOfTransactionIDs(t *testing.T) {
	s := snapshot("8589934600:8589934700:") // 2<<32 and a little
	require.Equal(t, uint64(8589934650), s.restore("58"))
	require.Equal(t, uint64(1<<32+4000000000), s.restore("4000000000"), "from before the counter turned")
	require.Equal(t, uint64(700), snapshot("750:760:").restore("700"))
}
