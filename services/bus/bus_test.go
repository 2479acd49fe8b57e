package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"heji/schema"
	"heji/services/bus"
	"heji/services/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon, tick = 20 * time.Second, 10 * time.Millisecond

func server(t *testing.T, o embedded.Options) *embedded.NATS {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	n, err := embedded.StartNATS(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Stop()) })
	return n
}

func connect(t *testing.T, o bus.Options) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// raw is a plain JetStream client beside the bus.
func raw(t *testing.T, n *embedded.NATS) jetstream.JetStream {
	t.Helper()
	conn, err := n.Connect()
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return js
}

func record(position int64) schema.Record {
	return schema.Record{
		Platform: "mz", Key: fmt.Sprint("k", position), Op: schema.OpPut,
		Version: schema.Version{Fence: 3, Position: position},
		AsOf:    time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		Values:  schema.Values{schema.Name: "王小明", schema.Phone: ""},
		Raw:     map[schema.Attribute]string{schema.Name: "王小明"},
	}
}

func records(from, to int64) []schema.Record {
	var list []schema.Record
	for p := from; p <= to; p++ {
		list = append(list, record(p))
	}
	return list
}

// sink collects positions; a consumer of it runs until the test ends.
type sink struct {
	mu   sync.Mutex
	seen map[int64]int
}

func (s *sink) take(batch *bus.Batch[schema.Record]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[int64]int{}
	}
	for _, r := range batch.Items {
		s.seen[r.Version.Position]++
	}
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

func neverDead(t *testing.T) func(context.Context, bus.Poison) error {
	return func(_ context.Context, p bus.Poison) error {
		t.Errorf("unexpected dead message on %s: %s", p.Subject, p.Reason)
		return nil
	}
}

// consume runs a consumer until the test ends and checks that it ended well.
func consume(t *testing.T, b *bus.Bus, o bus.ConsumeOptions, h bus.Handler[schema.Record]) {
	t.Helper()
	if o.Dead == nil {
		o.Dead = neverDead(t)
	}
	background(t, func(ctx context.Context) error { return b.ConsumeRecords(ctx, "mz", o, h) })
}

func background(t *testing.T, run func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func empty(t *testing.T, b *bus.Bus) {
	t.Helper()
	require.Eventually(t, func() bool {
		r, c, err := b.Pending(t.Context())
		return err == nil && r == 0 && c == 0
	}, soon, tick, "the streams become empty")
}

func TestRecordsArriveWhole(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{})})
	changed := time.Date(2026, 5, 31, 8, 0, 0, 0, time.UTC)
	sent := record(1)
	sent.ChangedAt, sent.RowVersion, sent.Token = &changed, `W/"7"`, "t-1"
	sent.Flags = []schema.ValueProblem{{Attribute: schema.BirthDate, Problem: schema.ProblemDate}}
	sent.Anchors = []schema.RecordRef{{Platform: "ga", Key: "9"}}
	require.NoError(t, b.PublishRecords(t.Context(), []schema.Record{sent}))

	got := make(chan schema.Record, 1)
	consume(t, b, bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		got <- batch.Items[0]
		return nil
	})
	require.Equal(t, sent, <-got)
	empty(t, b)
	require.NoError(t, b.Check(t.Context()))
}

func TestManyRecordsManyWorkers(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{})})
	var s sink
	var largest atomic.Int64
	for range 4 {
		consume(t, b, bus.ConsumeOptions{Size: 100}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
			s.take(batch)
			largest.Store(max(largest.Load(), int64(len(batch.Items))))
			return nil
		})
	}
	var wg sync.WaitGroup
	for puller := range int64(4) {
		wg.Go(func() {
			if err := b.PublishRecords(t.Context(), records(puller*2000+1, (puller+1)*2000)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool { return s.count() == 8000 }, soon, tick)
	empty(t, b)
	require.LessOrEqual(t, largest.Load(), int64(100))
}

func TestSameVersionIsStoredOnce(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{})})
	for range 3 {
		require.NoError(t, b.PublishRecords(t.Context(), records(1, 5)))
	}
	// Others of the same run are no repeat, wherever they begin.
	require.NoError(t, b.PublishRecords(t.Context(), records(5, 8)))
	require.NoError(t, b.PublishRecords(t.Context(), records(1, 1)))
	n, _, err := b.Pending(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, n, "messages")
}

// What follows one another travels together, and nothing else does: not another
// platform's, not another run's, not what lies behind a gap.
func TestRecordsTravelTogether(t *testing.T) {
	t.Parallel()
	n := server(t, embedded.Options{})
	b := connect(t, bus.Options{InProcess: n})
	list := records(1, 250)
	other := record(251)
	other.Platform = "ga"
	stranger := record(251)
	stranger.Version.Fence = 4
	require.NoError(t, b.PublishRecords(t.Context(), append(list, other, stranger, record(251), record(253))))
	large := records(301, 304)
	for i := range large {
		large[i].Raw[schema.Name] = strings.Repeat("x", 100<<10)
	}
	require.NoError(t, b.PublishRecords(t.Context(), large))
	s, err := raw(t, n).Stream(t.Context(), bus.RecordsStream)
	require.NoError(t, err)
	var got []int
	for seq := uint64(1); ; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			require.ErrorIs(t, err, jetstream.ErrMsgNotFound)
			break
		}
		got = append(got, strings.Count(string(m.Data), "\n")+1)
	}
	require.Equal(t, []int{100, 100, 50, 1, 1, 1, 1, 2, 2}, got)
}

func TestFailedBatchComesAgain(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{})})
	require.NoError(t, b.PublishRecords(t.Context(), records(1, 20)))
	var s sink
	var calls atomic.Int64
	consume(t, b, bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		if calls.Add(1) == 1 {
			return errors.New("the database is away")
		}
		require.Equal(t, 2, batch.Attempt(0))
		s.take(batch)
		return nil
	})
	require.Eventually(t, func() bool { return s.count() == 20 }, soon, tick)
	empty(t, b)
}

func TestSingleItemsAreHandedBack(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{})})
	require.NoError(t, b.PublishRecords(t.Context(), records(1, 10)))
	var s sink
	consume(t, b, bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		s.take(batch)
		for i, r := range batch.Items {
			if r.Version.Position == 4 && batch.Attempt(i) < 3 {
				batch.Retry(i, 10*time.Millisecond)
			}
		}
		return nil
	})
	empty(t, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(t, 3, s.seen[4])
	require.Equal(t, 1, s.seen[5], "the others were done the first time")
}

func TestLongHandlerKeepsItsMessages(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{}), AckWait: time.Second})
	require.NoError(t, b.PublishRecords(t.Context(), records(1, 3)))
	var s sink
	for range 2 {
		consume(t, b, bus.ConsumeOptions{}, func(ctx context.Context, batch *bus.Batch[schema.Record]) error {
			s.take(batch)
			long := time.NewTimer(3 * time.Second)
			defer long.Stop()
			select {
			case <-long.C:
			case <-ctx.Done():
			}
			return nil
		})
	}
	empty(t, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(t, map[int64]int{1: 1, 2: 1, 3: 1}, s.seen)
}

func TestStoppedWorkerGivesItsMessagesBack(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{}), AckWait: time.Hour})
	require.NoError(t, b.PublishRecords(t.Context(), records(1, 3)))
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, b.ConsumeRecords(ctx, "mz", bus.ConsumeOptions{Dead: neverDead(t)},
		func(ctx context.Context, _ *bus.Batch[schema.Record]) error {
			cancel()
			return ctx.Err()
		}))
	var s sink
	consume(t, b, bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		s.take(batch)
		return nil
	})
	require.Eventually(t, func() bool { return s.count() == 3 }, soon, tick)
	empty(t, b)
}

func TestPoisonIsSetAside(t *testing.T) {
	t.Parallel()
	n := server(t, embedded.Options{})
	b := connect(t, bus.Options{InProcess: n})
	js := raw(t, n)
	for _, body := range []string{
		`<html>190101199001011236</html>`,
		`{"platform":"mz","key":7}`,
		`{"platform":"ga","key":"1","op":"put"}`,
		`{"platform":"mz","key":"1","op":"steal"}`,
		`{"platform":"mz","op":"put"}`,
		`{"platform":"mz","key":"1","op":"put","as_of":"190101199001011236"}`,
	} {
		_, err := js.Publish(t.Context(), "records.mz", []byte(body))
		require.NoError(t, err)
	}
	require.NoError(t, b.PublishRecords(t.Context(), records(1, 1)))

	var s sink
	var mu sync.Mutex
	dead := map[uint64]bus.Poison{}
	var refused atomic.Bool
	consume(t, b, bus.ConsumeOptions{Dead: func(_ context.Context, p bus.Poison) error {
		if p.Sequence == 1 && refused.CompareAndSwap(false, true) {
			return errors.New("the database is away")
		}
		mu.Lock()
		defer mu.Unlock()
		dead[p.Sequence] = p
		return nil
	}}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		s.take(batch)
		return nil
	})
	empty(t, b)
	require.Equal(t, 1, s.count(), "the rest goes on")
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, dead, 6)
	for seq, p := range dead {
		require.Equal(t, "records.mz", p.Subject)
		require.Equal(t, "mz", p.Platform)
		require.Equal(t, bus.RecordsStream, p.Stream)
		require.NotEmpty(t, p.Reason)
		require.NotContains(t, p.Reason, "19010", "message %d: no values", seq)
	}
	require.Contains(t, dead[1].Reason, "not JSON")
	require.Contains(t, dead[2].Reason, "key")
	require.Contains(t, dead[3].Reason, "subject")
}

// One line that cannot be read costs the others nothing.
func TestPoisonAmongOthers(t *testing.T) {
	t.Parallel()
	n := server(t, embedded.Options{})
	b := connect(t, bus.Options{InProcess: n})
	js := raw(t, n)
	require.NoError(t, b.PublishRecords(t.Context(), records(1, 3)))
	s, err := js.Stream(t.Context(), bus.RecordsStream)
	require.NoError(t, err)
	m, err := s.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.NoError(t, s.DeleteMsg(t.Context(), 1))
	_, err = js.Publish(t.Context(), m.Subject, []byte(strings.Replace(string(m.Data), "\n", "\n<html>\n", 1)))
	require.NoError(t, err)

	var got sink
	var mu sync.Mutex
	var dead []bus.Poison
	var refused atomic.Bool
	consume(t, b, bus.ConsumeOptions{Dead: func(_ context.Context, p bus.Poison) error {
		if refused.CompareAndSwap(false, true) {
			return errors.New("the database is away")
		}
		mu.Lock()
		defer mu.Unlock()
		dead = append(dead, p)
		return nil
	}}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		got.take(batch)
		return nil
	})
	empty(t, b)
	got.mu.Lock()
	defer got.mu.Unlock()
	require.Equal(t, map[int64]int{1: 1, 2: 1, 3: 1}, got.seen)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, dead, 1)
	require.Equal(t, 2, dead[0].Line)
	require.EqualValues(t, 2, dead[0].Sequence)
}

// The id of a message says which positions are in it: so does it of a line that
// cannot be read. Where the id says anything else, nobody guesses.
func TestWhereAnUnreadableLineWas(t *testing.T) {
	t.Parallel()
	n := server(t, embedded.Options{})
	b := connect(t, bus.Options{InProcess: n})
	js := raw(t, n)
	for id, body := range map[string]string{
		"mz:7:41-43": "{}\n{}\n<html>", "mz:7:50": "<html>", "mz:7:60-63": "<html>\n<html>", "ga:7:70": "<html>", "mz:7:x": "<html>", "mz:8:80-79": "<html>",
	} {
		_, err := js.Publish(t.Context(), "records.mz", []byte(body), jetstream.WithMsgID(id))
		require.NoError(t, err)
	}
	var mu sync.Mutex
	places := map[schema.Version]int{}
	consume(t, b, bus.ConsumeOptions{Dead: func(_ context.Context, p bus.Poison) error {
		mu.Lock()
		defer mu.Unlock()
		places[p.Version]++
		return nil
	}}, func(context.Context, *bus.Batch[schema.Record]) error { return nil })
	empty(t, b)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, map[schema.Version]int{
		{Fence: 7, Position: 41}: 1, {Fence: 7, Position: 42}: 1, {Fence: 7, Position: 43}: 1, {Fence: 7, Position: 50}: 1, {}: 5,
	}, places)
}

func TestRecordsNeedADeadHandler(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{})})
	require.ErrorContains(t, b.ConsumeRecords(t.Context(), "mz", bus.ConsumeOptions{}, nil), "cannot be read")
}

func TestTooLargeRecordIsReported(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{})})
	batch := records(1, 4)
	batch[2].Raw[schema.Name] = strings.Repeat("王", 1<<20/3)
	err := b.PublishRecords(t.Context(), batch)
	var large *bus.TooLargeError
	require.ErrorAs(t, err, &large)
	require.Equal(t, []int{2}, large.Indexes)
	require.Less(t, len(err.Error()), 500)
	n, _, err := b.Pending(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "nothing of the batch was published")

	// What the puller makes of it travels.
	batch[2] = schema.Record{Platform: "mz", Op: schema.OpDead, Version: batch[2].Version, Problem: schema.ProblemTooLong, Place: "row 3"}
	require.NoError(t, b.PublishRecords(t.Context(), batch))

	// The largest that is allowed really travels.
	just := record(9)
	just.Raw[schema.Name] = ""
	room := b.MaxRecord() - encodedSize(t, b, just)
	just.Raw[schema.Name] = strings.Repeat("x", room)
	require.NoError(t, b.PublishRecords(t.Context(), []schema.Record{just}))
}

// encodedSize finds out how large a record is without encoding it here: how
// much must be added until it is refused.
func encodedSize(t *testing.T, b *bus.Bus, r schema.Record) int {
	t.Helper()
	r.Raw = map[schema.Attribute]string{schema.Name: strings.Repeat("x", b.MaxRecord())}
	var large *bus.TooLargeError
	require.ErrorAs(t, b.PublishRecords(t.Context(), []schema.Record{r}), &large)
	return large.Sizes[0] - b.MaxRecord()
}

func TestFullStreamHoldsThePublisherBack(t *testing.T) {
	t.Parallel()
	n := server(t, embedded.Options{})
	b := connect(t, bus.Options{InProcess: n, MaxRecordsBytes: 256 << 10})
	published := make(chan error, 1)
	go func() { published <- b.PublishRecords(context.Background(), records(1, 2000)) }()
	s, err := raw(t, n).Stream(t.Context(), bus.RecordsStream)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		info, err := s.Info(t.Context())
		return err == nil && info.State.Bytes > 200<<10
	}, soon, tick)
	select {
	case err := <-published:
		t.Fatalf("published into a full stream: %v", err)
	default:
	}
	var got sink
	consume(t, b, bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		got.take(batch)
		return nil
	})
	require.NoError(t, <-published)
	require.Eventually(t, func() bool { return got.count() == 2000 }, soon, tick)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.PublishRecords(ctx, records(5001, 5002)), context.Canceled)
}

func TestThrownAwayWhileRunning(t *testing.T) {
	t.Parallel()
	n := server(t, embedded.Options{})
	b := connect(t, bus.Options{InProcess: n})
	js := raw(t, n)
	var s sink
	consume(t, b, bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		s.take(batch)
		return nil
	})
	var changes atomic.Int64
	background(t, func(ctx context.Context) error {
		return b.ConsumeChanges(ctx, "mz", bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Change]) error {
			changes.Add(int64(len(batch.Items)))
			return nil
		})
	})
	for round := range int64(3) {
		require.NoError(t, b.PublishRecords(t.Context(), records(round*10+1, round*10+10)))
		require.NoError(t, b.PublishChanges(t.Context(), []schema.Change{{Platform: "mz", Target: round + 1}}))
		require.Eventually(t, func() bool { return s.count() == int(round+1)*10 && changes.Load() == round+1 }, soon, tick, "round %d", round)
		require.NoError(t, js.DeleteStream(t.Context(), bus.RecordsStream))
		require.NoError(t, js.DeleteStream(t.Context(), bus.ChangesStream))
		require.Error(t, b.Check(t.Context()))
	}
	require.NoError(t, b.PublishRecords(t.Context(), records(31, 31)))
	require.Eventually(t, func() bool { return s.count() == 31 }, soon, tick)
	require.NoError(t, js.DeleteConsumer(t.Context(), bus.RecordsStream, "merge-mz"))
	require.NoError(t, b.PublishRecords(t.Context(), records(32, 32)))
	require.Eventually(t, func() bool { return s.count() == 32 }, soon, tick)
}

func TestServerRestartsWithoutItsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, err := embedded.StartNATS(context.Background(), embedded.Options{Dir: dir, NATSListen: "127.0.0.1:0"})
	require.NoError(t, err)
	url := n.URL()
	b := connect(t, bus.Options{URL: url})
	var s sink
	consume(t, b, bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Record]) error {
		s.take(batch)
		return nil
	})
	require.NoError(t, b.PublishRecords(t.Context(), records(1, 10)))
	require.Eventually(t, func() bool { return s.count() == 10 }, soon, tick)
	require.NoError(t, n.Stop())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, embedded.JetStreamFolder)))

	// Published while nobody answers: it waits for the server.
	published := make(chan error, 1)
	go func() { published <- b.PublishRecords(context.Background(), records(11, 20)) }()
	server(t, embedded.Options{Dir: dir, NATSListen: strings.TrimPrefix(url, "nats://")})
	require.NoError(t, <-published)
	require.Eventually(t, func() bool { return s.count() == 20 }, soon, tick)
}

// TestAConnectionThatIsBackIsUsedAtOnce: however long publishing would still pause
// after what failed, an entry of the desk does not wait for that.
func TestAConnectionThatIsBackIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, err := embedded.StartNATS(context.Background(), embedded.Options{Dir: dir, NATSListen: "127.0.0.1:0"})
	require.NoError(t, err)
	url := n.URL()
	failed := make(chan struct{}, 1)
	b := connect(t, bus.Options{URL: url, Logger: slog.New(told{of: "publishing them again", to: failed})})
	b.PauseBetweenAttempts(time.Hour)
	require.NoError(t, n.Stop())
	published := make(chan error, 1)
	go func() { published <- b.PublishRecords(t.Context(), records(1, 1)) }()
	select {
	case <-failed:
	case <-time.After(time.Minute):
		t.Fatal("an attempt without a server must fail")
	}
	server(t, embedded.Options{Dir: dir, NATSListen: strings.TrimPrefix(url, "nats://")})
	select {
	case err := <-published:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		t.Fatal("it pauses although the server is back")
	}
}

// told is a log that tells of one kind of line.
type told struct {
	slog.Handler
	of string
	to chan<- struct{}
}

func (told) Enabled(context.Context, slog.Level) bool { return true }

func (h told) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, h.of) {
		select {
		case h.to <- struct{}{}:
		default:
		}
	}
	return nil
}

func TestChangesOfEachPlatformAreItsOwn(t *testing.T) {
	t.Parallel()
	n := server(t, embedded.Options{})
	b := connect(t, bus.Options{InProcess: n})
	ctx := t.Context()
	_, err := raw(t, n).Publish(ctx, "changes.cl", []byte("{"))
	require.NoError(t, err)
	require.NoError(t, b.PublishChanges(ctx, []schema.Change{
		{Platform: "mz", Target: 7}, {Platform: "cl", Target: 1}, {Platform: "mz", Target: 7}, {Platform: "mz", Target: 8},
	}))

	got := make(chan []schema.Change, 10)
	var backs atomic.Int64
	background(t, func(ctx context.Context) error {
		return b.ConsumeChanges(ctx, "mz", bus.ConsumeOptions{}, func(_ context.Context, batch *bus.Batch[schema.Change]) error {
			got <- batch.Items
			for i, c := range batch.Items {
				if c.Target == 8 && backs.Add(1) == 1 {
					batch.Retry(i, time.Millisecond)
				}
			}
			return nil
		})
	})
	require.Equal(t, []schema.Change{{Platform: "mz", Target: 7}, {Platform: "mz", Target: 8}}, <-got, "a target is once in a batch")
	require.Equal(t, []schema.Change{{Platform: "mz", Target: 8}}, <-got, "only what was handed back comes again")

	require.Eventually(t, func() bool {
		_, left, err := b.Pending(ctx)
		return err == nil && left == 2
	}, soon, tick, "another platform's changes wait for its own worker")
	background(t, func(ctx context.Context) error {
		return b.ConsumeChanges(ctx, "cl", bus.ConsumeOptions{}, func(context.Context, *bus.Batch[schema.Change]) error { return nil })
	})
	empty(t, b)
}

func TestUnusablePlatformIDs(t *testing.T) {
	t.Parallel()
	b := connect(t, bus.Options{InProcess: server(t, embedded.Options{})})
	for _, id := range []string{"", "a.b", "*", ">", "a b"} {
		r := record(1)
		r.Platform = id
		require.Error(t, b.PublishRecords(t.Context(), []schema.Record{r}), id)
		require.Error(t, b.PublishChanges(t.Context(), []schema.Change{{Platform: id, Target: 1}}), id)
		require.Error(t, b.ConsumeChanges(t.Context(), id, bus.ConsumeOptions{}, nil), id)
	}
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := bus.Connect(t.Context(), bus.Options{})
	require.ErrorContains(t, err, "exactly one")
	_, err = bus.Connect(t.Context(), bus.Options{URL: "nats://127.0.0.1:1"})
	require.ErrorIs(t, err, nats.ErrNoServers)
	require.ErrorContains(t, err, "NATS_URL")
}

func BenchmarkPublishConsume(b *testing.B) {
	n, err := embedded.StartNATS(b.Context(), embedded.Options{Dir: b.TempDir()})
	require.NoError(b, err)
	defer n.Stop()
	c, err := bus.Connect(b.Context(), bus.Options{InProcess: n})
	require.NoError(b, err)
	defer c.Close()
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	var arrived atomic.Int64
	all := make(chan struct{})
	b.ResetTimer()
	go func() {
		done <- c.ConsumeRecords(ctx, "mz", bus.ConsumeOptions{Dead: func(context.Context, bus.Poison) error { return nil }},
			func(_ context.Context, batch *bus.Batch[schema.Record]) error {
				if arrived.Add(int64(len(batch.Items))) == int64(b.N) {
					close(all)
				}
				return nil
			})
	}()
	for from := 1; from <= b.N; from += 1000 {
		require.NoError(b, c.PublishRecords(ctx, records(int64(from), int64(min(from+999, b.N)))))
	}
	<-all
	b.StopTimer()
	cancel()
	require.NoError(b, <-done)
}
