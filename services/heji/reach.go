package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"

	"heji/services/embedded"
	"heji/services/store"
)

// hubAddress says where the hub is: a database of the user's own, a hub that
// runs, or the data folder of one that does not.
type hubAddress struct {
	Listen      string `help:"Address of the running hub's desk." default:"127.0.0.1:8080" env:"HEJI_LISTEN"`
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
	api := hubAPI("http://" + a.Listen)
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

// authorize shows the token of HEJI_TOKEN, which a hub with accounts asks for.
func authorize(req *http.Request) {
	if token := os.Getenv("HEJI_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
}

// hubAPI is a running hub.
type hubAPI string

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
	req.Header.Set("Accept-Language", "en")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	authorize(req)
	res, err := http.DefaultClient.Do(req)
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
