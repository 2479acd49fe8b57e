package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"heji/connectors"
	"heji/connectors/mapping"
	"heji/connectors/spec"
	"heji/services/bus"
	"heji/services/desk"
	"heji/services/embedded"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/telemetry"
)

type doctorCommand struct{ settings }

// checkup prints one line for each thing that was looked at.
type checkup struct {
	bad int
	out io.Writer
}

func (c *checkup) say(what string, err error, advice string) bool {
	if err == nil {
		fmt.Fprintf(c.out, "  ✓ %s\n", what)
		return true
	}
	c.bad++
	text := telemetry.ErrorText(err)
	if zh := inChinese(err); zh != "" {
		text = zh + "\n    " + text
	}
	fmt.Fprintf(c.out, "  ✗ %s: %s\n", what, text)
	if advice != "" {
		fmt.Fprintf(c.out, "    → %s\n", advice)
	}
	return false
}

// inChinese is the sentence about a platform's trouble as the desk says it, or what
// is wrong with its file; empty: there is none for this error.
func inChinese(err error) string {
	t := registry.Trouble(err, err.Error())
	if t.Code == "" {
		return spec.Chinese(err)
	}
	return desk.Chinese.Trouble(t)
}

// Run checks everything that can be checked without changing anything.
func (c *doctorCommand) Run(ctx context.Context) error {
	log, err := logger()
	if err != nil {
		return err
	}
	up := &checkup{out: os.Stdout}
	fmt.Println("引擎 engines")
	st, stop := c.engines(ctx, up)
	defer stop()
	if st != nil {
		defer st.Close()
		c.state(ctx, up, st)
	}
	fmt.Println("平台 platforms")
	if _, err := os.Stat(c.Platforms); err != nil {
		up.say("folder "+c.Platforms, err, "put one YAML file for each platform there, or name the folder with --platforms")
	} else if env, err := environment(c.Platforms); up.say("values of ${…} in "+c.Platforms, err, "") {
		list, err := spec.LoadDir(c.Platforms, env)
		if err != nil {
			up.say("files in "+c.Platforms, err, "mend the lines named above; the other platforms work meanwhile")
		}
		for _, p := range list {
			c.platform(ctx, up, p)
		}
	}
	log.Info("checked", "count", up.bad)
	if up.bad > 0 {
		return fmt.Errorf("findings: %d; see the lines with ✗", up.bad)
	}
	fmt.Println("一切正常 all is well")
	return nil
}

// engines starts or reaches PostgreSQL and NATS.
func (c *doctorCommand) engines(ctx context.Context, up *checkup) (*store.Store, func()) {
	log, _ := logger()
	dsn, busOptions := c.DatabaseURL, bus.Options{URL: c.NATSURL}
	stops := []func(){}
	stop := func() {
		for _, f := range stops {
			f()
		}
	}
	if dsn == "" {
		pg, err := embedded.StartPostgres(ctx, embedded.Options{Dir: c.Data, Logger: log})
		if !up.say("embedded PostgreSQL in "+c.Data, err, "if another heji is running on this folder, ask it instead: GET /readyz; otherwise follow the sentence above") {
			return nil, stop
		}
		stops = append(stops, func() { up.say("PostgreSQL stops cleanly", pg.Stop(), "look into its log in the data folder") })
		dsn = pg.DSN(embedded.DefaultDatabase)
	}
	st, err := store.Open(ctx, dsn, 4)
	if !up.say("database and schema", err, "check DATABASE_URL, and that the user may create tables and the extension pg_trgm") {
		return nil, stop
	}
	if busOptions.URL == "" {
		ns, err := embedded.StartNATS(ctx, embedded.Options{Dir: c.Data, Logger: log})
		if !up.say("embedded NATS in "+c.Data, err, "the folder jetstream below it may be deleted: everything in it can be made again") {
			return st, stop
		}
		stops = append(stops, func() { up.say("NATS stops cleanly", ns.Stop(), "") })
		busOptions.InProcess = ns
	}
	b, err := bus.Connect(ctx, busOptions)
	if up.say("NATS JetStream", err, "check NATS_URL, and that JetStream is switched on there") {
		stops = append([]func(){b.Close}, stops...)
	}
	return st, stop
}

// state says what waits in the store.
func (c *doctorCommand) state(ctx context.Context, up *checkup, st *store.Store) {
	stats, err := st.Stats(ctx)
	if !up.say("figures", err, "") {
		return
	}
	fmt.Printf("    %d residents, %d records, %d unresolved, %d reviews open, %d hot keys\n",
		stats.Residents, stats.Records, stats.Unresolved, stats.ReviewsOpen, stats.HotKeys)
	c.linkage(ctx, up, st)
	list, err := st.Platforms(ctx)
	if !up.say("platforms in the store", err, "") {
		return
	}
	for _, p := range list {
		ps := stats.Platforms[p.ID]
		if at, shut := p.Restoration(); shut {
			up.say(p.ID+" restored", fmt.Errorf("the database was restored to an older point (noticed %s): nothing is written to it, and what nobody knows the origin of is not believed", at.Format(time.DateTime)),
				"check it, then heji platform open "+p.ID+" --who NAME --why REASON")
		}
		if p.PullError != "" {
			up.say(p.ID+" pull", errors.New(p.PullError), "check this platform below; the others go on")
		}
		if p.TrippedAt != nil {
			up.say(p.ID+" circuit", fmt.Errorf("the last %d calls in a row failed: since %s it is left alone, and tried with one row at %s", p.Failures,
				p.TrippedAt.Local().Format(time.DateTime), p.TriesAt.Local().Format(time.DateTime)), "it closes by itself with the first call that succeeds; to have it tried at once, pause the platform and let it go on")
		}
		if p.WriteError != "" {
			up.say(p.ID+" write", errors.New(p.WriteError), "writes wait and are made once it is back")
		}
		if ps == nil {
			continue
		}
		for stage, n := range ps.DeadRecords {
			up.say(p.ID, fmt.Errorf("%d rows set aside in %s", n, stage), "heji platform dead list names place and reason; mend them at the source, they are read again")
		}
	}
}

func (c *doctorCommand) platform(ctx context.Context, up *checkup, p *spec.Platform) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := mapping.New(p); !up.say(p.ID+" mapping", err, "") {
		return
	}
	conn, err := connectors.Open(ctx, p, connectors.Environment{Dir: filepath.Join(c.Data, "platforms", p.ID)})
	if !up.say(p.ID+" settings", err, "") {
		return
	}
	defer func() { up.say(p.ID+" close", conn.Close(), "") }()
	up.say(p.ID+" reached, credentials and layout", conn.Check(ctx), "")
}
