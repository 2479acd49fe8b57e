package table

import (
	"time"

	"heji/connectors/spec"
)

// Settings is the connect section of a platform of kind table.
type Settings struct {
	Driver string `yaml:"driver"` // postgres
	DSN    string `yaml:"dsn"`    // postgres://… or key=value; from the environment
	Table  string `yaml:"table"`  // table or view, with its schema where it is not on the search path

	// Deletes says how the platform deletes: tombstone, full (rows vanish; a full
	// read finds it) or none.
	Deletes   string        `yaml:"deletes"`
	Tombstone Tombstone     `yaml:"tombstone"`
	FullEvery spec.Duration `yaml:"full_every"` // default 24h where deletes is full

	Page     int           `yaml:"page"`     // rows in one statement; default 500
	Overlap  spec.Duration `yaml:"overlap"`  // longest transaction of the platform; default 5m
	Timezone string        `yaml:"timezone"` // of timestamps without one; default the server's
	// Touch sets the change column to now with each write. For a platform whose
	// own programs do that, and no trigger does.
	Touch    bool          `yaml:"touch"`
	ReadOnly bool          `yaml:"read_only"`
	Timeout  spec.Duration `yaml:"timeout"` // of one statement; default request_life
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
	switch {
	case s.Driver != "" && s.Driver != "postgres":
		return s, p.Errorf("connect.driver", "connect.driver must be postgres: the kind table speaks only to PostgreSQL.")
	case s.DSN == "":
		return s, p.Errorf("connect.dsn", "connect.dsn is missing: the address of the database, such as ${PENSION_DSN}.")
	case s.Table == "":
		return s, p.Errorf("connect.table", "connect.table is missing: the table or view that holds the persons.")
	case s.Page < 1:
		return s, p.Errorf("connect.page", "connect.page must be at least 1.")
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
