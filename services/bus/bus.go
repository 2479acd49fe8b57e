package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The streams and their subjects.
const (
	RecordsStream = "RECORDS"
	ChangesStream = "CHANGES"

	recordsPrefix = "records."
	changesPrefix = "changes."
)

// Options say how to reach NATS. Exactly one of URL and InProcess is set.
type Options struct {
	// URL of a NATS server with JetStream.
	URL string
	// InProcess is a server in this process: embedded.NATS.
	InProcess nats.InProcessConnProvider
	// Logger receives trouble that the bus deals with by itself. Nil: nothing.
	Logger *slog.Logger

	// MaxRecordsBytes bounds the RECORDS stream on the disk. Zero: 2 GiB.
	MaxRecordsBytes int64
	// MaxChanges bounds the number of messages in the CHANGES stream. Zero: two
	// million.
	MaxChanges int64
	// AckWait is how long a message may be silent before another worker gets it;
	// a running handler extends it. Zero: ten seconds.
	AckWait time.Duration
}

// Bus is a connection to the two streams. It is safe for concurrent use.
type Bus struct {
	conn *nats.Conn
	js   jetstream.JetStream
	opts Options
	log  *slog.Logger

	ensuring sync.Mutex

	mu      sync.Mutex
	refused error         // why messages are not acknowledged; nil: they are
	back    chan struct{} // closed when the connection is back

	firstWait, longestWait time.Duration // between two attempts to publish
}

// returned wakes whoever waits for the connection to be back.
func (b *Bus) returned() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.back)
	b.back = make(chan struct{})
}

// nextReturn is closed when the connection is back the next time. Whoever waits
// for it asks before the attempt that may fail, so that no return is missed.
func (b *Bus) nextReturn() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.back
}

// note remembers whether messages are acknowledged.
func (b *Bus) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = err
}

// maxMessage is the largest message in bytes, headers included: the default
// limit of NATS itself, so that the same records pass everywhere.
const maxMessage = 1 << 20

// requestWait bounds a request to JetStream's own interface. Short, because one
// that was on its way when the connection broke gets no answer at all.
const requestWait = 3 * time.Second

// headerRoom is kept for the message id and the protocol.
const headerRoom = 512

// Connect connects and makes the streams where they are missing.
func Connect(ctx context.Context, o Options) (*Bus, error) {
	if (o.URL == "") == (o.InProcess == nil) {
		return nil, errors.New("connect to NATS: exactly one of a URL and a server in this process is needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxRecordsBytes == 0 {
		o.MaxRecordsBytes = 2 << 30
	}
	if o.MaxChanges == 0 {
		o.MaxChanges = 2_000_000
	}
	if o.AckWait == 0 {
		o.AckWait = 10 * time.Second
	}
	log := o.Logger
	b := &Bus{opts: o, log: log, back: make(chan struct{}), firstWait: 50 * time.Millisecond, longestWait: 2 * time.Second}
	options := []nats.Option{
		nats.Name("heji"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("NATS is out of reach: trying again until it answers", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			log.Info("NATS answers again")
			b.returned()
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("NATS connection", "error", err)
		}),
	}
	if o.InProcess != nil {
		options = append(options, nats.InProcessServer(o.InProcess))
		if x, ok := o.InProcess.(interface{ Login() nats.Option }); ok {
			options = append(options, x.Login())
		}
	}
	conn, err := nats.Connect(o.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w; check NATS_URL, or leave it out to use the embedded server", err)
	}
	js, err := jetstream.New(conn,
		jetstream.WithPublishAsyncMaxPending(4096),
		jetstream.WithPublishAsyncTimeout(30*time.Second))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to JetStream: %w", err)
	}
	b.conn, b.js = conn, js
	if err := b.ensureStreams(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close ends the connection. Messages that were fetched and not acknowledged
// come again to others.
func (b *Bus) Close() {
	b.js.CleanupPublisher()
	// Acknowledgements may still be on their way out; when they do not get out,
	// their messages come again.
	_ = b.conn.FlushTimeout(time.Second)
	b.conn.Close()
}

// Check reports whether NATS answers, both streams are there, and what was published
// last was acknowledged.
func (b *Bus) Check(ctx context.Context) error {
	for _, name := range []string{RecordsStream, ChangesStream} {
		if _, err := b.js.Stream(ctx, name); err != nil {
			return fmt.Errorf("stream %s: %w", name, err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused != nil {
		return fmt.Errorf("JetStream does not take messages: %w: they are published again until it does", b.refused)
	}
	return nil
}

// Pending returns how many messages of each stream are not done yet.
func (b *Bus) Pending(ctx context.Context) (records, changes uint64, err error) {
	for name, n := range map[string]*uint64{RecordsStream: &records, ChangesStream: &changes} {
		s, err := b.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue // thrown away: nothing is waiting
		}
		if err != nil {
			return 0, 0, fmt.Errorf("stream %s: %w", name, err)
		}
		*n = s.CachedInfo().State.Msgs
	}
	return records, changes, nil
}

// Waiting returns how many messages with records of a platform are not taken in:
// a message goes when its work is done, and not before.
func (b *Bus) Waiting(ctx context.Context, platform string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	s, err := b.js.Stream(ctx, RecordsStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil // thrown away
	}
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", RecordsStream, err)
	}
	subject := recordsPrefix + platform
	is, err := s.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", RecordsStream, err)
	}
	return is.State.Subjects[subject], nil
}

// MaxRecord is the largest encoded record in bytes that can be published.
func (b *Bus) MaxRecord() int {
	return int(min(b.conn.MaxPayload(), maxMessage)) - headerRoom
}

func (b *Bus) streams() []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name:        RecordsStream,
			Description: "Heji: records that platforms showed us, on their way to the merge",
			Subjects:    []string{recordsPrefix + ">"},
			Retention:   jetstream.WorkQueuePolicy,
			Discard:     jetstream.DiscardNew, // back-pressure, never a silent loss: I1
			MaxBytes:    b.opts.MaxRecordsBytes,
			MaxMsgSize:  maxMessage,
			Storage:     jetstream.FileStorage,
			Duplicates:  2 * time.Minute,
		},
		{
			Name:        ChangesStream,
			Description: "Heji: targets to look at, on their way to the write-back",
			Subjects:    []string{changesPrefix + ">"},
			Retention:   jetstream.WorkQueuePolicy,
			Discard:     jetstream.DiscardOld,
			MaxMsgs:     b.opts.MaxChanges,
			MaxMsgSize:  maxMessage,
			Storage:     jetstream.FileStorage,
			Duplicates:  2 * time.Minute,
		},
	}
}

// ensureStreams makes the streams where they are missing and brings them to our
// settings where those differ. A stream that is right is left alone: this is
// called whenever something is amiss, and an update disturbs others.
func (b *Bus) ensureStreams(ctx context.Context) error {
	b.ensuring.Lock()
	defer b.ensuring.Unlock()
	for _, config := range b.streams() {
		if err := b.ensureStream(ctx, config); err != nil {
			return fmt.Errorf("make the JetStream stream %s: %w", config.Name, err)
		}
	}
	return nil
}

func (b *Bus) ensureStream(ctx context.Context, config jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	stream, err := b.js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.createStream(ctx, config)
	}
	if err != nil {
		return err
	}
	is := stream.CachedInfo().Config
	if is.Retention == config.Retention && is.Discard == config.Discard && is.Duplicates == config.Duplicates &&
		is.MaxMsgSize == config.MaxMsgSize && slices.Equal(is.Subjects, config.Subjects) &&
		(config.MaxBytes == 0 || is.MaxBytes == config.MaxBytes) && (config.MaxMsgs == 0 || is.MaxMsgs == config.MaxMsgs) {
		return nil
	}
	_, err = b.js.UpdateStream(ctx, config)
	return err
}

// storeFailed is the server's code for "error creating store for stream".
const storeFailed jetstream.ErrorCode = 10049

// createStream makes a stream. A server that has just started removes empty
// account folders in the background, and the folder of a stream that is being
// made at that moment may go with them: then it is made again.
func (b *Bus) createStream(ctx context.Context, config jetstream.StreamConfig) error {
	for wait := 10 * time.Millisecond; ; wait *= 2 {
		_, err := b.js.CreateOrUpdateStream(ctx, config)
		var api *jetstream.APIError
		if err == nil || !errors.As(err, &api) || api.ErrorCode != storeFailed || wait > time.Second {
			return err
		}
		pause(ctx, wait)
	}
}

// token checks that a platform's id can be the last part of a subject.
func token(platform string) error {
	if platform == "" || strings.ContainsAny(platform, ".*> \t\r\n") {
		return fmt.Errorf("platform id %q cannot be part of a NATS subject: letters, digits, - and _ only", platform)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) { pauseOr(ctx, d, nil) }

// pauseOr pauses, and reports whether what it was to wake for came first.
func pauseOr(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
		return true
	}
	return false
}
