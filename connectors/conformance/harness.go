package conformance

import (
	"context"
	"testing"

	"heji/connectors"
	"heji/connectors/spec"
)

// Columns that the platform of every harness has. ID is the row id, Name and
// Phone are plain text, Name at most 20 characters long and never blank.
const (
	ID    = "id"
	Name  = "xm"
	Phone = "sjhm"
	IDNo  = "sfzh"
)

// Secret must appear in no error text. The harness uses it in its credentials.
const Secret = "s3cr3t-Passw0rd"

// Platform is one live platform and its back door.
type Platform interface {
	// Insert, Update and Delete change rows behind the connector's back. Rows of
	// one call get the same change time, which is later than any before.
	Insert(t testing.TB, rows ...map[string]string)
	Update(t testing.TB, rows ...map[string]string)
	Delete(t testing.TB, ids ...string)
	// Row reads a row directly; false where it is not there.
	Row(t testing.TB, id string) (map[string]string, bool)
	// Publish makes what happened visible to readers (an extract is written),
	// where the platform needs that.
	Publish(t testing.TB)
	// Process lets the platform work on what was handed to it, and answer.
	Process(t testing.TB)
	// Writes counts the writes that the platform has carried out for us.
	Writes(t testing.TB) int
}

// Carrier is a Platform whose writes people carry: Carry is what staff do, with
// everything that is on its way, and Process does nothing.
type Carrier interface {
	Carry(t testing.TB, c connectors.Courier)
}

// Bad is a setting that Check or Open must refuse.
type Bad struct {
	Name string
	YAML func(yaml string) string // changes the good file
	Says string                   // what the sentence must hold
}

// Harness is what the suite needs to know of a kind.
type Harness struct {
	// New makes an empty platform for one test, and the YAML that describes it.
	New func(t *testing.T) (p Platform, yaml string)
	// Env are the variables that the YAML names.
	Env func(name string) (string, bool)
	Bad []Bad

	ReadOnly    bool // cannot write at all
	Incremental bool // reads what is new; otherwise each pass is whole
	Vanishing   bool // deletes are found in an incremental pass too
	Conditional bool // checks Write.If
	Refuses     bool // a Name of 40 characters is refused at once
	Queued      bool // outcomes come later
	Batched     bool // the same batch is known again
	Typed       bool // people type each row: whether a row is gone, or taken, they see themselves
	ShortCells  bool // a value cannot be longer than 32,000 characters (Excel)
	MidCursors  bool // an incremental pass emits resume points before its end
	Paced       bool // keeps limits.rows_per_second itself when it pushes
}

// bench is one test's platform and connector.
type bench struct {
	Platform
	h    Harness
	spec *spec.Platform
	yaml string
	env  connectors.Environment
}

func (h Harness) bench(t *testing.T) *bench {
	t.Helper()
	p, yaml := h.New(t)
	b := &bench{Platform: p, h: h, yaml: yaml, env: connectors.Environment{Dir: t.TempDir()}}
	b.spec = b.parse(t, yaml)
	return b
}

// process lets the platform work on what was handed to it, by people or not.
func (b *bench) process(t *testing.T, c connectors.Connector) {
	t.Helper()
	if p, ok := b.Platform.(Carrier); ok {
		p.Carry(t, c.(connectors.Courier))
		return
	}
	b.Process(t)
}

func (b *bench) parse(t *testing.T, yaml string) *spec.Platform {
	t.Helper()
	p, err := spec.Parse("platform.yaml", []byte(yaml), b.h.Env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// open makes a fresh connector, as after a restart.
func (b *bench) open(t *testing.T) connectors.Connector {
	t.Helper()
	c, err := connectors.Open(context.Background(), b.spec, b.env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
