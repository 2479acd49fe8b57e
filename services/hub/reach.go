package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Reach says how people on other machines come to the desk. Beyond loopback it
// needs accounts and an encrypted way: TLS of its own, or a declared proxy's.
type Reach struct {
	URL     string   // what people open, such as https://heji.example
	Cert    string   // file of the TLS certificate, with its chain (PEM)
	Key     string   // file of its key
	Proxies []string // addresses or networks of reverse proxies that end TLS
}

// read checks what was declared.
func (r Reach) read(listen string) (public *url.URL, proxies []netip.Prefix, err error) {
	if r.URL != "" {
		public, err = url.Parse(r.URL)
		if err != nil || public.Scheme != "https" || public.Host == "" || strings.Trim(public.Path, "/") != "" || public.User != nil {
			return nil, nil, fmt.Errorf("--url %q: give what people open, such as https://heji.example, without a path", r.URL)
		}
	}
	for _, text := range r.Proxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			ip, single := netip.ParseAddr(text)
			if single != nil {
				return nil, nil, fmt.Errorf("--proxy %q is neither an address nor a network such as 10.0.0.0/24", text)
			}
			p = netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
		}
		proxies = append(proxies, p.Masked())
	}
	if (r.Cert == "") != (r.Key == "") {
		return nil, nil, errors.New("TLS needs both --tls-cert and --tls-key")
	}
	if r.Cert != "" {
		if _, err := tls.LoadX509KeyPair(r.Cert, r.Key); err != nil {
			return nil, nil, fmt.Errorf("--tls-cert %s and --tls-key %s: %w", r.Cert, r.Key, err)
		}
	}
	if onLoopback(listen) {
		return public, proxies, nil
	}
	switch {
	case r.Cert == "" && len(proxies) == 0:
		return nil, nil, fmt.Errorf("listen address %q: beyond this machine passwords and residents travel encrypted only: give --tls-cert and --tls-key, or name the reverse proxy that ends TLS with --proxy; or use 127.0.0.1:PORT", listen)
	case public == nil:
		return nil, nil, fmt.Errorf("listen address %q: say with --url what people open, such as https://heji.example: the desk answers to that name only", listen)
	}
	return public, proxies, nil
}

func onLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// mayListen refuses to open the desk to other machines while whoever comes first
// would see everything.
func (h *Hub) mayListen(ctx context.Context) error {
	if _, _, err := net.SplitHostPort(h.c.Listen); err != nil {
		return fmt.Errorf("listen address %q: %w", h.c.Listen, err)
	}
	if onLoopback(h.c.Listen) && h.c.Reach.URL == "" {
		return nil
	}
	has, err := h.Store.HasAccounts(ctx)
	if err == nil && !has {
		err = fmt.Errorf("listen address %q: there is no account yet, so the desk stays on this machine: make the first with heji user add LOGIN --name NAME --role security, or use 127.0.0.1:PORT without --url", h.c.Listen)
	}
	return err
}

func (h *Hub) serveListener() error {
	if h.c.Reach.Cert == "" {
		return h.server.Serve(h.listen)
	}
	h.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	return h.server.ServeTLS(h.listen, h.c.Reach.Cert, h.c.Reach.Key)
}

// loginNotice says that nobody has to log in.
func (h *Hub) loginNotice(ctx context.Context) error {
	has, err := h.Store.HasAccounts(ctx)
	if err == nil && !has {
		err = errors.New("there is no account, so the desk answers on this machine only, and whoever opens it sees everything: heji user add LOGIN --name NAME --role security makes the first")
	}
	return err
}
