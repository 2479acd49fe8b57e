package hub_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/schema/clock"
)

// A hub whose clock is not PostgreSQL's waits as long as it means to: a row that
// was turned away comes back after its pause, not an hour later, and not at once
// again and again.
func TestRowsAreDueByOneClock(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			clock.Skew(skew)
			t.Cleanup(func() { clock.Skew(0) })
			r := newRoad(t, receives)
			r.gets.set("g1", with(zhang, "tel", "15400000001"))
			r.quiet()
			r.live()
			r.quiet()
			asked, first := 0, time.Time{}
			r.gets.spoilWith(func(connectors.Write, func()) (connectors.Outcome, bool) {
				if asked++; asked == 1 {
					first = time.Now()
				}
				return connectors.Outcome{Status: connectors.Busy, Reason: "429", RetryAfter: time.Second}, time.Since(first) < 3*time.Second
			})
			r.gives.set("a1", with(zhang, "tel", "15400000002"))
			r.until("an attempt after its time arrives", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
			r.quiet()
			// A read that crossed an attempt has the row looked at before its pause is over.
			require.Less(t, asked, 20, "in three seconds, of a platform that asked for one")
		})
	}
}
