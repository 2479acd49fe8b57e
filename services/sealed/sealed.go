package sealed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/crypt"
	"heji/services/hub"
	"heji/services/linkage"
	"heji/services/store"
)

// Config says where a satellite lives.
type Config struct {
	Dir         string // its own folder: JetStream, what its connectors keep
	DatabaseURL string // the hub's database as the role of the satellite, see DSN
	Specs       []*spec.Platform
	Listen      string // address of its own /metrics and /readyz; empty: none
	Logger      *slog.Logger
	MaxWait     time.Duration // see hub.Config
	Crypto      crypt.Suite   // see hub.Config
}

// New assembles a satellite. Prepare must have been run on the database.
func New(ctx context.Context, c Config) (*hub.Hub, error) {
	dsn, err := own(c.DatabaseURL)
	if err != nil {
		return nil, err
	}
	residents, err := register(c.DatabaseURL)
	if err != nil {
		return nil, err
	}
	specs := []*spec.Platform{residents}
	for _, p := range c.Specs {
		if p.Class != schema.ClassD {
			return nil, fmt.Errorf("%s: class: only sealed platforms (class: D) belong to a satellite", p.Source)
		}
		specs = append(specs, p)
	}
	h, err := hub.New(ctx, hub.Config{
		Dir: c.Dir, DatabaseURL: dsn, Specs: specs, Roles: []string{hub.Pull, hub.Merge, hub.Writeback},
		Listen: c.Listen, Logger: c.Logger, Model: linkage.RegisterSource(Register), MaxWait: c.MaxWait, Crypto: c.Crypto, Apart: Register,
	})
	if err != nil {
		return nil, fmt.Errorf("start the satellite: %w", err)
	}
	return h, nil
}

// Open opens the store of a satellite for its administrator.
func Open(ctx context.Context, databaseURL string) (*store.Store, error) {
	dsn, err := own(databaseURL)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, dsn, 2)
	if err != nil {
		return nil, fmt.Errorf("open the store of the satellite: %w", err)
	}
	return st, nil
}

// ErrRegister says that the register is no platform to be stepped or paused.
var ErrRegister = errors.New("the register is the hub's own: there is nothing to decide about it")
