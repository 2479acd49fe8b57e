package dialect

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MySQL is MySQL and MariaDB.
type MySQL struct{}

func (MySQL) Name() string { return "MySQL" }

// errAddress is all that is said about a DSN that cannot be read (I9).
var errAddress = errors.New("no address")

// Connector reads user:password@tcp(host:3306)/database, or mysql://.
func (MySQL) Connector(o Options) (driver.Connector, error) {
	dsn := o.DSN
	if scheme, rest, ok := strings.Cut(dsn, "://"); ok && (scheme == "mysql" || scheme == "mariadb") {
		u, err := url.Parse("mysql://" + rest)
		if err != nil || u.Host == "" {
			return nil, errAddress
		}
		host := u.Host
		if u.Port() == "" {
			host += ":3306"
		}
		password, _ := u.User.Password()
		c := mysql.NewConfig()
		c.User, c.Passwd, c.Net, c.Addr, c.DBName = u.User.Username(), password, "tcp", host, strings.TrimPrefix(u.Path, "/")
		dsn = c.FormatDSN()
		if u.RawQuery != "" {
			sep := "?"
			if strings.Contains(dsn, "?") {
				sep = "&"
			}
			dsn += sep + u.RawQuery
		}
	}
	c, err := mysql.ParseDSN(dsn)
	if err != nil || c.DBName == "" {
		return nil, errAddress
	}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, ErrCA
		}
		host, _, _ := strings.Cut(c.Addr, ":")
		c.TLS = &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}
	}
	c.Logger = &mysql.NopLogger{} // I9: it would print addresses
	c.ParseTime, c.MultiStatements, c.AllowAllFiles = false, false, false
	c.ClientFoundRows = true   // a row that already shows what we write was found
	c.InterpolateParams = true // no prepared statements: works through proxies
	c.Timeout = o.Timeout
	c.ReadTimeout = max(o.Timeout, 2*o.Life) + 5*time.Second // a COMMIT without an answer ends
	c.WriteTimeout = c.ReadTimeout
	c.Collation = "utf8mb4_general_ci"
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	c.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'" // a value that does not fit is an error, never cut
	c.Params["wait_timeout"] = fmt.Sprint(wholeSeconds(o.Life))         // a session whose client has vanished ends, and its lock
	c.Params["innodb_lock_wait_timeout"] = fmt.Sprint(wholeSeconds(o.Life))
	c.Params["net_write_timeout"] = "600" // while we store what we read, the server waits
	if o.Zone != nil {
		_, offset := time.Now().In(o.Zone).Zone()
		sign := '+'
		if offset < 0 {
			sign, offset = '-', -offset
		}
		c.Params["time_zone"] = fmt.Sprintf("'%c%02d:%02d'", sign, offset/3600, offset/60%60)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, errAddress
	}
	return connector, nil
}

// ErrCA: the file of connect.ca cannot be used.
var ErrCA = errors.New("no certificate in the file")

func (MySQL) Find(schema, table string) (string, []any) {
	query := `SELECT t.table_schema, t.table_name, CASE WHEN t.table_type LIKE '%VIEW' THEN 1 ELSE 0 END,
	CASE WHEN COALESCE(v.is_updatable, 'YES') = 'YES' AND t.table_type <> 'SYSTEM VIEW' THEN 1 ELSE 0 END,
	CASE WHEN e.transactions = 'YES' THEN 1 ELSE 0 END, CASE WHEN e.transactions = 'YES' THEN 1 ELSE 0 END
FROM information_schema.tables t
LEFT JOIN information_schema.views v ON v.table_schema = t.table_schema AND v.table_name = t.table_name
LEFT JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema = `
	if schema == "" {
		return query + "DATABASE() AND t.table_name = ?", []any{table}
	}
	return query + "? AND t.table_name = ?", []any{schema, table}
}

func (MySQL) Columns(rel Relation) (string, []any) {
	return `SELECT column_name, CONCAT(data_type, CASE WHEN column_type LIKE '%unsigned%' THEN ' unsigned' ELSE '' END), CASE WHEN is_nullable = 'YES' THEN 1 ELSE 0 END,
	COALESCE(character_maximum_length, -1), COALESCE(numeric_precision, datetime_precision, 0), COALESCE(numeric_scale, 0)
FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`, []any{rel.Schema, rel.Name}
}

func (MySQL) Column(d Described) Column {
	c := Column{Name: d.Name, Type: strings.ToLower(d.Type), Nullable: d.Nullable}
	switch strings.TrimSuffix(c.Type, " unsigned") {
	case "char":
		c.Kind, c.Padded, c.Length = Text, true, int(d.Length)
	case "varchar":
		c.Kind, c.Length = Text, int(d.Length)
	case "enum", "set", "inet4", "inet6", "uuid":
		c.Kind = Text
	case "tinytext", "text", "mediumtext", "longtext", "json":
		c.Kind = LongText
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year":
		c.Kind, c.Declared = Number, fmt.Sprintf("decimal(65,%d)", d.Scale)
	case "float", "double":
		c.Kind, c.Declared = Number, "double"
	case "bit":
		c.Kind, c.Declared = Bool, "unsigned"
	case "date":
		c.Kind, c.Declared = Date, "date"
	case "datetime", "timestamp":
		c.Kind, c.Declared = Time, fmt.Sprintf("datetime(%d)", min(6, d.Precision))
	case "time":
		c.Kind, c.Declared = TimeOnly, fmt.Sprintf("time(%d)", min(6, d.Precision))
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		c.Kind = Bytes
	}
	return c
}

func (MySQL) Ruled(rel Relation, rule string) (string, []any) {
	return `SELECT column_name FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? AND index_name = ?
UNION SELECT column_name FROM information_schema.key_column_usage WHERE table_schema = ? AND table_name = ? AND constraint_name = ?`,
		[]any{rel.Schema, rel.Name, rule, rel.Schema, rel.Name, rule}
}

func (MySQL) Primary() string {
	return "SELECT CASE WHEN CAST(@@global.read_only AS CHAR) IN ('0', 'OFF') THEN 1 ELSE 0 END"
}

// MayUpdate lets the server plan a change of no row: that needs the right.
func (d MySQL) MayUpdate(rel Relation, column string) (string, []any) {
	c := d.Quote(column)
	return "EXPLAIN UPDATE " + d.Quote(rel.Schema) + "." + d.Quote(rel.Name) + " SET " + c + " = " + c + " WHERE 1 = 0", nil
}

func (MySQL) Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
func (MySQL) Param(int) string         { return "?" }

func (d MySQL) Text(c Column) string {
	x := of(d, c)
	switch {
	case c.Kind == Bytes, c.Raw:
		x = "CAST(" + x + " AS BINARY)"
	case c.Kind == Bool:
		x = "CAST(" + x + "+0 AS CHAR)"
	case c.Kind == Date:
		return "NULLIF(CAST(" + x + " AS CHAR), '0000-00-00')"
	case c.Kind == Time: // no day at all is blank, with whatever decimals
		return "CASE WHEN " + x + " = 0 THEN NULL ELSE CAST(" + x + " AS CHAR) END"
	case c.Kind == Text || c.Kind == LongText:
		x = "CONVERT(" + x + " USING utf8mb4)"
	default:
		x = "CAST(" + x + " AS CHAR)"
	}
	if large := d.Large(c); large != "" {
		return "CASE WHEN " + large + " THEN NULL ELSE " + x + " END"
	}
	return x
}

func (d MySQL) Large(c Column) string {
	if c.Kind == LongText || c.Kind == Bytes {
		return fmt.Sprintf("OCTET_LENGTH(%s) > %d", of(d, c), MaxValue)
	}
	return ""
}

// Shows compares bytes: no collation calls two texts equal that are not. Of a
// CHAR the server itself drops the trailing blanks when it is read.
func (d MySQL) Shows(c Column, param string) string {
	return "CAST(" + d.Text(c) + " AS BINARY) = CAST(" + param + " AS BINARY)"
}

func (d MySQL) Blank(c Column) string {
	return "COALESCE(OCTET_LENGTH(" + d.Text(c) + "), 0) = 0"
}

func (MySQL) Key(c Column, param, _ string) string {
	if c.Declared == "" || c.Declared == "double" {
		return param
	}
	return "CAST(" + param + " AS " + c.Declared + ")"
}

// Value leaves the reading of the text to the strict mode of the session, which
// refuses what does not fit.
func (MySQL) Value(c Column, param, _ string) string {
	if c.Kind == Bool {
		return "CAST(" + param + " AS UNSIGNED)"
	}
	return param
}

func (MySQL) Now(c Column) string {
	if c.Kind == Date {
		return "CURRENT_DATE"
	}
	return "SYSDATE(6)"
}

func (MySQL) Select(q Select) string {
	end := ""
	if q.Limit > 0 {
		end = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	return q.plain("", " AS t", strings.Join(q.List, ", "), end)
}

func (MySQL) Update(rel, set, where string) string {
	return "UPDATE " + rel + " AS t SET " + set + " WHERE " + where
}

func (MySQL) Clock() string { return "SELECT UNIX_TIMESTAMP(SYSDATE(6)), CAST(SYSDATE(6) AS CHAR)" }

func (MySQL) LockRow(string, string, time.Duration) string { return "" }
func (MySQL) LockTable(string, time.Duration) string       { return "" }

func (MySQL) Snapshot() (*sql.TxOptions, string) {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, ""
}

// Lock belongs to the session, which the server ends when its client is gone;
// the session's transaction is over before its locks are free.
func (MySQL) Lock(name string, wait time.Duration) (string, []any) {
	return "SELECT GET_LOCK(?, ?)", []any{name, wholeSeconds(wait)}
}

func (MySQL) Unlock(name string) (string, []any) { return "DO RELEASE_LOCK(?)", []any{name} }

var (
	mysqlColumn = regexp.MustCompile("(?i)column (?:`[^`]+`\\.)*[`']([^`']+)[`'] at row \\d+$")
	mysqlNull   = regexp.MustCompile(`(?i)^(?:Column|Field) '([^']+)' (?:cannot be null|doesn't have a default value)$`)
	mysqlKey    = regexp.MustCompile(`(?i)for key '(?:[^'.]+\.)?([^']+)'$`)
	mysqlCheck  = regexp.MustCompile("(?i)constraint [`']([^`']+)[`'] (?:failed|is violated)")
	mysqlForeig = regexp.MustCompile("(?i)CONSTRAINT `([^`]+)` FOREIGN KEY \\(`([^`]+)`\\)")
)

// Fault classifies by the server's error number; names come out of the message
// where it is in English.
func (MySQL) Fault(err error) Fault {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		if errors.Is(err, mysql.ErrPktTooLarge) {
			return Fault{Class: TooLong, Server: true}
		}
		if errors.Is(err, mysql.ErrNoTLS) {
			return Fault{Class: Certificate, Certificate: CertificateNone}
		}
		return Transport(err)
	}
	f := Fault{Code: fmt.Sprint("error ", e.Number), Server: true}
	first := func(re *regexp.Regexp) string {
		if m := re.FindStringSubmatch(e.Message); m != nil {
			return m[1]
		}
		return ""
	}
	switch e.Number {
	case 1045, 1251, 1524, 1698, 1862, 3118, 4151: // 1862: the password has expired; 3118: locked
		f.Class = Credentials
	case 1044, 1142, 1143, 1227, 1370:
		f.Class = Rights
	case 1049:
		f.Class = NoDatabase
	case 1054, 1146, 1051, 1356:
		f.Class = Layout
	case 1040, 1203, 1226, 1129:
		f.Class = Throttled
	case 1053, 1077, 1079, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927:
		f.Class, f.Server = Unreachable, e.Number == 1053 // shutting down: not begun
	case 1317, 1907, 1969, 3024:
		f.Class = Slow
	case 1213, 1614, 3058, 3101: // 1614, 3101: rolled back by the cluster
		f.Class = Deadlock
	case 1205:
		f.Class = LockWait
	case 1288, 1290, 1348, 1394, 1395, 1471, 1792, 1836:
		f.Class = ReadOnly
	case 1048, 1364, 1566:
		f.Class, f.Column = Required, first(mysqlNull)
	case 1062, 1022, 1169, 1586:
		f.Class, f.Rule = Duplicate, first(mysqlKey)
	case 1216, 1217, 1451, 1452:
		f.Class, f.Rule = Reference, first(mysqlForeig)
		if m := mysqlForeig.FindStringSubmatch(e.Message); m != nil {
			f.Column = m[2]
		}
	case 3819, 4025:
		f.Class, f.Rule = Check, first(mysqlCheck)
	case 1406, 1118:
		f.Class, f.Column = TooLong, first(mysqlColumn)
	case 1366: // Incorrect string value, or incorrect integer value
		f.Class, f.Column = BadValue, first(mysqlColumn)
		if strings.HasPrefix(e.Message, "Incorrect string value") {
			f.Class = Charset
		}
	case 1264, 1265, 1292, 1367, 1411, 1441, 1690, 3140:
		f.Class, f.Column = BadValue, first(mysqlColumn)
	case 1267, 1300, 3854: // mixed collations, invalid bytes for a character set
		f.Class = Charset
	case 1906, 3105: // a generated column
		f.Class = Computed
	case 1644, 1643:
		f.Class, f.Words = Spoken, e.Message
	default:
		switch string(e.SQLState[:]) {
		case "45000":
			f.Class, f.Words = Spoken, e.Message
		case "28000":
			f.Class = Credentials
		case "42000", "42S02", "42S22":
			f.Class = Layout
		case "40001":
			f.Class = Deadlock
		case "\x00\x00\x00\x00\x00", "HY000":
			f.Class = Unknown
		}
	}
	return f
}
