package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/hub"
	"heji/services/store"
)

// deafListener gives connections that can be cut just when the broker answers:
// what was asked is done, and the asker never hears of it.
type deafListener struct {
	net.Listener
	cut *atomic.Bool
}

func (l deafListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return deafConn{c, l.cut}, err
}

type deafConn struct {
	net.Conn
	cut *atomic.Bool
}

func (c deafConn) Write(p []byte) (int, error) {
	if c.cut.CompareAndSwap(true, false) {
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// topics is a hub with one giving board and one platform behind Kafka.
type topics struct {
	*road
	cluster *kfake.Cluster
	cut     *atomic.Bool
	id      string
}

func newTopics(t *testing.T, resend string) *topics {
	t.Helper()
	cut := &atomic.Bool{}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, "127.0.0.1:0")
		return deafListener{l, cut}, err
	}))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	for _, topic := range []string{"person", "change", "answer"} {
		require.NoError(t, cluster.CreateTopic(topic, 1, nil))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	name := fmt.Sprintf("%x", time.Now().UnixNano())
	x := &topics{road: &road{t: t, ctx: ctx, gives: &board{rows: map[string]map[string]string{}}}, cluster: cluster, cut: cut, id: "topics" + name}
	x.getsID = x.id
	boards.Store("gives"+name, x.gives)
	var specs []*spec.Platform
	for id, text := range map[string]string{
		"gives" + name: "kind: board\nconnect: {}\n" + fields,
		x.id: "kind: kafka\nconnect:\n  brokers: [\"" + cluster.ListenAddrs()[0] + "\"]\n  topic: person\n  compacted: true\n  stall: 2s\n" +
			"  out: {topic: change}\n  acks: {topic: answer, id: nr, status: jg, ok: [ok], reason: yy}\n" +
			"key: [_key]\ncadence: 50ms\nlag: 0s\nrequest_life: 500ms\nfields:\n  name: {column: name}\n  id_number: {column: idn}\n  phone: {column: tel}\n" +
			"agreement:\n  receives: {phone: overwrite}\n" + resend,
	} {
		p, err := spec.Parse(id+".yaml", []byte("platform: "+id+"\nname: "+id+"\nclass: B\n"+text), func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		specs = append(specs, p)
	}
	h, err := hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: pgtestDSN(t), Specs: specs, Logger: slog.New(slog.DiscardHandler), MaxWait: 50 * time.Millisecond})
	require.NoError(t, err)
	x.hub = h
	done := make(chan error, 1)
	run, stop := context.WithCancel(ctx)
	go func() { done <- h.Run(run) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
		cancel()
	})
	x.say(&kgo.Record{Topic: "person", Key: []byte("k1"), Value: []byte(`{"name":"欧阳沐辰","idn":"190102198003070018","tel":"15400000001"}`)})
	x.say(&kgo.Record{Topic: "person", Key: []byte("k2"), Value: []byte(`{"name":"司徒若愚","idn":"290102197001010010","tel":"15400000003"}`)})
	x.gives.set("a2", map[string]string{"name": "司徒若愚", "idn": "290102197001010010", "tel": "15400000003"})
	x.quiet()
	x.gives.set("a1", with(zhang, "tel", "15400000002"))
	x.quiet()
	return x
}

func (x *topics) say(r *kgo.Record) {
	x.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(x.cluster.ListenAddrs()...))
	require.NoError(x.t, err)
	defer c.Close()
	require.NoError(x.t, c.ProduceSync(x.ctx, r).FirstErr())
}

// changes are the messages that Heji sent.
func (x *topics) changes() []*kgo.Record {
	x.t.Helper()
	end := x.cluster.PartitionInfo("change", 0).HighWatermark
	if end == 0 {
		return nil
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(x.cluster.ListenAddrs()...), kgo.ConsumeTopics("change"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(x.t, err)
	defer c.Close()
	var out []*kgo.Record
	for int64(len(out)) < end {
		f := c.PollFetches(x.ctx)
		require.NoError(x.t, f.Err())
		out = append(out, f.Records()...)
	}
	return out
}

func token(r *kgo.Record) string {
	for _, h := range r.Headers {
		if h.Key == "idempotency-key" {
			return string(h.Value)
		}
	}
	return ""
}

func (x *topics) answer(intent string) {
	value, err := json.Marshal(map[string]string{"nr": intent, "jg": "ok"})
	require.NoError(x.t, err)
	x.say(&kgo.Record{Topic: "answer", Value: value})
}

// loseTheAnswer lets the next change arrive, and its answer not.
func (x *topics) loseTheAnswer() {
	x.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "change", Observe: true, When: func(kmsg.Request) bool {
		x.cut.Store(true)
		return true
	}})
}

// A message that was sent and not acknowledged may be there: without an agreement
// that says upsert it is never sent a second time. The answer of the platform
// ends the doubt.
func TestKafkaInDoubtIsHeld(t *testing.T) {
	x := newTopics(t, "")
	x.loseTheAnswer()
	x.live()
	x.until("held", func() bool { return x.targets()[store.TargetHold] == 1 })
	sent := x.changes()
	require.Len(t, sent, 1)
	// A write of another person goes on meanwhile, and an answer to a write that
	// was never made changes nothing.
	x.answer("0198f000-0000-7000-8000-000000000000")
	x.gives.set("a2", map[string]string{"tel": "15400000004"})
	x.until("the other goes on", func() bool { return len(x.changes()) == 2 })
	require.EqualValues(t, 1, x.targets()[store.TargetHold])
	aside := func() (places []string) {
		list, err := x.hub.Store.DeadRecords(x.ctx, x.id, true, 10)
		require.NoError(t, err)
		for _, d := range list {
			places = append(places, d.Stage+" "+string(d.Problem)+" "+d.Place)
		}
		slices.Sort(places)
		return places
	}
	const never = "writeback no_write acknowledgement 0198f000-0000-7000-8000-000000000000"
	x.until("it is set aside and shown", func() bool { return slices.Equal(aside(), []string{never}) })
	x.answer("190101198003070019") // a number of something else is not repeated anywhere
	x.until("this, too", func() bool { return slices.Equal(aside(), []string{"writeback no_write acknowledgement", never}) })
	st, err := x.hub.Store.Stats(x.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 2, st.Platforms[x.id].DeadRecords["writeback"], "what the metric shows")
	x.answer(token(sent[0]))
	x.until("ended by the answer", func() bool {
		return x.targets()[store.TargetHold] == 0 && x.targets()[store.TargetGreen] == 1 && x.targets()[store.TargetQueued] == 1
	})
	require.Len(t, x.changes(), 2, "nothing was sent twice")
	x.answer(token(sent[0])) // messages come twice: that is nothing to look at
	x.answer(token(x.changes()[1]))
	x.until("all is answered", func() bool { return x.targets()[store.TargetQueued] == 0 })
	require.Len(t, aside(), 2)
}

// Where the agreement says that the platform takes messages as upserts, the same
// message is sent again, with the same number.
func TestKafkaInDoubtIsSentAgain(t *testing.T) {
	for name, spoil := range map[string]func(x *topics){
		"it had arrived": (*topics).loseTheAnswer,
		"replicas were slow": func(x *topics) {
			x.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "change", Err: kerr.RequestTimedOut})
		},
		"it had not": func(x *topics) {
			x.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "change", Err: kerr.KafkaStorageError})
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTopics(t, "  resend: upsert\n")
			spoil(x)
			x.live()
			x.until("handed over", func() bool { return x.targets()[store.TargetQueued] == 1 })
			sent := x.changes()
			require.NotEmpty(t, sent)
			for _, r := range sent {
				require.Equal(t, token(sent[0]), token(r), "the same write has the same number")
				require.Equal(t, string(sent[0].Value), string(r.Value))
			}
			x.answer(token(sent[0]))
			x.until("done", func() bool { return x.targets()[store.TargetQueued] == 0 && x.targets()[store.TargetGreen] == 2 })
			require.Len(t, x.changes(), len(sent))
		})
	}
}

// A platform whose acknowledgements could not be asked for once is in order again
// when they can, also where nothing has to be written to it for months.
func TestKafkaAnswersAgain(t *testing.T) {
	x := newTopics(t, "")
	trouble := func() string {
		list, err := x.hub.Store.Platforms(x.ctx)
		require.NoError(t, err)
		for _, p := range list {
			if p.ID == x.id {
				return p.WriteError
			}
		}
		return "unknown"
	}
	f := x.cluster.Fault(kfake.Fault{Topic: "answer", Err: kerr.UnknownServerError, Count: -1})
	x.until("its trouble is known", func() bool { return trouble() != "" })
	f.Remove()
	x.until("it is over", func() bool { return trouble() == "" })
}

// What is in force is the approved agreement, not what the file says.
func TestResendIsPartOfTheAgreement(t *testing.T) {
	x := newTopics(t, "  resend: upsert\n")
	list, err := x.hub.Store.Platforms(x.ctx)
	require.NoError(t, err)
	for _, p := range list {
		if p.ID == x.id {
			require.Equal(t, schema.ResendUpsert, p.Agreement.Resend)
		}
	}
}
