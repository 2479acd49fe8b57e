package desk_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"heji/services/store"
)

// line stands between a store and its database, and can be cut.
type line struct {
	t      *testing.T
	to     [2]string // network and address
	listen net.Listener
	mu     sync.Mutex
	cut    bool
	open   []net.Conn
	// answers is how many more come through before the line breaks: what the next
	// one tells was done, and nobody hears of it. 0: all do.
	answers int
	wg      sync.WaitGroup
}

func newLine(t *testing.T, network, address string) *line {
	l := &line{t: t, to: [2]string{network, address}}
	var err error
	l.listen, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.wg.Go(func() {
		for {
			c, err := l.listen.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { l.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.listen.Close()
		l.set(true)
		l.wg.Wait()
	})
	return l
}

func (l *line) carry(c net.Conn) {
	far, err := net.Dial(l.to[0], l.to[1])
	if err != nil {
		_ = c.Close()
		return
	}
	l.mu.Lock()
	l.open = append(l.open, c, far)
	cut := l.cut
	l.mu.Unlock()
	if cut {
		_, _ = c.Close(), far.Close()
		return
	}
	l.wg.Go(func() { _, _ = io.Copy(far, c); _ = far.Close() })
	buf := make([]byte, 64<<10)
	for {
		n, err := far.Read(buf)
		if err != nil || l.broken() {
			break
		}
		if _, err := c.Write(buf[:n]); err != nil {
			break
		}
	}
	_, _ = c.Close(), far.Close()
}

// broken counts an answer.
func (l *line) broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answers > 0 {
		l.answers--
		return l.answers == 0
	}
	return false
}

// set cuts the line, with everything that is on it, or mends it.
func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for _, c := range l.open {
			_ = c.Close()
		}
		l.open = nil
	}
}

// While the database is away pages and API say so in a sentence, not as a mistake
// of ours; when it is back they work, and nobody has done anything.
func TestDatabaseIsAway(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	id, _ := w.wang()
	secret, h := w.session("worker")
	cfg := w.db.Config().ConnConfig
	network, address := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	l := newLine(t, network, address)
	dsn := url.URL{Scheme: "postgres", User: url.UserPassword(cfg.User, cfg.Password), Host: l.listen.Addr().String(), Path: cfg.Database, RawQuery: "sslmode=disable"}
	st, err := store.Open(context.Background(), dsn.String(), 2)
	require.NoError(t, err)
	t.Cleanup(st.Close)
	_, err = st.Model(context.Background())
	require.NoError(t, err)
	w.options.Store, w.options.Keys = st, st.Keys
	w.serve()
	page, api := "/residents/"+id.String(), "/api/v1/residents/"+id.String()
	require.Equal(t, 200, w.get(page, h...).status)

	l.set(true)
	for _, path := range []string{page, "/", "/residents/new", "/login", api, "/api/v1/start"} {
		r := w.get(path, h...)
		require.Equal(t, 503, r.status, "%s: %s", path, r.text)
		require.Equal(t, "5", r.header.Get("Retry-After"))
		require.Contains(t, r.text, "数据库暂时连不上", path)
		require.NotContains(t, r.text, "连接断开或服务正在停止", path)
	}
	require.Contains(t, w.get(api, append(h, "Accept-Language", "en")...).text, "recovers by itself")
	require.Equal(t, 200, w.get("/static/desk.css").status, "the page that says so looks as ever")
	require.Equal(t, 503, w.do("POST", "/residents/new", "name=x&step=save&request=r1", h...).status)
	l.set(false)
	require.Eventually(t, func() bool { return w.get(page, h...).status == 200 }, time.Minute, 20*time.Millisecond)
	require.Equal(t, 200, w.get("/", "Cookie", "session="+secret).status)

	// The line breaks while an entry is saved, after each answer of the database in
	// turn: whatever became of it, the same form sent again makes one.
	form := url.Values{"name": {"王芳"}, "request": {"r2"}, "step": {"save"}}.Encode()
	after := 0
	for w.count(`SELECT count(*) FROM desk_entries`) == 0 {
		after++
		require.Less(t, after, 500)
		l.mu.Lock()
		l.answers = after
		l.mu.Unlock()
		r := w.do("POST", "/residents/new", form, h...)
		require.Equal(t, 503, r.status, "once it was saved and nobody heard of it: %s", r.text)
	}
	l.mu.Lock()
	l.answers = 0
	l.mu.Unlock()
	require.Greater(t, after, 5)
	require.Eventually(t, func() bool { return w.do("POST", "/residents/new", form, h...).status == 303 }, time.Minute, 20*time.Millisecond)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	require.NotContains(t, w.log.String(), `"level":"ERROR"`)
}

func TestAway(t *testing.T) {
	for code, away := range map[string]bool{"08006": true, "53100": true, "53300": true, "57P01": true, "57P03": true, "25006": true, "23505": false, "42P01": false, "40001": false, "57014": false} {
		require.Equal(t, away, store.Away(&pgconn.PgError{Code: code}), code)
	}
	require.True(t, store.Away(io.ErrUnexpectedEOF))
	require.False(t, store.Away(store.ErrNotFound))
	require.False(t, store.Away(nil))
}
