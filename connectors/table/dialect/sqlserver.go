package dialect

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// SQLServer is Microsoft SQL Server, 2012 or newer.
type SQLServer struct{}

func (SQLServer) Name() string { return "SQL Server" }

// Connector reads sqlserver://user:password@host:1433?database=… or
// server=…;user id=…;password=…;database=….
func (SQLServer) Connector(o Options) (driver.Connector, error) {
	dsn := o.DSN
	if o.CA != "" {
		if _, err := os.Stat(o.CA); err != nil {
			return nil, ErrCA
		}
		switch {
		case !strings.Contains(dsn, "://"):
			dsn += ";encrypt=true;certificate=" + o.CA
		case strings.Contains(dsn, "?"):
			dsn += "&encrypt=true&certificate=" + o.CA
		default:
			dsn += "?encrypt=true&certificate=" + o.CA
		}
	}
	c, err := msdsn.Parse(dsn)
	if err != nil || c.Host == "" {
		return nil, errAddress
	}
	c.AppName, c.DialTimeout = "heji", o.Timeout
	connector := mssql.NewConnectorConfig(c)
	// A statement that fails ends the whole transaction; a date is read the same
	// way in whatever language the login has.
	connector.SessionInitSQL = fmt.Sprintf("SET XACT_ABORT ON; SET LANGUAGE us_english; SET DATEFORMAT ymd; SET ANSI_WARNINGS ON; SET CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT %d", max(1, o.Life.Milliseconds()))
	return connector, nil
}

func (SQLServer) Find(schema, table string) (string, []any) {
	query := `SELECT s.name, o.name, CASE WHEN o.type = 'V' THEN 1 ELSE 0 END, 1, 1,
	CASE WHEN EXISTS (SELECT 1 FROM sys.databases d WHERE d.database_id = DB_ID() AND d.snapshot_isolation_state = 1) THEN 1 ELSE 0 END
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.name = @p1 AND s.name = `
	if schema == "" {
		return query + "SCHEMA_NAME()", []any{table}
	}
	return query + "@p2", []any{table, schema}
}

func (SQLServer) Columns(rel Relation) (string, []any) {
	return `SELECT c.name, ty.name, CASE WHEN c.is_nullable = 1 THEN 1 ELSE 0 END,
	CASE WHEN ty.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN c.max_length / 2 ELSE c.max_length END, c.precision, c.scale
FROM sys.columns c JOIN sys.types ty ON ty.user_type_id = c.system_type_id
WHERE c.object_id = OBJECT_ID(QUOTENAME(@p1) + '.' + QUOTENAME(@p2)) ORDER BY c.column_id`, []any{rel.Schema, rel.Name}
}

func (SQLServer) Column(d Described) Column {
	c := Column{Name: d.Name, Type: strings.ToLower(d.Type), Nullable: d.Nullable}
	c.Declared = c.Type
	switch c.Type {
	case "char", "nchar":
		c.Kind, c.Padded, c.Length, c.Declared = Text, true, int(d.Length), fmt.Sprintf("%s(%d)", c.Type, d.Length)
	case "varchar", "nvarchar":
		c.Kind, c.Length, c.Declared = Text, int(d.Length), fmt.Sprintf("%s(%d)", c.Type, d.Length)
		if d.Length <= 0 {
			c.Kind, c.Length, c.Declared = LongText, 0, c.Type+"(max)"
		}
	case "text":
		c.Kind, c.Declared = LongText, "varchar(max)"
	case "ntext", "xml":
		c.Kind, c.Declared = LongText, "nvarchar(max)"
	case "uniqueidentifier":
		c.Kind = Text
	case "tinyint", "smallint", "int", "bigint", "money", "smallmoney", "float", "real":
		c.Kind = Number
	case "decimal", "numeric":
		c.Kind, c.Declared = Number, fmt.Sprintf("%s(%d,%d)", c.Type, d.Precision, d.Scale)
	case "bit":
		c.Kind = Bool
	case "date":
		c.Kind = Date
	case "datetime", "smalldatetime":
		c.Kind = Time
	case "datetime2":
		c.Kind, c.Declared = Time, fmt.Sprintf("datetime2(%d)", d.Scale)
	case "datetimeoffset":
		c.Kind, c.Declared = Zoned, fmt.Sprintf("datetimeoffset(%d)", d.Scale)
	case "time":
		c.Kind, c.Declared = TimeOnly, fmt.Sprintf("time(%d)", d.Scale)
	case "timestamp", "rowversion":
		c.Kind, c.Declared = Version, "binary(8)"
	case "binary", "varbinary", "image":
		c.Kind, c.Declared = Bytes, "varbinary(max)"
	}
	return c
}

func (SQLServer) Ruled(rel Relation, rule string) (string, []any) {
	return `SELECT c.name FROM sys.indexes i JOIN sys.index_columns x ON x.object_id = i.object_id AND x.index_id = i.index_id
JOIN sys.columns c ON c.object_id = x.object_id AND c.column_id = x.column_id
WHERE i.object_id = OBJECT_ID(QUOTENAME(@p1) + '.' + QUOTENAME(@p2)) AND i.name = @p3
UNION SELECT c.name FROM sys.foreign_keys k JOIN sys.foreign_key_columns x ON x.constraint_object_id = k.object_id
JOIN sys.columns c ON c.object_id = x.parent_object_id AND c.column_id = x.parent_column_id WHERE k.name = @p3`, []any{rel.Schema, rel.Name, rule}
}

func (SQLServer) Primary() string {
	return "SELECT CASE WHEN DATABASEPROPERTYEX(DB_NAME(), 'Updateability') = 'READ_WRITE' THEN 1 ELSE 0 END"
}

func (d SQLServer) MayUpdate(rel Relation, column string) (string, []any) {
	return "SELECT CASE WHEN HAS_PERMS_BY_NAME(@p1, 'OBJECT', 'UPDATE', @p2, 'COLUMN') = 1 THEN 1 ELSE 0 END",
		[]any{d.Quote(rel.Schema) + "." + d.Quote(rel.Name), column}
}

func (SQLServer) Quote(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }
func (SQLServer) Param(n int) string       { return fmt.Sprint("@p", n) }

func (d SQLServer) Text(c Column) string {
	x := of(d, c)
	trimmed := x
	if c.Padded {
		trimmed = "RTRIM(" + x + ")"
	}
	text := ""
	switch {
	case c.Kind == Bytes:
		text = "CONVERT(varbinary(max), " + x + ")"
	case c.Raw:
		text = "CONVERT(varbinary(max), " + trimmed + ")"
	case c.Kind == Date:
		text = "CONVERT(nvarchar(10), " + x + ", 23)"
	case c.Kind == Time, c.Kind == TimeOnly:
		text = "CONVERT(nvarchar(33), " + x + ", 121)"
	case c.Kind == Zoned:
		text = "CONVERT(nvarchar(33), " + x + ", 127)"
	case c.Kind == Version:
		text = "CONVERT(nvarchar(16), CONVERT(varbinary(8), " + x + "), 2)"
	case c.Type == "money", c.Type == "smallmoney":
		text = "CONVERT(nvarchar(40), " + x + ", 2)"
	case c.Type == "float", c.Type == "real":
		text = "CONVERT(nvarchar(40), " + x + ", 3)"
	default:
		text = "CONVERT(nvarchar(max), " + trimmed + ")"
	}
	if large := d.Large(c); large != "" {
		return "CASE WHEN " + large + " THEN NULL ELSE " + text + " END"
	}
	return text
}

func (d SQLServer) Large(c Column) string {
	if c.Kind == LongText || c.Kind == Bytes {
		return fmt.Sprintf("DATALENGTH(%s) > %d", of(d, c), MaxValue)
	}
	return ""
}

// Shows compares bytes: SQL Server's = ignores case and trailing blanks.
func (d SQLServer) Shows(c Column, param string) string {
	if c.Raw || c.Kind == Bytes {
		return d.Text(c) + " = CONVERT(varbinary(max), " + param + ")"
	}
	return "CONVERT(varbinary(max), CONVERT(nvarchar(max), " + d.Text(c) + ")) = CONVERT(varbinary(max), CONVERT(nvarchar(max), " + param + "))"
}

func (d SQLServer) Blank(c Column) string { return "COALESCE(DATALENGTH(" + d.Text(c) + "), 0) = 0" }

// Key is NULL, and so in no row, where the text is none of the type. A Unicode
// parameter against a varchar column would read the whole table.
func (d SQLServer) Key(c Column, param, text string) string {
	if c.Raw {
		return "CONVERT(" + c.Declared + ", " + param + ")"
	}
	return "TRY_CONVERT(" + c.Declared + ", " + param + d.style(c, text) + ")"
}

func (d SQLServer) Value(c Column, param, text string) string {
	switch {
	case c.Raw, c.Kind == Bytes:
		return "CONVERT(varchar(max), " + param + ")"
	case c.Kind == Text, c.Kind == LongText:
		return param // a conversion to varchar(5) would cut in silence
	}
	return "CONVERT(" + c.Declared + ", " + param + d.style(c, text) + ")"
}

// style is the number of the form in which a time or number is written.
func (SQLServer) style(c Column, text string) string {
	switch c.Kind {
	case Date, Time:
		switch {
		case digits(text, 8):
			return ", 112"
		case c.Kind == Date:
			return ", 23"
		case strings.Contains(text, "T"):
			return ", 126"
		}
		return ", 121"
	case Zoned:
		return ", 127"
	case TimeOnly:
		return ", 121"
	case Version:
		return ", 2"
	}
	return ""
}

func (SQLServer) Now(c Column) string {
	if c.Kind == Zoned {
		return "SYSDATETIMEOFFSET()"
	}
	return "SYSDATETIME()"
}

func (SQLServer) Select(q Select) string {
	top := ""
	if q.Limit > 0 {
		top = fmt.Sprintf("TOP (%d) ", q.Limit)
	}
	return q.plain(top, " AS t", strings.Join(q.List, ", "), "")
}

func (SQLServer) Update(rel, set, where string) string {
	return "UPDATE t SET " + set + " FROM " + rel + " AS t WHERE " + where
}

func (SQLServer) Clock() string {
	return "SELECT DATEDIFF(second, '1970-01-01', SYSUTCDATETIME()), CONVERT(nvarchar(33), SYSDATETIME(), 121)"
}

func (SQLServer) LockRow(string, string, time.Duration) string { return "" }
func (SQLServer) LockTable(string, time.Duration) string       { return "" }

func (SQLServer) Snapshot() (*sql.TxOptions, string) {
	return &sql.TxOptions{Isolation: sql.LevelSnapshot}, ""
}

// Lock belongs to the transaction and ends with it.
func (SQLServer) Lock(name string, wait time.Duration) (string, []any) {
	return "DECLARE @r int; EXEC @r = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = @p2; SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END",
		[]any{name, max(1, wait.Milliseconds())}
}

func (SQLServer) Unlock(string) (string, []any) { return "", nil }

var (
	mssqlNull = regexp.MustCompile(`NULL into column '([^']+)'`)
	mssqlRule = regexp.MustCompile(`(?:constraint|index|约束|索引) ?["'“‘]([^"'”’]+)["'”’]`)
	mssqlLong = regexp.MustCompile(`column '([^']+)'\. Truncated value`)
	mssqlRefs = regexp.MustCompile(`, column '([^']+)'\.`)
)

// Fault classifies by the server's error number.
func (SQLServer) Fault(err error) Fault {
	var e mssql.Error
	var pointer *mssql.Error
	if errors.As(err, &pointer) {
		e = *pointer
	} else if !errors.As(err, &e) {
		if errors.Is(err, context.DeadlineExceeded) {
			return Fault{Class: Slow}
		}
		return Transport(err)
	}
	// The last error is often only "the statement has been terminated".
	for _, one := range e.All {
		if one.Number != 3621 && one.Number != 0 {
			e.Number, e.Message, e.Class = one.Number, one.Message, one.Class
			break
		}
	}
	f := Fault{Code: fmt.Sprint("error ", e.Number), Server: e.Class < 20}
	first := func(re *regexp.Regexp) string {
		if m := re.FindStringSubmatch(e.Message); m != nil {
			return m[1]
		}
		return ""
	}
	switch e.Number {
	case 18452, 18456, 18486, 18487, 18488:
		f.Class = Credentials
	case 229, 230, 262, 297, 300, 916:
		f.Class = Rights
	case 4060, 911, 4063:
		f.Class = NoDatabase
	case 207, 208, 4413, 2812, 201:
		f.Class = Layout
	case 10928, 10929, 17809, 49918, 49919, 49920:
		f.Class = Throttled
	case 1205, 3960, 3961:
		f.Class = Deadlock
	case 1222:
		f.Class = LockWait
	case -2:
		f.Class, f.Server = Slow, false
	case 3906, 3908, 4405, 4406, 4421, 978:
		f.Class = ReadOnly
	case 271, 272, 273, 544, 8102: // computed, rowversion, identity
		f.Class = Computed
	case 515:
		f.Class, f.Column = Required, first(mssqlNull)
	case 2601, 2627:
		f.Class, f.Rule = Duplicate, first(mssqlRule)
	case 547:
		f.Class, f.Rule, f.Column = Check, first(mssqlRule), first(mssqlRefs)
		if strings.Contains(e.Message, "FOREIGN KEY") || strings.Contains(e.Message, "REFERENCE") {
			f.Class, f.Column = Reference, ""
		}
	case 2628:
		f.Class, f.Column = TooLong, first(mssqlLong)
	case 8152, 1105:
		f.Class = TooLong
		if e.Number == 1105 { // no room on its disk: nothing about the row
			f.Class = Unreachable
		}
	case 241, 242, 244, 245, 248, 295, 220, 8114, 8115, 8169, 9807, 13608:
		f.Class = BadValue
	default:
		switch {
		case e.Number >= 50000: // RAISERROR and THROW of a trigger
			f.Class, f.Words = Spoken, e.Message
		case e.Class >= 20:
			f.Class = Unreachable
		}
	}
	return f
}
