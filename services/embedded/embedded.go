package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"
)

// Options say where the engines keep their data and how they run. Only Dir is
// needed.
type Options struct {
	// Dir is the data folder. It is created where it is missing.
	Dir string
	// Logger receives what people should know about the engines. Nil: nothing
	// is logged.
	Logger *slog.Logger

	// PostgresBin is the folder of the server binaries. Empty: PATH, then the
	// distribution's folders, then fetched.
	PostgresBin string
	// PostgresSettings are added to the server's settings and win over ours.
	PostgresSettings map[string]string
	// Throwaway trades durability for speed: nothing survives a crash of the
	// machine. For tests.
	Throwaway bool
	// StartTimeout bounds the wait for PostgreSQL, recovery after a crash
	// included. Zero: five minutes.
	StartTimeout time.Duration
	// StopTimeout bounds the wait for a clean stop, after which PostgreSQL is
	// stopped at once and recovers at the next start. Zero: 30 seconds.
	StopTimeout time.Duration

	// NATSListen is a loopback address such as 127.0.0.1:4222 on which NATS
	// also listens. Empty: in-process connections only.
	NATSListen string
	// NATSUsers may connect there, and nobody else. Nil: whoever reaches the
	// address may do everything.
	NATSUsers []NATSUser
	// NATSSyncInterval is how often JetStream flushes to the disk. Zero: ten
	// seconds (the server's own default is two minutes).
	NATSSyncInterval time.Duration
}

// NATSUser is somebody who may connect to the embedded NATS, and what for.
type NATSUser struct {
	Name, Password     string
	Publish, Subscribe []string // subjects
	// Replies: may answer requests that it receives.
	Replies bool
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("the engines need a data folder: Options.Dir is empty")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("data folder %s: %w", o.Dir, err)
	}
	o.Dir = dir
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = 5 * time.Minute
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = 30 * time.Second
	}
	if o.NATSSyncInterval == 0 {
		o.NATSSyncInterval = 10 * time.Second
	}
	return o, nil
}

// Engines are both engines of one data folder.
type Engines struct {
	Postgres *Postgres
	NATS     *NATS
}

// Start starts both engines and returns when both are ready. They stop when ctx
// ends or Stop is called; a caller that has work to finish gives a ctx that
// outlives the work.
func Start(ctx context.Context, o Options) (*Engines, error) {
	pg, err := StartPostgres(ctx, o)
	if err != nil {
		return nil, err
	}
	ns, err := StartNATS(ctx, o)
	if err != nil {
		return nil, errors.Join(err, pg.Stop())
	}
	return &Engines{Postgres: pg, NATS: ns}, nil
}

// Stop stops both engines and waits until they are gone. Calling it again
// returns the same answer.
func (e *Engines) Stop() error {
	return errors.Join(e.NATS.Stop(), e.Postgres.Stop())
}
