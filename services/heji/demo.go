package main

import (
	"context"
	"os"
	"os/exec"

	"heji/deploy/demo"
)

type demoCommand struct {
	Residents int    `help:"How many people live in the district." default:"3000"`
	Seed      int64  `help:"Seed of the population, its errors and its clerks." default:"1"`
	Headless  bool   `help:"End after the summary instead of serving the desk."`
	Report    string `help:"Write the figures as JSON to this file." type:"path"`
	Data      string `help:"Data folder; a second start goes on where the first ended." default:"./.heji" env:"HEJI_DATA" type:"path"`
	Listen    string `help:"Address of the desk and of /metrics." default:"127.0.0.1:8080" env:"HEJI_LISTEN"`
	Workers   int    `help:"Merge workers." default:"2"`
	Batch     int    `help:"Records merged at once." default:"400"`
}

// Run runs the demo.
func (c *demoCommand) Run(ctx context.Context) error {
	roomy()
	log, err := logger()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{Residents: c.Residents, Seed: c.Seed, Headless: c.Headless, Report: c.Report,
		Dir: c.Data, Listen: c.Listen, Workers: c.Workers, Batch: c.Batch, Out: os.Stdout, Logger: log, Program: func() *exec.Cmd {
			return exec.Command(self, "demo-gateway")
		}})
}

// demoGateway is the program of the demo's volunteers.
type demoGateway struct{}

// Run answers until the demo ends.
func (demoGateway) Run(ctx context.Context) error { return demo.Gateway(ctx) }
