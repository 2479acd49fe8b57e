package demo

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"heji/deploy/demo/examine"
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
	h, err := examine.Truth(ctx, st)
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
