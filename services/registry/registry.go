package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"heji/connectors"
	"heji/connectors/mapping"
	"heji/connectors/spec"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// Desk is the platform of staff entries. It has no connector: its rows are in
// the hub's own store.
const Desk = "desk"

// Platform is one connected platform.
type Platform struct {
	Spec      *spec.Platform
	Map       *mapping.Map
	Connector connectors.Connector // nil for the desk
	Policy    lineage.Policy
	// Conditional: the platform compares before it writes, so that a write that
	// was applied has certainly replaced what we saw.
	Conditional bool
}

// Required are the attributes without which the platform takes no new row.
func (p *Platform) Required() []schema.Attribute {
	var out []schema.Attribute
	for a, f := range p.Spec.Fields {
		if f.Required {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return out
}

// Registry is the set of connected platforms. It is filled before the services
// start and not changed afterwards.
type Registry struct {
	platforms map[string]*Platform
	order     []string
}

// New opens a connector for each file. A platform that cannot be opened is left
// out and named in the error; the others work (I10).
//
// with completes the environment of each connector, where there is more than a
// folder.
func New(ctx context.Context, specs []*spec.Platform, dir func(platform string) string, with ...func(platform string, env *connectors.Environment)) (*Registry, error) {
	r := &Registry{platforms: map[string]*Platform{}}
	var errs []error
	for _, s := range specs {
		m, err := mapping.New(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		env := connectors.Environment{Dir: dir(s.ID)}
		for _, f := range with {
			f(s.ID, &env)
		}
		c, err := connectors.Open(ctx, s, env)
		if err != nil {
			errs = append(errs, fmt.Errorf("platform %s: %w", s.ID, err))
			continue
		}
		r.platforms[s.ID] = &Platform{Spec: s, Map: m, Connector: c, Policy: policy(s, m, c)}
		if x, ok := c.(interface{ Conditional() bool }); ok {
			r.platforms[s.ID].Conditional = x.Conditional()
		}
		r.order = append(r.order, s.ID)
	}
	// The desk's clock is ours, and nobody ever writes to it.
	r.platforms[Desk] = &Platform{Spec: &spec.Platform{ID: Desk, Name: "居民信息录入", NameEn: "desk", Kind: Desk, Class: schema.ClassB, ClockTrusted: true}}
	slices.Sort(r.order)
	return r, errors.Join(errs...)
}

// policy says what lineage must know about a platform.
func policy(s *spec.Platform, m *mapping.Map, c connectors.Connector) lineage.Policy {
	_, looks := c.(connectors.Looker)
	p := lineage.Policy{
		Lag: s.ReadLag(), RequestLife: s.Life(), Looks: looks,
		// A database is asked where it is written; what answers a HTTP question may
		// be a replica, as far as its file does not say otherwise.
		Primary:  looks && s.Kind == "table",
		Defaults: map[schema.Attribute][]string{}, Mirrors: map[schema.Attribute]bool{},
		Predict: m.Predictions,
	}
	if x, ok := c.(connectors.Repeater); ok {
		p.Queue = x.Repeats()
	}
	for a, f := range s.Fields {
		if len(f.Defaults) > 0 {
			p.Defaults[a] = f.Defaults
		}
	}
	for _, a := range s.Agreement.Mirrors {
		p.Mirrors[a] = true
	}
	return p
}

// Keep makes the store's entries of a platform what a connector keeps.
func Keep(st *store.Store) func(platform string, env *connectors.Environment) {
	return func(platform string, env *connectors.Environment) { env.Keep = keep{st.Keep(platform)} }
}

type keep struct{ *store.Keep }

func (k keep) Change(ctx context.Context, f func(connectors.Box) error) error {
	return k.Keep.Change(ctx, func(b *store.Box) error { return f(b) })
}

func (k keep) View(ctx context.Context, f func(connectors.Box) error) error {
	return k.Keep.View(ctx, func(b *store.Box) error { return f(b) })
}

// Get returns a platform; ok is false when this process does not connect it.
func (r *Registry) Get(id string) (*Platform, bool) {
	p, ok := r.platforms[id]
	return p, ok
}

// IDs returns the connected platforms in order, the desk left out.
func (r *Registry) IDs() []string { return slices.Clone(r.order) }

// Register makes every platform known to the store, the desk included.
func (r *Registry) Register(ctx context.Context, st *store.Store) error {
	for _, id := range append(r.IDs(), Desk) {
		p := r.platforms[id]
		_, writable := p.Connector.(connectors.Writer)
		if c, ok := p.Connector.(interface{ Writable() bool }); ok {
			writable = writable && c.Writable()
		}
		cadence := p.Spec.Cadence.D()
		if err := st.RegisterPlatform(ctx, store.Platform{
			ID: id, Name: p.Spec.Name, NameEn: p.Spec.NameEn, Department: p.Spec.Department, Kind: p.Spec.Kind,
			Class: p.Spec.Class, Cadence: cadence, Writable: writable, Agreement: p.Spec.Agreement,
		}); err != nil {
			return err
		}
	}
	return nil
}

// Close closes every connector.
func (r *Registry) Close() error {
	var errs []error
	for _, id := range r.order {
		if err := r.platforms[id].Connector.Close(); err != nil {
			errs = append(errs, fmt.Errorf("platform %s: close: %w", id, err))
		}
	}
	return errors.Join(errs...)
}
