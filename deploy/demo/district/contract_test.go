package district_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	_ "heji/connectors/files"
	_ "heji/connectors/kafka"
	_ "heji/connectors/manual"
	"heji/connectors/mapping"
	"heji/connectors/platforms"
	_ "heji/connectors/rest"
	_ "heji/connectors/soap"
	"heji/connectors/spec"
	_ "heji/connectors/table"
	_ "heji/connectors/template"
	"heji/deploy/demo"
	"heji/deploy/demo/district"
	"heji/deploy/demo/population"
	"heji/schema"
	"heji/services/embedded/pgtest"
)

// The platforms' files, the connectors and the simulated platforms meet here:
// each was written from the same departments' papers, none from another.

type meeting struct {
	spec *spec.Platform
	mapp *mapping.Map
	conn connectors.Connector
	sim  district.Platform
	text []byte
	env  spec.Environment
}

func meet(t *testing.T) map[string]meeting {
	t.Helper()
	_, all := meetDistrict(t)
	return all
}

func meetDistrict(t *testing.T) (*district.District, map[string]meeting) {
	t.Helper()
	d, err := district.Start(t.Context(), district.Options{Dir: t.TempDir(), Database: func(context.Context, string) (string, error) { return pgtest.DSN(t), nil },
		Population: population.Generate(600, 1), Seed: 1, Poll: 5 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	env := d.Env()
	files, err := platforms.FS.ReadDir(".")
	require.NoError(t, err)
	out := map[string]meeting{}
	for _, f := range files {
		text, err := platforms.FS.ReadFile(f.Name())
		require.NoError(t, err)
		require.LessOrEqual(t, strings.Count(string(text), "\n"), 60, f.Name())
		lookup := func(n string) (string, bool) { v, ok := env[n]; return v, ok }
		s, err := spec.Parse(f.Name(), text, lookup)
		require.NoError(t, err)
		m, err := mapping.New(s)
		require.NoError(t, err)
		conn, err := connectors.Open(t.Context(), s, connectors.Environment{Dir: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, conn.Close()) })
		out[s.ID] = meeting{spec: s, mapp: m, conn: conn, sim: d.Platform(s.ID), text: text, env: lookup}
	}
	require.Len(t, out, len(population.Platforms))
	delete(out, population.Supervision) // it is told numbers: nobody is in it
	return d, out
}

// ask asks about everybody, one after the other, by what the platform itself
// shows of them.
func (m meeting) ask(t *testing.T, asker connectors.Asker, shown map[string]district.Row) map[string]connectors.Row {
	t.Helper()
	rows := map[string]connectors.Row{}
	for _, row := range shown {
		got, err := asker.Ask(t.Context(), map[string]string{"XM": row["XM"], "GMSFHM": row["GMSFHM"]})
		if err != nil { // a name that GBK cannot hold is asked for with a question mark
			name, _ := m.mapp.Wire(schema.Name, row["XM"])
			got, err = asker.Ask(t.Context(), map[string]string{"XM": name, "GMSFHM": row["GMSFHM"]})
		}
		require.NoError(t, err)
		require.Len(t, got, 1)
		rows[got[0].Key] = got[0]
	}
	return rows
}

func (m meeting) pull(t *testing.T) map[string]connectors.Row {
	t.Helper()
	if at, ok := m.sim.(interface {
		Exported() (string, []byte, error)
	}); ok && m.spec.ID == population.Party { // on a stick
		name, content, err := at.Exported()
		require.NoError(t, err)
		require.NoError(t, m.conn.(connectors.Importer).Import(t.Context(), name, time.Now(), content))
	}
	rows, complete := map[string]connectors.Row{}, false
	require.NoError(t, m.conn.Pull(t.Context(), nil, func(b connectors.Batch) error {
		for _, r := range b.Rows {
			require.NotEqual(t, schema.OpDead, r.Op, "%s: %s", r.Place, r.Problem)
			if r.Op == schema.OpDelete {
				delete(rows, r.Key)
				continue
			}
			rows[r.Key] = r
		}
		complete = complete || b.Complete
		return nil
	}))
	require.True(t, complete, "%s: the first read is not known to be whole", m.spec.ID)
	return rows
}

func TestTheFilesReadEveryRowOfEveryPlatform(t *testing.T) {
	t.Parallel()
	for id, m := range meet(t) {
		require.NoError(t, m.conn.Check(t.Context()), id)
		shown, err := m.sim.Snapshot(t.Context())
		require.NoError(t, err)
		pulled := map[string]connectors.Row{}
		if asker, ok := m.conn.(connectors.Asker); ok && asker.Asks() {
			pulled = m.ask(t, asker, shown)
		} else {
			pulled = m.pull(t)
		}
		require.Len(t, pulled, len(shown), id)
		layout := district.LayoutOf(id)
		for key, row := range pulled {
			values, _, problems := m.mapp.Read(row)
			for _, p := range problems {
				require.Contains(t, []schema.Problem{schema.ProblemCheckDigit}, p.Problem, "%s %s", id, p.Attribute)
			}
			for _, f := range layout.Fields {
				want := f.Value(shown[key])
				switch f.Fact {
				case population.Name, population.FormerName, population.MotherName, population.Guardian:
					continue // dots and rare characters: each side has its own normal form
				case population.IDNumber:
					if len(want) == 15 {
						continue // an old number may be brought to 18 characters
					}
				}
				require.Equal(t, want, values[schema.Attribute(f.Fact)], "%s %s", id, f.Fact)
			}
			if m.spec.ClockTrusted {
				require.False(t, row.ChangedAt.IsZero(), id)
			}
		}
	}
}

func TestTheFilesWriteWhatThePlatformsAccept(t *testing.T) {
	t.Parallel()
	for id, m := range meet(t) {
		if len(m.spec.Agreement.Receives) == 0 {
			continue // only read
		}
		layout := district.LayoutOf(id)
		pulled := m.pull(t)
		writer, can := m.conn.(connectors.Writer)
		require.True(t, can, id)
		key := smallest(pulled)
		set, before := map[string]string{}, map[string]string{}
		for _, a := range []schema.Attribute{schema.Phone, schema.Residence, schema.Education, schema.Ethnicity, schema.MaritalStatus} {
			if m.spec.Agreement.Mode(a) == schema.Never {
				continue
			}
			wire, err := m.mapp.Wire(a, wanted[a])
			require.NoError(t, err, id)
			for c, v := range m.mapp.Columns(a, wire) {
				set[c], before[c] = v, pulled[key].Columns[c]
			}
		}
		w := connectors.Write{Intent: "00000000-0000-0000-0000-000000000001", Batch: "b1", Key: key, Set: set, If: before, Shown: pulled[key].Columns, RowVersion: pulled[key].RowVersion}
		o := m.push(t, writer, w)
		require.Equal(t, connectors.Applied, o.Status, "%s: %s %s", id, o.Column, o.Reason)
		shown, err := m.sim.Snapshot(t.Context())
		require.NoError(t, err)
		for _, f := range layout.Fields {
			if want, ok := wanted[schema.Attribute(f.Fact)]; ok && m.spec.Agreement.Mode(schema.Attribute(f.Fact)) != schema.Never {
				require.Equal(t, want, f.Value(shown[key]), "%s %s", id, f.Fact)
			}
		}
		journal, err := m.sim.Journal(t.Context())
		require.NoError(t, err)
		require.Len(t, journal, 1, id)
		require.True(t, journal[0].Applied && !journal[0].Repeated, id)
	}
}

var wanted = map[schema.Attribute]string{
	schema.Phone: "15499999999", schema.Education: "20", schema.Ethnicity: "05", schema.MaritalStatus: "20",
	schema.Residence: "云川省|临江市|青河区|柳营街道|永福里社区|柳岸路7号|柳岸小区|1|1|101|",
}

// push writes one row and, for file platforms, waits for the receipt.
func (m meeting) push(t *testing.T, writer connectors.Writer, w connectors.Write) connectors.Outcome {
	t.Helper()
	outcomes, err := writer.Push(t.Context(), []connectors.Write{w})
	require.NoError(t, err)
	if outcomes[0].Status != connectors.Queued {
		return outcomes[0]
	}
	ack := m.conn.(connectors.Acknowledger)
	if courier, ok := m.conn.(connectors.Courier); ok {
		require.NoError(t, demo.Carry(t.Context(), m.sim, carried{courier}), m.spec.ID)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := ack.Acknowledged(ctx)
		require.NoError(t, err)
		if len(got) > 0 {
			require.NoError(t, ack.Release(ctx, got))
			return got[0]
		}
		select {
		case <-ctx.Done():
			t.Fatal(m.spec.ID + ": no receipt")
		case <-tick.C:
		}
	}
}

// carried is the desk without a hub: what the connector itself has.
type carried struct{ connectors.Courier }

func (c carried) Parcels(ctx context.Context) (ids []string, err error) {
	list, err := c.Courier.Parcels(ctx)
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	return ids, err
}

func (c carried) Card(ctx context.Context, parcel string) (string, []district.Line, error) {
	p, err := c.Parcel(ctx, parcel)
	var lines []district.Line
	for _, l := range p.Card {
		lines = append(lines, district.Line{Label: l.Label, Text: l.Text, Find: l.Find})
	}
	return p.Period, lines, err
}

func (c carried) Document(ctx context.Context, parcel string) (string, []byte, error) {
	doc, err := c.Courier.Document(ctx, parcel)
	return doc.Name, doc.Content, err
}

func (c carried) Receive(ctx context.Context, name string, content []byte) error {
	_, err := c.Courier.Receive(ctx, name, content)
	return err
}

func (c carried) Typed(ctx context.Context, parcel string, taken bool, reason string) error {
	return c.Courier.Typed(ctx, parcel, "clerk", taken, reason)
}

func (c carried) Bring(ctx context.Context, name string, content []byte) error {
	return c.Courier.(connectors.Importer).Import(ctx, name, time.Now(), content)
}

func smallest(rows map[string]connectors.Row) string {
	key := ""
	for k := range rows {
		if key == "" || k < key {
			key = k
		}
	}
	return key
}

func TestTheFilesCreateWhereThatWasAgreed(t *testing.T) {
	t.Parallel()
	newcomer := schema.Values{schema.Name: "钱远航", schema.IDNumber: "190102199505059796", schema.Sex: "1", schema.BirthDate: "1995-05-05",
		schema.Ethnicity: "01", schema.Phone: "15499999999", schema.Residence: wanted[schema.Residence], schema.ResidenceType: "3", schema.LifeStatus: "alive",
		schema.MotherName: "钱芳", schema.MotherID: "290105197005050027", schema.BirthOrder: "1"}
	newcomer[schema.IDNumber] = "19010219950505979" + string(population.CheckDigit("19010219950505979"))
	for id, m := range meet(t) {
		if !m.spec.Agreement.Creates {
			continue
		}
		w := connectors.Write{Intent: "00000000-0000-0000-0000-000000000002", Batch: "b1", Set: map[string]string{}, Natural: m.mapp.Natural(newcomer)}
		require.NotNil(t, w.Natural, id)
		for _, a := range m.mapp.Attributes() {
			if v, known := newcomer[a]; known && m.mapp.Writable(a) && m.spec.Agreement.Mode(a) != schema.Never {
				wire, err := m.mapp.Wire(a, v)
				require.NoError(t, err)
				for c, text := range m.mapp.Columns(a, wire) {
					w.Set[c] = text
				}
			}
		}
		writer := m.conn.(connectors.Writer)
		first := m.push(t, writer, w)
		require.Equal(t, connectors.Applied, first.Status, "%s: %s %s", id, first.Column, first.Reason)
		w.Intent = "00000000-0000-0000-0000-000000000003"
		again := m.push(t, writer, w)
		require.Equal(t, connectors.Exists, again.Status, id)
		require.Equal(t, first.Key, again.Key, id)
		shown, err := m.sim.Snapshot(t.Context())
		require.NoError(t, err)
		for _, f := range district.LayoutOf(id).Fields {
			if v, known := newcomer[schema.Attribute(f.Fact)]; known && m.spec.Agreement.Mode(schema.Attribute(f.Fact)) != schema.Never {
				require.Equal(t, v, f.Value(shown[first.Key]), "%s %s", id, f.Fact)
			}
		}
	}
}

func TestRefusalsNameTheColumn(t *testing.T) {
	t.Parallel()
	for id, m := range meet(t) {
		if len(m.spec.Agreement.Receives) == 0 {
			continue
		}
		phone, _ := district.LayoutOf(id).Field(population.Phone)
		column := phone.Columns[0]
		pulled := m.pull(t)
		key := smallest(pulled)
		o := m.push(t, m.conn.(connectors.Writer), connectors.Write{Intent: "00000000-0000-0000-0000-000000000004", Batch: "b1", Key: key,
			Set: map[string]string{column: "12"}, If: map[string]string{column: pulled[key].Columns[column]}, Shown: pulled[key].Columns, RowVersion: pulled[key].RowVersion})
		require.Equal(t, connectors.Refused, o.Status, "%s: %s", id, o.Reason)
		if m.spec.Kind == "manual" { // in the form's words, as somebody typed them off
			require.Contains(t, o.Reason, column, id)
			continue
		}
		require.Equal(t, column, o.Column, id)
	}
}

// The sealed platforms run beside the others where somebody asks for them; their
// files are read by a satellite only.
func TestTheSealedPlatformsFitTheirFiles(t *testing.T) {
	t.Parallel()
	d, err := district.Start(t.Context(), district.Options{Dir: t.TempDir(), Database: func(context.Context, string) (string, error) { return pgtest.DSN(t), nil },
		Population: population.Generate(2000, 1), Seed: 1, Poll: 5 * time.Millisecond, Sealed: population.Sealed})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	env := d.Env()
	for _, id := range population.Sealed {
		text, err := platforms.Sealed.ReadFile("sealed/" + id + ".yaml")
		require.NoError(t, err)
		lookup := func(n string) (string, bool) { v, ok := env[n]; return v, ok }
		_, err = spec.Parse(id, text, lookup)
		require.ErrorContains(t, err, "class D", "no other folder takes it")
		s, err := spec.ParseSealed(id, text, lookup)
		require.NoError(t, err)
		mapp, err := mapping.New(s)
		require.NoError(t, err)
		conn, err := connectors.Open(t.Context(), s, connectors.Environment{Dir: t.TempDir()})
		require.NoError(t, err)
		m := meeting{spec: s, mapp: mapp, conn: conn, sim: d.Platform(id)}
		require.NoError(t, conn.Check(t.Context()))
		pulled := m.pull(t)
		shown, err := m.sim.Snapshot(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, shown, id)
		require.NotEmpty(t, pulled, id)
		require.Len(t, pulled, len(shown), id)
		key := smallest(pulled)
		wire, err := mapp.Wire(schema.Phone, "15499999999")
		require.NoError(t, err)
		column := s.Fields[schema.Phone].Column
		o := m.push(t, conn.(connectors.Writer), connectors.Write{Intent: "00000000-0000-0000-0000-000000000005", Key: key,
			Set: map[string]string{column: wire}, If: map[string]string{column: pulled[key].Columns[column]}})
		require.Equal(t, connectors.Applied, o.Status, "%s: %s", id, o.Reason)
		journal, err := m.sim.Journal(t.Context())
		require.NoError(t, err)
		require.Len(t, journal, 1)
		require.NoError(t, conn.Close())
	}
}

func TestNoSecretIsInTheFiles(t *testing.T) {
	t.Parallel()
	files, err := platforms.FS.ReadDir(".")
	require.NoError(t, err)
	for _, f := range files {
		text, err := platforms.FS.ReadFile(f.Name())
		require.NoError(t, err)
		require.NotContains(t, string(text), "demo-token", f.Name())
		require.NotContains(t, string(text), os.TempDir(), f.Name())
	}
}
