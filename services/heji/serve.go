package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"

	"heji/connectors/spec"
	"heji/services/access"
	"heji/services/crypt"
	"heji/services/hub"
	"heji/services/telemetry"
)

// settings are what every command that reaches the hub needs.
type settings struct {
	Data        string `help:"Data folder of the embedded engines." default:"./.heji" env:"HEJI_DATA" type:"path"`
	DatabaseURL string `help:"Your own PostgreSQL (15 or newer) instead of the embedded one." env:"DATABASE_URL"`
	NATSURL     string `help:"Your own NATS with JetStream instead of the embedded one." env:"NATS_URL" name:"nats-url"`
	Platforms   string `help:"Folder with one YAML file for each platform." default:"./platforms" env:"HEJI_PLATFORMS" type:"path"`
}

type serveCommand struct {
	settings
	Roles      []string `arg:"" optional:"" help:"Which services: pull, merge, writeback, desk. Default: all."`
	Listen     string   `help:"Address of the desk and of /metrics ; beyond loopback only with accounts, and TLS or a proxy." default:"127.0.0.1:8080" env:"HEJI_LISTEN"`
	URL        string   `help:"What people on other machines open, such as https://heji.example." env:"HEJI_URL" name:"url"`
	TLSCert    string   `help:"File of the TLS certificate (PEM, with its chain)." env:"HEJI_TLS_CERT" name:"tls-cert" type:"path"`
	TLSKey     string   `help:"File of its key." env:"HEJI_TLS_KEY" name:"tls-key" type:"path"`
	Proxy      []string `help:"Address or network of a reverse proxy that ends TLS; may be repeated." env:"HEJI_PROXY"`
	OIDCIssuer string   `help:"Address of an OpenID Connect server where people may log in, such as https://login.example." env:"HEJI_OIDC_ISSUER" name:"oidc-issuer"`
	OIDCClient string   `help:"Id under which the desk is registered there; its secret is in the file below or in HEJI_OIDC_SECRET." env:"HEJI_OIDC_CLIENT" name:"oidc-client"`
	OIDCSecret string   `help:"File of the client's secret." env:"HEJI_OIDC_SECRET_FILE" name:"oidc-secret-file" type:"path"`
	OIDCClaim  string   `help:"Claim of the token that holds the login of an account here." default:"preferred_username" env:"HEJI_OIDC_CLAIM" name:"oidc-claim"`
	Workers    int      `help:"Merge workers." default:"2"`
	NATSListen string   `help:"Loopback address on which the embedded NATS also listens, for connectors that are programs of their own." name:"nats-listen" env:"HEJI_NATS_LISTEN"`
	Sealed     string   `help:"Folder of sealed platforms (class D)." default:"./platforms/sealed" env:"HEJI_SEALED" type:"path"`
}

// roomy lets the collector of a process that moves many small records wait longer:
// what lives is little, so that five times as much is little, too, and a
// tenth of the processor is saved. GOGC and GOMEMLIMIT have the last word.
func roomy() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1 << 30) // from here on it works as hard as ever
	}
}

func logger() (*slog.Logger, error) {
	level := slog.LevelWarn
	if commands.Verbose {
		level = slog.LevelInfo
	}
	return telemetry.NewLogger(os.Stderr, commands.Log, level)
}

// specs reads the folder of platforms. A missing folder is an empty one: the
// hub works with the desk alone.
func (s settings) specs(log *slog.Logger) (list, drafts []*spec.Platform, err error) {
	if _, err := os.Stat(s.Platforms); errors.Is(err, os.ErrNotExist) {
		log.Warn("no folder of platforms: only the desk is connected", "path", s.Platforms)
		return nil, nil, nil
	}
	env, err := environment(s.Platforms)
	if err != nil {
		return nil, nil, err
	}
	list, err = spec.LoadDir(s.Platforms, env)
	if err != nil {
		drafts = spec.Drafts(s.Platforms, env, list)
	}
	if err != nil && len(list)+len(drafts) == 0 {
		return nil, nil, err
	}
	if err != nil {
		// I10: one platform's mistake is its own.
		log.Error("some platforms are left out until their files are right", "error", err)
	}
	return list, drafts, nil
}

// Run runs the services until Ctrl-C.
func (c *serveCommand) Run(ctx context.Context) error {
	roomy()
	log, err := logger()
	if err != nil {
		return err
	}
	specs, drafts, err := c.specs(log)
	if err != nil {
		return err
	}
	outside, err := access.ReadOIDC(c.OIDCIssuer, c.OIDCClient, c.OIDCSecret, c.OIDCClaim)
	if err != nil {
		return err
	}
	h, err := hub.New(ctx, hub.Config{OIDC: outside, Dir: c.Data, DatabaseURL: c.DatabaseURL, NATSURL: c.NATSURL, Specs: specs, Drafts: drafts,
		Roles: c.Roles, Listen: c.Listen, Reach: hub.Reach{URL: c.URL, Cert: c.TLSCert, Key: c.TLSKey, Proxies: c.Proxy}, Logger: log, Workers: c.Workers, NATSListen: c.NATSListen, Crypto: crypt.Suite(commands.Crypto)})
	if err != nil {
		return err
	}
	fmt.Printf("合籍 heji: http://%s/  (Ctrl-C stops)\n", h.Addr())
	if url := h.ProgramsURL(); url != "" {
		fmt.Printf("remote connectors 远程连接程序: %s\n", url)
	}
	if has, err := h.Store.HasAccounts(ctx); err == nil && !has {
		fmt.Println("还没有账号：工作台只在本机打开，谁打开都能看到全部。建第一个账号 No account yet: heji user add LOGIN --name NAME --role security")
	}
	stop := func() {}
	if len(c.Roles) == 0 {
		stop = satelliteOf(ctx, h, c.Data, c.DatabaseURL, c.Sealed)
	}
	err = h.Run(ctx)
	stop() // before its database
	return errors.Join(err, h.Close())
}

type writesCommand struct {
	Action string `arg:"" enum:"stop,resume" help:"stop or resume"`
	Listen string `help:"Address of the running hub's desk: HOST:PORT on this machine, or https://… with a token in HEJI_TOKEN." default:"127.0.0.1:8080" env:"HEJI_LISTEN"`
}

// Run asks the running hub: its API and this command are one way.
func (c *writesCommand) Run(ctx context.Context) error {
	var ignored any
	if err := hubAt(c.Listen).call(ctx, http.MethodPost, "/api/v1/writes/"+c.Action, nil, &ignored); err != nil {
		return err
	}
	fmt.Println(map[string]string{"stop": "全部回写已停止 / all outgoing writes are stopped", "resume": "回写已恢复 / writes go on"}[c.Action])
	return nil
}
