package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// link is the network between the hub and one other part: a relay that knows where
// the part is now, behind a toxiproxy that can be cut, slowed and made to break off.
type link struct {
	proxy *toxiproxy.Proxy
	relay *relay
}

var proxies = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

// newLink connects an address of its own with wherever dial leads.
func newLink(name string, dial func() (net.Conn, error)) (*link, error) {
	r, err := newRelay(dial)
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", name, err)
	}
	l := &link{relay: r, proxy: toxiproxy.NewProxy(proxies, name, "127.0.0.1:0", r.address())}
	if err := l.proxy.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("link to %s: %w", name, err), r.close())
	}
	return l, nil
}

func (l *link) address() string { return l.proxy.Listen }

// cut ends every connection and takes no new one.
func (l *link) cut() error {
	l.proxy.Stop()
	return nil
}

// toxic adds one to both directions, as toxiproxy's own interface takes it.
func (l *link) toxic(text string) error {
	for _, direction := range []string{"upstream", "downstream"} {
		_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(text, direction)))
		if err != nil && !errors.Is(err, toxiproxy.ErrToxicAlreadyExists) { // it is that bad already
			return fmt.Errorf("toxic %s: %w", text, err)
		}
	}
	return nil
}

// slow makes every byte late.
func (l *link) slow(ms int) error {
	return l.toxic(fmt.Sprintf(`{"type":"latency","stream":"%%s","attributes":{"latency":%d,"jitter":%d}}`, ms, ms/2))
}

// breakOff ends each connection after so many bytes: half way through a request
// or an answer.
func (l *link) breakOff(bytes int) error {
	return l.toxic(fmt.Sprintf(`{"type":"limit_data","stream":"%%s","attributes":{"bytes":%d}}`, bytes))
}

// heal makes the link whole.
func (l *link) heal() error {
	l.proxy.Toxics.ResetToxics(context.Background())
	if err := l.proxy.Start(); err != nil && !errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
		return fmt.Errorf("heal the link to %s: %w", l.proxy.Name, err)
	}
	return nil
}

func (l *link) close() error {
	l.proxy.Stop()
	return l.relay.close()
}

// relay carries connections to wherever dial leads now: to a socket file, or to
// the port that a server has after its last start.
type relay struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	mu       sync.Mutex
	open     map[net.Conn]bool
	work     sync.WaitGroup
}

func newRelay(dial func() (net.Conn, error)) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, dial: dial, open: map[net.Conn]bool{}}
	r.work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // closed
			}
			r.work.Go(func() { r.carry(in) })
		}
	})
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) carry(in net.Conn) {
	defer in.Close()
	out, err := r.dial()
	if err != nil {
		return // the part is down; the caller sees its connection end
	}
	defer out.Close()
	if !r.keep(in, out) {
		return
	}
	defer r.drop(in, out)
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // the end of a connection, however it ends
			done <- struct{}{}
		}()
	}
	<-done
}

func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		return false
	}
	for _, c := range conns {
		r.open[c] = true
	}
	return true
}

func (r *relay) drop(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.open, c)
	}
}

func (r *relay) close() error {
	err := r.listener.Close()
	r.mu.Lock()
	for c := range r.open {
		err = errors.Join(err, c.Close())
	}
	r.open = nil
	r.mu.Unlock()
	r.work.Wait()
	return err
}
