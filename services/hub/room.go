package hub

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"heji/services/embedded"
)

// Room on the disk of the data folder, in bytes.
const (
	leastRoom  = 16 << 20 // with less nothing is certain to be saved
	littleRoom = 1 << 30
)

// room reports how much room the disk of the data folder has for this process.
func (h *Hub) room() (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(h.c.Dir, &fs); err != nil {
		return 0, fmt.Errorf("the data folder: %w", err)
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil
}

// diskCheck fails where the disk is full.
func (h *Hub) diskCheck(context.Context) error {
	left, err := h.room()
	if err == nil && left < leastRoom {
		err = fmt.Errorf("the disk of the data folder is full (%d MB left): make room, at least %d MB; work then goes on by itself", left>>20, leastRoom>>20)
	}
	return err
}

// diskNotice says that the disk will be full some day soon.
func (h *Hub) diskNotice(context.Context) error {
	left, err := h.room()
	if err == nil && left < littleRoom {
		err = fmt.Errorf("the disk of the data folder has %d MB left", left>>20)
	}
	return err
}

// restartPause is the pause between two tries to start PostgreSQL again.
const restartPause = 2 * time.Second

// keepPostgres starts the embedded PostgreSQL again when it has ended by itself,
// as it does when it cannot write its log because the disk is full. It comes back
// on the same socket; whoever works tries again by itself.
func (h *Hub) keepPostgres(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.engines.Postgres.Done():
		}
		if ctx.Err() != nil {
			return nil
		}
		err := h.engines.Postgres.Stop() // says why; gives its lock back
		h.c.Logger.Error("PostgreSQL has ended: it is started again as soon as it can be", "error", err)
		for {
			pg, err := embedded.StartPostgres(context.WithoutCancel(ctx), h.options())
			if err == nil {
				h.engines.Postgres = pg
				h.c.Logger.Info("PostgreSQL works again")
				break
			}
			h.c.Logger.Warn("PostgreSQL does not start yet; trying again", "error", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(restartPause):
			}
		}
	}
}

func (h *Hub) options() embedded.Options {
	o := embedded.Options{Dir: h.c.Dir, Logger: h.c.Logger, NATSListen: h.c.NATSListen}
	if o.NATSListen != "" {
		if h.visitor == "" {
			h.visitor = rand.Text()
		}
		o.NATSUsers = append(Programs(append(slices.Clone(h.c.Specs), h.c.Drafts...)), visitorAs(h.visitor))
	}
	return o
}
