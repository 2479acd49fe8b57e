package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"heji/connectors"
	"heji/connectors/spec"
)

// maxReply bounds all parts of one reply, in bytes.
const maxReply = 64 << 20

// beatsMissed is after how many heartbeats that did not come the program is
// taken for gone.
const beatsMissed = 3

// link is the connection to one program. It is opened at the first request.
type link struct {
	platform *spec.Platform
	settings Settings
	connect  func() (*nats.Conn, error)

	mu      sync.Mutex
	conn    *nats.Conn
	beats   *nats.Subscription
	welcome *Welcome  // nil: no handshake yet, or another instance has come
	last    time.Time // the last sign of life
}

// errNobody says that no program listens: certainly nothing was done.
var errNobody = errors.New("no program listens")

// open connects and listens for heartbeats.
func (l *link) open() (*nats.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		return l.conn, nil
	}
	conn, err := l.connect()
	if connectors.AsTrouble(err) != nil {
		return nil, err
	}
	if err != nil {
		return nil, connectors.NewTrouble("nats_unreachable", "words", l.platform.Redact(err.Error()))
	}
	l.beats, err = conn.Subscribe(Prefix(l.platform.ID)+"."+OpBeat, func(m *nats.Msg) {
		var b Beat
		if json.Unmarshal(m.Data, &b) == nil {
			l.alive(b.Instance)
		}
	})
	if err == nil {
		err = conn.Flush() // from here on no heartbeat is missed
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("NATS: %w: %w", err, connectors.ErrUnreachable)
	}
	l.conn = conn
	return conn, nil
}

// alive notes a sign of life. Another instance must say anew what it can.
func (l *link) alive(instance string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.welcome != nil && instance != l.welcome.Instance {
		l.welcome = nil
		return
	}
	l.last = time.Now()
}

// silent reports whether the heartbeats have stopped.
func (l *link) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.welcome == nil {
		return false
	}
	return time.Since(l.last) > beatsMissed*l.beat()
}

// beat is the time between two heartbeats. The lock is held.
func (l *link) beat() time.Duration {
	return max(time.Duration(l.welcome.Beat*float64(time.Second)), 50*time.Millisecond)
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// hello makes sure that a program is there which can do what the platform's file
// says. It asks again when another instance has come, or the last fell silent.
func (l *link) hello(ctx context.Context) (Welcome, error) {
	l.mu.Lock()
	known := l.welcome
	l.mu.Unlock()
	if known != nil && !l.silent() {
		return *known, nil
	}
	l.mu.Lock()
	l.welcome = nil
	l.mu.Unlock()
	var w Welcome
	if err := l.ask(ctx, OpHello, "", Hello{Protocol: Version, Platform: l.platform.ID, Key: l.platform.Key, Columns: l.platform.Columns()}, &w); err != nil {
		return w, err
	}
	if w.Error != nil {
		return w, w.Error.err()
	}
	if w.Protocol != Version {
		return w, connectors.NewTrouble("program_version", "program", words(w.Program), "theirs", strconv.Itoa(w.Protocol), "ours", strconv.Itoa(Version))
	}
	for _, c := range l.settings.Can {
		if !slices.Contains(w.Can, c) {
			return w, connectors.NewTrouble("program_cannot", "program", words(w.Program), "what", c, "can", words(strings.Join(w.Can, ", ")))
		}
	}
	if w.Instance == "" || w.Beat <= 0 || w.Beat > 300 {
		return w, connectors.NewTrouble("program_handshake", "program", words(w.Program))
	}
	if w.Window < 1 {
		w.Window = 1
	}
	l.mu.Lock()
	l.welcome, l.last = &w, time.Now()
	l.mu.Unlock()
	return w, nil
}

// words makes a program's own words fit for a person and for logs (I9).
func words(text string) string { return connectors.Reason(text) }

// request makes sure of the handshake, then asks.
func (l *link) request(ctx context.Context, op, id string, body, reply any) error {
	if _, err := l.hello(ctx); err != nil {
		return err
	}
	return l.ask(ctx, op, id, body, reply)
}

// ask sends one request and puts the parts of its reply together. errNobody
// means that it reached nobody; any other error that it may have.
func (l *link) ask(ctx context.Context, op, id string, body, reply any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, err := l.open()
	if err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	inbox := conn.NewInbox()
	replies := make(chan *nats.Msg, 256)
	sub, err := conn.ChanSubscribe(inbox, replies)
	if err != nil {
		return fmt.Errorf("%w: NATS: %w: %w", errNobody, err, connectors.ErrUnreachable)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection is closed: then it is gone as well
	subject := Prefix(l.platform.ID) + "." + op
	if err := conn.PublishRequest(subject, inbox, data); err != nil {
		return fmt.Errorf("%w: NATS: %w: %w", errNobody, err, connectors.ErrUnreachable)
	}
	text, err := l.collect(ctx, op, replies)
	if err != nil {
		if id != "" && !errors.Is(err, errNobody) {
			l.cancel(id)
		}
		return err
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return connectors.NewTrouble("program_answer", "op", op, "words", jsonTrouble(err))
	}
	return nil
}

// collect waits for the parts of a reply, for as long as the program lives.
func (l *link) collect(ctx context.Context, op string, replies <-chan *nats.Msg) ([]byte, error) {
	limit := time.NewTimer(l.settings.Timeout.D())
	defer limit.Stop()
	l.mu.Lock()
	every := 100 * time.Millisecond
	if l.welcome != nil {
		every = l.beat() / 2
	}
	l.mu.Unlock()
	pulse := time.NewTicker(every)
	defer pulse.Stop()
	var text []byte
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.C:
			return nil, connectors.NewTrouble("program_slow", "op", op, "after", l.settings.Timeout.D().String())
		case <-pulse.C:
			if op != OpHello && l.silent() {
				return nil, connectors.NewTrouble("program_dead")
			}
		case m := <-replies:
			if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
				return nil, fmt.Errorf("%w: %w", errNobody, connectors.NewTrouble("program_missing"))
			}
			if len(text)+len(m.Data) > maxReply {
				return nil, connectors.NewTrouble("program_long", "op", op, "limit", strconv.Itoa(maxReply>>20))
			}
			if text = append(text, m.Data...); m.Header.Get(MoreHeader) == "" {
				return text, nil
			}
			limit.Reset(l.settings.Timeout.D())
		}
	}
}

// cancel tells the program that nobody waits any more. It is a courtesy.
func (l *link) cancel(id string) {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return
	}
	if data, err := json.Marshal(Cancel{ID: id}); err == nil {
		_ = conn.Publish(Prefix(l.platform.ID)+"."+OpCancel, data) // when this fails nobody listens
	}
}

// bytes is how long a message may be.
func (l *link) bytes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return 512 << 10
	}
	return int(l.conn.MaxPayload()) - 8<<10 // room for headers and what is around it
}

// err makes a sentence of a program's error.
func (f *Failure) err() error {
	said := words(f.Text)
	if said == "" {
		said = "the program gave no reason"
	}
	kind, ok := map[string]error{"unreachable": connectors.ErrUnreachable, "credentials": connectors.ErrCredentials,
		"layout": connectors.ErrLayout, "read_only": connectors.ErrReadOnly, "throttled": connectors.ErrThrottled}[f.Code]
	if !ok {
		return fmt.Errorf("%s (the program gave the code %q, which docs/remote-protocol.md does not have): %w", said, words(f.Code), connectors.ErrLayout)
	}
	err := fmt.Errorf("%s: %w", said, kind)
	if f.RetryAfter > 0 {
		return &connectors.Later{After: time.Duration(min(f.RetryAfter, 86400) * float64(time.Second)), Err: err}
	}
	return err
}

// jsonTrouble says what is wrong with a text without its content (I9).
func jsonTrouble(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Sprintf("%s must not be %s", kind.Field, kind.Value)
	}
	return "it is no JSON"
}

func newID() string { return uuid.NewString() }
