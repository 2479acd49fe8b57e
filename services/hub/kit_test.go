package hub_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/store"
)

func (d *district) deadStates(platform string) map[store.DeadState]int64 {
	d.t.Helper()
	counts, err := d.hub.Store.DeadCounts(d.ctx)
	require.NoError(d.t, err)
	return counts[platform]
}

func (d *district) asked() int {
	d.t.Helper()
	list, err := d.hub.Store.PullRequests(d.ctx, "")
	require.NoError(d.t, err)
	return len(list)
}

// What is mended at the source leaves the list by itself, row by row: also while
// another row without a key keeps the extract from being complete.
func TestWhatIsMendedLeavesTheList(t *testing.T) {
	d := newDistrict(t)
	d.drop("rk_20261101.csv", extract(t,
		"S1,欧阳沐辰,,1980-03-07,01,15400000001",
		",司马青禾,,1990-12-12,01,15400000002",
		",上官子墨,,1999-03-03,01,15400000003",
		"S4,诸葛明月"))
	d.shows("street", "S1")
	require.Equal(t, []string{"rk_20261101.csv:3: no_key", "rk_20261101.csv:4: no_key", "rk_20261101.csv:5: columns"}, d.dead("street"))

	d.drop("rk_20261201.csv", extract(t,
		"S1,欧阳沐辰,,1980-03-07,01,15400000001",
		"S2,司马青禾,,1990-12-12,01,15400000002",
		",上官子墨,,1999-03-03,01,15400000003",
		"S4,诸葛明月,,1981-04-08,01,15400000004"))
	d.shows("street", "S1", "S2", "S4")
	d.within("only what is still wrong waits", func() bool {
		list := d.dead("street")
		return len(list) == 1 && list[0] == "rk_20261201.csv:4: no_key"
	})
	require.Equal(t, map[store.DeadState]int64{store.DeadOpen: 1, store.DeadMended: 3}, d.deadStates("street"))

	d.drop("rk_20270101.csv", extract(t,
		"S1,欧阳沐辰,,1980-03-07,01,15400000001",
		"S2,司马青禾,,1990-12-12,01,15400000002",
		"S3,上官子墨,,1999-03-03,01,15400000003",
		"S4,诸葛明月,,1981-04-08,01,15400000004"))
	d.shows("street", "S1", "S2", "S3", "S4")
	d.within("nothing waits", func() bool { return len(d.dead("street")) == 0 })
	d.balance()
}

// A person asks for a row to be read again; one who drops it is asked no more,
// for as long as it is read the same.
func TestRetryAndDropOfARow(t *testing.T) {
	d := newDistrict(t)
	at := `, "changed": "2026-11-01T08:00:00+08:00"}`
	one, two := `{"id": "C1", "name": "欧阳沐辰", "born": "1980-03-07"`+at, `{"name": "司马青禾"`+at
	d.clinic.answer(list(one, two))
	d.shows("clinic", "C1")
	d.within("the row without a key is set aside", func() bool { return len(d.dead("clinic")) == 1 })
	dead, err := d.hub.Store.DeadRecords(d.ctx, "clinic", false, 10)
	require.NoError(t, err)
	id := dead[0].ID

	// Still wrong: it is open again, and was read once more.
	whole, err := d.hub.Store.RetryDead(d.ctx, []int64{id}, "王芳", "")
	require.NoError(t, err)
	require.Equal(t, []string{"clinic"}, whole)
	d.within("it was read again", func() bool {
		x, err := d.hub.Store.DeadRecord(d.ctx, id)
		require.NoError(t, err)
		return x.State == store.DeadOpen && x.Times == dead[0].Times+1 && d.asked() == 0
	})
	require.Equal(t, "王芳", func() string { x, _ := d.hub.Store.DeadRecord(d.ctx, id); return x.Who }())

	// Dropped: it comes again with every whole read and stays dropped.
	require.NoError(t, d.hub.Store.DropDead(d.ctx, []int64{id}, "王芳", "an empty form"))
	require.NoError(t, d.hub.Store.Reread(d.ctx, "clinic", "王芳", ""))
	d.within("it was read once more", func() bool {
		x, err := d.hub.Store.DeadRecord(d.ctx, id)
		require.NoError(t, err)
		return x.Times == dead[0].Times+2 && d.asked() == 0
	})
	require.Empty(t, d.dead("clinic"))
	require.ErrorIs(t, d.hub.Store.DropDead(d.ctx, []int64{id}, "王芳", ""), store.ErrDone)

	// Mended at the source, retried and right.
	d.clinic.answer(list(one, `{"id": "C2", "name": "司马青禾"`+at))
	require.NoError(t, d.hub.Store.Reread(d.ctx, "clinic", "王芳", ""))
	d.shows("clinic", "C1", "C2")
	d.within("it is mended", func() bool { return d.deadStates("clinic")[store.DeadMended] == 1 })
	d.balance()
}

// Reading everything again finds who has gone, and repeats nothing that merge
// does not drop.
func TestReadAgain(t *testing.T) {
	d := newDistrict(t, "list: {", "deletes: full\n  full_every: 1000h\n  list: {")
	at := `, "changed": "2026-11-01T08:00:00+08:00"}`
	one, two := `{"id": "C1", "name": "欧阳沐辰", "born": "1980-03-07"`+at, `{"id": "C2", "name": "司马青禾"`+at
	d.clinic.answer(list(one, two))
	d.shows("clinic", "C1", "C2")
	d.clinic.answer(list(one))
	d.within("an incremental read has been made", func() bool { return d.clinic.requests() > 1 })
	require.Equal(t, []string{"C1", "C2"}, d.keys("clinic"), "an incremental read proves nothing about who is gone")
	require.NoError(t, d.hub.Store.Reread(d.ctx, "clinic", "王芳", "rows vanished"))
	d.shows("clinic", "C1")
	d.within("the request is closed", func() bool { return d.asked() == 0 })
	d.balance()
}
