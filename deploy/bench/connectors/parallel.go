package connectors

import "golang.org/x/sync/errgroup"

// inParallel gives each of four workers its part, as the connectors do that are
// allowed four writes at once.
func inParallel(changed []Changed, do func(part []Changed) error) error {
	var group errgroup.Group
	size := (len(changed) + four - 1) / four
	for start := 0; start < len(changed); start += size {
		part := changed[start:min(start+size, len(changed))]
		group.Go(func() error { return do(part) })
	}
	return group.Wait()
}
