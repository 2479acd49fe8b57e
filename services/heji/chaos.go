package main

import (
	"context"
	"os"
	"os/exec"
	"time"

	"heji/deploy/chaos"
)

type chaosCommand struct {
	Rounds   int           `help:"How many rounds." default:"20"`
	Seed     int64         `help:"Seed of the people, the platforms and the faults." default:"1"`
	From     int           `help:"The first round: plays a failed one again with --rounds 1." default:"1"`
	Only     string        `help:"A fault that every round has, by its name in the report."`
	Report   string        `help:"Write the figures as JSON to this file." type:"path"`
	Data     string        `help:"Folder for the servers and for rounds that went wrong; else a temporary one." type:"path"`
	Patience time.Duration `help:"Longest wait for quiet." default:"1m"`
}

// Run plays the rounds.
func (c *chaosCommand) Run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = chaos.Run(ctx, chaos.Options{Rounds: c.Rounds, Seed: c.Seed, From: c.From, Only: c.Only, Report: c.Report, Dir: c.Data,
		Patience: c.Patience, Out: os.Stdout, Self: func() *exec.Cmd { return exec.Command(self, "chaos-child") }})
	return err
}

type chaosChild struct{}

// Run is a process that heji chaos starts and kills.
func (chaosChild) Run(ctx context.Context) error { return chaos.RunChild(ctx) }
