package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"heji/connectors/platforms"
	"heji/connectors/spec"
	"heji/schema/clock"
	"heji/services/embedded"
	"heji/services/fault"
	"heji/services/hub"
)

// ChildEnv holds what a process that is started to be killed is to be, as JSON.
// Without it no program is one.
const ChildEnv = "HEJI_CHAOS_CHILD"

// The roles of a child.
const (
	roleHub  = "hub"
	roleNATS = "nats"
)

// child is what a process is to be.
type child struct {
	Role     string
	Dir      string
	Database string
	NATS     string
	Env      map[string]string // of the platforms' files
	IDs      []string
	Lag      map[string]time.Duration // declared, by platform
	Skew     time.Duration            // of its clock
	Workers  int
	Batch    int
}

// RunChild is the whole life of a child: it says what it has to say on file 3,
// waits for answers on file 4, and ends when its parent has.
func RunChild(ctx context.Context) error {
	var c child
	if err := json.Unmarshal([]byte(os.Getenv(ChildEnv)), &c); err != nil {
		return fmt.Errorf("%s: %w: heji chaos starts this command itself", ChildEnv, err)
	}
	l := &line{out: os.NewFile(3, "reports"), waiting: map[int]chan struct{}{}}
	go l.listen(os.NewFile(4, "answers"))
	if c.Role == roleNATS {
		return c.runNATS(ctx, l)
	}
	return c.runHub(ctx, l)
}

// line is a child's connection to its parent.
type line struct {
	mu      sync.Mutex
	out     *os.File
	next    int
	waiting map[int]chan struct{}
}

func (l *line) say(format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := fmt.Fprintf(l.out, format+"\n", a...); err != nil {
		os.Exit(3) // the parent is gone, and nobody wants this process any more
	}
}

// ask stands at a boundary until the parent lets it go on.
func (l *line) ask(place fault.Place, platform string) {
	l.mu.Lock()
	l.next++
	id, answer := l.next, make(chan struct{})
	l.waiting[id] = answer
	l.mu.Unlock()
	l.say("at %d %s %s", id, place, platform)
	<-answer
}

func (l *line) listen(in *os.File) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if by, ok := strings.CutPrefix(lines.Text(), "skew "); ok {
			d, err := time.ParseDuration(by)
			if err != nil {
				os.Exit(3)
			}
			clock.Skew(d)
			continue
		}
		id, err := strconv.Atoi(lines.Text())
		if err != nil {
			os.Exit(3)
		}
		l.mu.Lock()
		answer := l.waiting[id]
		delete(l.waiting, id)
		l.mu.Unlock()
		close(answer)
	}
	os.Exit(3) // the parent is gone
}

func (c child) runNATS(ctx context.Context, l *line) error {
	n, err := embedded.StartNATS(ctx, embedded.Options{Dir: c.Dir, NATSListen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	l.say("listen %s", strings.TrimPrefix(n.URL(), "nats://"))
	<-ctx.Done()
	return n.Stop()
}

func (c child) runHub(ctx context.Context, l *line) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	specs, err := c.specs()
	if err != nil {
		return err
	}
	h, err := hub.New(ctx, hub.Config{Dir: filepath.Join(c.Dir, "hub"), DatabaseURL: c.Database, NATSURL: c.NATS, Specs: specs,
		Listen: "127.0.0.1:0", Logger: log, Workers: c.Workers, Batch: c.Batch, MaxWait: longestPause, Counts: time.Second, Lease: leaseLife})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	clock.Skew(c.Skew)
	fault.Arm(l.ask)
	l.say("listen %s", h.Addr())
	return h.Run(ctx)
}

// Times that let a round last seconds. requestLife is what the platforms declare
// and the liar keeps: no request is done later.
const (
	cadence      = 120 * time.Millisecond
	requestLife  = 700 * time.Millisecond
	longestPause = 400 * time.Millisecond
	leaseLife    = 1500 * time.Millisecond
)

// specs are the platforms' own files, hurried.
func (c child) specs() ([]*spec.Platform, error) {
	var list []*spec.Platform
	for _, id := range c.IDs {
		name := id + ".yaml"
		data, err := platforms.FS.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := spec.Parse("platforms/"+name, data, func(name string) (string, bool) { v, ok := c.Env[name]; return v, ok })
		if err != nil {
			return nil, err
		}
		p.Cadence, p.RequestLife = spec.Duration(cadence), spec.Duration(requestLife)
		p.Limits.Batch = 6 // so that a campaign is many calls
		if lag, ok := c.Lag[id]; ok {
			d := spec.Duration(lag)
			p.Lag = &d
		}
		list = append(list, p)
	}
	return list, nil
}
