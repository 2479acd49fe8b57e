package hub_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/clock"
	"heji/schema/idnum"
	"heji/services/hub"
)

// A platform that is dead for thirty days, by a clock that is put forward: the
// others are written as fast as before, and when it is back it catches up, each row
// once, within its rate.
func TestLongDeadPlatform(t *testing.T) {
	const (
		people = 60
		runs   = 5
		days   = 30
		each   = 15 // changes of a run
		rate   = 10 // rows a second of the platform that dies
	)
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	past := func(n int) { clock.Skew(-time.Duration(n) * 24 * time.Hour) }
	past(days)
	t.Cleanup(func() { clock.Skew(0) })
	id := fmt.Sprintf("%x", time.Now().UnixNano())
	r := &road{t: t, ctx: ctx, gives: &board{rows: map[string]map[string]string{}}, gets: &board{rows: map[string]map[string]string{}}, getsID: "gets" + id}
	dead := &board{rows: map[string]map[string]string{}}
	boards.Store("gives"+id, r.gives)
	boards.Store(r.getsID, r.gets)
	boards.Store("dies"+id, dead)
	agreement := "agreement:\n  receives: {phone: overwrite}\nbrake: {written_rows: 10000, rows: 10000}\n"
	var specs []*spec.Platform
	for name, more := range map[string]string{"gives" + id: "", r.getsID: agreement, "dies" + id: agreement + fmt.Sprintf("limits: {rows_per_second: %d}\n", rate)} {
		p, err := spec.Parse(name+".yaml", []byte("platform: "+name+"\nname: "+name+"\ndepartment: 测试\nkind: board\nclass: B\nconnect: {}\n"+fields+more),
			func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		specs = append(specs, p)
	}
	h, err := hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: pgtestDSN(t), Specs: specs, Logger: slog.New(slog.DiscardHandler), MaxWait: 50 * time.Millisecond})
	require.NoError(t, err)
	r.hub = h
	done := make(chan error, 1)
	run, stop := context.WithCancel(ctx)
	go func() { done <- h.Run(run) }()
	defer func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
	}()

	number := 0
	phone := func() string { number++; return fmt.Sprintf("154%08d", number) }
	for i := range people {
		first, born := phone(), fmt.Sprintf("19%02d0307", 30+i)
		idn := fmt.Sprintf("190102%s001", born)
		digit, ok := idnum.CheckDigit(idn)
		require.True(t, ok)
		idn += string(digit)
		for _, b := range []*board{r.gives, r.gets, dead} {
			b.set(fmt.Sprintf("p%d", i), map[string]string{"name": "欧阳沐辰", "idn": idn, "born": born, "sex": "1", "tel": first})
		}
	}
	r.quiet()
	for _, name := range []string{r.getsID, "dies" + id} {
		_, err := h.Store.Step(ctx, name, schema.Live, "admin", "test")
		require.NoError(t, err)
	}
	r.quiet()
	// measure makes one change after the other and times each.
	measure := func() (median, p99 time.Duration) {
		var took []time.Duration
		for range each {
			key, tel := fmt.Sprintf("p%d", number%people), phone()
			began := time.Now()
			r.gives.set(key, map[string]string{"tel": tel})
			for r.gets.shows(key, "tel") != tel {
				require.NoError(t, ctx.Err(), "written")
				runtimeYield()
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2], took[len(took)-1]
	}
	five := func(what string, before func(n int)) (median, p99 []time.Duration) {
		for n := range runs {
			before(n)
			m, p := measure()
			median, p99 = append(median, m), append(p99, p)
		}
		t.Logf("%s: medians %v, longest of %d %v", what, median, each, p99)
		return median, p99
	}
	median, p99 := five("all alive", func(int) {})
	r.quiet()
	written := dead.count()

	dead.mu.Lock()
	dead.down = true
	dead.mu.Unlock()
	median2, p992 := five("one dead for thirty days", func(n int) { past(days - days/runs*(n+1)) })
	// Within noise: twice the worst run, and what a crowded machine adds.
	require.Less(t, slices.Max(median2), 2*slices.Max(median)+250*time.Millisecond)
	require.Less(t, slices.Max(p992), 2*slices.Max(p99)+2*time.Second)
	require.Equal(t, written, dead.count())

	// One more change while it is dead: after its return it would be a second write of
	// a row that may have caught up by then.
	last := phone()
	r.gives.set("p0", map[string]string{"tel": last})
	r.until("the other has it", func() bool { return r.gets.shows("p0", "tel") == last })
	var at []time.Time
	dead.mu.Lock()
	dead.down = false
	dead.spoil = func(connectors.Write, func()) (connectors.Outcome, bool) {
		at = append(at, time.Now())
		return connectors.Outcome{}, false
	}
	dead.mu.Unlock()
	back := time.Now()
	require.Eventually(t, func() bool {
		for i := range people {
			key := fmt.Sprintf("p%d", i)
			if dead.shows(key, "tel") != r.gives.shows(key, "tel") {
				return false
			}
		}
		return true
	}, 3*time.Minute, 20*time.Millisecond, "it catches up")
	took := time.Since(back)
	dead.mu.Lock()
	defer dead.mu.Unlock()
	t.Logf("it caught up %d rows in %v", len(at), took)
	require.Len(t, at, people, "each row once, however often it changed meanwhile")
	for i, first := range at { // of a bucket that holds one second's rows
		n := len(at[i:]) - len(slices.DeleteFunc(slices.Clone(at[i:]), func(x time.Time) bool { return x.Before(first.Add(time.Second)) }))
		require.LessOrEqual(t, n, 2*rate, "rows in one second")
	}
}

// runtimeYield lets the others work for a moment.
func runtimeYield() {
	c := make(chan struct{})
	time.AfterFunc(2*time.Millisecond, func() { close(c) })
	<-c
}
