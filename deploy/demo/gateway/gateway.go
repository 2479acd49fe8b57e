package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	platform = "volunteers"
	prefix   = "heji.remote.v1." + platform + "."
	key      = "vid"
	beat     = time.Second
	overlap  = 10 * time.Second // how long after its change a row may still come into the list
)

// columns are those that the interface shows.
var columns = []string{"vid", "realname", "idcard", "sex", "birthday", "edu", "mobile", "addr", "volunteer_no", "hobby", "state", "death_day", "mtime"}

// Config says where both sides are.
type Config struct {
	NATS   string // with user and password
	URL    string // of the interface
	Secret string // its OAuth2 client secret
}

type (
	row struct {
		Key       string            `json:"key"`
		Op        string            `json:"op,omitempty"`
		Columns   map[string]string `json:"columns,omitempty"`
		ChangedAt *time.Time        `json:"changed_at,omitempty"`
		Version   string            `json:"version,omitempty"`
	}
	failure struct {
		Code       string  `json:"code"`
		Text       string  `json:"text"`
		RetryAfter float64 `json:"retry_after,omitempty"`
	}
	write struct {
		Intent string            `json:"intent"`
		Key    string            `json:"key"`
		Set    map[string]string `json:"set"`
		If     map[string]string `json:"if"`
	}
	outcome struct {
		Intent     string  `json:"intent"`
		Status     string  `json:"status"`
		Key        string  `json:"key,omitempty"`
		Version    string  `json:"version,omitempty"`
		Reason     string  `json:"reason,omitempty"`
		Column     string  `json:"column,omitempty"`
		RetryAfter float64 `json:"retry_after,omitempty"`
	}
	// request holds the parts of the requests after the handshake that are used here.
	request struct {
		Cursor  string            `json:"cursor"` // a time
		Next    string            `json:"next"`   // the interface's own cursor
		Rows    int               `json:"rows"`
		Key     string            `json:"key"`
		Natural map[string]string `json:"natural"`
		Writes  []write           `json:"writes"`
	}
)

// gateway answers one request after the other.
type gateway struct {
	api      *api
	instance string
}

// Run answers until ctx ends or the connection is lost for good.
func Run(ctx context.Context, c Config) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lost := make(chan error, 1)
	conn, err := nats.Connect(c.NATS, nats.Name(platform), nats.MaxReconnects(-1), nats.ClosedHandler(func(n *nats.Conn) { lost <- n.LastError() }))
	if err != nil {
		return fmt.Errorf("NATS cannot be reached: %w", err)
	}
	defer conn.Close()
	g := &gateway{api: newAPI(c), instance: rand.Text()}
	work := make(chan *nats.Msg, 64)
	if _, err := conn.ChanSubscribe(prefix+"*", work); err != nil {
		return fmt.Errorf("NATS: %w", err)
	}
	alive := time.NewTicker(beat)
	defer alive.Stop()
	go func() { // also while a request is worked on
		for {
			select {
			case <-ctx.Done():
				return
			case <-alive.C:
				_ = conn.Publish(prefix+"beat", []byte(`{"instance":"`+g.instance+`"}`)) // the next one tells
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-lost:
			return fmt.Errorf("the connection to NATS has ended: %w", err)
		case m := <-work:
			if m.Reply == "" {
				continue // a heartbeat, or a request that nobody waits for any more
			}
			body, err := json.Marshal(g.answer(ctx, m.Subject[len(prefix):], m.Data))
			if err == nil {
				err = m.Respond(body)
			}
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("answer: %w", err)
			}
		}
	}
}

// answer does what is asked. An error of the interface is the answer, too.
func (g *gateway) answer(ctx context.Context, op string, data []byte) any {
	if op == "hello" {
		return g.hello(data)
	}
	var q request
	if err := json.Unmarshal(data, &q); err != nil {
		return wrong(&failure{Code: "layout", Text: "the request cannot be read: it is of another version of the protocol"})
	}
	var reply any
	var err *failure
	switch op {
	case "check":
		_, _, err = g.api.list(ctx, "", "", 1)
		reply = map[string]any{}
	case "pull":
		reply, err = g.pull(ctx, q)
	case "preview":
		var rows []row
		rows, _, err = g.api.list(ctx, "", "", q.Rows)
		reply = map[string]any{"rows": rows}
	case "look":
		var rows []row
		rows, err = g.look(ctx, q)
		reply = map[string]any{"rows": rows}
	case "push":
		out := []outcome{}
		for _, w := range q.Writes {
			o := g.push(ctx, w)
			o.Intent = w.Intent
			out = append(out, o)
		}
		reply = map[string]any{"outcomes": out}
	default:
		err = &failure{Code: "layout", Text: "this program does not know the request " + op}
	}
	if err != nil {
		return wrong(err)
	}
	return reply
}

func wrong(f *failure) any { return map[string]any{"error": f} }

func (g *gateway) hello(data []byte) any {
	var q struct {
		Columns []string `json:"columns"`
	}
	if err := json.Unmarshal(data, &q); err != nil {
		return wrong(&failure{Code: "layout", Text: "the handshake cannot be read: it is of another version of the protocol"})
	}
	known := map[string]bool{}
	for _, c := range columns {
		known[c] = true
	}
	for _, c := range q.Columns {
		if !known[c] {
			return wrong(&failure{Code: "layout", Text: "the interface has no column " + c})
		}
	}
	return map[string]any{"protocol": 1, "program": "volunteers gateway 1.0", "instance": g.instance, "beat": beat.Seconds(), "window": 2,
		"can": []string{"check", "pull", "preview", "push", "look"}}
}

// pull gives one page. The first read of all is whole; later ones begin a little
// before the last change that was seen. Deleted rows are told as such.
func (g *gateway) pull(ctx context.Context, q request) (any, *failure) {
	rows, next, err := g.api.list(ctx, q.Next, q.Cursor, q.Rows)
	if err != nil {
		return nil, err
	}
	page := map[string]any{"rows": rows, "full": q.Cursor == "", "complete": q.Cursor == "" && next == ""}
	if next != "" {
		page["next"] = next
	}
	at := q.Cursor
	if n := len(rows); n > 0 && rows[n-1].ChangedAt != nil {
		at = rows[n-1].ChangedAt.Add(-overlap).Format(time.RFC3339Nano)
	}
	if at == "" {
		at = time.Unix(0, 0).UTC().Format(time.RFC3339Nano)
	}
	page["cursor"] = at
	return page, nil
}

func (g *gateway) look(ctx context.Context, q request) ([]row, *failure) {
	if q.Key != "" {
		r, err := g.api.get(ctx, q.Key)
		if err != nil || r == nil {
			return []row{}, err
		}
		return []row{*r}, nil
	}
	return g.api.find(ctx, q.Natural)
}

// push writes one row, where it shows what it showed.
func (g *gateway) push(ctx context.Context, w write) outcome {
	if w.Key == "" {
		return outcome{Status: "refused", Reason: "people sign up by themselves: no row is made here"}
	}
	now, err := g.api.get(ctx, w.Key)
	switch {
	case err != nil:
		return outcome{Status: "busy", Reason: err.Text, RetryAfter: err.RetryAfter}
	case now == nil:
		return outcome{Status: "gone", Reason: "there is no such row"}
	}
	for column, text := range w.If {
		if now.Columns[column] != text {
			return outcome{Status: "missed", Reason: "somebody has changed it"}
		}
	}
	return g.api.patch(ctx, w, now.Version)
}
