package main

import (
	"context"
	"os"

	"heji/deploy/bench/stream"
)

type benchEntryCommand struct {
	Residents int    `help:"How many people live in the district that loads meanwhile; they make four records each." default:"100000"`
	Entries   int    `help:"How many entries are made, one after the other." default:"100"`
	Seed      uint64 `help:"Seed of the people." default:"1"`
	Data      string `help:"Data folder of the engines. It must not hold data. Default: a temporary one, removed at the end." type:"path"`
	Report    string `help:"Write the figures as JSON to this file." type:"path"`
}

// Run measures entries at the desk.
func (c *benchEntryCommand) Run(ctx context.Context) error {
	roomy()
	log, err := logger()
	if err != nil {
		return err
	}
	dir, remove, err := benchFolder(c.Data)
	if err != nil {
		return err
	}
	defer remove()
	_, err = stream.RunEntries(ctx, stream.EntryOptions{Residents: c.Residents, Entries: c.Entries, Seed: c.Seed, Dir: dir,
		Report: c.Report, Out: os.Stdout, Logger: log})
	return err
}
