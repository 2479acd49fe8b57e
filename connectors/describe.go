package connectors

import (
	"context"
	"errors"
	"maps"
	"slices"

	"heji/schema"
)

// Describer is implemented by kinds that can say which columns a platform has,
// those that no file names yet included.
type Describer interface {
	// Describe returns the platform's columns in its own order, each with the
	// texts of the same first rows, at most limit of them.
	Describe(ctx context.Context, limit int) ([]Column, error)
}

// Column is one column of a platform.
type Column struct {
	Name    string   // as the platform's file names it
	Type    string   // the platform's own word, "" where it has none
	Samples []string // the texts of the first rows, "" where blank or not there
}

// enough ends a pass that has seen what it wanted.
var errEnough = errors.New("enough rows were read")

// Sample returns the platform's first rows, dead ones included, and ends the
// pass there.
func Sample(ctx context.Context, c Connector, limit int) ([]Row, error) {
	var out []Row
	err := c.Pull(ctx, nil, func(b Batch) error {
		for _, row := range b.Rows {
			if row.Op == schema.OpDelete {
				continue
			}
			if len(out) == limit {
				return errEnough
			}
			out = append(out, row)
		}
		if len(out) == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// Describe returns a platform's columns: the kind's own answer, and for kinds
// that have none the columns that its rows show.
func Describe(ctx context.Context, c Connector, limit int) ([]Column, error) {
	if d, ok := c.(Describer); ok {
		return d.Describe(ctx, limit)
	}
	rows, err := Sample(ctx, c, limit)
	if err != nil {
		return nil, err
	}
	return ColumnsOf(rows), nil
}

// ColumnsOf turns rows into columns, in the order of their names.
func ColumnsOf(rows []Row) []Column {
	names := map[string]bool{}
	for _, row := range rows {
		for name := range row.Columns {
			names[name] = true
		}
	}
	var out []Column
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c := Column{Name: name}
		for _, row := range rows {
			if row.Op == schema.OpPut {
				c.Samples = append(c.Samples, row.Columns[name])
			}
		}
		out = append(out, c)
	}
	return out
}
