package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"heji/deploy/demo/oracle"
	"heji/deploy/demo/population"
	"heji/schema"
	"heji/services/sealed"
)

// seal starts the satellite of the sealed platforms: a second hub with its own
// schema, role and messages, which reads one view of the first. In life it is a
// process of its own (heji sealed serve); here it is in this one, so that the
// demo can wait for it and count.
func (d *demo) seal(ctx context.Context) error {
	dir := filepath.Join(d.o.Dir, "sealed")
	password, err := sealed.Password(dir)
	if err != nil {
		return err
	}
	if err := sealed.Prepare(ctx, d.hub.DatabaseURL(), password); err != nil {
		return err
	}
	dsn, err := sealed.DSN(d.hub.DatabaseURL(), password)
	if err != nil {
		return err
	}
	if d.satellite, err = sealed.New(ctx, sealed.Config{Dir: dir, DatabaseURL: dsn, Specs: d.sealed, Logger: d.o.Logger}); err != nil {
		return err
	}
	// The lock on the data folder says that an earlier satellite is gone.
	return d.satellite.Store.DropLeases(ctx, "")
}

// unseal lets the sealed platforms receive what was agreed with their owners,
// who alone may say so.
func (d *demo) unseal(ctx context.Context) error {
	list, err := d.satellite.Store.Platforms(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		if !slices.Contains(population.Sealed, p.ID) || p.Stage == schema.Live {
			continue
		}
		if _, err := d.satellite.Store.Step(ctx, p.ID, schema.Live, "demo-owner", "演示：主管部门已批准"); err != nil {
			return fmt.Errorf("approve %s: %w", p.ID, err)
		}
	}
	return nil
}

// sealedTotals counts, at the end, to whom the satellite has put the rows of the
// sealed platforms. resident is whose each row of the hub is, origins who is
// meant by each row of every platform.
func (d *demo) sealedTotals(ctx context.Context, resident map[oracle.Ref]string, origins map[oracle.Ref]int) error {
	st, err := d.satellite.Store.Stats(ctx)
	if err != nil {
		return err
	}
	list, err := d.satellite.Store.Platforms(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		if !slices.Contains(population.Sealed, p.ID) {
			continue
		}
		x := d.report.platform(p.ID)
		x.Kind, x.Department, x.Sealed = p.Kind, p.Department, true
		if ps := st.Platforms[p.ID]; ps != nil {
			x.Proposed, x.Pending = ps.Proposals, ps.Due
		}
		d.report.names[p.ID] = p.Name
	}
	persons := map[string]map[int]bool{} // the hub's resident → whom its rows mean
	for ref, id := range resident {
		if person, ok := origins[ref]; ok {
			if persons[id] == nil {
				persons[id] = map[int]bool{}
			}
			persons[id][person] = true
		}
	}
	members, err := d.satellite.Store.Memberships(ctx)
	if err != nil {
		return err
	}
	registered := map[string]string{} // the satellite's resident → the hub's
	for _, m := range members {
		if m.Ref.Platform == sealed.Register && !m.Deleted {
			registered[m.Resident] = m.Ref.Key
		}
	}
	for _, m := range members {
		id, put := registered[m.Resident]
		person, known := origins[oracle.Ref{Platform: m.Ref.Platform, Key: m.Ref.Key}]
		if m.Deleted || !put || !known {
			continue
		}
		x := d.report.platform(m.Ref.Platform)
		x.Attached++
		if !persons[id][person] {
			x.Misplaced++
		}
	}
	return nil
}
