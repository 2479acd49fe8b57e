package table

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/connectors/internal/charset"
	"heji/connectors/spec"
)

// Settings is the connect section of a platform of kind table.
type Settings struct {
	Driver string `yaml:"driver"` // postgres, mysql, mariadb, sqlserver, oracle; default: by the scheme of the DSN
	DSN    string `yaml:"dsn"`    // from the environment
	CA     string `yaml:"ca"`     // file of the certificate that signed the server's
	Table  string `yaml:"table"`  // table or view, with its schema where it is not on the search path

	// Deletes says how the platform deletes: tombstone, full (rows vanish; a full
	// read finds it) or none.
	Deletes   string        `yaml:"deletes"`
	Tombstone Tombstone     `yaml:"tombstone"`
	FullEvery spec.Duration `yaml:"full_every"` // default 24h where deletes is full
	// Log is a table into which triggers of the platform write which row changed.
	// It takes the place of a change column, and shows deletes too.
	Log Log `yaml:"log"`

	Page     int           `yaml:"page"`     // rows in one statement; default 500
	Overlap  spec.Duration `yaml:"overlap"`  // longest transaction of the platform; default 5m
	Timezone string        `yaml:"timezone"` // of timestamps without one; default the server's
	// Touch sets the change column to now with each write. For a platform whose
	// own programs do that, and no trigger does.
	Touch    bool `yaml:"touch"`
	ReadOnly bool `yaml:"read_only"`
	// Digits restores leading zeros: column → number of digits. For codes and
	// numbers that the platform keeps as numbers, or that a spreadsheet made ones.
	Digits map[string]int `yaml:"digits"`
	// Encoding is what the bytes of text columns really are, where the database
	// takes them for something else (GBK in a latin1 column).
	Encoding string        `yaml:"encoding"`
	Timeout  spec.Duration `yaml:"timeout"` // of one statement; default request_life
}

// Log is a table that tells which rows changed, in order.
type Log struct {
	Table string   `yaml:"table"`
	Seq   string   `yaml:"seq"` // a whole number that grows with each entry
	Key   []string `yaml:"key"` // columns with the changed row's key; default: named as in key
}

// Tombstone is the mark of a deleted row.
type Tombstone struct {
	Column string `yaml:"column"`
	Value  string `yaml:"value"`
}

// How a platform deletes.
const (
	deletesTombstone = "tombstone"
	deletesFull      = "full"
	deletesNone      = "none"
)

func load(p *spec.Platform) (Settings, error) {
	s := Settings{Page: 500, Overlap: spec.Duration(5 * time.Minute), Timeout: spec.Duration(p.Life())}
	if err := spec.DecodeConnect(p, &s); err != nil {
		return s, err
	}
	if s.Driver == "" {
		s.Driver = driverOf(s.DSN)
	}
	_, other := brands[s.Driver]
	switch {
	case s.DSN == "":
		return s, p.Errorf("connect.dsn", "connect.dsn is missing: the address of the database, such as ${PENSION_DSN}.")
	case s.Driver != driverPostgres && !other:
		return s, p.Errorf("connect.driver", "connect.driver must be one of %s.", strings.Join(append(slices.Sorted(maps.Keys(brands)), driverPostgres), ", "))
	case s.Table == "":
		return s, p.Errorf("connect.table", "connect.table is missing: the table or view that holds the persons.")
	case s.Page < 1:
		return s, p.Errorf("connect.page", "connect.page must be at least 1.")
	}
	if err := s.loadLog(p); err != nil {
		return s, err
	}
	if err := s.loadTexts(p); err != nil {
		return s, err
	}
	if s.Deletes == "" {
		s.Deletes = deletesNone
		if s.Tombstone.Column != "" {
			s.Deletes = deletesTombstone
		}
	}
	switch s.Deletes {
	case deletesTombstone:
		if s.Tombstone.Column == "" {
			return s, p.Errorf("connect.deletes", "connect.tombstone is missing: the column and value that mark a deleted row.")
		}
	case deletesFull:
		if s.FullEvery == 0 {
			s.FullEvery = spec.Duration(24 * time.Hour)
		}
	case deletesNone:
	default:
		return s, p.Errorf("connect.deletes", "connect.deletes must be tombstone, full or none.")
	}
	if s.Touch && p.ChangeColumn == "" {
		return s, p.Errorf("connect.touch", "connect.touch: there is no change_column to set.")
	}
	return s, nil
}

// driverPostgres is the driver of addresses that say nothing else.
const driverPostgres = "postgres"

// driverOf finds the driver by the scheme of an address.
func driverOf(dsn string) string {
	scheme, _, _ := strings.Cut(dsn, "://")
	switch scheme {
	case "mysql", "mariadb", "oracle", "sqlserver":
		return scheme
	}
	return driverPostgres
}

func (s *Settings) loadLog(p *spec.Platform) error {
	switch l := &s.Log; {
	case l.Table == "" && l.Seq == "" && len(l.Key) == 0:
		return nil
	case l.Table == "" || l.Seq == "":
		return p.Errorf("connect.log", "connect.log needs table and seq: the table into which triggers write, and its growing number.")
	case len(l.Key) == 0:
		l.Key = p.Key
	case len(l.Key) != len(p.Key):
		return p.Errorf("connect.log.key", "connect.log.key must name one column for each column of key.")
	}
	if s.Touch {
		return p.Errorf("connect.touch", "connect.touch: changes are noticed by connect.log, so that nothing needs to be touched. Take one of the two out.")
	}
	return nil
}

func (s *Settings) loadTexts(p *spec.Platform) error {
	known := p.Columns()
	for column, width := range s.Digits {
		if !slices.Contains(known, column) {
			return p.Errorf("connect.digits."+column, "connect.digits: %s is no column of fields or key.", column)
		}
		if width < 2 || width > 40 {
			return p.Errorf("connect.digits."+column, "connect.digits: %s: the number of digits must be between 2 and 40.", column)
		}
	}
	switch {
	case s.Encoding == "":
	case s.Driver == driverPostgres:
		return p.Errorf("connect.encoding", "connect.encoding: PostgreSQL itself knows the encoding of its texts. Take this line out.")
	case !charset.Known(s.Encoding):
		return p.Errorf("connect.encoding", "connect.encoding must be gbk, gb2312, gb18030 or utf-8: what the bytes of the texts really are.")
	}
	return nil
}

// trust lets a connection trust only what the CA of the file has signed.
func (s Settings) trust(p *spec.Platform, c *pgx.ConnConfig) error {
	pem, err := os.ReadFile(s.CA)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		return p.Errorf("connect.ca", badCA)
	}
	c.TLSConfig = &tls.Config{RootCAs: pool, ServerName: c.Host, MinVersion: tls.VersionTLS12}
	c.Fallbacks = nil // none without encryption
	return nil
}

const badCA = "connect.ca: the file cannot be read or holds no certificate. Ask the department for the certificate of its CA, as PEM."
