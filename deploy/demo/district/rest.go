package district

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// requestLife is the longest that a platform works on one request; the YAML
// files declare the same.
const requestLife = 5 * time.Second

// The pace that a platform's interface bears before it answers 429.
const (
	requestsPerSecond = 400
	requestBurst      = 400
)

const maxBody = 1 << 20

// service is what the three HTTP platforms share: a listener, credentials, a
// rate limit, and a ledger. Paths, paging, verbs and error bodies are each
// platform's own.
type service struct {
	*ledger
	id     string
	server *http.Server
	url    string
	limit  *rate.Limiter
	served chan error
}

func (s *service) ID() string { return s.id }

// serve starts the platform on a free port of the loopback.
func (s *service) serve(ctx context.Context, routes http.Handler, allowed func(*http.Request) bool, refuse func(w http.ResponseWriter, status int, message string)) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("%s: %w", s.id, err)
	}
	s.url = "http://" + ln.Addr().String()
	s.limit = rate.NewLimiter(requestsPerSecond, requestBurst)
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !allowed(r):
			refuse(w, http.StatusUnauthorized, "身份验证失败")
		case !s.limit.Allow():
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusTooManyRequests, "请求过于频繁，请稍后再试")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			routes.ServeHTTP(w, r)
		}
	})
	s.server = &http.Server{
		Handler:     http.TimeoutHandler(guarded, requestLife, `{"message":"timeout"}`),
		ReadTimeout: requestLife, WriteTimeout: 2 * requestLife, IdleTimeout: time.Minute,
	}
	s.served = make(chan error, 1)
	go func() { s.served <- s.server.Serve(ln) }()
	return nil
}

func (s *service) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), requestLife)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, s.ledger.close())
}

func writeReply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if raw, ok := body.(json.RawMessage); ok {
		body = raw
	}
	// An error here means that the client has gone: nobody is left to tell.
	_ = json.NewEncoder(w).Encode(body)
}

// readBody reads a flat JSON object. Numbers and null are accepted where this
// platform shows them.
func readBody(r *http.Request) (Row, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, errors.New("请求应为 application/json")
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, errors.New("请求无法读取")
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return nil, errors.New("请求不是 JSON 对象")
	}
	row := Row{}
	for c, v := range fields {
		switch v := v.(type) {
		case nil:
			row[c] = ""
		case string:
			row[c] = v
		case json.Number:
			row[c] = v.String()
		default:
			return nil, fmt.Errorf("字段 %s 应为文本", c)
		}
	}
	return row, nil
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("district: a reply cannot be written: " + err.Error())
	}
	return b
}
