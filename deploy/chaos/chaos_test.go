package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/deploy/demo/district"
	p "heji/deploy/demo/population"
)

func TestMain(m *testing.M) {
	if os.Getenv(ChildEnv) != "" {
		if err := RunChild(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func options(t *testing.T) Options {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "hc") // a short path, for sockets
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the servers' and the hub's own words are in %s", dir)
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return Options{Seed: 1, From: 1, Dir: dir, Patience: 2 * time.Minute, Out: writer{t}, Self: func() *exec.Cmd { return exec.Command(self) }}
}

type writer struct{ t *testing.T }

func (w writer) Write(b []byte) (int, error) {
	w.t.Log(string(b))
	return len(b), nil
}

// TestRounds plays a few rounds; make chaos plays many.
func TestRounds(t *testing.T) {
	o := options(t)
	o.Rounds = 8
	rep, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, 8, rep.Rounds)
	require.Positive(t, rep.Kills)
	require.Greater(t, rep.Writes, 100, "a hub that writes nothing repeats nothing")
	struck := 0
	for _, n := range rep.Faults {
		struck += n
	}
	require.Greater(t, struck, 6, "faults that do not strike prove nothing")
	require.Less(t, rep.Held, rep.Fields/10, "a hub that leaves everything to people loses nothing")
}

// TestDrawnAgain: a round is drawn from its seed and its number alone.
func TestDrawnAgain(t *testing.T) {
	draw := func(seed int64, n int) *round {
		r := newRound(&lab{o: Options{Seed: seed}}, t.Context(), n)
		r.draw()
		return r
	}
	a, b, c := draw(3, 14), draw(3, 14), draw(3, 15)
	require.Equal(t, a.faults, b.faults)
	require.Equal(t, a.ids, b.ids)
	require.Equal(t, a.people, b.people)
	require.NotEqual(t, a.people, c.people)
	kinds := map[string]int{}
	for n := range 2000 {
		r := draw(1, n)
		for _, f := range r.faults {
			kinds[f.kind.name]++
			require.Contains(t, f.kind.at, f.place)
			require.True(t, f.platform == "" || contains(r.ids, f.platform), "a fault needs its platform")
		}
		require.True(t, contains(r.ids, p.Pension) || contains(r.ids, p.Medical) || len(r.ids) >= 3)
	}
	for _, k := range catalogue {
		require.Greater(t, kinds[k.name], 40, k.name)
	}
}

func contains(list []string, x string) bool {
	for _, y := range list {
		if y == x {
			return true
		}
	}
	return false
}

// TestTheChecksFindWhatIsWrong: one row put wrong at a platform, one write done
// twice, one record moved to another resident, one value of ours made evidence:
// each is found.
func TestTheChecksFindWhatIsWrong(t *testing.T) {
	o := options(t)
	o.Rounds = 1
	o.quietly = func(r *round) { r.faults, r.ids = nil, []string{p.Gongan, p.Pension, p.Medical}; r.res.IDs = r.ids }
	o.sabotage = func(r *round) error {
		pension := r.onPlatform(p.Pension)
		for _, sql := range []string{
			// Nobody sees it: the change time stays.
			`SET demo.actor = 'load'; UPDATE cbry SET aae005 = '19900000000' WHERE aac001 =
				(SELECT key FROM demo.journal WHERE set ? 'aae005' ORDER BY key LIMIT 1); RESET demo.actor`,
			`INSERT INTO demo.journal (at, intent, op, key, set, repeated) SELECT at, intent, op, key, '{}', true FROM demo.journal LIMIT 1`,
		} {
			if err := pension(sql); err != nil {
				return err
			}
		}
		_, err := r.conn.Exec(r.ctx, `UPDATE records SET resident_id = (SELECT max(resident_id::text)::uuid FROM records)
			WHERE id = (SELECT id FROM records WHERE resident_id::text < (SELECT max(resident_id::text) FROM records) AND anchors = '{}' LIMIT 1)`)
		if err != nil {
			return err
		}
		list, err := r.district.Platform(p.Medical).Journal(r.ctx)
		if err != nil {
			return err
		}
		field, _ := district.LayoutOf(p.Medical).Field(p.Ethnicity)
		for _, w := range list {
			if said := field.Value(w.Set); said != "" && !w.Create {
				_, err = r.conn.Exec(r.ctx, `UPDATE records SET state = jsonb_set(state::jsonb, '{own,ethnicity}', to_jsonb($2::text))::text
					WHERE platform = 'medical' AND key = $1`, w.Key, said)
				break
			}
		}
		return err
	}
	rep, err := Run(t.Context(), o)
	require.Error(t, err)
	require.Equal(t, []int{1}, rep.Failed)
	require.Positive(t, rep.Lost)
	require.Positive(t, rep.Repeated)
	require.Positive(t, rep.PartitionDifferences)
	require.Positive(t, rep.Echoes)
}
