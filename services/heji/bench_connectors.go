package main

import (
	"context"

	"heji/deploy/bench/connectors"
)

type benchConnectors struct {
	Rows   int      `help:"How many rows each platform holds." default:"50000"`
	Writes int      `help:"How many of them are written." default:"2000"`
	Only   []string `help:"Only cases whose names begin so: table, rest/…"`

	console
}

// Run measures every kind beside its bare driver.
func (c *benchConnectors) Run(ctx context.Context) error {
	_, err := connectors.Run(ctx, connectors.Options{Rows: c.Rows, Writes: c.Writes, Only: c.Only, Out: c.out()})
	return err
}
