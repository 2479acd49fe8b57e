package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heji/schema"
	"heji/services/fault"
)

// Batch is what a handler is given at once.
type Batch[T any] struct {
	Items []T

	messages []jetstream.Msg // of each item: several may have come in one
	lines    []int           // of each item: where in its message, from 1
	later    map[int]time.Duration
}

// Retry hands item i back: it comes again after the given time, alone or with
// others, while the rest of the batch is done (I10).
func (b *Batch[T]) Retry(i int, after time.Duration) {
	if b.later == nil {
		b.later = map[int]time.Duration{}
	}
	b.later[i] = after
}

// Attempt is how often item i has been delivered, this time included.
func (b *Batch[T]) Attempt(i int) int { return attempt(b.messages[i]) }

func attempt(m jetstream.Msg) int {
	meta, err := m.Metadata()
	if err != nil {
		return 1
	}
	return int(meta.NumDelivered)
}

// distinct returns the messages, each once.
func (b *Batch[T]) distinct() []jetstream.Msg { return slices.Compact(slices.Clone(b.messages)) }

// handedBack returns the messages of which items were handed back: when they are
// to come again, and the lines.
func (b *Batch[T]) handedBack() (after map[jetstream.Msg]time.Duration, left map[jetstream.Msg][]int) {
	after, left = map[jetstream.Msg]time.Duration{}, map[jetstream.Msg][]int{}
	for i, wait := range b.later {
		m := b.messages[i]
		after[m] = max(after[m], wait)
		left[m] = append(left[m], b.lines[i])
	}
	return after, left
}

// Handler does the work of a batch. When it returns nil every item that was not
// handed back is done for good; when it returns an error all come again, later
// each time.
type Handler[T any] func(ctx context.Context, batch *Batch[T]) error

// Poison is a message that is not what its stream promises.
type Poison struct {
	Stream   string
	Subject  string
	Sequence uint64 // in the stream
	Line     int    // of the message, from 1; 0: it has only one
	Platform string // from the subject
	// Version is the place of the record that cannot be read in its run, as the
	// message's id has it; zero: the id does not say.
	Version schema.Version
	Bytes   int
	Reason  string // never quotes the message: I9
}

// ConsumeOptions say how messages are gathered into batches.
type ConsumeOptions struct {
	// Size is the most items of a batch, but for the rest of the last message: what
	// came together is handled together. Zero: 500.
	Size int
	// MaxWait is how long a batch that is not full waits for more. Zero: 20 ms.
	MaxWait time.Duration
	// Dead records a message that cannot be read. When it returns nil the message
	// is gone from the stream; when it returns an error it comes again. It must
	// be set for records: nothing is dropped in silence (I1).
	Dead func(ctx context.Context, p Poison) error
}

// idleWait is how long one request waits for a first message, and heartbeat how
// often the server says meanwhile that it still knows of it: two missed ones,
// and the worker looks whether its consumer is still there.
const (
	idleWait  = 10 * time.Second
	heartbeat = 2 * time.Second
)

// ConsumeRecords hands one platform's records to handler until ctx ends, and
// then returns nil. Any number of calls, in any number of processes, share the
// work. Each platform has a queue of its own, so that a large one keeps nobody
// waiting: least of all the desk (I10).
func (b *Bus) ConsumeRecords(ctx context.Context, platform string, o ConsumeOptions, handler Handler[schema.Record]) error {
	if err := token(platform); err != nil {
		return fmt.Errorf("consume records: %w", err)
	}
	if o.Dead == nil {
		return errors.New("consume records: a handler for messages that cannot be read is needed")
	}
	c := &consumption[schema.Record]{
		bus: b, opts: o, stream: RecordsStream, prefix: recordsPrefix, handler: handler,
		durable: "merge-" + platform, filter: recordsPrefix + platform, short: decodeRecord, many: recordsPerMessage,
		valid: func(r *schema.Record, platform string) string {
			switch {
			case r.Platform != platform:
				return "the platform in the message is not the one in its subject"
			case r.Op != schema.OpPut && r.Op != schema.OpDelete && r.Op != schema.OpDead && r.Op != schema.OpMark:
				return "the operation is none of put, delete, dead and mark"
			case r.Key == "" && (r.Op == schema.OpPut || r.Op == schema.OpDelete):
				return "a record without a key"
			}
			return ""
		},
	}
	return c.run(ctx)
}

// ConsumeChanges hands one platform's changes to handler until ctx ends, and
// then returns nil. Each target is once in a batch, however often it changed.
func (b *Bus) ConsumeChanges(ctx context.Context, platform string, o ConsumeOptions, handler Handler[schema.Change]) error {
	if err := token(platform); err != nil {
		return fmt.Errorf("consume changes: %w", err)
	}
	if o.Dead == nil {
		// A hint that cannot be read loses nothing: the sweep finds the target.
		o.Dead = func(_ context.Context, p Poison) error {
			b.log.Warn("a change that cannot be read is dropped", "subject", p.Subject, "sequence", p.Sequence, "reason", p.Reason)
			return nil
		}
	}
	c := &consumption[schema.Change]{
		bus: b, opts: o, stream: ChangesStream, prefix: changesPrefix, handler: onePerTarget(handler),
		durable: "writeback-" + platform, filter: changesPrefix + platform, many: 1,
		valid: func(c *schema.Change, platform string) string {
			switch {
			case c.Platform != platform:
				return "the platform in the message is not the one in its subject"
			case c.Target <= 0:
				return "a change without a target"
			}
			return ""
		},
	}
	return c.run(ctx)
}

// onePerTarget shows the handler each target once; what it decides about that
// one holds for the others.
func onePerTarget(handler Handler[schema.Change]) Handler[schema.Change] {
	return func(ctx context.Context, all *Batch[schema.Change]) error {
		first := make(map[int64]int, len(all.Items)) // target → index among the distinct
		distinct := &Batch[schema.Change]{}
		for i, c := range all.Items {
			if _, seen := first[c.Target]; seen {
				continue
			}
			first[c.Target] = len(distinct.Items)
			distinct.Items = append(distinct.Items, c)
			distinct.messages = append(distinct.messages, all.messages[i])
		}
		if err := handler(ctx, distinct); err != nil {
			return err
		}
		for i, c := range all.Items {
			if after, back := distinct.later[first[c.Target]]; back {
				all.Retry(i, after)
			}
		}
		return nil
	}
}

// consumption is one worker on one durable consumer.
type consumption[T any] struct {
	bus     *Bus
	opts    ConsumeOptions
	stream  string
	prefix  string
	durable string
	filter  string
	handler Handler[T]
	// short reads an item of the usual form; nil, or ok false: encoding/json does.
	short func(data []byte) (item T, ok bool)
	// valid returns what is wrong with an item, or "".
	valid func(item *T, platform string) string
	many  int // the most items of a message

	consumer jetstream.Consumer
	// left are the lines that were handed back of messages whose others are done,
	// by message id. It is a saving: whoever gets such a message without knowing
	// sees the others once more.
	left map[string][]int
}

func (c *consumption[T]) run(ctx context.Context) error {
	if c.opts.Size <= 0 {
		c.opts.Size = 500
	}
	if c.opts.MaxWait <= 0 {
		c.opts.MaxWait = 20 * time.Millisecond
	}
	wait, streak := 50*time.Millisecond, 0
	for ctx.Err() == nil {
		back := c.bus.nextReturn()
		messages, err := c.fetch(ctx)
		if err == nil {
			wait, streak = 50*time.Millisecond, 0
			c.handle(ctx, messages)
			continue
		}
		if ctx.Err() != nil {
			for _, m := range messages {
				c.settled(m.Nak()) // whoever starts next gets them at once
			}
			break
		}
		if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, jetstream.ErrConnectionClosed) {
			return fmt.Errorf("consume %s: %w", c.filter, err)
		}
		// What was fetched before the trouble is work all the same.
		c.handle(ctx, messages)
		if streak++; streak == 2 {
			c.bus.log.Warn("cannot fetch messages: trying again", "stream", c.stream, "consumer", c.durable, "error", err)
		}
		c.consumer = nil // made again where it is missing
		pauseOr(ctx, wait, back)
		wait = min(2*wait, 2*time.Second)
	}
	return nil
}

// ensure makes the consumer, and its stream, where they are missing.
func (c *consumption[T]) ensure(ctx context.Context) error {
	if c.consumer != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	config := jetstream.ConsumerConfig{
		Durable:       c.durable,
		FilterSubject: c.filter,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       c.bus.opts.AckWait,
		MaxDeliver:    -1,
		MaxAckPending: 50_000,
		// What is acknowledged is gone from the stream, so that nothing need be
		// remembered on the disk: a consumer that is missing after a restart is
		// made again, and what was on its way comes again.
		MemoryStorage: true,
	}
	consumer, err := c.bus.js.CreateOrUpdateConsumer(ctx, c.stream, config)
	if missing(err) {
		if err := c.bus.ensureStreams(ctx); err != nil {
			return err
		}
		consumer, err = c.bus.js.CreateOrUpdateConsumer(ctx, c.stream, config)
	}
	if err != nil {
		// One of an earlier program cannot be changed in this.
		if is, lookErr := c.bus.js.Consumer(ctx, c.stream, c.durable); lookErr == nil && !is.CachedInfo().Config.MemoryStorage {
			if err = c.bus.js.DeleteConsumer(ctx, c.stream, c.durable); err == nil || missing(err) {
				consumer, err = c.bus.js.CreateOrUpdateConsumer(ctx, c.stream, config)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("make the consumer %s of %s: %w", c.durable, c.stream, err)
	}
	c.consumer = consumer
	return nil
}

// fetch returns what is there now, up to a batch; where nothing is there it
// waits for the first message; where little is there it waits a moment for more.
func (c *consumption[T]) fetch(ctx context.Context) ([]jetstream.Msg, error) {
	if err := c.ensure(ctx); err != nil {
		return nil, err
	}
	// As if messages were full, then more and more at once: nobody knows how much
	// is in them.
	var messages []jetstream.Msg
	items := 0
	for ask := max(1, c.opts.Size/c.many); items < c.opts.Size; ask *= 2 {
		n := min(ask, c.opts.Size-items)
		got, err := gather(nil, func() (jetstream.MessageBatch, error) { return c.consumer.FetchNoWait(n) })
		messages = append(messages, got...)
		items += lines(got)
		if err != nil {
			return messages, err
		}
		if len(got) < n {
			break
		}
	}
	if len(messages) == 0 {
		var err error
		messages, err = c.first(ctx)
		if err != nil || len(messages) == 0 {
			return messages, err
		}
		items = lines(messages)
	}
	if items >= c.opts.Size {
		return messages, nil
	}
	// Without a context: this side listens until the server has said that it is
	// over, so that no message is on its way to nobody, to come again only after
	// AckWait.
	return gather(messages, func() (jetstream.MessageBatch, error) {
		return c.consumer.Fetch(max(1, (c.opts.Size-items)/c.many), jetstream.FetchMaxWait(c.opts.MaxWait))
	})
}

// lines counts the items that messages hold.
func lines(messages []jetstream.Msg) int {
	n := len(messages)
	for _, m := range messages {
		n += bytes.Count(m.Data(), newline)
	}
	return n
}

var newline = []byte{'\n'}

// first waits for a message, idleWait at most.
func (c *consumption[T]) first(ctx context.Context) ([]jetstream.Msg, error) {
	// With a context, because this wait is long and has to end when we stop. The
	// server is told to end a second earlier.
	bound, cancel := context.WithTimeout(ctx, idleWait)
	defer cancel()
	messages, err := gather(nil, func() (jetstream.MessageBatch, error) {
		return c.consumer.Fetch(1, jetstream.FetchContext(bound), jetstream.FetchHeartbeat(heartbeat))
	})
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return messages, err
}

// gather adds what a request brings. It waits until the request is over, which
// each request is by itself, so that nothing of it is left behind.
func gather(messages []jetstream.Msg, fetch func() (jetstream.MessageBatch, error)) ([]jetstream.Msg, error) {
	batch, err := fetch()
	if err != nil {
		return messages, err
	}
	for m := range batch.Messages() {
		messages = append(messages, m)
	}
	return messages, batch.Error()
}

// handle decodes messages, gives them to the handler in batches and settles each.
func (c *consumption[T]) handle(ctx context.Context, messages []jetstream.Msg) {
	for len(messages) > 0 {
		batch, n := c.unpack(ctx, messages)
		c.work(ctx, batch)
		messages = messages[n:]
	}
}

// unpack makes a batch of the first n messages. Of those that hold nothing that
// can be read it has settled each.
func (c *consumption[T]) unpack(ctx context.Context, messages []jetstream.Msg) (batch *Batch[T], n int) {
	batch = &Batch[T]{}
	for _, m := range messages {
		if n > 0 && len(batch.Items)+lines(messages[n:n+1]) > c.opts.Size {
			break
		}
		n++
		before, several := len(batch.Items), bytes.Contains(m.Data(), newline)
		left, again := c.left[m.Headers().Get(jetstream.MsgIDHeader)]
		line, failed := 0, false
		for data := range bytes.SplitSeq(m.Data(), newline) {
			if line++; again && !slices.Contains(left, line) {
				continue // done before
			}
			item, reason := c.decode(m, data)
			if reason == "" {
				batch.Items = append(batch.Items, item)
				batch.messages, batch.lines = append(batch.messages, m), append(batch.lines, line)
				continue
			}
			p := Poison{Stream: c.stream, Subject: m.Subject(), Platform: c.platform(m.Subject()), Bytes: len(data), Reason: reason}
			if several {
				p.Line = line
			}
			if c.stream == RecordsStream {
				p.Version = placeOf(m.Headers().Get(jetstream.MsgIDHeader), p.Platform, line, bytes.Count(m.Data(), newline)+1)
			}
			failed = !c.bury(ctx, m, p) || failed
		}
		if failed { // it comes again as a whole
			batch.Items, batch.messages, batch.lines = batch.Items[:before], batch.messages[:before], batch.lines[:before]
			c.settled(m.NakWithDelay(backoff(attempt(m))))
		} else if len(batch.Items) == before {
			c.settled(m.TermWithReason("it cannot be read"))
		}
	}
	return batch, n
}

// placeOf is the version of a line of a message, which its id names where the
// message is one of ours (parcel.message) and has as many lines as it says.
func placeOf(id, platform string, line, lines int) schema.Version {
	text, ok := strings.CutPrefix(id, platform+":")
	fence, positions, ok2 := strings.Cut(text, ":")
	first, last, several := strings.Cut(positions, "-")
	if !several {
		last = first
	}
	f, err1 := strconv.ParseInt(fence, 10, 64)
	from, err2 := strconv.ParseInt(first, 10, 64)
	to, err3 := strconv.ParseInt(last, 10, 64)
	if !ok || !ok2 || errors.Join(err1, err2, err3) != nil || from < 1 || to-from+1 != int64(lines) {
		return schema.Version{}
	}
	return schema.Version{Fence: f, Position: from + int64(line) - 1}
}

// work hands a batch to the handler.
func (c *consumption[T]) work(ctx context.Context, batch *Batch[T]) {
	if len(batch.Items) == 0 {
		return
	}
	stop := c.keepAlive(batch.distinct())
	err := c.handler(ctx, batch)
	stop()
	if err != nil && ctx.Err() == nil {
		c.bus.log.Error("a batch failed and comes again", "stream", c.stream, "consumer", c.durable, "count", len(batch.Items), "error", err)
	}
	if err == nil && c.stream == RecordsStream {
		fault.At(fault.TakenIn, c.platform(batch.messages[0].Subject()))
	}
	later, left := batch.handedBack()
	for _, m := range batch.distinct() {
		after, back := later[m]
		switch {
		case err != nil && ctx.Err() != nil:
			c.settled(m.Nak()) // stopping; the work was not done
		case err != nil:
			c.settled(m.NakWithDelay(backoff(attempt(m))))
		case back:
			c.remember(m, left[m])
			c.settled(m.NakWithDelay(max(after, time.Millisecond)))
		default:
			c.remember(m, nil)
			c.settled(m.Ack())
		}
	}
}

// remember notes which lines of a message are left to be done; nil: none.
func (c *consumption[T]) remember(m jetstream.Msg, left []int) {
	id := m.Headers().Get(jetstream.MsgIDHeader)
	switch {
	case id == "" || c.many == 1:
	case left == nil:
		delete(c.left, id)
	default:
		if c.left == nil || len(c.left) > 1000 { // of messages that others got instead
			c.left = map[string][]int{}
		}
		c.left[id] = left
	}
}

// settled notes that an acknowledgement could not be sent. The message comes
// again, which every handler stands.
func (c *consumption[T]) settled(err error) {
	if err != nil {
		c.bus.log.Warn("an acknowledgement was not sent: the message comes again", "stream", c.stream, "error", err)
	}
}

func (c *consumption[T]) decode(m jetstream.Msg, data []byte) (item T, reason string) {
	if c.short != nil {
		if item, ok := c.short(data); ok {
			return item, c.valid(&item, c.platform(m.Subject()))
		}
	}
	if err := json.Unmarshal(data, &item); err != nil {
		// The error's own text may quote a value.
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			return item, fmt.Sprintf("not JSON: wrong at byte %d", syntax.Offset)
		case errors.As(err, &kind):
			return item, fmt.Sprintf("not the agreed form: field %s at byte %d is of another type", kind.Field, kind.Offset)
		}
		return item, "not the agreed form: a field cannot be read"
	}
	return item, c.valid(&item, c.platform(m.Subject()))
}

func (c *consumption[T]) platform(subject string) string {
	if len(subject) < len(c.prefix) {
		return ""
	}
	return subject[len(c.prefix):]
}

// bury hands what cannot be read to the dead handler, and reports whether that
// has taken it.
func (c *consumption[T]) bury(ctx context.Context, m jetstream.Msg, p Poison) bool {
	if meta, err := m.Metadata(); err == nil {
		p.Sequence = meta.Sequence.Stream
	}
	err := c.opts.Dead(ctx, p)
	if err != nil {
		c.bus.log.Error("a message that cannot be read could not be set aside and comes again", "subject", p.Subject, "sequence", p.Sequence, "error", err)
	}
	return err == nil
}

// keepAlive tells JetStream that the messages are being worked on, so that a
// long batch is not given to another worker as well.
func (c *consumption[T]) keepAlive(messages []jetstream.Msg) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(c.bus.opts.AckWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				for _, m := range messages {
					_ = m.InProgress()
				}
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// backoff is the wait before delivery number attempt+1: half a second, doubled
// each time, half a minute at most.
func backoff(attempt int) time.Duration {
	return min(500*time.Millisecond<<min(max(attempt-1, 0), 6), 30*time.Second)
}
