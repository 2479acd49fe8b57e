package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"heji/deploy/bench/clicks"
)

// benchClicks are the settings of both measurements of the desk.
type benchClicks struct {
	Residents int    `help:"How many residents the store holds." default:"200000"`
	Seed      uint64 `help:"Seed of the people and of what is asked." default:"1"`
	Data      string `help:"Data folder of the engine. It must not hold data. Default: a temporary one, removed at the end." type:"path"`
	Report    string `help:"Write the figures as JSON to this file." type:"path"`
}

func (c *benchClicks) measure(ctx context.Context, how func(context.Context, clicks.Options) (clicks.Report, error), workers int, seconds float64) error {
	if workers < 1 || seconds <= 0 {
		return fmt.Errorf("--workers must be at least 1, and --seconds more than 0")
	}
	log, err := logger()
	if err != nil {
		return err
	}
	dir, remove, err := benchFolder(c.Data)
	if err != nil {
		return err
	}
	defer remove()
	_, err = how(ctx, clicks.Options{Residents: c.Residents, Seed: c.Seed, Dir: dir, Workers: workers,
		Time: time.Duration(seconds * float64(time.Second)), Report: c.Report, Out: os.Stdout, Logger: log})
	return err
}

type benchSearch struct {
	benchClicks
	Workers int     `help:"How many people type at the same time, without a pause." default:"2"`
	Seconds float64 `help:"How long they type." default:"20"`
}

// Run measures the search box.
func (c *benchSearch) Run(ctx context.Context) error {
	return c.measure(ctx, clicks.Search, c.Workers, c.Seconds)
}

type benchDesk struct {
	benchClicks
	Workers int     `help:"How many people work at the same time, with a pause of some seconds after each page." default:"50"`
	Seconds float64 `help:"How long they work." default:"60"`
}

// Run measures the pages.
func (c *benchDesk) Run(ctx context.Context) error {
	return c.measure(ctx, clicks.Desk, c.Workers, c.Seconds)
}
