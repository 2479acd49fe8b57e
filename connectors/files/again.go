package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// putAway returns what of processed/ a whole read needs: the newest full extract
// and the drops that came after it, in their order; without a full extract,
// every drop. Where a newer full extract waits, it needs nothing older.
func (r *reader) putAway(ctx context.Context, waiting []identity) ([]*extract, error) {
	if _, err := r.drive.stat(ctx, r.settings.Processed); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nothing was read yet
	}
	away := &folder{drive: r.drive, dir: r.settings.Processed, marker: markerRename, now: r.folder.now}
	ids, err := away.ready(ctx, r.ours)
	if err != nil {
		return nil, err
	}
	all := r.inOrder(append(slices.Clone(waiting), ids...))
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].mode == modeFull {
			all = all[i:]
			break
		}
	}
	return slices.DeleteFunc(all, func(e *extract) bool {
		return slices.ContainsFunc(waiting, func(id identity) bool { return id.same(e.identity) })
	}), nil
}

// Reread puts the last extract, and the drops after it, back where they are
// read. A file that waits under the same name is newer and stays.
func (r *reader) Reread(ctx context.Context) error {
	waiting, err := r.folder.ready(ctx, r.ours)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	found, err := r.putAway(ctx, waiting)
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
		r.folder.trust(e.identity) // who asked for it waits for no second look
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
	found, err := r.putAway(ctx, nil)
	if err == nil && len(found) > 0 {
		r.settings.Dir = r.settings.Processed
	}
	return found, err
}
