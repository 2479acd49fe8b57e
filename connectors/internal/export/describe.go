package export

import (
	"context"
	"fmt"

	"heji/connectors"
)

// Describe says which columns the newest export has.
func (r *Reader) Describe(ctx context.Context, limit int) ([]connectors.Column, error) {
	if r.files == nil {
		return nil, fmt.Errorf("%s: the platform gives no export, so there is nothing to look into: name its fields as its own page or template calls them, or describe an export in connect.export: %w",
			r.platform.Source, connectors.ErrLayout)
	}
	return connectors.Describe(ctx, r.files, limit)
}
