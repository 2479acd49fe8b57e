package table

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/connectors/table/dialect"
)

var rewrite = flag.Bool("rewrite", false, "write the statements of the brands that no test meets live; read them before you keep them")

// recorder is a driver that writes down what it is told, and answers as the
// test says. It stands for the servers that the tests cannot start.
type recorder struct {
	answer func(query string) (rows [][]driver.Value, affected int64, err error)

	mu   sync.Mutex
	said []string
}

func (r *recorder) note(query string, args []driver.NamedValue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range args {
		v := fmt.Sprintf("%v", a.Value)
		if b, ok := a.Value.([]byte); ok {
			v = fmt.Sprintf("bytes %X", b)
		}
		query += fmt.Sprintf("\n  -- %d: %s", a.Ordinal, v)
	}
	r.said = append(r.said, query)
}

func (r *recorder) Connect(context.Context) (driver.Conn, error) { return recordedConn{r}, nil }
func (r *recorder) Driver() driver.Driver                        { return nil }

type recordedConn struct{ *recorder }

func (c recordedConn) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("nothing is prepared")
}
func (c recordedConn) Close() error { return nil }
func (c recordedConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}
func (c recordedConn) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	begin := "BEGIN"
	if o.Isolation != 0 {
		begin += " " + sql.IsolationLevel(o.Isolation).String()
	}
	c.note(begin, nil)
	return c, nil
}
func (c recordedConn) Commit() error   { c.note("COMMIT", nil); return nil }
func (c recordedConn) Rollback() error { c.note("ROLLBACK", nil); return nil }
func (c recordedConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.note(query, args)
	_, n, err := c.answer(query)
	return driver.RowsAffected(n), err
}
func (c recordedConn) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.note(query, args)
	rows, _, err := c.answer(query)
	answer := &recordedRows{rows: rows}
	if len(rows) > 0 {
		answer.columns = make([]string, len(rows[0]))
	}
	return answer, err
}

type recordedRows struct {
	rows    [][]driver.Value
	columns []string
}

func (r *recordedRows) Columns() []string { return r.columns }
func (r *recordedRows) Close() error      { return nil }
func (r *recordedRows) Next(into []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(into, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

// The statements of the brands that no test meets live are what they should be,
// through database/sql, for a full read, an incremental one, a log, writes and
// looks. That holds them as they are; nobody has seen a live server take them.
func TestStatementsOfBrandsWithoutALiveServer(t *testing.T) {
	when := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	row := []driver.Value{"7", "", "1990-01-02", "2026-03-01 08:00:00.1230000", "P0001", "0", "N1", "13912345678", "甲", "7", int64(0)} // in the order of the columns' names
	for _, test := range []struct {
		name    string
		d       dialect.Dialect
		columns [][]driver.Value // name, type, nullable, length, precision, scale
	}{
		{"sqlserver", dialect.SQLServer{}, [][]driver.Value{
			{"id", "varchar", int64(0), int64(20), int64(0), int64(0)}, {"xm", "nvarchar", int64(0), int64(20), int64(0), int64(0)},
			{"sjhm", "char", int64(1), int64(11), int64(0), int64(0)}, {"sfzh", "varchar", int64(1), int64(18), int64(0), int64(0)},
			{"csrq", "date", int64(1), int64(3), int64(0), int64(0)}, {"gxsj", "datetime2", int64(0), int64(8), int64(27), int64(7)},
			{"sc", "char", int64(0), int64(1), int64(0), int64(0)}, {"bb", "timestamp", int64(0), int64(8), int64(0), int64(0)},
			{"bz", "nvarchar", int64(1), int64(-1), int64(0), int64(0)}, {"xh", "bigint", int64(0), int64(8), int64(19), int64(0)}, {"rid", "varchar", int64(0), int64(20), int64(0), int64(0)}}},
		{"oracle", dialect.Oracle{}, [][]driver.Value{
			{"ID", "VARCHAR2", int64(0), int64(20), int64(0), int64(0)}, {"XM", "NVARCHAR2", int64(0), int64(20), int64(0), int64(0)},
			{"SJHM", "CHAR", int64(1), int64(11), int64(0), int64(0)}, {"SFZH", "VARCHAR2", int64(1), int64(18), int64(0), int64(0)},
			{"CSRQ", "DATE", int64(1), int64(-1), int64(0), int64(0)}, {"GXSJ", "timestamp", int64(0), int64(-1), int64(0), int64(6)},
			{"SC", "CHAR", int64(0), int64(1), int64(0), int64(0)}, {"BB", "NUMBER", int64(0), int64(-1), int64(10), int64(0)},
			{"BZ", "CLOB", int64(1), int64(-1), int64(0), int64(0)}, {"XH", "NUMBER", int64(0), int64(-1), int64(19), int64(0)}, {"RID", "VARCHAR2", int64(0), int64(20), int64(0), int64(0)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var creating, made bool
			r := &recorder{answer: func(query string) ([][]driver.Value, int64, error) {
				one := func(v driver.Value) ([][]driver.Value, int64, error) { return [][]driver.Value{{v}}, 0, nil }
				switch {
				case strings.Contains(query, "all_objects"), strings.Contains(query, "sys.objects"):
					schema, name := "dbo", "persons"
					if test.name == "oracle" {
						schema, name = "YLBX", "PERSONS"
					}
					return [][]driver.Value{{schema, name, int64(0), int64(1), int64(1), int64(1)}}, 0, nil
				case strings.Contains(query, "sys.columns"), strings.Contains(query, "all_tab_columns"):
					return test.columns, 0, nil
				case strings.HasPrefix(query, "SELECT MIN("):
					return [][]driver.Value{{"1", "7"}}, 0, nil
				case strings.Contains(query, "1970-01-01"):
					return [][]driver.Value{{fmt.Sprint(when.Unix() + 60), "2026-03-01 08:01:00"}}, 0, nil
				case strings.Contains(query, "COUNT(*)"):
					return one(int64(1))
				case strings.Contains(query, "CASE WHEN @r >= 0"), strings.Contains(query, "Updateability"), strings.Contains(query, "DATABASE_ROLE"),
					strings.Contains(query, "HAS_PERMS"), strings.Contains(query, "all_tab_privs"):
					return one(int64(1))
				case strings.HasPrefix(query, "UPDATE"), strings.HasPrefix(query, "INSERT"):
					made = true
					return nil, 1, nil
				case strings.Contains(query, "FOR UPDATE"), strings.HasPrefix(query, "LOCK TABLE"), strings.HasPrefix(query, "SET TRANSACTION"):
					return nil, 0, nil
				case strings.Contains(query, "BETWEEN 1 AND") || strings.Contains(query, "BETWEEN 8 AND"):
					return [][]driver.Value{{"8", "P0001"}}, 0, nil
				case strings.Contains(query, "DESC"): // the latest row: change time and key
					return [][]driver.Value{{row[3], row[4]}}, 0, nil
				case strings.Contains(query, "> 4194304"): // whole rows
					whole := append([]driver.Value{}, row...)
					if strings.Count(query, "THEN 1 ELSE 0 END") == 2 {
						whole = append(whole, int64(1))
					}
					if creating && !made {
						return nil, 0, nil
					}
					return [][]driver.Value{whole}, 0, nil
				}
				return nil, 0, nil
			}}
			p, err := spec.Parse("platform.yaml", []byte(strings.NewReplacer("driver: postgres", "driver: "+test.name, "  phone: {column: sjhm}", "  phone: {column: sjhm}\n  birth_date: {column: csrq}\n  workplace: {column: bz}").
				Replace(fmt.Sprintf(yamlText, "RECORDED", "persons", "  tombstone: {column: sc, value: '1'}\n  touch: true\n  encoding: gbk", "version_column: bb"))), func(string) (string, bool) { return "x", true })
			require.NoError(t, err)
			s, err := load(p)
			require.NoError(t, err)
			reader := &brandReader{common: &common{platform: p, settings: s, zone: time.UTC, now: func() time.Time { return when }, fault: test.d.Fault}, d: test.d, db: sql.OpenDB(r)}
			reader.forget = reader.unlearn
			t.Cleanup(func() { require.NoError(t, reader.Close()) })
			w := &brandWriter{reader}
			ctx := context.Background()
			var book strings.Builder
			chapter := func(title string) {
				r.mu.Lock()
				defer r.mu.Unlock()
				fmt.Fprintf(&book, "== %s\n\n%s\n\n", title, strings.Join(r.said, "\n\n"))
				r.said = nil
			}

			require.NoError(t, w.Check(ctx))
			chapter("check")
			var at connectors.Cursor
			require.NoError(t, w.Pull(ctx, nil, func(b connectors.Batch) error { at = b.Cursor; return nil }))
			chapter("a full read")
			require.NoError(t, w.Pull(ctx, at, func(connectors.Batch) error { return nil }))
			chapter("what is new")
			reader.settings.Log = Log{Table: "rz", Seq: "xh", Key: []string{"rid"}}
			log, err := decodeCursor(at)
			require.NoError(t, err)
			log.Log = &logPlace{Seq: 7, Gaps: []gap{{From: 3, To: 4, Since: when}}}
			r0 := r.answer
			r.answer = func(query string) ([][]driver.Value, int64, error) {
				if strings.HasPrefix(query, "SELECT MIN(") {
					return [][]driver.Value{{"1", "8"}}, 0, nil
				}
				return r0(query)
			}
			require.NoError(t, w.Pull(ctx, log.encode(), func(connectors.Batch) error { return nil }))
			chapter("a log")
			reader.settings.Log = Log{}
			out, err := w.Push(ctx, []connectors.Write{{Intent: "u", Key: "P0001", Set: map[string]string{"sjhm": "13900001111", "csrq": "1990-01-01", "xm": "", "bz": ""}, If: map[string]string{"sjhm": "13912345678", "xm": "甲", "bz": "", "csrq": "1990-01-02"}}})
			require.NoError(t, err)
			require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
			chapter("an update")
			creating, made = true, false
			out, err = w.Push(ctx, []connectors.Write{{Intent: "c", Natural: map[string]string{"sfzh": "N2"}, Set: map[string]string{"xm": "乙"}}})
			require.NoError(t, err)
			require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
			chapter("a create")
			_, err = w.Look(ctx, connectors.Query{Key: "P0001"})
			require.NoError(t, err)
			chapter("a look")

			file := "testdata/" + test.name + ".sql"
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(book.String()), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), book.String())
		})
	}
}
