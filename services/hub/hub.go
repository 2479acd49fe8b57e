package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/access"
	"heji/services/bus"
	"heji/services/crypt"
	"heji/services/desk"
	"heji/services/embedded"
	"heji/services/journal"
	"heji/services/merge"
	"heji/services/pull"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/telemetry"
	"heji/services/writeback"

	// The connector kinds register themselves.
	_ "heji/connectors/files"
	_ "heji/connectors/kafka"
	_ "heji/connectors/manual"
	_ "heji/connectors/rest"
	_ "heji/connectors/soap"
	_ "heji/connectors/table"
	_ "heji/connectors/template"
)

// Roles of a process.
const (
	Pull      = "pull"
	Merge     = "merge"
	Writeback = "writeback"
	Desk      = "desk"
)

// AllRoles are what one process does by default.
var AllRoles = []string{Pull, Merge, Writeback, Desk}

// Config says what to start.
type Config struct {
	Dir         string // data folder of the embedded engines and of the connectors
	DatabaseURL string // empty: the embedded PostgreSQL
	NATSURL     string // empty: the embedded NATS
	Specs       []*spec.Platform
	Roles       []string     // empty: all
	Listen      string       // address of the desk and /metrics; "" means none
	Reach       Reach        // for people on other machines
	OIDC        *access.OIDC // where people may log in as well; nil: nowhere
	Logger      *slog.Logger

	Workers int           // merge workers; 0: 2
	Batch   int           // merge batch; 0: 400
	MaxWait time.Duration // longest pause between two passes over a platform; 0: one minute
	Counts  time.Duration // how often residents are counted for platforms that are told numbers; 0: one minute
	Lease   time.Duration // how long a lease outlives a process that was killed; 0: 15 seconds

	// Underway bounds what waits in JetStream to be taken in, in bytes; 0: 2 GiB.
	Underway int64

	// NATSListen is a loopback address on which the embedded NATS also listens, for
	// connectors that are programs of their own. "": it does not.
	NATSListen string

	// Drafts are files that are not finished, so that nothing is read or written by
	// them: their programs may connect, so that they can be asked for columns.
	Drafts []*spec.Platform

	// Crypto is the suite of algorithms for what is hashed and encrypted; "": the
	// international one.
	Crypto crypt.Suite

	// Model is the file of the model for a store that has none yet; nil: the one
	// that the program ships.
	Model []byte

	// Apart is a platform whose rows are the hub's own: after a restore nobody has
	// to open it. "": none.
	Apart string

	// Engines that run already, for a caller that needs them too.
	Engines *embedded.Engines
}

// Hub is a running set of services.
type Hub struct {
	Store    *store.Store
	Bus      *bus.Bus
	Registry *registry.Registry
	Metrics  *telemetry.Metrics
	Health   *telemetry.Health
	Keys     func(schema.Values) []int64 // blocking keys of own values
	Ring     *crypt.Ring                 // the keys of what is kept encrypted

	c       Config
	dsn     string            // of the store
	engines *embedded.Engines // ours to stop
	pull    *pull.Service
	journal *journal.Journal
	visitor string    // password of the commands beside the hub at its NATS
	crowded time.Time // when the holders of hot keys were last counted

	run    []func(context.Context) error
	server *http.Server
	listen net.Listener
}

// New opens everything and starts nothing yet. Close gives it all back.
func New(ctx context.Context, c Config) (h *Hub, err error) {
	if len(c.Roles) == 0 {
		c.Roles = AllRoles
	}
	for _, r := range c.Roles {
		if !slices.Contains(AllRoles, r) {
			return nil, fmt.Errorf("%q is none of %v", r, AllRoles)
		}
	}
	if c.Crypto, err = crypt.ParseSuite(string(c.Crypto)); err != nil {
		return h, err
	}
	h = &Hub{c: c, Metrics: telemetry.NewMetrics(), Health: telemetry.NewHealth()}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	alone := c.DatabaseURL == ""
	dsn, busOptions, err := h.engine(ctx)
	if err != nil {
		return h, err
	}
	h.dsn = dsn
	if h.Store, err = store.Open(ctx, dsn, 24); err != nil {
		return h, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return h, fmt.Errorf("the data folder: %w", err)
	}
	if h.Ring, err = crypt.OpenRing(filepath.Join(c.Dir, KeysFile), c.Crypto); err != nil {
		return h, err
	}
	h.journal = journal.New(filepath.Join(c.Dir, JournalFolder), h.Ring)
	if h.Bus, err = bus.Connect(ctx, busOptions); err != nil {
		return h, err
	}
	if h.Registry, err = registry.New(ctx, c.Specs, func(id string) string {
		return filepath.Join(c.Dir, "platforms", id)
	}, registry.Keep(h.Store), h.messages(busOptions)); err != nil {
		if len(h.Registry.IDs()) == 0 && len(c.Specs) > 0 {
			return h, err
		}
		// I10: one platform's mistake is its own.
		c.Logger.Error("some platforms are left out until their files are right", "error", err)
	}
	if err := h.Registry.Register(ctx, h.Store); err != nil {
		return h, err
	}
	if alone {
		// The lock on the data folder says that nobody else is on this database.
		if err := h.Store.DropLeases(ctx, ""); err != nil {
			return h, err
		}
	}
	return h, h.assemble(ctx)
}

func (h *Hub) engine(ctx context.Context) (string, bus.Options, error) {
	dsn, o := h.c.DatabaseURL, bus.Options{URL: h.c.NATSURL, Logger: h.c.Logger, MaxRecordsBytes: h.c.Underway}
	engines := h.c.Engines
	if engines == nil && (dsn == "" || o.URL == "") {
		eo := h.options()
		h.engines = &embedded.Engines{}
		var err error
		// Engines outlive ctx: services are stopped first, then these.
		run := context.WithoutCancel(ctx)
		if dsn == "" {
			if h.engines.Postgres, err = embedded.StartPostgres(run, eo); err != nil {
				return "", o, err
			}
		}
		if o.URL == "" {
			if h.engines.NATS, err = embedded.StartNATS(run, eo); err != nil {
				return "", o, err
			}
			if err := h.invite(); err != nil {
				return "", o, err
			}
		}
		engines = h.engines
	}
	if dsn == "" {
		dsn = engines.Postgres.DSN(embedded.DefaultDatabase)
	}
	if o.URL == "" {
		o.InProcess = engines.NATS
	}
	return dsn, o, nil
}

// assemble makes the services of this process's roles.
func (h *Hub) assemble(ctx context.Context) error {
	c, log := h.c, h.c.Logger
	holder := holderName()
	if err := h.installModel(ctx); err != nil {
		return err
	}
	h.Keys = h.Store.Keys
	if err := h.reconcile(ctx); err != nil {
		return err
	}
	has := func(role string) bool { return slices.Contains(c.Roles, role) }
	if has(Pull) {
		h.pull = pull.New(pull.Options{Store: h.Store, Bus: h.Bus, Registry: h.Registry, Metrics: h.Metrics,
			Logger: log.With("service", Pull), Holder: holder, MaxWait: c.MaxWait, Lease: c.Lease})
		h.run = append(h.run, h.pull.Run)
	}
	if has(Merge) {
		m, err := merge.New(ctx, merge.Options{Store: h.Store, Bus: h.Bus, Registry: h.Registry, Metrics: h.Metrics,
			Logger: log.With("service", Merge), Workers: c.Workers, Batch: c.Batch})
		if err != nil {
			return err
		}
		h.run = append(h.run, m.Run)
	}
	if has(Writeback) {
		w := writeback.New(writeback.Options{Counts: h.c.Counts, Store: h.Store, Bus: h.Bus, Registry: h.Registry, Metrics: h.Metrics,
			Logger: log.With("service", Writeback), Holder: holder, Keys: h.Keys, Journal: h.journal, Lease: c.Lease})
		h.run = append(h.run, w.Run)
	}
	h.run = append(h.run, h.beat, h.audit, h.forget)
	if h.engines != nil && h.engines.Postgres != nil {
		h.run = append(h.run, h.keepPostgres)
	}
	h.observe()
	return h.serve(ctx, has(Desk))
}

// serve opens the listener, so that an address that is taken is known at once.
func (h *Hub) serve(ctx context.Context, withDesk bool) error {
	if h.c.Listen == "" {
		return nil
	}
	mux := http.NewServeMux()
	telemetry.Register(mux, h.Metrics, h.Health)
	public, proxies, err := h.c.Reach.read(h.c.Listen)
	if err != nil {
		return err
	}
	if withDesk {
		d, err := desk.New(desk.Options{Store: h.Store, Registry: h.Registry, Metrics: h.Metrics,
			Logger: h.c.Logger.With("service", Desk), Wake: h.Wake, Today: time.Now, Keys: h.Keys, Kept: h.Kept, Ring: h.Ring, Public: public, Proxies: proxies, OIDC: h.c.OIDC})
		if err != nil {
			return err
		}
		mux.Handle("/", d.Handler())
		h.run = append(h.run, d.Run)
	}
	if h.pull != nil {
		mux.HandleFunc("POST /hooks/{platform}", h.hooks)
	}
	if err := h.mayListen(ctx); err != nil {
		return err
	}
	if h.listen, err = net.Listen("tcp", h.c.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(h.c.Logger.Handler(), slog.LevelWarn)}
	return nil
}

// Wake takes new desk entries at once where pull runs in this process;
// elsewhere its sweep finds them within a second.
func (h *Hub) Wake(platform string) {
	if h.pull != nil {
		h.pull.Wake(platform)
	}
}

// DatabaseURL is the address of the hub's database, its secret included.
func (h *Hub) DatabaseURL() string { return h.dsn }

// Addr is where the desk and the metrics are, empty when nothing listens.
func (h *Hub) Addr() string {
	if h.listen == nil {
		return ""
	}
	return h.listen.Addr().String()
}

// Run works until ctx ends, then stops the services cleanly.
func (h *Hub) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, run := range h.run {
		g.Go(func() error { return run(ctx) })
	}
	if h.server != nil {
		g.Go(func() error {
			if err := h.serveListener(); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("desk: %w", err)
			}
			return nil
		})
		g.Go(func() error {
			<-ctx.Done()
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := h.server.Shutdown(stop); err != nil {
				return h.server.Close()
			}
			return nil
		})
	}
	return g.Wait()
}

// Close gives back what New opened.
func (h *Hub) Close() error {
	var errs []error
	if h.listen != nil {
		h.listen.Close() //nolint:errcheck // closed by the server already
	}
	if h.Registry != nil {
		errs = append(errs, h.Registry.Close())
	}
	if h.Bus != nil {
		h.Bus.Close()
	}
	if h.Store != nil {
		h.Store.Close()
	}
	if h.journal != nil {
		errs = append(errs, h.journal.Close())
	}
	if h.engines != nil {
		if h.engines.NATS != nil {
			errs = append(errs, h.disinvite())
			errs = append(errs, h.engines.NATS.Stop())
		}
		if h.engines.Postgres != nil {
			errs = append(errs, h.engines.Postgres.Stop())
		}
	}
	return errors.Join(errs...)
}

// holderName names this process in leases.
func holderName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), uuid.NewString()[:8])
}
