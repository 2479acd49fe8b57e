package hub_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// crowd fills a board with so many people, each with a phone of their own.
func crowd(t *testing.T, b *board, prefix string, n, phones int) {
	rows := map[string]map[string]string{}
	for i := range n {
		birth := fmt.Sprintf("19%02d-%02d-%02d", 40+i%50, 1+i%12, 1+i%28)
		rows[fmt.Sprintf("%s%03d", prefix, i)] = map[string]string{"name": person(i)["name"], "idn": number(t, birth, i+1),
			"born": strings.ReplaceAll(birth, "-", ""), "sex": "1", "tel": fmt.Sprintf("154%08d", phones+i)}
	}
	b.setAll(rows)
}

func (b *board) drop(keys ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range keys {
		delete(b.rows, k)
	}
}

// live counts the records of a platform that are there.
func (r *road) living(platform string) int {
	n := 0
	require.NoError(r.t, r.hub.Store.LiveKeys(r.ctx, platform, func(string) error { n++; return nil }))
	return n
}

// waiting is the one read of a platform that waits for a person.
func (r *road) waiting(platform string) store.Quarantine {
	r.t.Helper()
	var list []store.Quarantine
	r.until("a read waits for a person", func() (ok bool) {
		var err error
		list, err = r.hub.Store.Quarantines(r.ctx, platform, false)
		require.NoError(r.t, err)
		return len(list) == 1
	})
	return list[0]
}

// The inbound brake: a whole read that loses people, empties a column or goes
// back to what was there before is kept, and nothing of it is believed until a
// person says so.
func TestInboundBrake(t *testing.T) {
	const people = 50
	r := newRoad(t, receives)
	crowd(t, r.gets, "g", people, 1000)
	crowd(t, r.gives, "a", people, 1000)
	r.until("everything is read", func() bool { return r.living(r.getsID) == people && r.living(r.givesID()) == people })
	r.quiet()
	own := func(key string) string {
		states, err := r.hub.Store.RowStates(r.ctx, r.getsID, []string{key})
		require.NoError(t, err)
		row, err := lineage.Decode(states[key])
		require.NoError(t, err)
		return row.Own[schema.Phone]
	}

	// Four of five are missing.
	gone := r.gets.rowsOf("g010")
	var keys []string
	for i := 10; i < people; i++ {
		keys = append(keys, fmt.Sprintf("g%03d", i))
	}
	r.gets.drop(keys...)
	q := r.waiting(r.getsID)
	require.Equal(t, []store.Figure{{What: "gone", Count: 40, Of: 50, Share: 0.2}}, q.Figures)
	require.Equal(t, people, r.living(r.getsID), "nobody is taken for gone")
	r.gives.set("another", person(1, "tel", "15400009001"))
	r.until("the other platform is read", func() bool { return r.living(r.givesID()) == people+1 })

	// The platform is whole again before anybody has decided.
	crowd(t, r.gets, "g", people, 1000)
	r.until("what waited has been overtaken", func() bool {
		list, err := r.hub.Store.Quarantines(r.ctx, r.getsID, true)
		require.NoError(t, err)
		return len(list) == 1 && list[0].State == store.QuarantineSuperseded
	})
	require.Equal(t, gone, r.gets.rowsOf("g010"))
	require.Equal(t, people, r.living(r.getsID))

	// An empty column. Discarded, it is read again and waits again; released, it is
	// believed.
	r.quiet()
	blank := map[string]map[string]string{}
	for i := range people {
		blank[fmt.Sprintf("g%03d", i)] = map[string]string{"tel": ""}
	}
	r.gets.setAll(blank)
	q = r.waiting(r.getsID)
	require.Equal(t, []store.Figure{{What: "blank", Attribute: schema.Phone, Count: 50, Of: 50, Share: 0.2}}, q.Figures)
	require.NotEmpty(t, q.Samples)
	for _, s := range q.Samples {
		require.NotContains(t, s.Shown, "1540000", "samples are masked")
	}
	require.NotEmpty(t, own("g011"))
	require.NoError(t, r.hub.Store.DecideQuarantine(r.ctx, r.getsID, q.ID, store.QuarantineDiscarded, "steward", "列错位"))
	require.ErrorIs(t, r.hub.Store.DecideQuarantine(r.ctx, r.getsID, q.ID, store.QuarantineReleased, "steward", ""), store.ErrDecided)
	r.until("it waits again", func() bool { return r.waiting(r.getsID).ID > q.ID })
	q = r.waiting(r.getsID)
	require.NoError(t, r.hub.Store.DecideQuarantine(r.ctx, r.getsID, q.ID, store.QuarantineReleased, "steward", "平台不再登记电话"))
	r.until("it is believed", func() bool { return own("g011") == "" })
	r.quiet()

	// New numbers for everybody are no mass; all of them back again are.
	crowd(t, r.gets, "g", people, 2000)
	r.until("the new numbers are read", func() bool { return own("g049") == "15400002049" })
	r.quiet()
	crowd(t, r.gets, "g", people, 1000)
	q = r.waiting(r.getsID)
	require.Equal(t, []store.Figure{{What: "back", Attribute: schema.Phone, Count: 50, Of: 50, Share: 0.2}}, q.Figures)
}

// A file that is discarded is passed by: the next one is read. One that is
// released is taken in as it was kept. What was pulled is what was merged (I1).
func TestInboundBrakeOfFiles(t *testing.T) {
	d := newDistrict(t)
	rows := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("S%02d,%s,,19%02d-03-07,01,154%08d", i, person(i)["name"], 40+i, 1000+i))
		}
		return list
	}
	keys := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("S%02d", i))
		}
		return list
	}
	waiting := func() (q store.Quarantine) {
		d.within("a file waits", func() bool {
			list, err := d.hub.Store.Quarantines(d.ctx, "street", false)
			require.NoError(t, err)
			if len(list) == 1 {
				q = list[0]
			}
			return len(list) == 1
		})
		return q
	}
	d.drop("rk_20261101.csv", extract(t, rows(60)...))
	d.shows("street", keys(60)...)

	d.drop("rk_20261201.csv", extract(t, rows(5)...))
	q := waiting()
	require.Equal(t, "rk_20261201.csv", q.Source)
	require.Len(t, d.keys("street"), 60)
	d.within("the page of platforms says so", func() bool { return strings.Contains(d.trouble("street"), "rk_20261201.csv") })
	require.NoError(t, d.hub.Store.DecideQuarantine(d.ctx, "street", q.ID, store.QuarantineDiscarded, "steward", "只导出了一个小区"))
	d.drop("rk_20270101.csv", extract(t, rows(61)...))
	d.shows("street", keys(61)...)
	d.within("no trouble is left", func() bool { return d.trouble("street") == "" })

	d.drop("rk_20270201.csv", extract(t, rows(20)...))
	q = waiting()
	require.NoError(t, d.hub.Store.DecideQuarantine(d.ctx, "street", q.ID, store.QuarantineReleased, "steward", "小区划走了"))
	d.shows("street", keys(20)...)
	d.within("no trouble is left", func() bool { return d.trouble("street") == "" })
	d.balance()
}

// The outgoing brake: more rows than a platform sees in its days wait for a
// person; what was approved as a whole does not.
func TestOutgoingBrake(t *testing.T) {
	const people = 40
	r := newRoad(t, receives+"brake: {written: 0.2, written_rows: 5, rows: 1000}\n")
	crowd(t, r.gets, "g", people, 1000)
	r.until("everything is read", func() bool { return r.living(r.getsID) == people })
	r.quiet()
	crowd(t, r.gives, "a", people, 2000)
	r.until("everything is read", func() bool { return r.living(r.givesID()) == people })
	r.quiet()
	e := r.effect("")
	require.Equal(t, []any{true, int64(people), int64(8), float64(24)}, []any{e.Braked, e.Changed, e.Limit, e.Hours}, "whoever approves it is told")
	r.live()
	r.until("a campaign is not stopped", func() bool { return r.gets.count() == people })
	r.quiet()

	crowd(t, r.gives, "a", people, 3000)
	var braked *store.Braking
	r.until("the brake", func() bool {
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(t, err)
		for _, p := range list {
			if p.ID == r.getsID {
				braked = p.Braked
			}
		}
		return braked != nil
	})
	require.EqualValues(t, 8, braked.Limit)
	require.EqualValues(t, people, braked.Rows)
	require.EqualValues(t, 24, braked.Hours)
	r.until("everything that was written is settled", func() bool {
		open, err := r.hub.Store.OpenIntents(r.ctx, r.getsID)
		require.NoError(t, err)
		return len(open) == 0
	})
	// Of the eight, what was not sent yet when the brake closed was called off, and
	// nothing else was.
	sent, calledOff := 0, 0
	rows, err := r.database().Query(r.ctx, `SELECT state, count(*) FROM intents WHERE platform = $1 GROUP BY 1`, r.getsID)
	require.NoError(t, err)
	var state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		if state == "busy" {
			calledOff += n
		} else {
			sent += n
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, people+8, sent+calledOff)
	require.Equal(t, sent, r.gets.count())
	halted, err := r.hub.Store.Halted(r.ctx)
	require.NoError(t, err)
	require.True(t, halted[r.getsID])
	require.ErrorIs(t, r.hub.Store.ReleaseBrake(r.ctx, r.givesID(), "steward", ""), store.ErrNotBraked)

	require.NoError(t, r.hub.Store.ReleaseBrake(r.ctx, r.getsID, "steward", "公安换号"))
	r.until("the rest is written", func() bool { return r.gets.count() == 2*people })
	r.quiet()
	require.Equal(t, 2*people, r.gets.count(), "once each")
	for i := range people {
		require.Equal(t, fmt.Sprintf("154%08d", 3000+i), r.gets.shows(fmt.Sprintf("g%03d", i), "tel"))
	}
}
