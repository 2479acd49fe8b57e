package dialect

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	goora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"
)

// Oracle is Oracle Database, 11.2 or newer.
type Oracle struct{}

func (Oracle) Name() string { return "Oracle" }

// Connector reads oracle://user:password@host:1521/service.
func (Oracle) Connector(o Options) (driver.Connector, error) {
	if o.CA != "" {
		return nil, ErrCA // a wallet, named in the address, holds it
	}
	c, err := goora.ParseConfig(o.DSN)
	if err != nil || len(c.Servers) == 0 || c.ServiceName == "" && c.SID == "" {
		return nil, errAddress
	}
	statements := []string{
		"ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,' NLS_SORT = BINARY NLS_COMP = BINARY NLS_LENGTH_SEMANTICS = BYTE NLS_DATE_LANGUAGE = AMERICAN NLS_CALENDAR = GREGORIAN",
	}
	if o.Zone != nil {
		_, offset := time.Now().In(o.Zone).Zone()
		sign := '+'
		if offset < 0 {
			sign, offset = '-', -offset
		}
		statements = append(statements, fmt.Sprintf("ALTER SESSION SET TIME_ZONE = '%c%02d:%02d'", sign, offset/3600, offset/60%60))
	}
	return prepared{goora.NewConnector(o.DSN), statements}, nil
}

// prepared says the same first sentences on every connection.
type prepared struct {
	driver.Connector
	statements []string
}

func (p prepared) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range p.statements {
		if err := run(ctx, conn, s); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func run(ctx context.Context, conn driver.Conn, statement string) error {
	if e, ok := conn.(driver.ExecerContext); ok {
		if _, err := e.ExecContext(ctx, statement, nil); !errors.Is(err, driver.ErrSkip) {
			return err
		}
	}
	s, err := conn.Prepare(statement)
	if err != nil {
		return err
	}
	if e, ok := s.(driver.StmtExecContext); ok {
		_, err = e.ExecContext(ctx, nil)
	} else {
		err = driver.ErrSkip
	}
	return errors.Join(err, s.Close())
}

func (Oracle) Find(schema, table string) (string, []any) {
	// A name in the file is written as people write it; the catalogue has
	// capitals. A synonym leads to its table.
	query := `SELECT o.owner, o.object_name, CASE WHEN o.object_type = 'TABLE' THEN 0 ELSE 1 END, 1, 1, 1 FROM all_objects o
WHERE o.object_type IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW') AND (o.object_name = :1 OR o.object_name = UPPER(:2)) AND `
	if schema == "" {
		return query + `(o.owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') OR EXISTS (SELECT 1 FROM all_synonyms s
	WHERE s.table_owner = o.owner AND s.table_name = o.object_name AND s.synonym_name = o.object_name AND s.owner IN ('PUBLIC', SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'))))
ORDER BY CASE WHEN o.owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') THEN 0 ELSE 1 END, o.object_type DESC`, []any{table, table}
	}
	return query + "(o.owner = :3 OR o.owner = UPPER(:4)) ORDER BY o.object_type DESC", []any{table, table, schema, schema}
}

func (Oracle) Columns(rel Relation) (string, []any) {
	return `SELECT column_name, CASE WHEN data_type LIKE 'TIMESTAMP%WITH TIME ZONE' THEN 'timestamptz' WHEN data_type LIKE 'TIMESTAMP%LOCAL TIME ZONE' THEN 'timestampltz' WHEN data_type LIKE 'TIMESTAMP%' THEN 'timestamp' ELSE data_type END,
	CASE WHEN nullable = 'Y' THEN 1 ELSE 0 END, CASE WHEN char_length > 0 THEN char_length ELSE -1 END, COALESCE(data_precision, 0), COALESCE(data_scale, 0)
FROM all_tab_columns WHERE owner = :1 AND table_name = :2 ORDER BY column_id`, []any{rel.Schema, rel.Name}
}

func (Oracle) Column(d Described) Column {
	c := Column{Name: d.Name, Type: strings.ToLower(d.Type), Nullable: d.Nullable}
	switch c.Type {
	case "char":
		c.Kind, c.Padded, c.Length, c.Declared = Text, true, int(d.Length), fmt.Sprintf("CHAR(%d CHAR)", d.Length)
	case "nchar":
		c.Kind, c.Padded, c.Length, c.Declared = Text, true, int(d.Length), fmt.Sprintf("NCHAR(%d)", d.Length)
	case "varchar2", "nvarchar2", "varchar":
		c.Kind, c.Length = Text, int(d.Length)
	case "clob", "nclob":
		c.Kind = LongText
	case "number", "float", "binary_float", "binary_double":
		c.Kind = Number
	case "date":
		c.Kind = Time // of Oracle a DATE has hours
	case "timestamp":
		c.Kind = Time
	case "timestamptz", "timestampltz":
		c.Kind = Zoned
	case "raw", "blob":
		c.Kind = Bytes
	}
	return c
}

func (Oracle) Ruled(rel Relation, rule string) (string, []any) {
	return `SELECT column_name FROM all_cons_columns WHERE owner = :1 AND table_name = :2 AND constraint_name = :3
UNION SELECT column_name FROM all_ind_columns WHERE table_owner = :4 AND table_name = :5 AND index_name = :6`,
		[]any{rel.Schema, rel.Name, rule, rel.Schema, rel.Name, rule}
}

func (Oracle) Primary() string {
	return "SELECT CASE WHEN SYS_CONTEXT('USERENV', 'DATABASE_ROLE') = 'PRIMARY' THEN 1 ELSE 0 END FROM dual"
}

func (Oracle) MayUpdate(rel Relation, column string) (string, []any) {
	return `SELECT CASE WHEN SYS_CONTEXT('USERENV', 'SESSION_USER') = :1
	OR EXISTS (SELECT 1 FROM all_tab_privs WHERE table_schema = :2 AND table_name = :3 AND privilege = 'UPDATE')
	OR EXISTS (SELECT 1 FROM all_col_privs WHERE table_schema = :4 AND table_name = :5 AND column_name = :6 AND privilege = 'UPDATE')
	OR EXISTS (SELECT 1 FROM session_privs WHERE privilege = 'UPDATE ANY TABLE') THEN 1 ELSE 0 END FROM dual`,
		[]any{rel.Schema, rel.Schema, rel.Name, rel.Schema, rel.Name, column}
}

func (Oracle) Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, "") + `"` }
func (Oracle) Param(n int) string       { return fmt.Sprint(":", n) }

func (d Oracle) Text(c Column) string {
	x := of(d, c)
	if c.Padded {
		x = "RTRIM(" + x + ")"
	}
	switch {
	case c.Raw && c.Kind == Text:
		return "UTL_RAW.CAST_TO_RAW(" + x + ")"
	case c.Kind == Number: // .5 is 0.5
		return `REGEXP_REPLACE(TO_CHAR(` + x + `, 'TM9'), '^(-?)\.', '\10.')`
	case c.Type == "date" && !c.Change: // most are used as days
		return "CASE WHEN " + x + " = TRUNC(" + x + ") THEN TO_CHAR(" + x + ", 'YYYY-MM-DD') ELSE TO_CHAR(" + x + ", 'YYYY-MM-DD HH24:MI:SS') END"
	case c.Type == "date":
		return "TO_CHAR(" + x + ", 'YYYY-MM-DD HH24:MI:SS')"
	case c.Kind == Time:
		return "TO_CHAR(" + x + ", 'YYYY-MM-DD HH24:MI:SS.FF9')"
	case c.Kind == Zoned:
		return "TO_CHAR(" + x + `, 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM')`
	case d.Large(c) != "":
		return "CASE WHEN " + d.Large(c) + " THEN NULL ELSE " + x + " END"
	}
	return x
}

func (d Oracle) Large(c Column) string {
	switch c.Type {
	case "clob", "nclob", "blob":
		return fmt.Sprintf("DBMS_LOB.GETLENGTH(%s) > %d", of(d, c), MaxValue)
	}
	return ""
}

// Shows needs no care for collations: the session compares bytes, and VARCHAR2
// is not padded.
func (d Oracle) Shows(c Column, param string) string {
	switch {
	case c.Kind == LongText:
		return "DBMS_LOB.COMPARE(" + of(d, c) + ", TO_CLOB(" + param + ")) = 0"
	case c.Type == "blob":
		return "DBMS_LOB.COMPARE(" + of(d, c) + ", TO_BLOB(" + param + ")) = 0"
	}
	return d.Text(c) + " = " + param
}

func (d Oracle) Blank(c Column) string {
	if d.Large(c) != "" {
		return "COALESCE(DBMS_LOB.GETLENGTH(" + of(d, c) + "), 0) = 0"
	}
	return d.Text(c) + " IS NULL"
}

// Key of a CHAR is a CHAR: two of them are compared without their padding.
func (d Oracle) Key(c Column, param, text string) string {
	if c.Padded && !c.Raw {
		return "CAST(" + param + " AS " + c.Declared + ")"
	}
	return d.Value(c, param, text)
}

func (Oracle) Value(c Column, param, text string) string {
	switch {
	case c.Raw && c.Kind == Text:
		return "UTL_RAW.CAST_TO_VARCHAR2(" + param + ")"
	case c.Kind == Number:
		return "TO_NUMBER(" + param + ")"
	case c.Kind == Zoned:
		return "TO_TIMESTAMP_TZ(" + param + `, 'YYYY-MM-DD"T"HH24:MI:SS.FFTZH:TZM')`
	case c.Kind == Time && c.Type == "date":
		return "TO_DATE(" + param + ", '" + oracleForm(text, false) + "')"
	case c.Kind == Time:
		return "TO_TIMESTAMP(" + param + ", '" + oracleForm(text, true) + "')"
	}
	return param
}

// oracleForm is the format of a text that is a time. Without FX, Oracle takes
// one that ends early.
func oracleForm(text string, fraction bool) string {
	switch {
	case digits(text, 8):
		return "YYYYMMDD"
	case digits(text, 14):
		return "YYYYMMDDHH24MISS"
	case len(text) == 10:
		return "YYYY-MM-DD"
	case fraction:
		return "YYYY-MM-DD HH24:MI:SS.FF"
	}
	return "YYYY-MM-DD HH24:MI:SS"
}

func (Oracle) Now(c Column) string {
	if c.Type == "date" {
		return "SYSDATE"
	}
	return "SYSTIMESTAMP"
}

// Select gives every item a name, which the outer query needs, and counts rows
// as releases before 12 do too.
func (Oracle) Select(q Select) string {
	list := make([]string, len(q.List))
	for i, x := range q.List {
		list[i] = fmt.Sprintf("%s AS c%d", x, i+1)
	}
	s := q.plain("", " t", strings.Join(list, ", "), "")
	if q.Limit > 0 {
		return fmt.Sprintf("SELECT * FROM (%s) WHERE ROWNUM <= %d", s, q.Limit)
	}
	return s
}

func (Oracle) Update(rel, set, where string) string {
	return "UPDATE " + rel + " t SET " + set + " WHERE " + where
}

// LockRow waits for the row itself: DBMS_LOCK is not for everybody.
func (Oracle) LockRow(rel, where string, wait time.Duration) string {
	return fmt.Sprintf("SELECT 1 FROM %s t WHERE %s FOR UPDATE WAIT %d", rel, where, wholeSeconds(wait))
}

func (Oracle) Clock() string {
	return "SELECT (CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400, TO_CHAR(SYSDATE, 'YYYY-MM-DD HH24:MI:SS') FROM dual"
}

// LockTable lets others read. Programs of the platform that change the table wait
// for the moment that a create takes.
func (Oracle) LockTable(rel string, wait time.Duration) string {
	return fmt.Sprintf("LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE WAIT %d", rel, wholeSeconds(wait))
}

func (Oracle) Snapshot() (*sql.TxOptions, string) { return nil, "SET TRANSACTION READ ONLY" }

func (Oracle) Lock(string, time.Duration) (string, []any) { return "", nil }
func (Oracle) Unlock(string) (string, []any)              { return "", nil }

var (
	oracleColumn = regexp.MustCompile(`"([^"]+)"\."([^"]+)"\."([^"]+)"`)
	oracleRule   = regexp.MustCompile(`\(([A-Za-z0-9_$#]+)\.([A-Za-z0-9_$#]+)\)`)
)

// Fault classifies by the ORA number.
func (Oracle) Fault(err error) Fault {
	var e *network.OracleError
	if !errors.As(err, &e) {
		return Transport(err)
	}
	f := Fault{Code: fmt.Sprintf("ORA-%05d", e.ErrCode), Server: true}
	message := e.Error()
	column, rule := "", ""
	if m := oracleColumn.FindStringSubmatch(message); m != nil {
		column = m[3]
	}
	if m := oracleRule.FindStringSubmatch(message); m != nil {
		rule = m[2]
	}
	switch e.ErrCode {
	case 1005, 1017, 28000, 28001, 28003, 28273:
		f.Class = Credentials
	case 1031, 1045, 1720:
		f.Class = Rights
	case 12505, 12514, 12154:
		f.Class = NoDatabase
	case 904, 942, 980, 4063, 903, 4043:
		f.Class = Layout
	case 18, 20, 2391, 12516, 12519, 12520:
		f.Class = Throttled
	case 28, 1012, 1033, 1034, 1089, 1090, 1092, 3113, 3114, 3135, 12170, 12528, 12537, 12541, 12564:
		f.Class, f.Server = Unreachable, e.ErrCode == 1033 || e.ErrCode == 1034 || e.ErrCode >= 12505
	case 1013, 40, 51, 2049, 1555: // 1555: what the snapshot needs is gone
		f.Class = Slow
	case 60, 8177, 4020:
		f.Class = Deadlock
	case 54, 30006:
		f.Class = LockWait
	case 1456, 1732, 1733, 1776, 1779, 16000, 42399:
		f.Class = ReadOnly
	case 32795, 54013, 54017: // identity, virtual
		f.Class = Computed
	case 1400, 1407:
		f.Class, f.Column = Required, column
	case 1:
		f.Class, f.Rule = Duplicate, rule
	case 2291, 2292:
		f.Class, f.Rule = Reference, rule
	case 2290:
		f.Class, f.Rule = Check, rule
	case 12899, 1401:
		f.Class, f.Column = TooLong, column
	case 1438, 1722, 1426, 1830, 1839, 1840, 1841, 1843, 1847, 1850, 1858, 1861, 1867, 25137, 6502:
		f.Class = BadValue
	case 12704, 12713:
		f.Class = Charset
	default:
		if e.ErrCode >= 20000 && e.ErrCode <= 20999 { // RAISE_APPLICATION_ERROR
			f.Class, f.Words = Spoken, firstLine(message)
		}
	}
	return f
}

// firstLine leaves out where in which program it was said.
func firstLine(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	line, _, _ = strings.Cut(line, " error occur at position")
	if _, said, ok := strings.Cut(line, ": "); ok {
		return said
	}
	return line
}
