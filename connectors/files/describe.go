package files

import (
	"context"
	"fmt"
	"io"

	"heji/connectors"
)

// Describe reads the header and the first rows of the newest waiting file.
func (r *reader) Describe(ctx context.Context, limit int) ([]connectors.Column, error) {
	found, err := r.waiting(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no file in %s has a name like %s and is complete. Put one there, or correct connect.pattern: %w",
			r.platform.Source, r.settings.Dir, r.settings.Pattern, connectors.ErrLayout)
	}
	newest := found[len(found)-1].identity
	name := newest.Name
	src, err := r.open(ctx, r.settings.Dir, newest, r.settings.Shape, r.counting())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	defer src.close()
	var columns []connectors.Column
	for n, rows := 1, 0; rows < limit; n++ {
		rec, err := src.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.platform.Source, refused(name, "line %d: %s", rec.line, err))
		}
		switch {
		case n < r.settings.HeaderRow:
		case n == r.settings.HeaderRow:
			for _, cell := range rec.cells {
				columns = append(columns, connectors.Column{Name: squeeze(cell)})
			}
		case r.nobody(rec) || rec.unreadable || r.counts(rec):
		default:
			rows++
			for i := range columns {
				text := ""
				if i < len(rec.cells) {
					text = rec.cells[i]
				}
				columns[i].Samples = append(columns[i].Samples, text)
			}
		}
	}
	return columns, nil
}
