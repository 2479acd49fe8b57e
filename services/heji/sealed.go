package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/crypt"
	"heji/services/hub"
	"heji/services/sealed"
	"heji/services/store"
)

// sealedCommand is for the administrator of sealed platforms alone: see
// docs/sealed.md.
type sealedCommand struct {
	Serve  sealedServe  `cmd:"" help:"Run the satellite. heji serve does it where the folder of sealed platforms holds files. 运行封存平台卫星。"`
	Status sealedStatus `cmd:"" help:"Show how the sealed platforms are. 查看封存平台。"`
	Open   sealedOpen   `cmd:"" help:"Let a sealed platform take part again after the database was restored. 数据库恢复后开通。"`
	Step   sealedStep   `cmd:"" help:"Step a sealed platform on the ladder. 调整阶段。"`
	Audit  sealedAudit  `cmd:"" help:"Verify and export the satellite's own audit trail. 封存平台的审计。"`
	Setup  sealedSetup  `cmd:"" help:"Make schema, role and view in a PostgreSQL of yours. 在自备数据库中建立。"`
}

// satellite says where it lives.
type satellite struct {
	Dir         string `help:"Folder of the satellite." default:"./.heji/sealed" env:"HEJI_SEALED_DATA" type:"path"`
	DatabaseURL string `help:"The database as the satellite's role." env:"HEJI_SEALED_DATABASE_URL" required:""`
}

type sealedServe struct {
	satellite
	Platforms string `help:"Folder of the sealed platforms." default:"./platforms/sealed" env:"HEJI_SEALED" type:"path"`
	Listen    string `help:"Loopback address of its own /metrics and /readyz; empty: none." env:"HEJI_SEALED_LISTEN"`
	UntilEOF  bool   `help:"End when standard input ends." hidden:""`
}

// Run runs the satellite.
func (c *sealedServe) Run(ctx context.Context) error {
	log, err := logger()
	if err != nil {
		return err
	}
	if c.UntilEOF {
		var stop context.CancelFunc
		ctx, stop = sealed.UntilEOF(ctx, os.Stdin)
		defer stop()
	}
	specs, err := spec.LoadSealedDir(c.Platforms, os.LookupEnv)
	if err != nil {
		if len(specs) == 0 {
			return err
		}
		log.Error("some platforms are left out until their files are right", "error", err)
	}
	h, err := sealed.New(ctx, sealed.Config{Dir: c.Dir, DatabaseURL: c.DatabaseURL, Specs: specs, Listen: c.Listen, Logger: log, Crypto: crypt.Suite(commands.Crypto)})
	if err != nil {
		return err
	}
	return errors.Join(h.Run(ctx), h.Close())
}

type sealedStatus struct{ satellite }

// Run prints one line for each platform.
func (c *sealedStatus) Run(ctx context.Context) error {
	st, err := sealed.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.Platforms(ctx)
	if err != nil {
		return err
	}
	stats, err := st.Stats(ctx)
	if err != nil {
		return err
	}
	out := newColumns(os.Stdout)
	fmt.Fprintln(out, "platform\tstage\trecords\tunresolved\tdue\tgreen\twaits for a person\tdead\ttrouble")
	for _, p := range list {
		s, ok := stats.Platforms[p.ID]
		if !ok || p.ID == "desk" {
			continue
		}
		dead := int64(0)
		for _, n := range s.DeadRecords {
			dead += n
		}
		person := s.Targets[store.TargetHold] + s.Targets[store.TargetContested] + s.Targets[store.TargetRefused]
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s%s\n", p.ID, p.Stage, s.Records, s.Unresolved, s.Due, s.Targets[store.TargetGreen], person, dead, p.PullError, p.WriteError)
	}
	return out.Flush()
}

type sealedStep struct {
	satellite
	Platform string `arg:"" help:"The sealed platform."`
	Stage    string `arg:"" enum:"read_only,live" help:"read_only or live"`
	Who      string `help:"Who approves it." required:""`
	Why      string `help:"Why."`
}

// Run takes one step.
func (c *sealedStep) Run(ctx context.Context) error {
	if c.Platform == sealed.Register {
		return sealed.ErrRegister
	}
	st, err := sealed.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer st.Close()
	due, err := st.Step(ctx, c.Platform, schema.Stage(c.Stage), c.Who, c.Why)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s; %d rows are compared\n", c.Platform, c.Stage, due)
	return nil
}

type sealedOpen struct {
	satellite
	Platform string `arg:"" help:"The sealed platform."`
	Who      string `help:"Who opens it." required:""`
	Why      string `help:"What was checked." required:""`
	Anyway   bool   `help:"Although it was not read whole since the database was restored."`
}

// Run opens a platform.
func (c *sealedOpen) Run(ctx context.Context) error {
	st, err := sealed.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer st.Close()
	o, err := st.OpenPlatform(ctx, c.Platform, c.Who, c.Why, c.Anyway, st.Keys)
	if err != nil {
		return err
	}
	fmt.Printf("%s: open; %d rows are believed, %d are compared\n", c.Platform, o.Rows, o.Due)
	return nil
}

type sealedSetup struct {
	HubDatabaseURL string `help:"The hub's database as its own user, who may make roles." env:"DATABASE_URL" required:""`
	Password       string `help:"Password of the satellite's role." env:"HEJI_SEALED_PASSWORD" required:""`
}

// Run prepares a database. The hub must have been started on it once.
func (c *sealedSetup) Run(ctx context.Context) error {
	if err := sealed.Prepare(ctx, c.HubDatabaseURL, c.Password); err != nil {
		return err
	}
	fmt.Printf("schema %s, role %s and the view of the register are there. Set HEJI_SEALED_DATABASE_URL to the database's address with this role and its password.\n", sealed.Schema, sealed.Role)
	return nil
}

// satelliteOf starts the satellite beside a hub, where its folder holds files.
// What goes wrong with it is in its own log only: who watches the hub must not
// learn that there is one. stop waits for its end.
func satelliteOf(ctx context.Context, h *hub.Hub, data, databaseURL, folder string) (stop func()) {
	files, err := filepath.Glob(filepath.Join(folder, "*.y*ml"))
	if err != nil || len(files) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		dir := filepath.Join(data, "sealed")
		sealed.Keep(ctx, dir, func() *exec.Cmd {
			return satelliteCommand(ctx, h, dir, databaseURL, folder)
		})
	}()
	return func() {
		cancel()
		<-done
	}
}

// satelliteCommand is this program again, as the satellite.
func satelliteCommand(ctx context.Context, h *hub.Hub, dir, databaseURL, folder string) *exec.Cmd {
	self, err := os.Executable()
	cmd := exec.Command(self, "--log", commands.Log, "--crypto", commands.Crypto, "sealed", "serve", "--until-eof", "--dir", dir, "--platforms", folder)
	address := os.Getenv("HEJI_SEALED_DATABASE_URL")
	if databaseURL == "" && err == nil { // the embedded one: its role is ours to make
		var password string
		if password, err = sealed.Password(dir); err == nil {
			err = sealed.Prepare(ctx, h.DatabaseURL(), password)
		}
		if err == nil {
			address, err = sealed.DSN(h.DatabaseURL(), password)
		}
	}
	if err != nil {
		cmd.Err = err // Start returns it, and the satellite's log gets it
	}
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return len(v) > 25 && v[:25] == "HEJI_SEALED_DATABASE_URL="
	}), "HEJI_SEALED_DATABASE_URL="+address)
	return cmd
}
