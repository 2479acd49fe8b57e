package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/clock"
	"heji/services/hub"
	"heji/services/store"
)

// resident is the id of the one person of a road.
func (r *road) resident() (id uuid.UUID) {
	r.t.Helper()
	require.NoError(r.t, r.database().QueryRow(r.ctx, `SELECT resident_id FROM records WHERE platform = $1`, r.getsID).Scan(&id))
	return id
}

// believed is that person's phone number as far as anybody knows.
func (r *road) believed(id uuid.UUID) string {
	list, err := r.hub.Store.ResidentsByID(r.ctx, []uuid.UUID{id})
	require.NoError(r.t, err)
	return list[id].Master[schema.Phone].Value
}

// now brings forward what waits for a time.
func (r *road) now() {
	_, err := r.database().Exec(r.ctx, `UPDATE targets SET settles_at = settles_at - interval '1 hour', due_at = now() WHERE due_at IS NOT NULL`)
	require.NoError(r.t, err)
}

// waits waits until the one row is due later than now, for a reason.
func (r *road) waits(reason string) {
	r.t.Helper()
	db := r.database()
	r.until("it waits: "+reason, func() bool {
		var ok bool
		require.NoError(r.t, db.QueryRow(r.ctx, `SELECT coalesce(bool_and(state = 'due' AND due_at > now() + interval '10 minutes' AND reason LIKE $2), false)
			FROM targets WHERE platform = $1`, r.getsID, reason+"%").Scan(&ok))
		return ok
	})
}

// Quick changes become one write; what staff enter does not wait; and what is
// written is what is agreed when it leaves, not when it began to settle.
func TestSettle(t *testing.T) {
	r := newRoad(t, "settle: 1h\nagreement:\n  receives: {phone: overwrite}\n")
	r.gives.set("a1", with(zhang, "tel", "15400000001"))
	r.gets.set("g1", with(zhang, "tel", "15400000001"))
	r.quiet()
	r.live()
	r.quiet()
	id := r.resident()
	change := func(tel string) {
		r.gives.set("a1", map[string]string{"tel": tel})
		r.until("it is believed", func() bool { return r.believed(id) == tel })
		r.waits("changes are gathered")
	}
	for i := range 10 {
		change(fmt.Sprintf("154000001%02d", i))
	}
	require.Zero(t, r.gets.count())
	r.now()
	r.until("the last one arrives", func() bool { return r.gets.shows("g1", "tel") == "15400000109" })
	r.quiet()
	require.Equal(t, 1, r.gets.count(), "ten changes, one write")

	// receive agrees that the platform receives one attribute, as its changed file would.
	receive := func(a schema.Attribute) {
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(t, err)
		p := list[slices.IndexFunc(list, func(p store.Platform) bool { return p.ID == r.getsID })]
		p.Agreement.Receives = map[schema.Attribute]schema.Mode{a: schema.Overwrite}
		require.NoError(t, r.hub.Store.RegisterPlatform(r.ctx, p))
		_, err = r.hub.Store.Approve(r.ctx, p.ID, p.Version+1, "admin", "test")
		require.NoError(t, err)
	}
	change("15400000201")
	receive(schema.Education)
	r.until("it is decided anew", func() bool { return r.targets()[store.TargetGreen] == 1 })
	r.quiet()
	require.Equal(t, 1, r.gets.count(), "the phone is agreed no more")
	require.Equal(t, "15400000109", r.gets.shows("g1", "tel"))

	receive(schema.Phone)
	r.waits("changes are gathered")
	_, _, err := r.hub.Store.SaveEdit(r.ctx, uuid.NewString(), "王芳", id, schema.Values{schema.Phone: "15400000202"})
	require.NoError(t, err)
	r.until("what staff enter arrives at once", func() bool { return r.gets.shows("g1", "tel") == "15400000202" })
	r.quiet()
	require.Equal(t, 2, r.gets.count())
}

// Writes wait for the platform's hours, what staff enter too; reading goes on.
func TestWindow(t *testing.T) {
	day := strings.ToLower(time.Now().AddDate(0, 0, 3).Weekday().String()[:3])
	r := newRoad(t, "window: {days: ["+day+"]}\nagreement:\n  receives: {phone: overwrite}\n")
	t.Cleanup(func() { clock.Skew(0) }) // the hub stops with the test's own clean-up, after this one
	r.gives.set("a1", with(zhang, "tel", "15400000001"))
	r.gets.set("g1", with(zhang, "tel", "15400000001"))
	r.quiet()
	r.live()
	r.quiet()
	require.EqualValues(t, 1, r.targets()[store.TargetGreen], "what needs no write waits for nothing")
	id := r.resident()
	_, _, err := r.hub.Store.SaveEdit(r.ctx, uuid.NewString(), "王芳", id, schema.Values{schema.Phone: "15400000002"})
	require.NoError(t, err)
	r.waits("the platform is written to at its own hours")
	var at time.Time
	require.NoError(t, r.database().QueryRow(r.ctx, `SELECT due_at FROM targets WHERE platform = $1`, r.getsID).Scan(&at))
	require.WithinDuration(t, spec.Window{Days: []string{day}}.Next(time.Now()), at, 10*time.Second)
	r.now()
	r.waits("the platform is written to at its own hours")
	require.Zero(t, r.gets.count())

	clock.Skew(3 * 24 * time.Hour)
	r.now()
	r.until("it arrives on its day", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 1, r.gets.count())
}

// After a few failures in a row a platform is left alone; one row probes whether it
// is back; when it is, the others follow at once.
func TestCircuit(t *testing.T) {
	const people, trips = 6, 2
	r := newRoadWith(t, "", fmt.Sprintf("limits: {failures: %d}\nagreement:\n  receives: {phone: overwrite}\n", trips),
		func(c *hub.Config) { c.Listen = "127.0.0.1:0" })
	open := func() float64 {
		_, text := (&district{t: t, ctx: r.ctx, hub: r.hub}).get("/metrics")
		return figure(text, "heji_circuit_open", r.getsID)
	}
	for i := range people {
		r.gives.set(fmt.Sprintf("a%d", i), person(i, "tel", "15400000001"))
		r.gets.set(fmt.Sprintf("g%d", i), person(i, "tel", "15400000001"))
	}
	r.quiet()
	r.live()
	r.quiet()
	platform := func() store.Platform {
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(t, err)
		return list[slices.IndexFunc(list, func(p store.Platform) bool { return p.ID == r.getsID })]
	}
	r.gets.spoilWith(func(connectors.Write, func()) (connectors.Outcome, bool) {
		return connectors.Outcome{Status: connectors.Busy, Reason: "502"}, true
	})
	for i := range people {
		r.gives.set(fmt.Sprintf("a%d", i), map[string]string{"tel": "15400000002"})
	}
	r.until("it is left alone, and has been tried twice since", func() bool {
		p := platform()
		return p.TrippedAt != nil && p.Failures >= trips+2 && p.TriesAt.After(*p.TrippedAt)
	})
	r.until("the metric says so", func() bool { return open() == 1 })
	var batches []string // one after the other
	rows := map[string]int{}
	for _, w := range r.gets.log() {
		if rows[w.Batch]++; rows[w.Batch] == 1 {
			batches = append(batches, w.Batch)
		}
	}
	for _, b := range batches[trips:] {
		require.Equal(t, 1, rows[b], "a probe is one row")
	}
	r.gets.spoilWith(nil)
	r.until("all arrive", func() bool {
		for i := range people {
			if r.gets.shows(fmt.Sprintf("g%d", i), "tel") != "15400000002" {
				return false
			}
		}
		return true
	})
	r.quiet()
	r.until("and that it is over", func() bool { return open() == 0 })
	require.Nil(t, platform().TrippedAt)
	require.Zero(t, platform().Failures)
}
