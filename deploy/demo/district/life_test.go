package district_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/deploy/demo/district"
	"heji/deploy/demo/population"
)

// Every simulated platform is read while its clerks work: what the suite asks of
// each kind with columns of its own choice holds at every platform with the
// platform's columns, encodings, keys and exports, too. The marriage register is
// asked person by person and has no pass that could be stopped.
func TestEveryPlatformIsReadWhileItsClerksWork(t *testing.T) {
	t.Parallel()
	d, all := meetDistrict(t)
	delete(all, population.Marriages)
	lives := map[string]*conformance.Life{}
	each := func(name string, step func(l *conformance.Life, t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			for _, id := range slices.Sorted(maps.Keys(all)) {
				t.Run(id, func(t *testing.T) { step(lives[id], t) })
			}
		})
	}
	for id, m := range all {
		dir := t.TempDir()
		lives[id] = &conformance.Life{
			Open: func(t testing.TB) connectors.Connector {
				c, err := connectors.Open(t.Context(), m.spec, connectors.Environment{Dir: dir})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, c.Close()) })
				return c
			},
			Keys: func(t testing.TB) []string {
				rows, err := m.sim.Snapshot(t.Context())
				require.NoError(t, err)
				return slices.Collect(maps.Keys(rows))
			},
		}
		if id == population.Party { // on a stick
			lives[id].Bring = func(t testing.TB, c connectors.Connector) {
				name, content, err := m.sim.(interface {
					Exported() (string, []byte, error)
				}).Exported()
				require.NoError(t, err)
				require.NoError(t, c.(connectors.Importer).Import(t.Context(), name, time.Now(), content))
			}
		}
	}
	each("AtRest", (*conformance.Life).Begin)
	for id, m := range all {
		if id != population.Gongan {
			m.work(t)
		}
	}
	gongan := all[population.Gongan]
	delete(all, population.Gongan) // once a month
	each("AfterADay", (*conformance.Life).Changed)
	for _, n := range []int{1, 2} {
		_, err := d.Round(t.Context(), n, 0)
		require.NoError(t, err)
	}
	all = map[string]meeting{population.Gongan: gongan}
	each("AfterAMonth", (*conformance.Life).Changed)
}

// work is one day of a platform's clerks: names are corrected, one person is struck
// out, another is entered.
func (m meeting) work(t *testing.T) {
	t.Helper()
	rows, err := m.sim.Snapshot(t.Context())
	require.NoError(t, err)
	persons, err := m.sim.Origins(t.Context())
	require.NoError(t, err)
	layout := district.LayoutOf(m.spec.ID)
	name, ok := layout.Field(population.Name)
	require.True(t, ok, m.spec.ID)
	keys := slices.Sorted(maps.Keys(rows))
	require.Greater(t, len(keys), 3, m.spec.ID)
	another := maps.Clone(rows[keys[3]])
	delete(another, layout.Key)
	delete(another, layout.Changed)
	maps.Copy(another, layout.Set(name, "司马青禾"))
	for i, e := range []district.Edit{
		{Op: district.EditUpdate, Key: keys[0], Set: layout.Set(name, "欧阳明月")},
		{Op: district.EditUpdate, Key: keys[1], Set: layout.Set(name, "上官明月")},
		{Op: district.EditDelete, Key: keys[2]},
		{Op: district.EditInsert, Set: another},
	} {
		e.ID, e.Platform, e.Person = fmt.Sprintf("day-%s-%d", m.spec.ID, i), m.spec.ID, persons[keys[i]]
		_, err := m.sim.Clerk(t.Context(), e)
		require.NoError(t, err, "%s %s", m.spec.ID, e.Op)
	}
}
