package table

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
	"heji/schema"
)

// A transaction that takes its change time early and commits late is found, and
// found once.
func TestMariaDBLateCommitsAreFoundOnce(t *testing.T) {
	for _, clock := range []struct{ name, typ, now, more string }{
		{"time", "datetime(6) NOT NULL", "SYSDATE(6)", ""},
		{"stamp", "timestamp(6) NOT NULL", "SYSDATE(6)", ""},
		{"seconds", "datetime NOT NULL", "SYSDATE()", ""},
		{"text", "varchar(20) NOT NULL", "DATE_FORMAT(SYSDATE(6), '%Y%m%d%H%i%s')", "change_format: yyyyMMddHHmmss"},
		{"count", "bigint NOT NULL", "FLOOR(UNIX_TIMESTAMP(SYSDATE(6)) * 10)", ""},
		{"unix", "bigint NOT NULL", "FLOOR(UNIX_TIMESTAMP(SYSDATE(6)) * 1000)", "change_format: unix_ms"},
	} {
		t.Run(clock.name, func(t *testing.T) {
			p, c := openMaria(t, clock.typ, clock.now, "", clock.more)
			p.Insert(t, person(1))
			_, at := once(t, c, nil)

			slow, err := p.db.Begin()
			require.NoError(t, err)
			_, err = slow.Exec("INSERT INTO persons (id, xm, gxsj) VALUES ('P0002', 'x', " + clock.now + ")")
			require.NoError(t, err)
			p.exec(t, "DO SLEEP(0.15)")
			p.Insert(t, person(5))
			keys, at := once(t, c, at)
			require.Equal(t, []string{"P0005"}, keys)
			keys, at = once(t, c, at)
			require.Empty(t, keys)
			require.NoError(t, slow.Commit())
			keys, at = once(t, c, at)
			require.Equal(t, []string{"P0002"}, keys)
			for range 3 {
				keys, at = once(t, c, at)
				require.Empty(t, keys)
			}
			p.Update(t, with(person(5), "sjhm", "2"))
			keys, _ = once(t, c, at)
			require.Equal(t, []string{"P0005"}, keys)
		})
	}
}

func with(row map[string]string, column, text string) map[string]string {
	row[column] = text
	return row
}

// A clock that runs ahead carries nobody's position away: what others change
// afterwards is still seen, and the row from the future once.
func TestRowsFromTheFutureHideNobody(t *testing.T) {
	type platform interface {
		conformance.Platform
		exec(t testing.TB, sql string, args ...any)
	}
	test := func(t *testing.T, p platform, c connectors.Connector, future string) {
		p.Insert(t, person(1))
		_, at := once(t, c, nil)
		p.exec(t, "INSERT INTO persons (id, xm, gxsj) VALUES ('Z', 'x', "+future+")")
		keys, at := once(t, c, at)
		require.Equal(t, []string{"Z"}, keys)
		for n := 2; n < 30; n += 9 { // more than a page among them
			p.Insert(t, people(n, n+9)...)
			keys, at = once(t, c, at)
			require.Len(t, keys, 9)
			require.NotContains(t, keys, "Z")
		}
		keys, at = once(t, c, at)
		require.Empty(t, keys)
		p.exec(t, "UPDATE persons SET xm = 'y' WHERE id = 'Z'") // the time stays
		keys, _ = once(t, c, at)
		require.Equal(t, []string{"Z"}, keys)

		_, at = once(t, c, nil) // a whole read is not carried away either
		p.Insert(t, person(77))
		keys, _ = once(t, c, at)
		require.Equal(t, []string{"P0077"}, keys)
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		p, c := openTable(t, "timestamptz NOT NULL", "clock_timestamp()", "", "")
		test(t, p, c, "now() + interval '70 years'")
	})
	t.Run("PostgreSQLText", func(t *testing.T) {
		p, c := openTable(t, "text NOT NULL", "to_char(clock_timestamp(), 'YYYYMMDDHH24MISS')", "", "change_format: yyyyMMddHHmmss")
		test(t, p, c, "'20990101000000'")
	})
	t.Run("MariaDB", func(t *testing.T) {
		p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
		test(t, p, c, "'2099-01-01'")
	})
	// A server whose clock shows another zone than ours is not one from the future.
	t.Run("MariaDBElsewhere", func(t *testing.T) {
		p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
		c.zone = time.FixedZone("west", -12*3600)
		test(t, p, c, "'2099-01-01'")
		_, at := once(t, c, nil)
		decoded, err := decodeCursor(at)
		require.NoError(t, err)
		require.NotEqual(t, "2099", (*decoded.Change)[:4])
		require.NotEmpty(t, decoded.Key)
	})
}

func people(from, to int) (out []map[string]string) {
	for n := from; n < to; n++ {
		out = append(out, person(n))
	}
	return out
}

// A log's numbers are given before the commit: what was missing is waited for,
// and found once.
func TestLogGapsAreFilled(t *testing.T) {
	brands := map[string]func(t *testing.T) (c connectors.Connector, exec func(string), slow func(string) (commit func())){
		"MariaDB": func(t *testing.T) (connectors.Connector, func(string), func(string) func()) {
			p, name := newMaria(t, "datetime(6) NOT NULL DEFAULT now(6)", "@at")
			p.exec(t, mariaLog)
			c := connectBrand(t, unchanging(mariaYAML(name, "persons", logLines+"\n  overlap: 1h", "")))
			return c, func(q string) { p.exec(t, q) }, func(q string) func() {
				tx, err := p.db.Begin()
				require.NoError(t, err)
				_, err = tx.Exec(q)
				require.NoError(t, err)
				return func() { require.NoError(t, tx.Commit()) }
			}
		},
		"PostgreSQL": func(t *testing.T) (connectors.Connector, func(string), func(string) func()) {
			p, name := newPension(t, "timestamptz NOT NULL DEFAULT now()", "now()")
			p.exec(t, postgresLog)
			c := connectTo(t, unchanging(fmt.Sprintf(yamlText, name, "persons", logLines+"\n  overlap: 1h", "")))
			ctx := context.Background()
			other := second(t, p)
			return c, func(q string) { p.exec(t, q) }, func(q string) func() {
				tx, err := other.Begin(ctx)
				require.NoError(t, err)
				_, err = tx.Exec(ctx, q)
				require.NoError(t, err)
				return func() { require.NoError(t, tx.Commit(ctx)) }
			}
		},
	}
	for name, open := range brands {
		t.Run(name, func(t *testing.T) {
			c, exec, slow := open(t)
			restart := map[string]string{"MariaDB": "TRUNCATE rz", "PostgreSQL": "TRUNCATE rz RESTART IDENTITY"}[name]
			exec("INSERT INTO persons (id, xm) VALUES ('A', 'x')")
			commit := slow("INSERT INTO persons (id, xm) VALUES ('B', 'x'), ('C', 'x')")
			exec("INSERT INTO persons (id, xm) VALUES ('D', 'x')")
			keys, at := once(t, c, nil) // the gap is there from the beginning
			require.ElementsMatch(t, []string{"A", "D"}, keys)
			keys, at = once(t, c, at)
			require.Empty(t, keys)
			commit()
			keys, at = once(t, c, at)
			require.ElementsMatch(t, []string{"B", "C"}, keys)
			keys, at = once(t, c, at)
			require.Empty(t, keys)

			commit = slow("DELETE FROM persons WHERE id = 'A'")
			exec("UPDATE persons SET xm = 'y' WHERE id = 'D'")
			keys, at = once(t, c, at)
			require.Equal(t, []string{"D"}, keys)
			commit()
			var deleted []string
			require.NoError(t, c.Pull(context.Background(), at, func(b connectors.Batch) error {
				for _, r := range b.Rows {
					require.Equal(t, schema.OpDelete, r.Op)
					deleted = append(deleted, r.Key)
				}
				if b.Cursor != nil {
					at = b.Cursor
				}
				return nil
			}))
			require.Equal(t, []string{"A"}, deleted)

			exec("DELETE FROM rz") // cleared up to where we have read: nothing to do
			keys, at = once(t, c, at)
			require.Empty(t, keys)
			exec(restart) // and now counts anew, up to beyond where we were
			for n := range 12 {
				exec(fmt.Sprintf("UPDATE persons SET xm = 'n%d' WHERE id = 'C'", n))
			}
			keys, at = once(t, c, at)
			require.ElementsMatch(t, []string{"B", "C", "D"}, keys, "only a full read can tell")
			exec("UPDATE persons SET xm = 'z' WHERE id = 'B'")
			exec("DELETE FROM rz") // cleared too early: only a full read can tell
			exec("UPDATE persons SET xm = 'z' WHERE id = 'C'")
			keys, _ = once(t, c, at)
			require.ElementsMatch(t, []string{"B", "C", "D"}, keys)
		})
	}
}

// GBK bytes in a latin1 column, CHAR padding, numbers that lost their zeros: what
// old systems hold is read as what it means, and written back as they hold it.
func TestMariaDBOldSystem(t *testing.T) {
	p, name := newMaria(t, "datetime(6) NOT NULL DEFAULT now(6)", "@at")
	p.exec(t, `CREATE TABLE aa10 (aac001 int PRIMARY KEY, aac003 char(20) CHARACTER SET latin1, aac002 varchar(18) CHARACTER SET latin1,
		aab301 int, aae005 varchar(30) CHARACTER SET latin1, xb char(2), csrq date, gxsj datetime(6) DEFAULT now(6) ON UPDATE now(6)) DEFAULT CHARSET latin1`)
	gbk := func(s string) []byte {
		b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(s))
		require.NoError(t, err)
		return b
	}
	p.exec(t, fmt.Sprintf("SET sql_mode = ''; INSERT INTO aa10 (aac001, aac003, aac002, aab301, aae005, xb, csrq) VALUES (7, X'%X', '190000199001011230', 10101, X'%X', '1 ', '0000-00-00')", gbk("张三丰"), gbk("无")))
	c := connectBrand(t, fmt.Sprintf(`platform: sydj
name: 失业登记
kind: table
connect:
  driver: mysql
  dsn: ${%s}
  table: aa10
  encoding: gbk
  digits: {aab301: 6, aac001: 8}
key: [aac001]
natural: [name]
cadence: 1m
change_column: gxsj
fields:
  name: {column: aac003}
  id_number: {column: aac002}
  household_no: {column: aab301}
  phone: {column: aae005}
  sex: {column: xb}
  birth_date: {column: csrq}
agreement:
  receives: {phone: overwrite, household_no: overwrite, name: overwrite}
`, name))
	require.NoError(t, c.Check(context.Background()))
	var row connectors.Row
	require.NoError(t, c.Pull(context.Background(), nil, func(b connectors.Batch) error { row = b.Rows[0]; return nil }))
	require.Equal(t, "00000007", row.Key)
	require.Equal(t, map[string]string{"aac001": "00000007", "aac003": "张三丰", "aac002": "190000199001011230", "aab301": "010101", "aae005": "无", "xb": "1", "csrq": "", "gxsj": row.Columns["gxsj"]}, row.Columns)

	push := func(w connectors.Write) connectors.Outcome {
		w.Intent = "i"
		out, err := c.Push(context.Background(), []connectors.Write{w})
		require.NoError(t, err)
		return out[0]
	}
	out := push(connectors.Write{Key: row.Key, Set: map[string]string{"aae005": "座机：转三", "aab301": "010203"}, If: map[string]string{"aae005": "无", "aab301": "010101", "aac003": "张三丰"}})
	require.Equal(t, connectors.Applied, out.Status, out.Reason)
	require.Equal(t, "010203", out.Shown["aab301"])
	var raw []byte
	var code int
	require.NoError(t, p.db.QueryRow("SELECT CAST(aae005 AS BINARY), aab301 FROM aa10").Scan(&raw, &code))
	require.Equal(t, gbk("座机：转三"), raw)
	require.Equal(t, 10203, code)
	out = push(connectors.Write{Key: row.Key, Set: map[string]string{"aae005": "1"}, If: map[string]string{"aac003": "张三"}})
	require.Equal(t, connectors.Missed, out.Status)
	out = push(connectors.Write{Key: row.Key, Set: map[string]string{"aac003": "𠮷"}})
	require.Equal(t, connectors.Refused, out.Status)
	require.Equal(t, "aac003", out.Column)
	rows, err := c.Look(context.Background(), connectors.Query{Natural: map[string]string{"aac003": "张三丰"}})
	require.NoError(t, err)
	require.Len(t, rows, 1)

	p.exec(t, "INSERT INTO aa10 (aac001, aac003) VALUES (8, X'FFFF2080')")
	dead := map[string]schema.Problem{}
	require.NoError(t, c.Pull(context.Background(), nil, func(b connectors.Batch) error {
		for _, r := range b.Rows {
			dead[r.Key] = r.Problem
		}
		return nil
	}))
	require.Equal(t, map[string]schema.Problem{"00000007": "", "00000008": schema.ProblemEncoding}, dead, "what is no text is set aside with its key")
}

// Numbers that lost their zeros on PostgreSQL: as numbers, and as text.
func TestDigitsOnPostgres(t *testing.T) {
	p, name := newPension(t, "timestamptz NOT NULL DEFAULT now()", "now()")
	p.exec(t, "ALTER TABLE persons ADD hh int, ADD pad char(10); INSERT INTO persons (id, xm, sjhm, sfzh, hh, pad) VALUES ('7', '甲', '1', '123', 42, 'ab')")
	yaml := strings.Replace(fmt.Sprintf(yamlText, name, "persons", "  digits: {id: 4, hh: 6, sfzh: 5}", ""), "  phone: {column: sjhm}", "  phone: {column: sjhm}\n  household_no: {column: hh}\n  workplace: {column: pad}", 1)
	c := connectTo(t, yaml)
	var row connectors.Row
	require.NoError(t, c.Pull(context.Background(), nil, func(b connectors.Batch) error { row = b.Rows[0]; return nil }))
	require.Equal(t, "0007", row.Key)
	require.Equal(t, "000042", row.Columns["hh"])
	require.Equal(t, "ab", row.Columns["pad"])
	out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "0007", Set: map[string]string{"hh": "000043"}, If: map[string]string{"hh": "000042", "sfzh": "00123", "pad": "ab"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
	require.Equal(t, "000043", out[0].Shown["hh"])
	rows, err := c.Look(context.Background(), connectors.Query{Natural: map[string]string{"sfzh": "00123"}})
	require.NoError(t, err)
	require.Len(t, rows, 1)
}

// A value that is larger than any value of a person is not read as blank.
func TestMariaDBTooLargeIsSetAside(t *testing.T) {
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
	p.Insert(t, person(1), person(2))
	p.exec(t, "UPDATE persons SET sjhm = repeat('x', 5000000) WHERE id = 'P0002'")
	rows := map[string]schema.Problem{}
	require.NoError(t, c.Pull(context.Background(), nil, func(b connectors.Batch) error {
		for _, r := range b.Rows {
			rows[r.Key] = r.Problem
		}
		return nil
	}))
	require.Equal(t, map[string]schema.Problem{"P0001": "", "P0002": schema.ProblemTooLong}, rows)
}

// A full read shows one moment, whatever is written while it goes on.
func TestMariaDBFullReadIsOneMoment(t *testing.T) {
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
	p.Insert(t, people(0, 50)...)
	seen, complete, first := 0, false, true
	require.NoError(t, c.Pull(context.Background(), nil, func(b connectors.Batch) error {
		if first {
			first = false
			p.Insert(t, people(50, 90)...)
			p.exec(t, "DELETE FROM persons WHERE id < 'P0040'")
		}
		seen, complete = seen+len(b.Rows), complete || b.Complete
		return nil
	}))
	require.Equal(t, 50, seen)
	require.True(t, complete)
}

// Without transactions a table can be read, and says why it cannot be written.
func TestMariaDBWithoutTransactions(t *testing.T) {
	p, name := newMaria(t, "datetime(6) NOT NULL", "@at")
	p.exec(t, "ALTER TABLE persons ENGINE = MyISAM")
	p.Insert(t, people(0, 20)...)
	c := connectBrand(t, mariaYAML(name, "persons", "", ""))
	err := c.Check(context.Background())
	require.ErrorIs(t, err, connectors.ErrReadOnly)
	require.ErrorContains(t, err, "keeps no transactions")
	_, err = c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{"sjhm": "1"}}})
	require.ErrorIs(t, err, connectors.ErrReadOnly)
	keys, _ := once(t, c, nil)
	require.Len(t, keys, 20)
	first := true
	err = c.Pull(context.Background(), nil, func(connectors.Batch) error {
		if first {
			first = false
			p.exec(t, "INSERT INTO persons (id, xm, gxsj) VALUES ('X', 'x', now(6))")
		}
		return nil
	})
	require.ErrorContains(t, err, "nothing is taken for deleted")
}

// A column that an upgrade renames stops this platform with the column's name,
// and the place is kept: once it is back, nothing has been missed.
func TestAColumnIsRenamed(t *testing.T) {
	test := func(t *testing.T, insert func(n int), exec func(string), c interface {
		connectors.Connector
		connectors.Writer
	}, rename, back string) {
		insert(1)
		_, at := once(t, c, nil)
		insert(2)
		exec(rename)
		for range 2 {
			err := c.Pull(context.Background(), at, func(connectors.Batch) error { t.Fatal("nothing can be read"); return nil })
			require.ErrorIs(t, err, connectors.ErrLayout)
			require.ErrorContains(t, err, "the table persons has no column sjhm.")
			require.ErrorContains(t, err, "ask the department what the column is called now")
		}
		_, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P0001", Set: map[string]string{"xm": "x"}}})
		require.ErrorIs(t, err, connectors.ErrLayout)
		exec(back)
		keys, _ := once(t, c, at)
		require.Equal(t, []string{"P0002"}, keys)
		require.NoError(t, c.Check(context.Background()))
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		p, c := openTable(t, "timestamptz NOT NULL", "now()", "", "")
		test(t, func(n int) { p.Insert(t, person(n)) }, func(q string) { p.exec(t, q) }, c,
			"ALTER TABLE persons RENAME sjhm TO lxdh", "ALTER TABLE persons RENAME lxdh TO sjhm")
	})
	t.Run("MariaDB", func(t *testing.T) {
		p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
		test(t, func(n int) {
			p.exec(t, "INSERT INTO persons (id, xm, gxsj) VALUES (?, 'x', now(6))", fmt.Sprintf("P%04d", n))
		}, func(q string) { p.exec(t, q) }, c,
			"ALTER TABLE persons RENAME COLUMN sjhm TO lxdh", "ALTER TABLE persons RENAME COLUMN lxdh TO sjhm")
	})
}

// A database that compares loosely gives another person's row for our key: it is
// neither taken for ours nor written.
func TestAnotherPersonsRowForOurKey(t *testing.T) {
	const value = "13900009999"
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "", "")
	p.Insert(t, map[string]string{"id": "abc1", "xm": "甲", "sjhm": "1", "sfzh": "N1é"})
	ctx := context.Background()
	_, err := c.Look(ctx, connectors.Query{Key: "ABC1"}) // the collation knows no capitals
	require.ErrorIs(t, err, connectors.ErrLayout)
	require.ErrorContains(t, err, "another person's row")
	require.NotContains(t, err.Error(), "ABC1")
	_, err = c.Look(ctx, connectors.Query{Natural: map[string]string{"sfzh": "N1e"}})
	require.ErrorContains(t, err, "another person's row")
	out, err := c.Push(ctx, []connectors.Write{{Intent: "i", Key: "ABC1", Set: map[string]string{"sjhm": value}, If: map[string]string{"sjhm": "1"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Refused, out[0].Status)
	require.Contains(t, out[0].Reason, "another person's row")
	row, _ := p.Row(t, "abc1")
	require.Equal(t, "1", row["sjhm"])

	pg, w := openTable(t, "timestamptz NOT NULL DEFAULT now()", "now()", "", "")
	pg.exec(t, "DROP TRIGGER note ON persons; ALTER TABLE persons ALTER id DROP DEFAULT, ALTER id TYPE int USING 12; INSERT INTO persons (id, xm, sjhm) VALUES (12, '甲', '1')")
	_, err = w.Look(ctx, connectors.Query{Key: "012"}) // looks like the same number
	require.ErrorContains(t, err, "another person's row")
	out, err = w.Push(ctx, []connectors.Write{{Intent: "i", Key: "012", Set: map[string]string{"sjhm": value}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Refused, out[0].Status)
	rows, err := w.Look(ctx, connectors.Query{Key: "12"})
	require.NoError(t, err)
	require.Equal(t, "1", rows[0].Columns["sjhm"])
}

// An expired certificate says since when, and a CA that is not the server's says
// whom to ask.
func TestMariaDBCertificates(t *testing.T) {
	_, name := newMaria(t, "datetime(6) NOT NULL", "@at")
	dsn, _ := lookup(name)
	user, _, _ := strings.Cut(dsn, ":")
	check := func(ca, query string) error {
		env.Store(name+"_TLS", maria.Get(t).Address(user, conformance.Secret, user)+query)
		yaml := mariaYAML(name+"_TLS", "persons", ca, "")
		s, err := spec.Parse("platform.yaml", []byte(yaml), lookup)
		require.NoError(t, err)
		c, err := Open(context.Background(), s, connectors.Environment{})
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Check(context.Background())
	}
	err := check("  ca: "+maria.Get(t).CA(), "")
	require.ErrorIs(t, err, connectors.ErrUnreachable)
	require.ErrorContains(t, err, "valid from 2020-01-01 to 2021-01-01 only. The department must renew it")
	require.NotContains(t, err.Error(), conformance.Secret)
	err = check("", "?tls=true")
	require.ErrorContains(t, err, "The department must renew it")
	empty := t.TempDir() + "/ca.pem"
	require.NoError(t, os.WriteFile(empty, []byte("no certificate"), 0o600))
	require.ErrorContains(t, check("  ca: "+empty, ""), "connect.ca: the file cannot be read or holds no certificate")
	require.NoError(t, check("", ""), "without encryption nobody looks at it")
}

// Rights that are missing are said before the first write.
func TestMariaDBRights(t *testing.T) {
	p, name := newMaria(t, "datetime(6) NOT NULL", "@at")
	dsn, _ := lookup(name)
	user, _, _ := strings.Cut(dsn, ":")
	c := connectBrand(t, mariaYAML(name, "persons", "", ""))
	require.NoError(t, c.Check(context.Background()))
	p.exec(t, "REVOKE ALL ON "+user+".* FROM '"+user+"'@'%'; GRANT SELECT ON "+user+".* TO '"+user+"'@'%'; GRANT UPDATE (sjhm) ON "+user+".persons TO '"+user+"'@'%'")
	c = connectBrand(t, mariaYAML(name, "persons", "", ""))
	err := c.Check(context.Background())
	require.ErrorIs(t, err, connectors.ErrCredentials)
	require.ErrorContains(t, err, "may not change sfzh in persons")
	out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P1", Set: map[string]string{"xm": "x"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Refused, out[0].Status)
	require.Contains(t, out[0].Reason, "no right")
}

// A platform that is silent is cut, and its slowness is its own.
func TestMariaDBSilenceEnds(t *testing.T) {
	p, c := openMaria(t, "datetime(6) NOT NULL", "@at", "  timeout: 300ms", "")
	p.Insert(t, person(1))
	_, at := once(t, c, nil)
	lock, err := p.db.Conn(context.Background())
	require.NoError(t, err)
	defer lock.Close()
	_, err = lock.ExecContext(context.Background(), "LOCK TABLES persons WRITE")
	require.NoError(t, err)
	start := time.Now()
	err = c.Pull(context.Background(), at, func(connectors.Batch) error { return nil })
	require.ErrorIs(t, err, connectors.ErrUnreachable)
	require.ErrorContains(t, err, "did not answer in time")
	require.Less(t, time.Since(start), 10*time.Second)
	_, err = lock.ExecContext(context.Background(), "UNLOCK TABLES")
	require.NoError(t, err)
	keys, _ := once(t, c, at)
	require.Empty(t, keys)
}
