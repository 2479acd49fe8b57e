package dialect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mssql "github.com/microsoft/go-mssqldb"
	"github.com/sijms/go-ora/v2/network"
	"github.com/stretchr/testify/require"
)

// What each type reads as, and how a text becomes its value again.
func TestColumns(t *testing.T) {
	for _, test := range []struct {
		d                Dialect
		of               Described
		kind             Kind
		text, key, value string // with the parameter ? and the text 2026-01-31
	}{
		{MySQL{}, Described{Name: "c", Type: "char", Length: 8}, Text, "CONVERT(t.`c` USING utf8mb4)", "?", "?"},
		{MySQL{}, Described{Name: "c", Type: "bigint unsigned"}, Number, "CAST(t.`c` AS CHAR)", "CAST(? AS decimal(65,0))", "?"},
		{MySQL{}, Described{Name: "c", Type: "datetime", Precision: 3}, Time, "CASE WHEN t.`c` = 0 THEN NULL ELSE CAST(t.`c` AS CHAR) END", "CAST(? AS datetime(3))", "?"},
		{MySQL{}, Described{Name: "c", Type: "date"}, Date, "NULLIF(CAST(t.`c` AS CHAR), '0000-00-00')", "CAST(? AS date)", "?"},
		{MySQL{}, Described{Name: "c", Type: "bit"}, Bool, "CAST(t.`c`+0 AS CHAR)", "CAST(? AS unsigned)", "CAST(? AS UNSIGNED)"},
		{MySQL{}, Described{Name: "c", Type: "geometry"}, Other, "", "", ""},
		{SQLServer{}, Described{Name: "c", Type: "char", Length: 8}, Text, "CONVERT(nvarchar(max), RTRIM(t.[c]))", "TRY_CONVERT(char(8), ?)", "?"},
		{SQLServer{}, Described{Name: "c", Type: "int"}, Number, "CONVERT(nvarchar(max), t.[c])", "TRY_CONVERT(int, ?)", "CONVERT(int, ?)"},
		{SQLServer{}, Described{Name: "c", Type: "date"}, Date, "CONVERT(nvarchar(10), t.[c], 23)", "TRY_CONVERT(date, ?, 23)", "CONVERT(date, ?, 23)"},
		{SQLServer{}, Described{Name: "c", Type: "datetime"}, Time, "CONVERT(nvarchar(33), t.[c], 121)", "TRY_CONVERT(datetime, ?, 121)", "CONVERT(datetime, ?, 121)"},
		{SQLServer{}, Described{Name: "c", Type: "timestamp"}, Version, "CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[c]), 2)", "TRY_CONVERT(binary(8), ?, 2)", "CONVERT(binary(8), ?, 2)"},
		{SQLServer{}, Described{Name: "c", Type: "nvarchar", Length: -1}, LongText, "CASE WHEN DATALENGTH(t.[c]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[c]) END", "TRY_CONVERT(nvarchar(max), ?)", "?"},
		{SQLServer{}, Described{Name: "c", Type: "geography"}, Other, "", "", ""},
		{Oracle{}, Described{Name: "C", Type: "CHAR", Length: 8}, Text, `RTRIM(t."C")`, "CAST(? AS CHAR(8 CHAR))", "?"},
		{Oracle{}, Described{Name: "C", Type: "NUMBER"}, Number, `REGEXP_REPLACE(TO_CHAR(t."C", 'TM9'), '^(-?)\.', '\10.')`, "TO_NUMBER(?)", "TO_NUMBER(?)"},
		{Oracle{}, Described{Name: "C", Type: "DATE"}, Time, `CASE WHEN t."C" = TRUNC(t."C") THEN TO_CHAR(t."C", 'YYYY-MM-DD') ELSE TO_CHAR(t."C", 'YYYY-MM-DD HH24:MI:SS') END`, "TO_DATE(?, 'YYYY-MM-DD')", "TO_DATE(?, 'YYYY-MM-DD')"},
		{Oracle{}, Described{Name: "C", Type: "CLOB"}, LongText, `CASE WHEN DBMS_LOB.GETLENGTH(t."C") > 4194304 THEN NULL ELSE t."C" END`, "?", "?"},
		{Oracle{}, Described{Name: "C", Type: "SDO_GEOMETRY"}, Other, "", "", ""},
	} {
		t.Run(fmt.Sprintf("%s %s", test.d.Name(), test.of.Type), func(t *testing.T) {
			c := test.d.Column(test.of)
			require.Equal(t, test.kind, c.Kind)
			if c.Kind == Other {
				return
			}
			require.Equal(t, test.text, test.d.Text(c))
			require.Equal(t, test.key, test.d.Key(c, "?", "2026-01-31"))
			require.Equal(t, test.value, test.d.Value(c, "?", "2026-01-31"))
		})
	}
}

// A name cannot end its quotes.
func TestQuote(t *testing.T) {
	require.Equal(t, "`a``b`", MySQL{}.Quote("a`b"))
	require.Equal(t, "[a]]b]", SQLServer{}.Quote("a]b"))
	require.Equal(t, `"ab"`, Oracle{}.Quote(`a"b`)) // Oracle allows none in a name
}

// What the servers say, in the words of their manuals.
func TestFaults(t *testing.T) {
	my := func(n uint16, words string) error {
		return fmt.Errorf("wrapped: %w", &mysql.MySQLError{Number: n, Message: words})
	}
	ms := func(n int32, class uint8, words string) error {
		return mssql.Error{Number: n, Class: class, Message: words, All: []mssql.Error{{Number: n, Class: class, Message: words}, {Number: 3621, Message: "The statement has been terminated."}}}
	}
	ora := func(n int, words string) error {
		return fmt.Errorf("wrapped: %w", &network.OracleError{ErrCode: n, ErrMsg: fmt.Sprintf("ORA-%05d: %s", n, words)})
	}
	for _, test := range []struct {
		d            Dialect
		err          error
		class        Class
		column, rule string
		server       bool
	}{
		{MySQL{}, my(1045, "Access denied for user 'x'@'y' (using password: YES)"), Credentials, "", "", true},
		{MySQL{}, my(1054, "Unknown column 'sjhm' in 'field list'"), Layout, "", "", true},
		{MySQL{}, my(1062, "Duplicate entry 'N2' for key 'persons.sfzh'"), Duplicate, "", "sfzh", true},
		{MySQL{}, my(1406, "Data too long for column 'xm' at row 1"), TooLong, "xm", "", true},
		{MySQL{}, my(1366, "Incorrect string value: '\\xF0\\xA0\\xAE\\xB7' for column 'xm' at row 1"), Charset, "xm", "", true},
		{MySQL{}, my(1213, "Deadlock found when trying to get lock"), Deadlock, "", "", true},
		{MySQL{}, my(1205, "Lock wait timeout exceeded"), LockWait, "", "", true},
		{MySQL{}, my(1290, "The MySQL server is running with the --read-only option"), ReadOnly, "", "", true},
		{MySQL{}, mysql.ErrInvalidConn, Unreachable, "", "", false},
		{MySQL{}, context.DeadlineExceeded, Slow, "", "", false},
		{SQLServer{}, ms(18456, 14, "Login failed for user 'x'."), Credentials, "", "", true},
		{SQLServer{}, ms(207, 16, "Invalid column name 'sjhm'."), Layout, "", "", true},
		{SQLServer{}, ms(2627, 14, "Violation of UNIQUE KEY constraint 'UQ_sfzh'. Cannot insert duplicate key in object 'dbo.persons'."), Duplicate, "", "UQ_sfzh", true},
		{SQLServer{}, ms(2601, 14, "不能在具有唯一索引“IX_sfzh”的对象“dbo.persons”中插入重复键的行。"), Duplicate, "", "IX_sfzh", true},
		{SQLServer{}, ms(2628, 16, "String or binary data would be truncated in table 'x.dbo.persons', column 'xm'. Truncated value: '…'."), TooLong, "xm", "", true},
		{SQLServer{}, ms(515, 16, "Cannot insert the value NULL into column 'csrq', table 'x.dbo.persons'; column does not allow nulls. UPDATE fails."), Required, "csrq", "", true},
		{SQLServer{}, ms(547, 16, "The UPDATE statement conflicted with the CHECK constraint \"CK_age\". The conflict occurred in database \"x\", table \"dbo.persons\", column 'age'."), Check, "age", "CK_age", true},
		{SQLServer{}, ms(1205, 13, "Transaction was deadlocked"), Deadlock, "", "", true},
		{SQLServer{}, ms(50001, 16, "手机号不对"), Spoken, "", "", true},
		{SQLServer{}, ms(64, 20, "A transport-level error"), Unreachable, "", "", false},
		{SQLServer{}, context.DeadlineExceeded, Slow, "", "", false},
		{Oracle{}, ora(1017, "invalid username/password; logon denied"), Credentials, "", "", true},
		{Oracle{}, ora(904, `"SJHM": invalid identifier`), Layout, "", "", true},
		{Oracle{}, ora(1, "unique constraint (YLBX.UQ_SFZH) violated"), Duplicate, "", "UQ_SFZH", true},
		{Oracle{}, ora(12899, `value too large for column "YLBX"."PERSONS"."XM" (actual: 60, maximum: 20)`), TooLong, "XM", "", true},
		{Oracle{}, ora(1407, `cannot update ("YLBX"."PERSONS"."CSRQ") to NULL`), Required, "CSRQ", "", true},
		{Oracle{}, ora(30006, "resource busy; acquire with WAIT timeout expired"), LockWait, "", "", true},
		{Oracle{}, ora(20001, "手机号不对\nORA-06512: at \"YLBX.T\", line 3"), Spoken, "", "", true},
		{Oracle{}, ora(3113, "end-of-file on communication channel"), Unreachable, "", "", false},
		{Oracle{}, errors.New("connection refused"), Unreachable, "", "", false},
	} {
		f := test.d.Fault(test.err)
		require.Equal(t, test.class, f.Class, "%v", test.err)
		require.Equal(t, test.column, f.Column, "%v", test.err)
		require.Equal(t, test.rule, f.Rule, "%v", test.err)
		require.Equal(t, test.server, f.Server, "%v", test.err)
		if f.Class == Spoken {
			require.Equal(t, "手机号不对", f.Words)
		}
	}
}

func TestCertificateProblems(t *testing.T) {
	day := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	for want, err := range map[string]error{
		"expired 2020-01-01 2021-01-01": x509.CertificateInvalidError{Cert: &x509.Certificate{NotBefore: day(2020), NotAfter: day(2021)}, Reason: x509.Expired},
		"unknown  ":                     &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"name  ":                        x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"},
	} {
		f := Transport(fmt.Errorf("wrapped: %w", err))
		require.Equal(t, Certificate, f.Class)
		require.Equal(t, want, f.Certificate+" "+f.From+" "+f.Until)
	}
}

// A DSN that cannot be read is never repeated, and what our statements rely on
// cannot be switched off in it.
func TestConnectors(t *testing.T) {
	const secret = "s3cr3t"
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, []byte("none"), 0o600))
	for _, test := range []struct {
		d   Dialect
		dsn string
		ok  bool
	}{
		{MySQL{}, "mysql://u:" + secret + "@h/db", true},
		{MySQL{}, "u:" + secret + "@tcp(h:3306)/db?multiStatements=true&clientFoundRows=false&parseTime=true", true},
		{MySQL{}, "mysql://u:" + secret + "@h", false}, // no database
		{MySQL{}, secret, false},
		{SQLServer{}, "sqlserver://u:" + secret + "@h?database=db", true},
		{SQLServer{}, "server=h;user id=u;password=" + secret + ";database=db", true},
		{Oracle{}, "oracle://u:" + secret + "@h:1521/service", true},
		{Oracle{}, "oracle://u:" + secret + "@h:1521", false},
		{Oracle{}, secret, false},
	} {
		c, err := test.d.Connector(Options{DSN: test.dsn, Timeout: time.Second, Life: time.Second, Zone: time.FixedZone("", 8*3600)})
		require.Equal(t, test.ok, err == nil, "%s %s: %v", test.d.Name(), test.dsn, err)
		if err != nil {
			require.NotContains(t, err.Error(), secret)
			continue
		}
		require.NotNil(t, c)
	}
	_, err := MySQL{}.Connector(Options{DSN: "mysql://u:p@h/db", CA: ca})
	require.ErrorIs(t, err, ErrCA)
	_, err = SQLServer{}.Connector(Options{DSN: "sqlserver://u:p@h", CA: ca + "x"})
	require.ErrorIs(t, err, ErrCA)
}
