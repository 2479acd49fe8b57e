package main

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"

	"heji/deploy/bench/stream"
)

type benchStreamCommand struct {
	Residents int    `help:"How many people live in the districts; they make four records each." default:"250000"`
	Seed      uint64 `help:"Seed of the people and their registers' slips." default:"1"`
	Data      string `help:"Data folder of the engines. It must not hold data. Default: a temporary one, removed at the end." type:"path"`
	Workers   int    `help:"Merge workers; 0: the hub's default."`
	Batch     int    `help:"Records merged at once; 0: the hub's default."`
	Entries   bool   `help:"Make entries at the desk while the districts load." default:"true" negatable:""`
	Report    string `help:"Write the figures as JSON to this file." type:"path"`
	Profile   string `help:"Write a CPU profile of this process to this file." type:"path"`

	Statements int `help:"Print so many of the statements that took PostgreSQL longest, after each part." placeholder:"N"`
}

// Run measures the whole pipeline to quiescence.
func (c *benchStreamCommand) Run(ctx context.Context) error {
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
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer f.Close() //nolint:errcheck // a profile that was not written whole is seen when it is read
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	_, err = stream.Run(ctx, stream.Options{Residents: c.Residents, Seed: c.Seed, Dir: dir, Workers: c.Workers, Batch: c.Batch,
		Entries: c.Entries, Report: c.Report, Statements: c.Statements, Out: os.Stdout, Logger: log})
	return err
}

// benchFolder is the data folder of a measurement: the one that is named, or a
// temporary one, which remove takes away.
func benchFolder(named string) (dir string, remove func(), err error) {
	if named != "" {
		return named, func() {}, nil
	}
	if dir, err = os.MkdirTemp("", "heji-bench-"); err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // the folder is the machine's to clean as well
	// PostgreSQL may run as another user, who has to walk to its data.
	if err = os.Chmod(dir, 0o711); err != nil {
		remove()
	}
	return dir, remove, err
}
