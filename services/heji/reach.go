package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"heji/services/embedded"
	"heji/services/store"
)

// hubAddress says where the hub is: a database of the user's own, a hub that
// runs, or the data folder of one that does not.
type hubAddress struct {
	Listen      string `help:"Address of the running hub's desk: HOST:PORT on this machine, or https://… with a token in HEJI_TOKEN." default:"127.0.0.1:8080" env:"HEJI_LISTEN"`
	Data        string `help:"Data folder of the embedded engines, for when no hub runs." default:"./.heji" env:"HEJI_DATA" type:"path"`
	DatabaseURL string `help:"Your own PostgreSQL: asked directly." env:"DATABASE_URL"`
}

// reached is a hub that runs, or its store.
type reached struct {
	api   hubAPI
	store *store.Store // nil: ask the api
	hub   bool         // somebody does what is asked for, as far as is known
	close func()
}

// reach finds the hub. probe is a path of its API that only reads.
func (a hubAddress) reach(ctx context.Context, probe string) (*reached, error) {
	if a.DatabaseURL != "" {
		st, err := store.Open(ctx, a.DatabaseURL, 4)
		if err != nil {
			return nil, err
		}
		return &reached{store: st, hub: true, close: st.Close}, nil
	}
	api := hubAt(a.Listen)
	var ignored any
	err := api.call(ctx, http.MethodGet, probe, nil, &ignored)
	if err == nil {
		return &reached{api: api, hub: true, close: func() {}}, nil
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, err
	}
	if _, err := os.Stat(a.Data); err != nil {
		return nil, fmt.Errorf("no hub answers at %s (name its address with --listen), and there is no data folder %s (name it with --data)", a.Listen, a.Data)
	}
	log, err := logger()
	if err != nil {
		return nil, err
	}
	pg, err := embedded.StartPostgres(context.WithoutCancel(ctx), embedded.Options{Dir: a.Data, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("no hub answers at %s: name its address with --listen, or stop it: %w", a.Listen, err)
	}
	stop := func() {
		if err := pg.Stop(); err != nil {
			log.Error("PostgreSQL did not stop cleanly", "error", err)
		}
	}
	st, err := store.Open(ctx, pg.DSN(embedded.DefaultDatabase), 4)
	if err != nil {
		stop()
		return nil, err
	}
	return &reached{store: st, close: func() { st.Close(); stop() }}, nil
}

// authorize shows the token of HEJI_TOKEN, which a hub with accounts asks for. It
// is never shown where anybody could read it on the way.
func authorize(req *http.Request) error {
	token := os.Getenv("HEJI_TOKEN")
	if token == "" {
		return nil
	}
	if ip := net.ParseIP(req.URL.Hostname()); req.URL.Scheme != "https" && req.URL.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s is on another machine and not encrypted: HEJI_TOKEN is shown to https:// only", req.URL.Host)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// hubClient trusts what the machine trusts, and the certificates of HEJI_CA. A
// redirect is not followed: the token would go with it.
func hubClient() (*http.Client, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	file := os.Getenv("HEJI_CA")
	if file == "" {
		return client, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("HEJI_CA: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("HEJI_CA: read what this machine trusts: %w", err)
	}
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("HEJI_CA: %s holds no certificate in PEM", file)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	client.Transport = transport
	return client, nil
}

// hubAPI is a running hub.
type hubAPI string

// hubAt is the hub at an address: HOST:PORT, or with its scheme.
func hubAt(address string) hubAPI {
	if strings.Contains(address, "://") {
		return hubAPI(strings.TrimSuffix(address, "/"))
	}
	return hubAPI("http://" + address)
}

// tongue is the language in which the hub is asked to answer: that of the terminal
// where it is Chinese, else English.
func tongue() string {
	for _, name := range []string{"HEJI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if text := os.Getenv(name); text != "" {
			if strings.HasPrefix(text, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

func (h hubAPI) call(ctx context.Context, method, path string, body, into any) error {
	var send io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, string(h)+path, send)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Language", tongue())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := authorize(req); err != nil {
		return err
	}
	client, err := hubClient()
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no hub answers at %s: name its address with --listen: %w", string(h), err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing is read from it any more
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("the hub at %s: %w", string(h), err)
	}
	if res.StatusCode >= 300 {
		var problem struct{ Title, Detail string }
		if json.Unmarshal(raw, &problem) != nil || problem.Title == "" {
			return fmt.Errorf("the hub at %s answers %s", string(h), res.Status)
		}
		return fmt.Errorf("%s: %s", problem.Title, problem.Detail)
	}
	return json.Unmarshal(raw, into)
}
