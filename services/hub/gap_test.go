package hub_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"heji/services/bus"
	"heji/services/embedded"
	"heji/services/fault"
	"heji/services/hub"
)

// TestMessagesLostWhileRunning: I1. JetStream loses what it has acknowledged, as
// after a power cut of its machine, while the hub lives. Nothing more changes at
// the platform: what was lost is found missing, and read again.
func TestMessagesLostWhileRunning(t *testing.T) {
	n, err := embedded.StartNATS(context.WithoutCancel(t.Context()), embedded.Options{Dir: t.TempDir(), NATSListen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Stop()) })
	conn, err := nats.Connect(n.URL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)

	var lost atomic.Int64
	fault.Arm(func(place fault.Place, platform string) {
		if place != fault.Published || lost.Load() > 2 {
			return
		}
		ctx, subject := context.Background(), "records."+platform
		s, err := js.Stream(ctx, bus.RecordsStream)
		if err != nil {
			return
		}
		is, err := s.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil || is.State.Subjects[subject] == 0 {
			return // taken in already
		}
		if s.Purge(ctx, jetstream.WithPurgeSubject(subject)) == nil {
			lost.Add(1)
		}
	})
	t.Cleanup(func() { fault.Arm(func(fault.Place, string) {}) })
	r := newRoadWith(t, "", receives, func(c *hub.Config) { c.NATSURL = n.URL() })
	r.gives.set("a1", zhang)
	r.until("nothing is missing", func() bool {
		st, err := r.hub.Store.Stats(r.ctx)
		if err != nil || lost.Load() <= 2 || st.Residents != 1 || st.Unresolved != 0 {
			return false
		}
		for _, id := range []string{r.givesID(), r.getsID} {
			if p := st.Platforms[id]; p == nil || p.Published == 0 || p.Low < p.Published {
				return false
			}
		}
		return true
	})
	list, err := r.hub.Store.Conservations(r.ctx)
	require.NoError(t, err)
	for _, c := range list {
		require.Equal(t, c.Positions, c.Merged+c.Unchanged+c.Dead+c.Marks, "%+v", c)
	}
}
