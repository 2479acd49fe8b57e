package examine

import (
	"context"
	"encoding/json"
	"fmt"

	"heji/deploy/demo/oracle"
	"heji/services/store"
)

// Truth hands the hub's merged truth to the oracle as plain data.
func Truth(ctx context.Context, st *store.Store) (oracle.Hub, error) {
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
