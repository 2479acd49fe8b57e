package table

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/connectors/conformance"
	"heji/connectors/internal/pgtest"
)

var server *pgtest.Server

func TestMain(m *testing.M) {
	code := pgtest.Main(m, &server)
	maria.Stop()
	os.Exit(code)
}

// env gives each test's database under a name of its own, so that parallel
// tests do not meet.
var env sync.Map

func lookup(name string) (string, bool) {
	v, ok := env.Load(name)
	if !ok {
		return "", false
	}
	return v.(string), true
}

const yamlText = `platform: pension
name: 居民养老
kind: table
class: B
connect:
  driver: postgres
  dsn: ${%s}
  table: %s
%s
  page: 7
key: [id]
natural: [id_number]
cadence: 1m
change_column: gxsj
%s
fields:
  name: {column: xm}
  phone: {column: sjhm}
  id_number: {column: sfzh}
agreement:
  receives: {phone: overwrite, name: overwrite, id_number: overwrite}
  creates: true
`

// pension is a platform with a clerk who works in SQL.
type pension struct {
	conn   *pgx.Conn
	vanish bool   // rows are deleted, not marked
	clock  string // SQL of now in the change column's form
}

func (p *pension) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	_, err := p.conn.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}

func (p *pension) Insert(t testing.TB, rows ...map[string]string) {
	t.Helper()
	p.all(t, rows, "INSERT INTO persons (id, xm, sjhm, sfzh, gxsj) VALUES ($1, $2, $3, $4, "+p.clock+")")
}

func (p *pension) Update(t testing.TB, rows ...map[string]string) {
	t.Helper()
	p.all(t, rows, "UPDATE persons SET xm = $2, sjhm = $3, sfzh = $4, gxsj = "+p.clock+" WHERE id = $1")
}

// all runs one statement for each row in one transaction: one change time.
func (p *pension) all(t testing.TB, rows []map[string]string, sql string) {
	t.Helper()
	ctx := context.Background()
	tx, err := p.conn.Begin(ctx)
	require.NoError(t, err)
	for _, r := range rows {
		_, err := tx.Exec(ctx, sql, r[conformance.ID], r[conformance.Name], r[conformance.Phone], r[conformance.IDNo])
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit(ctx))
}

func (p *pension) Delete(t testing.TB, ids ...string) {
	t.Helper()
	if p.vanish {
		p.exec(t, "DELETE FROM persons WHERE id = ANY($1)", ids)
		return
	}
	p.exec(t, "UPDATE persons SET sc = '1', gxsj = "+p.clock+" WHERE id = ANY($1)", ids)
}

func (p *pension) Row(t testing.TB, id string) (map[string]string, bool) {
	t.Helper()
	var xm, sjhm, sfzh string
	err := p.conn.QueryRow(context.Background(), "SELECT xm, coalesce(sjhm, ''), coalesce(sfzh, '') FROM persons WHERE id = $1 AND sc = '0'", id).Scan(&xm, &sjhm, &sfzh)
	if err == pgx.ErrNoRows {
		return nil, false
	}
	require.NoError(t, err)
	return map[string]string{"id": id, "xm": xm, "sjhm": sjhm, "sfzh": sfzh}, true
}

func (p *pension) Publish(testing.TB) {}
func (p *pension) Process(testing.TB) {}

func (p *pension) Writes(t testing.TB) int {
	t.Helper()
	var n int
	require.NoError(t, p.conn.QueryRow(context.Background(), "SELECT count(*) FROM journal").Scan(&n))
	return n
}

// newPension makes the platform's database: the change column is of a type, and
// a journal counts what the user heji writes.
func newPension(t *testing.T, changeType, clock string) (*pension, string) {
	t.Helper()
	dsn, conn := server.Database(t)
	name := strings.NewReplacer("/", "_").Replace("DSN_" + t.Name())
	env.Store(name, dsn+" password="+conformance.Secret)
	p := &pension{conn: conn, clock: clock}
	p.exec(t, fmt.Sprintf(`CREATE TABLE persons (
		id text PRIMARY KEY DEFAULT 'G' || substr(md5(random()::text), 1, 8), xm varchar(20) NOT NULL, sjhm text, sfzh text UNIQUE,
		csrq date, gxsj %s, sc char(1) NOT NULL DEFAULT '0');
		CREATE INDEX ON persons (gxsj, id);
		CREATE TABLE journal (at timestamptz DEFAULT now());
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF current_setting('application_name') = 'heji' THEN INSERT INTO journal DEFAULT VALUES; END IF; RETURN NEW; END $$;
		CREATE TRIGGER note AFTER INSERT OR UPDATE ON persons FOR EACH ROW EXECUTE FUNCTION note();`, changeType))
	return p, name
}

const postgresLog = `CREATE TABLE rz (xh bigserial PRIMARY KEY, cz text, rid text);
	CREATE FUNCTION rz() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF TG_OP = 'DELETE' THEN INSERT INTO rz (cz, rid) VALUES ('D', OLD.id); ELSE INSERT INTO rz (cz, rid) VALUES ('U', NEW.id); END IF; RETURN NULL; END $$;
	CREATE TRIGGER rz AFTER INSERT OR UPDATE OR DELETE ON persons FOR EACH ROW EXECUTE FUNCTION rz();`

func TestConformance(t *testing.T) {
	bad := []conformance.Bad{
		{Name: "NoSuchTable", YAML: swap("table: persons", "table: nobody"), Says: "no table or view nobody"},
		{Name: "NoSuchColumn", YAML: swap("column: sjhm", "column: sjhmm"), Says: "has no column sjhmm"},
		{Name: "UnknownKey", YAML: swap("page: 7", "pgae: 7"), Says: `Did you mean "page"?`},
		{Name: "WrongType", YAML: swap("page: 7", "page: seven"), Says: "whole number"},
		{Name: "NoAddress", YAML: swap("dsn: ${", "dsn: ${NOT_"), Says: "is not set"},
		{Name: "Unreachable", YAML: func(y string) string {
			env.Store("NOWHERE", "postgres://u:"+conformance.Secret+"@127.0.0.1:1/x")
			return replaceLine(y, "dsn:", "  dsn: ${NOWHERE}")
		}, Says: "at 127.0.0.1:1 nothing accepts a connection"},
		{Name: "NoDSN", YAML: func(y string) string {
			env.Store("GARBAGE", "postgres://"+conformance.Secret+":port:/%%")
			return replaceLine(y, "dsn:", "  dsn: ${GARBAGE}")
		}, Says: "is no PostgreSQL address"},
		{Name: "Deletes", YAML: swap("page: 7", "deletes: sometimes"), Says: "tombstone, full or none"},
	}
	harness := conformance.Harness{Env: lookup, Bad: bad, Incremental: true, Vanishing: true, Conditional: true, Refuses: true, MidCursors: true}

	t.Run("TombstonesAndTimes", func(t *testing.T) {
		h := harness
		h.Bad = bad[:7] // deletes is given already
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newPension(t, "timestamptz NOT NULL", "now()")
			return p, fmt.Sprintf(yamlText, dsn, "persons", "  deletes: tombstone\n  tombstone: {column: sc, value: '1'}\n  touch: true", "")
		}
		conformance.Run(t, h)
	})
	t.Run("VanishingRowsAndTimesAsText", func(t *testing.T) {
		h := harness
		h.Bad, h.Vanishing = bad[:7], false
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newPension(t, "text", "to_char(now(), 'YYYYMMDDHH24MISS')")
			p.vanish = true
			return p, fmt.Sprintf(yamlText, dsn, "persons", "  deletes: full\n  touch: true", "change_format: yyyyMMddHHmmss")
		}
		conformance.Run(t, h)
	})
	t.Run("LogTable", func(t *testing.T) {
		h := harness
		h.Bad = []conformance.Bad{
			{Name: "NoSuchLog", YAML: swap("table: rz", "table: rzz"), Says: "no table or view rzz"},
			{Name: "NoSuchSeq", YAML: swap("seq: xh", "seq: xhh"), Says: "the table rz has no column xhh"},
			{Name: "LogAndTouch", YAML: swap("page: 7", "touch: true"), Says: "Take one of the two out"},
		}
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newPension(t, "timestamptz NOT NULL DEFAULT now()", "now()")
			p.vanish = true
			p.exec(t, postgresLog)
			return p, unchanging(fmt.Sprintf(yamlText, dsn, "persons", logLines, ""))
		}
		conformance.Run(t, h)
	})
	t.Run("FullCompare", func(t *testing.T) {
		h := harness
		h.Bad, h.Incremental, h.MidCursors = nil, false, false
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newPension(t, "timestamptz NOT NULL DEFAULT now()", "now()")
			p.vanish = true
			return p, unchanging(fmt.Sprintf(yamlText, dsn, "persons", "", ""))
		}
		conformance.Run(t, h)
	})
	t.Run("ReadOnlyView", func(t *testing.T) {
		h := harness
		h.Bad, h.ReadOnly = nil, true
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, dsn := newPension(t, "timestamp", "now()")
			p.exec(t, "CREATE VIEW people AS SELECT * FROM persons")
			return p, fmt.Sprintf(yamlText, dsn, "people", "  tombstone: {column: sc, value: '1'}\n  read_only: true", "")
		}
		conformance.Run(t, h)
	})
}

func swap(from, to string) func(string) string {
	return func(y string) string { return strings.Replace(y, from, to, 1) }
}

func replaceLine(y, holding, line string) string {
	lines := strings.Split(y, "\n")
	for i, l := range lines {
		if strings.Contains(l, holding) {
			lines[i] = line
			break
		}
	}
	return strings.Join(lines, "\n")
}
