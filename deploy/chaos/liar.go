package chaos

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"

	"heji/deploy/demo/district"
	"heji/services/fault"
)

// The boundaries that lie at a platform.
const (
	inCall fault.Place = "in_call" // the platform has the request and has done nothing
	done   fault.Place = "done"    // it has done it and not answered
)

// lie is what a platform does to the next writes.
type lie string

const (
	late    lie = "late_answer"     // it does the write and answers after the time-out
	broken  lie = "500_though_done" // it does the write and says that it failed
	half    lie = "half_done"       // it does a part and says that it did all
	cutting lie = "value_cut"       // it keeps the beginning of each value
	nothing lie = "ignored"         // it says yes and does nothing
	shut    lie = "read_only"       // it refuses every write
)

// lies are what the platforms do to their next writes.
type lies struct {
	mu   sync.Mutex
	next map[string][]lie // by platform
}

func (l *lies) tell(platform string, what lie, times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range times {
		l.next[platform] = append(l.next[platform], what)
	}
}

// take takes the next lie, where it is one of those.
func (l *lies) take(platform string, of ...lie) lie {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.next[platform]
	for _, x := range of {
		if len(list) > 0 && list[0] == x {
			l.next[platform] = list[1:]
			return x
		}
	}
	return ""
}

// stop ends all lies.
func (l *lies) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.next)
}

// tamper is what a platform with a ledger really does.
func (l *lies) tamper(platform string, w *district.Write) (reason string) {
	switch l.take(platform, half, cutting, nothing, shut) {
	case half:
		for i, c := range slices.Sorted(maps.Keys(w.Set)) {
			if i%2 == 1 {
				delete(w.Set, c)
			}
		}
	case cutting:
		for c, v := range w.Set {
			if r := []rune(v); len(r) > 12 { // an address; a phone would be refused
				w.Set[c] = string(r[:9])
			}
		}
	case nothing:
		clear(w.Set)
		w.Untouched = slices.Contains(asked, platform)
	case shut:
		return "系统维护，暂停修改"
	}
	return ""
}

// liar stands before a platform that speaks HTTP.
type liar struct {
	id     string
	lies   *lies
	at     func(hit)
	proxy  *httputil.ReverseProxy
	server *http.Server
	addr   string
}

func newLiar(id, target string, l *lies, at func(hit)) (*liar, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	x := &liar{id: id, lies: l, at: at}
	x.proxy = &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(u) }, ModifyResponse: x.answered,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	x.addr = ln.Addr().String()
	x.server = &http.Server{Handler: x, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = x.server.Serve(ln) }() // until close
	return x, nil
}

func writes(r *http.Request) bool { return r.Method != http.MethodGet }

// ServeHTTP keeps what the platform declares: nothing is done for a request that
// is older than requestLife, or whose caller has gone.
func (x *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if writes(r) {
		began := time.Now()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut off half way
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		x.at(hit{inCall, x.id})
		if r.Context().Err() != nil || time.Since(began) > requestLife {
			return
		}
	}
	// What it has begun it ends, whether or not anybody listens.
	x.proxy.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
}

// answered is called when the platform has done a request.
func (x *liar) answered(res *http.Response) error {
	if !writes(res.Request) {
		return nil
	}
	x.at(hit{done, x.id})
	switch x.lies.take(x.id, late, broken) {
	case late:
		time.Sleep(requestLife + requestLife/2) // the fault itself, not a wait for something
	case broken:
		res.Body.Close()
		res.StatusCode, res.Status = http.StatusInternalServerError, "500 Internal Server Error"
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(nil)), 0
		res.Header = http.Header{"Content-Length": {"0"}}
	}
	return nil
}

func (x *liar) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := x.server.Shutdown(ctx); err != nil {
		return errors.Join(x.server.Close())
	}
	return nil
}
