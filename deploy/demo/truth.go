package demo

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"heji/deploy/demo/oracle"
	"heji/services/store"
)

// truthOf is the truth at the end of a phase. It is kept, so that a demo that
// was killed later judges its earlier phases by what was true then.
func (d *demo) truthOf(ctx context.Context, st *store.Store, phase string) (oracle.Hub, error) {
	path := filepath.Join(d.o.Dir, "district", "marks", phase+"-truth.gob")
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		var h oracle.Hub
		if err := gob.NewDecoder(f).Decode(&h); err != nil {
			return h, fmt.Errorf("read %s: %w", path, err)
		}
		return h, nil
	}
	h, err := truth(ctx, st)
	if err != nil {
		return h, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return h, err
	}
	defer os.Remove(f.Name())
	err = errors.Join(gob.NewEncoder(f).Encode(h), f.Sync(), f.Close())
	if err != nil {
		return h, fmt.Errorf("keep the truth of phase %s: %w", phase, err)
	}
	return h, os.Rename(f.Name(), path)
}

// truth hands a hub's merged truth to the oracle as plain data.
func truth(ctx context.Context, st *store.Store) (oracle.Hub, error) {
	h := oracle.Hub{Rows: map[oracle.Ref]string{}, Residents: map[string]map[string]string{}, Live: map[string]bool{},
		Held: map[oracle.FieldRef]string{}, NoCreate: map[string]map[string]bool{}}
	members, err := st.Memberships(ctx)
	if err != nil {
		return h, err
	}
	// Rows that are gone, too: a row that vanished is not made again without a
	// person, so its resident needs no new one.
	for _, m := range members {
		h.Rows[oracle.Ref{Platform: m.Ref.Platform, Key: m.Ref.Key}] = m.Resident
	}
	if err := st.EachResident(ctx, func(r store.Resident) error {
		values := map[string]string{}
		for a, s := range r.Master {
			values[string(a)] = s.Value
		}
		h.Residents[r.ID.String()] = values
		return nil
	}); err != nil {
		return h, err
	}
	platforms, err := st.Platforms(ctx)
	if err != nil {
		return h, err
	}
	for _, p := range platforms {
		h.Live[p.ID] = p.Stage.Writes()
	}
	err = st.EachHeld(ctx, func(t store.HeldTarget) error {
		if t.Key == "" {
			if h.NoCreate[t.Platform] == nil {
				h.NoCreate[t.Platform] = map[string]bool{}
			}
			h.NoCreate[t.Platform][t.Resident.String()] = true
			return nil
		}
		held := map[string]string{}
		if err := json.Unmarshal(t.Held, &held); err != nil {
			return fmt.Errorf("held fields of %s: %w", t.Platform, err)
		}
		for a, why := range held {
			h.Held[oracle.FieldRef{Platform: t.Platform, Key: t.Key, Attribute: a}] = why
		}
		return nil
	})
	return h, err
}
