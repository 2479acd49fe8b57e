package dialect

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"
)

// Options are what a connection needs.
type Options struct {
	DSN     string
	CA      string         // file of the certificate that signed the server's; empty: the system's, or as the DSN says
	Zone    *time.Location // of times without one; nil: the server's
	Timeout time.Duration  // to connect, and of one statement
	Life    time.Duration  // longest life of a write: the server ends what has been idle for longer
}

// Kind is how a column's value becomes text.
type Kind int

const (
	Other    Kind = iota // a type that has no text
	Text                 // char, varchar
	LongText             // text, clob: may be larger than any value of a person
	Number
	Bool     // bit
	Date     // without a time
	Time     // a date and time without a zone
	Zoned    // a date and time with one
	Bytes    // binary, blob
	Version  // a counter of the row that the server keeps
	TimeOnly // a time of day
)

// Column is one column of the platform's table.
type Column struct {
	Name     string
	Type     string // as the catalogue says, lower case
	Declared string // with length or precision, for casts
	Kind     Kind
	Nullable bool
	Length   int  // longest text in characters; 0: no limit
	Padded   bool // CHAR: trailing blanks are not part of the value
	// Raw: the bytes are read and written as they are, because the declared
	// character set is not the one they are in.
	Raw bool
	// Change: this is the change column, whose text always has its time.
	Change bool
}

// Described is one row of the answer to Columns.
type Described struct {
	Name, Type       string
	Nullable         bool
	Length           int64 // -1: no limit
	Precision, Scale int64
}

// Relation is the table or view.
type Relation struct {
	Schema, Name  string
	View          bool
	Updatable     bool // a view that takes an UPDATE
	Transactional bool // what is not committed is undone
	Snapshot      bool // several statements can see one moment
}

// Select is a query for rows of the alias t.
type Select struct {
	List  []string
	From  string // quoted
	Where string // empty: all
	Order string
	Limit int // 0: no limit
}

// Dialect is one brand of database.
type Dialect interface {
	// Name is what people call it.
	Name() string
	// Connector opens connections whose session is as the statements below
	// expect it. Its error never repeats the DSN.
	Connector(o Options) (driver.Connector, error)

	// Find asks for a table or view (schema empty: the session's own): schema,
	// name, and 0 or 1 for each flag of Relation, in its order.
	Find(schema, table string) (query string, args []any)
	// Columns asks for its columns: the fields of Described, in their order.
	Columns(rel Relation) (query string, args []any)
	// Column says what a described column is.
	Column(d Described) Column
	// Ruled asks which columns an index or rule has.
	Ruled(rel Relation, rule string) (query string, args []any)
	// Primary asks whether this server is the one that is written: "1" or "0".
	Primary() string
	// MayUpdate asks whether the user may change the column: "1", "0", or an
	// error of the class Rights.
	MayUpdate(rel Relation, column string) (query string, args []any)

	// Quote writes a name.
	Quote(name string) string
	// Param is the n-th parameter, from 1.
	Param(n int) string
	// Text is the text of a column of the alias t.
	Text(c Column) string
	// Large is the condition that a value is larger than any value of a person,
	// and so not read; empty where it cannot be.
	Large(c Column) string
	// Shows is the condition that the column shows exactly the text of param,
	// which is not blank; Blank, that it shows none.
	Shows(c Column, param string) string
	Blank(c Column) string
	// Key is the text of param as the column's own type, for comparisons that an
	// index serves; text is its value, for its form.
	Key(c Column, param, text string) string
	// Value is the same for an assignment: a text that is none of the type must
	// be an error.
	Value(c Column, param, text string) string
	// Now is the server's clock in the column's type.
	Now(c Column) string
	// Clock asks for the server's clock: in seconds since 1970 in UTC, and as the
	// text of a time without a zone.
	Clock() string
	// Select and Update write statements.
	Select(q Select) string
	Update(rel, set, where string) string
	// LockRow is a query that waits until nobody else changes the rows, at most
	// wait, and keeps others away until the end of the transaction. Empty where a
	// named lock does it.
	LockRow(rel, where string, wait time.Duration) string
	// LockTable is a statement that waits until no transaction that changed the
	// table is open, for brands without a named lock: nothing else shows a row that
	// somebody is about to commit. Empty where a named lock does it.
	LockTable(rel string, wait time.Duration) string

	// Snapshot are the options of a transaction that sees one moment, and what to
	// send first in it.
	Snapshot() (options *sql.TxOptions, first string)
	// Lock takes a named lock, waiting at most so long: "1" where it was got.
	// Empty where the brand has none for everybody.
	Lock(name string, wait time.Duration) (query string, args []any)
	// Unlock gives it back; empty where the end of the transaction does.
	Unlock(name string) (statement string, args []any)

	// Fault says what an error of the driver means.
	Fault(err error) Fault
}

// MaxValue is the largest value that is read, in bytes. A photograph in a
// column that was mapped by mistake must not fill our memory.
const MaxValue = 4 << 20

// Class is what kind of thing went wrong.
type Class int

const (
	Unknown     Class = iota
	Unreachable       // no connection, or it broke
	Slow              // no answer in time
	Certificate       // its certificate is not to be trusted
	Credentials
	Rights
	NoDatabase
	Layout // a table or column is not there
	Throttled
	Deadlock // rolled back by the server, certainly
	LockWait // somebody else held the row for too long
	ReadOnly // a copy, or a view that takes no changes
	// From here on the row was refused.
	Required
	Duplicate
	Reference
	Check
	TooLong
	BadValue
	Charset  // a character that the column cannot hold
	Computed // the platform fills the column by itself
	Spoken   // a program of the platform said no, in words of its own
)

// Refused reports whether it is a statement about the row.
func (c Class) Refused() bool { return c >= Required }

// What can be wrong with a server's certificate: how the codes of its troubles end.
const (
	CertificateExpired = "expired"
	CertificateUnknown = "unknown" // signed by nobody whom this machine trusts
	CertificateName    = "name"    // made for another name
	CertificateUse     = "use"     // not for this use
	CertificateRefused = "refused" // the server does not agree on encryption
	CertificateNone    = "none"    // the server has no encryption
)

// Fault is what an error of a driver means.
type Fault struct {
	Class  Class
	Code   string // the server's own number, for whoever looks it up
	Column string // where the server names one
	Rule   string // index or constraint, where the server names one
	Words  string // of Spoken; may quote values
	// Certificate is what is wrong with it, of that class; From and Until are the
	// days of one that has expired.
	Certificate, From, Until string
	// Host is a name that nobody knows, Closed an address (host and port) where
	// nothing listens: of class Unreachable, where that is known.
	Host, Closed string
	// Server: the server itself said so, so that the statement was not carried out.
	Server bool
}

// Transport is what an error means that did not come from the server.
func Transport(err error) Fault {
	if f := certificateProblem(err); f.Certificate != "" {
		return f
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return Fault{Class: Slow}
	}
	f := Fault{Class: Unreachable}
	var name *net.DNSError
	var call *net.OpError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		f.Host = name.Name
	case errors.As(err, &call) && call.Op == "dial" && call.Addr != nil && errors.Is(err, syscall.ECONNREFUSED):
		f.Closed = call.Addr.String()
	}
	return f
}

// certificateProblem says what is wrong with a server's certificate; the zero
// Fault: that is not it.
func certificateProblem(err error) Fault {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var alert tls.AlertError
	var verification *tls.CertificateVerificationError
	f := Fault{Class: Certificate}
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		f.Certificate, f.From, f.Until = CertificateExpired, invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly)
	case errors.As(err, &unknown):
		f.Certificate = CertificateUnknown
	case errors.As(err, &name):
		f.Certificate = CertificateName
	case errors.As(err, &invalid), errors.As(err, &verification):
		f.Certificate = CertificateUse
	case errors.As(err, &alert):
		f.Certificate = CertificateRefused
	default:
		return Fault{}
	}
	return f
}

// of prefixes a column's quoted name with the alias.
func of(d Dialect, c Column) string { return "t." + d.Quote(c.Name) }

// plain is a SELECT whose limit, where there is one, stands at the end.
func (q Select) plain(top, alias, list, end string) string {
	var s strings.Builder
	s.WriteString("SELECT " + top + list + " FROM " + q.From + alias)
	if q.Where != "" {
		s.WriteString(" WHERE " + q.Where)
	}
	if q.Order != "" {
		s.WriteString(" ORDER BY " + q.Order)
	}
	s.WriteString(end)
	return s.String()
}

// digits reports whether a text is so many digits.
func digits(text string, n int) bool {
	return len(text) == n && strings.Trim(text, "0123456789") == ""
}

// wholeSeconds rounds up: a wait of less than a second is one.
func wholeSeconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }
