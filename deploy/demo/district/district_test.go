package district

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	p "heji/deploy/demo/population"
)

func everything(t *testing.T, d *District) (rows map[string]map[string]Row, writes map[string][]Write, edits map[string][]Edit, origins map[string]map[string]int) {
	t.Helper()
	rows, writes = map[string]map[string]Row{}, map[string][]Write{}
	edits, origins = map[string][]Edit{}, map[string]map[string]int{}
	for _, pl := range d.Platforms() {
		var err error
		rows[pl.ID()], writes[pl.ID()] = snapshot(t, pl), journal(t, pl)
		edits[pl.ID()], err = pl.Edits(t.Context())
		require.NoError(t, err)
		origins[pl.ID()], err = pl.Origins(t.Context())
		require.NoError(t, err)
	}
	return rows, writes, edits, origins
}

func TestADistrictStartedAgainIsTheSame(t *testing.T) {
	t.Parallel()
	o := options(t)
	d := begin(t, o)
	_, err := d.Round(t.Context(), 1, 0)
	require.NoError(t, err)
	key, _ := anyRow(t, d.Platform(p.Medical))
	require.EqualValues(t, 0, call(t, http.MethodPost, d.Env()["MEDICAL_URL"]+"/insu/persons/update", `{"psn_no":"`+key+`","tel":"15400009999"}`,
		with(access, "X-Request-Id", "k1")).body["code"])
	rows, writes, edits, origins := everything(t, d)
	truth := d.Population().Clone()
	require.NoError(t, d.Close())

	o.Population = p.Generate(testResidents, 1)
	d = begin(t, o)
	rows2, writes2, edits2, origins2 := everything(t, d)
	require.Equal(t, rows, rows2)
	require.Equal(t, origins, origins2)
	for id := range writes {
		require.Len(t, writes2[id], len(writes[id]))
		require.Len(t, edits2[id], len(edits[id]))
	}
	require.Equal(t, truth.Persons, d.Population().Persons, "what the rounds made true is true again")
	replay := call(t, http.MethodPost, d.Env()["MEDICAL_URL"]+"/insu/persons/update", `{"psn_no":"`+key+`","tel":"15400009999"}`, with(access, "X-Request-Id", "k1"))
	require.EqualValues(t, 0, replay.body["code"])
	j := journal(t, d.Platform(p.Medical))
	require.True(t, j[len(j)-1].Replay, "idempotency keys outlive the process")
	require.NoError(t, d.Close())

	o.Population = p.Generate(testResidents, 2)
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "seed 1")
	seed, n, today, err := Identity(o.Dir)
	require.NoError(t, err)
	require.Equal(t, []any{int64(1), testResidents, p.Reference}, []any{seed, n, today})
}

// A kill cuts the last line of a ledger anywhere: what was acknowledged before
// is there, and the torn line is as if it had never been.
func TestATornLedgerLosesOnlyWhatNobodyWasTold(t *testing.T) {
	t.Parallel()
	layout := LayoutOf(p.Floating)
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	seed := func() ([]stored, error) {
		return []stored{{Key: "LK000001", Row: layout.Row("LK000001", sample, sampleTime), Seq: 1, At: sampleTime, Person: 7}}, nil
	}
	l, err := openLedger(path, layout, time.Now, seed)
	require.NoError(t, err)
	_, err = l.accept(request{Write: Write{Key: "LK000001", Set: Row{"LXDH": "15400000002"}}})
	require.NoError(t, err)
	require.NoError(t, l.close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	l, err = openLedger(path, layout, time.Now, seed)
	require.NoError(t, err)
	_, err = l.accept(request{Write: Write{Key: "LK000001", Set: Row{"LXDH": "15400000003"}}})
	require.NoError(t, err)
	require.NoError(t, l.close())
	longer, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := len(whole); cut < len(longer); cut += 7 {
		require.NoError(t, os.WriteFile(path, longer[:cut], 0o600))
		l, err := openLedger(path, layout, time.Now, seed)
		require.NoError(t, err)
		rows, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		require.Equal(t, "15400000002", rows["LK000001"]["LXDH"])
		require.Len(t, l.journal, 1)
		_, err = l.accept(request{Write: Write{Key: "LK000001", Set: Row{"LXDH": "15400000004"}}})
		require.NoError(t, err, "the ledger goes on after the torn line")
		require.NoError(t, l.close())
	}
}

// A batch whose rows were taken but whose receipt was not written is finished
// after a restart without taking a row twice.
func TestABatchCutShortIsFinishedAfterTheRestart(t *testing.T) {
	t.Parallel()
	o := options(t)
	d := begin(t, o)
	office := d.Platform(p.Disabled).(*office)
	key, _ := anyRow(t, office)
	require.NoError(t, d.Close())
	l, err := openLedger(filepath.Join(o.Dir, p.Disabled, "ledger.jsonl"), office.layout, time.Now, nil)
	require.NoError(t, err)
	cut := newOffice(l, office.dir, gbkSheet{}, Options{Now: time.Now})
	_, err = cut.row(Row{batchID: "w1", batchOp: batchEdit, "rybh": key, "lxdh": "15400009999"}, false)
	require.NoError(t, err)
	require.NoError(t, l.close())

	f := folder{t: t, dir: office.dir, sheet: gbkSheet{}}
	f.drop("b1", []string{batchID, batchOp, "rybh", "lxdh"}, []string{"w1", batchEdit, key, "15400009999"}, []string{"w2", batchEdit, key, "15400008888"})
	o.Population = p.Generate(testResidents, 1)
	d = begin(t, o)
	require.Len(t, f.receipt("b1"), 2)
	j := journal(t, d.Platform(p.Disabled))
	require.Len(t, j, 2)
	require.False(t, j[0].Replay || j[1].Replay || j[0].Repeated || j[1].Repeated)
	require.NoError(t, d.Close())
}

func TestRoundsTouchEachPersonOnce(t *testing.T) {
	t.Parallel()
	o := options(t)
	d := begin(t, o)
	for n := 1; n <= 2; n++ {
		edits, err := d.Round(t.Context(), n, 0)
		require.NoError(t, err)
		require.NotEmpty(t, edits)
		persons, ops, platforms := map[int]bool{}, map[EditOp]int{}, map[string]int{}
		for _, e := range edits {
			require.False(t, persons[e.Person], "two edits of one person in one round")
			persons[e.Person] = true
			require.Equal(t, n, e.Round)
			require.False(t, e.At.IsZero())
			require.NotEmpty(t, e.Key)
			ops[e.Op]++
			platforms[e.Platform]++
		}
		require.Positive(t, ops[EditUpdate])
		require.Positive(t, ops[EditInsert])
		require.Positive(t, ops[EditDelete])
		require.Equal(t, n == 2, platforms[p.Gongan] > 0)
		again, err := d.Round(t.Context(), n, 0)
		require.NoError(t, err)
		require.Equal(t, len(edits), len(again))
		for i := range edits {
			require.Equal(t, edits[i].Key, again[i].Key)
			require.True(t, edits[i].At.Equal(again[i].At), "done once")
		}
	}
	files, err := filepath.Glob(filepath.Join(d.Env()["GONGAN_DIR"], exportFolder, "*.csv"))
	require.NoError(t, err)
	require.Len(t, files, 2, "the next extract came with round 2")
	require.NoError(t, d.Close())
}

func TestEqualSeedsPlanEqualRounds(t *testing.T) {
	t.Parallel()
	var plans [2][]Edit
	for i := range plans {
		d := begin(t, options(t))
		for n := 1; n <= 2; n++ {
			edits, err := d.Round(t.Context(), n, 0)
			require.NoError(t, err)
			for _, e := range edits {
				e.At = time.Time{}
				plans[i] = append(plans[i], e)
			}
		}
		require.NoError(t, d.Close())
	}
	require.Equal(t, plans[0], plans[1])
}

func TestClerksLeaveAloneWhatTheHubWrote(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl := d.Platform(p.Pension).(*database)
	before := snapshot(t, pl)
	// The hub replaced the phone of every second row.
	_, err := pl.pool.Exec(t.Context(), `UPDATE cbry SET aae005 = '15488888888' WHERE right(aac001, 1) IN ('1', '3', '5', '7', '9')`)
	require.NoError(t, err)
	edits, err := d.Round(t.Context(), 2, 0)
	require.NoError(t, err)
	contests := 0
	for _, e := range edits {
		if e.Platform != p.Pension || e.Op != EditUpdate {
			continue
		}
		_, phone := e.Set["aae005"]
		ours := (e.Key[len(e.Key)-1]-'0')%2 == 1
		switch {
		case e.Contest:
			contests++
			require.True(t, ours && phone)
			require.Equal(t, before[e.Key]["aae005"], e.Set["aae005"], "what the platform had before")
		case phone:
			require.False(t, ours)
		}
	}
	require.Equal(t, 2, contests)
}

func TestAMarkIsMadeOnce(t *testing.T) {
	t.Parallel()
	d := running(t)
	first, err := d.Mark(t.Context(), "before")
	require.NoError(t, err)
	key, row := anyRow(t, d.Platform(p.Medical))
	require.Equal(t, row, first.Platforms[p.Medical][key])
	require.Equal(t, row, first.Own[p.Medical][key])
	_, err = d.Platform(p.Medical).Clerk(t.Context(), Edit{ID: "x", Op: EditUpdate, Key: key, Set: Row{"tel": "15400001111"}})
	require.NoError(t, err)
	require.EqualValues(t, 0, call(t, http.MethodPost, d.Env()["MEDICAL_URL"]+"/insu/persons/update", `{"psn_no":"`+key+`","addr":"云川省临江市青河区"}`, access).body["code"])
	again, err := d.Mark(t.Context(), "before")
	require.NoError(t, err)
	require.Equal(t, first.Platforms, again.Platforms)
	after, err := d.Mark(t.Context(), "after")
	require.NoError(t, err)
	require.Equal(t, "15400001111", after.Platforms[p.Medical][key]["tel"])
	want := maps.Clone(row)
	want["tel"] = "15400001111"
	require.Equal(t, want, after.Own[p.Medical][key], "own: the clerk's phone, not the address from outside")
	require.Equal(t, 1, after.Writes[p.Medical]-first.Writes[p.Medical])
	require.Equal(t, 1, after.Edits[p.Medical]-first.Edits[p.Medical])
}
