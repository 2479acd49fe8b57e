package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// putAway returns the newest full extract in processed/ and the drops that came
// after it, in their order; without a full extract, every drop.
func (r *reader) putAway(ctx context.Context) ([]*extract, error) {
	if _, err := r.drive.stat(ctx, r.settings.Processed); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nothing was read yet
	}
	away := &folder{drive: r.drive, dir: r.settings.Processed, marker: markerRename, now: r.folder.now}
	ids, err := away.ready(ctx, r.ours)
	if err != nil {
		return nil, err
	}
	found := r.inOrder(ids)
	for i := len(found) - 1; i >= 0; i-- {
		if found[i].mode == modeFull {
			return found[i:], nil
		}
	}
	return found, nil
}

// Reread puts the last extract, and the drops after it, back where they are
// read. A file that waits under the same name is newer and stays.
func (r *reader) Reread(ctx context.Context) error {
	found, err := r.putAway(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	for _, e := range found {
		to := r.drive.join(r.settings.Dir, e.Name)
		if _, err := r.drive.stat(ctx, to); err == nil {
			continue
		}
		if err := r.drive.rename(ctx, r.drive.join(r.settings.Processed, e.Name), to); err != nil {
			return fmt.Errorf("%s: the file %s cannot be brought back from %s: %w", r.platform.ID, e.Name, r.settings.Processed, because(err))
		}
		if strings.HasPrefix(r.folder.marker, ".") {
			if err := r.drive.write(ctx, to+r.folder.marker, nil); err != nil {
				return fmt.Errorf("%s: the file %s cannot be marked as whole: %w", r.platform.ID, e.Name, because(err))
			}
		}
	}
	return nil
}

// lookBack lets a person who looks once see the last extract where none waits:
// it is read where it was put away, and stays there.
func (r *reader) lookBack(ctx context.Context) ([]*extract, error) {
	found, err := r.putAway(ctx)
	if err == nil && len(found) > 0 {
		r.settings.Dir = r.settings.Processed
	}
	return found, err
}
