package table

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
)

var maria sharedMaria

// mariaPlatform is a platform on MariaDB with a clerk who works in SQL.
type mariaPlatform struct {
	db     *sql.DB
	vanish bool
	clock  string // SQL that turns the datetime @at into the change column's form
}

func (p *mariaPlatform) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	_, err := p.db.Exec(query, args...)
	require.NoError(t, err)
}

func (p *mariaPlatform) Insert(t testing.TB, rows ...map[string]string) {
	t.Helper()
	p.all(t, rows, "INSERT INTO persons (xm, sjhm, sfzh, gxsj, id) VALUES (?, ?, ?, "+p.clock+", ?)")
}

func (p *mariaPlatform) Update(t testing.TB, rows ...map[string]string) {
	t.Helper()
	p.all(t, rows, "UPDATE persons SET xm = ?, sjhm = ?, sfzh = ?, gxsj = "+p.clock+" WHERE id = ?")
}

// all runs one statement for each row in one transaction: one change time.
func (p *mariaPlatform) all(t testing.TB, rows []map[string]string, query string) {
	t.Helper()
	tx, err := p.db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("SET @at = SYSDATE(6)")
	require.NoError(t, err)
	for _, r := range rows {
		_, err := tx.Exec(query, r[conformance.Name], r[conformance.Phone], r[conformance.IDNo], r[conformance.ID])
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
}

func (p *mariaPlatform) Delete(t testing.TB, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if p.vanish {
			p.exec(t, "DELETE FROM persons WHERE id = ?", id)
			continue
		}
		p.exec(t, "SET @at = SYSDATE(6); UPDATE persons SET sc = '1', gxsj = "+p.clock+" WHERE id = '"+id+"'")
	}
}

func (p *mariaPlatform) Row(t testing.TB, id string) (map[string]string, bool) {
	t.Helper()
	var xm, sjhm, sfzh string
	err := p.db.QueryRow("SELECT xm, coalesce(sjhm, ''), coalesce(sfzh, '') FROM persons WHERE id = ? AND sc = '0'", id).Scan(&xm, &sjhm, &sfzh)
	if err == sql.ErrNoRows {
		return nil, false
	}
	require.NoError(t, err)
	return map[string]string{"id": id, "xm": xm, "sjhm": sjhm, "sfzh": sfzh}, true
}

func (p *mariaPlatform) Publish(testing.TB) {}
func (p *mariaPlatform) Process(testing.TB) {}

func (p *mariaPlatform) Writes(t testing.TB) int {
	t.Helper()
	var n int
	require.NoError(t, p.db.QueryRow("SELECT count(*) FROM journal").Scan(&n))
	return n
}

// newMaria makes the platform's database. A journal counts what others than its
// own programs write.
func newMaria(t *testing.T, changeType, clock string) (*mariaPlatform, string) {
	t.Helper()
	dsn, db := maria.Database(t, conformance.Secret)
	name := strings.NewReplacer("/", "_").Replace("MARIA_" + t.Name())
	env.Store(name, dsn)
	p := &mariaPlatform{db: db, clock: clock}
	p.exec(t, `CREATE TABLE persons (
		id varchar(40) PRIMARY KEY DEFAULT (concat('G', substr(md5(rand()), 1, 8))), xm varchar(20) NOT NULL, sjhm longtext, sfzh varchar(40) UNIQUE,
		csrq date, gxsj `+changeType+`, sc char(1) NOT NULL DEFAULT '0', KEY (gxsj, id));
		CREATE TABLE journal (at datetime(6) DEFAULT now(6));
		CREATE TRIGGER note_i AFTER INSERT ON persons FOR EACH ROW INSERT INTO journal SELECT now(6) FROM dual WHERE USER() NOT LIKE 'root@%';
		CREATE TRIGGER note_u AFTER UPDATE ON persons FOR EACH ROW INSERT INTO journal SELECT now(6) FROM dual WHERE USER() NOT LIKE 'root@%';`)
	return p, name
}

const mariaLog = `CREATE TABLE rz (xh bigint AUTO_INCREMENT PRIMARY KEY, cz char(1), rid varchar(40));
	CREATE TRIGGER rz_i AFTER INSERT ON persons FOR EACH ROW INSERT INTO rz (cz, rid) VALUES ('I', NEW.id);
	CREATE TRIGGER rz_u AFTER UPDATE ON persons FOR EACH ROW INSERT INTO rz (cz, rid) VALUES ('U', NEW.id);
	CREATE TRIGGER rz_d AFTER DELETE ON persons FOR EACH ROW INSERT INTO rz (cz, rid) VALUES ('D', OLD.id);`

// mariaYAML is the file of such a platform.
func mariaYAML(name, table, connect, more string) string {
	return strings.Replace(fmt.Sprintf(yamlText, name, table, connect, more), "driver: postgres", "driver: mariadb", 1)
}

// unchanging takes the change column out of a file.
func unchanging(yaml string) string { return strings.Replace(yaml, "change_column: gxsj\n", "", 1) }

const logLines = "  log: {table: rz, seq: xh, key: [rid]}"

func TestMariaDBConformance(t *testing.T) {
	maria.Get(t)
	bad := []conformance.Bad{
		{Name: "NoSuchTable", YAML: swap("table: persons", "table: nobody"), Says: "no table or view nobody"},
		{Name: "NoSuchColumn", YAML: swap("column: sjhm", "column: sjhmm"), Says: "has no column sjhmm"},
		{Name: "UnknownKey", YAML: swap("page: 7", "pgae: 7"), Says: `Did you mean "page"?`},
		{Name: "Unreachable", YAML: func(y string) string {
			env.Store("MARIA_NOWHERE", "mysql://u:"+conformance.Secret+"@127.0.0.1:1/x")
			return replaceLine(y, "dsn:", "  dsn: ${MARIA_NOWHERE}")
		}, Says: "cannot be reached"},
		{Name: "NoDSN", YAML: func(y string) string {
			env.Store("MARIA_GARBAGE", conformance.Secret+":port:/%%")
			return replaceLine(y, "dsn:", "  dsn: ${MARIA_GARBAGE}")
		}, Says: "is no MySQL address"},
		{Name: "NoSuchDriver", YAML: swap("driver: mariadb", "driver: access"), Says: "connect.driver must be one of mariadb, mysql, oracle, sqlserver, postgres"},
		{Name: "WrongPassword", YAML: func(y string) string {
			_, name, _ := strings.Cut(y, "${")
			name, _, _ = strings.Cut(name, "}")
			dsn, _ := lookup(name)
			env.Store("MARIA_WRONG", strings.Replace(dsn, conformance.Secret, conformance.Secret+"x", 1))
			return replaceLine(y, "dsn:", "  dsn: ${MARIA_WRONG}")
		}, Says: "refuses user or password"},
		{Name: "EncodingUnknown", YAML: swap("page: 7", "encoding: big5"), Says: "connect.encoding must be"},
		{Name: "DigitsOfNothing", YAML: swap("page: 7", "digits: {nope: 6}"), Says: "nope is no column"},
	}
	harness := conformance.Harness{Env: lookup, Incremental: true, Vanishing: true, Conditional: true, Refuses: true, MidCursors: true}

	t.Run("Incremental", func(t *testing.T) {
		h := harness
		h.Bad = bad
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newMaria(t, "datetime(6) NOT NULL", "@at")
			return p, mariaYAML(dsn, "persons", "  tombstone: {column: sc, value: '1'}\n  touch: true", "")
		}
		conformance.Run(t, h)
	})
	t.Run("IncrementalTimesAsTextInWholeSeconds", func(t *testing.T) {
		h := harness
		h.Vanishing = false
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newMaria(t, "varchar(20) NOT NULL", "DATE_FORMAT(@at, '%Y%m%d%H%i%s')")
			p.vanish = true
			return p, mariaYAML(dsn, "persons", "  deletes: full\n  touch: true", "change_format: yyyyMMddHHmmss")
		}
		conformance.Run(t, h)
	})
	t.Run("LogTable", func(t *testing.T) {
		h := harness
		h.Bad = []conformance.Bad{
			{Name: "NoSuchLog", YAML: swap("table: rz", "table: rzz"), Says: "no table or view rzz"},
			{Name: "NoSuchSeq", YAML: swap("seq: xh", "seq: xhh"), Says: "the table rz has no column xhh"},
			{Name: "SeqIsNoNumber", YAML: swap("seq: xh", "seq: cz"), Says: "no number"},
			{Name: "HalfALog", YAML: swap("table: rz, ", ""), Says: "connect.log needs table and seq"},
		}
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newMaria(t, "datetime(6) NOT NULL DEFAULT now(6)", "@at")
			p.vanish = true
			p.exec(t, mariaLog)
			return p, unchanging(mariaYAML(dsn, "persons", logLines, ""))
		}
		conformance.Run(t, h)
	})
	t.Run("FullCompare", func(t *testing.T) {
		h := harness
		h.Incremental, h.MidCursors = false, false
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newMaria(t, "datetime(6) NOT NULL DEFAULT now(6)", "@at")
			p.vanish = true
			return p, unchanging(mariaYAML(dsn, "persons", "", ""))
		}
		conformance.Run(t, h)
	})
	t.Run("ReadOnlyView", func(t *testing.T) {
		h := harness
		h.ReadOnly = true
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newMaria(t, "datetime(6)", "@at")
			p.exec(t, "CREATE VIEW people AS SELECT * FROM persons")
			return p, mariaYAML(dsn, "people", "  tombstone: {column: sc, value: '1'}\n  read_only: true", "")
		}
		conformance.Run(t, h)
	})
}

// openMaria is a platform on MariaDB with its connector.
func openMaria(t *testing.T, changeType, clock, connect, more string) (*mariaPlatform, *brandWriter) {
	t.Helper()
	p, dsn := newMaria(t, changeType, clock)
	return p, connectBrand(t, mariaYAML(dsn, "persons", connect, more))
}

func connectBrand(t *testing.T, yaml string) *brandWriter {
	t.Helper()
	s, err := spec.Parse("platform.yaml", []byte(yaml), lookup)
	require.NoError(t, err)
	c, err := Open(context.Background(), s, connectors.Environment{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c.(*brandWriter)
}
