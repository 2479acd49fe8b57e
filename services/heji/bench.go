package main

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"

	"heji/deploy/bench"
	"heji/services/linkage"
)

type benchCommand struct {
	Connectors benchConnectors    `cmd:"" help:"Each kind of connector beside its bare driver: rows a second pulled and pushed."`
	Desk       benchDesk          `cmd:"" help:"The pages beside a full store, with fifty workers clicking: how long the server takes for each."`
	Entry      benchEntryCommand  `cmd:"" help:"From saving at the desk to the last of eight platforms, while a district loads."`
	Link       benchLink          `cmd:"" help:"Generate person records in memory and link them: records and pairs a second, peak memory."`
	Search     benchSearch        `cmd:"" help:"The search box beside a full store: how long each kind of question takes."`
	Stream     benchStreamCommand `cmd:"" help:"The whole pipeline with its own engines, to quiescence: records a second from pull to write-back."`
	Population benchPopulation    `cmd:"" help:"Link what eight departments hold about invented people: how right it is, beside simple rules."`
}

type benchLink struct {
	Records int    `help:"How many records; a person has four on average." default:"1000000"`
	Seed    int64  `help:"Seed of the records." default:"1"`
	Model   string `help:"The model: a YAML file, or residents." default:"residents"`
	Write   string `help:"Write the records and who they are into this folder, as records.csv and truth.csv, for another tool to link." type:"path"`
	Profile string `help:"Write a CPU profile to this file." type:"path"`

	console
}

// Run measures speed and memory.
func (c *benchLink) Run(ctx context.Context) error {
	m, err := linkage.LoadFile(c.Model)
	if err != nil {
		return err
	}
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	bars := newBars(c.err())
	defer bars.clear()
	_, err = bench.Link(ctx, bench.LinkOptions{Records: c.Records, Seed: c.Seed, Model: m, Write: c.Write, Out: c.out(), Progress: bars.show})
	return err
}

type benchPopulation struct {
	People int    `help:"How many people live in the district." default:"20000"`
	Seed   int64  `help:"Seed of the people and of the departments' errors." default:"2026"`
	Model  string `help:"The model: a YAML file, or residents." default:"residents"`
	Train  bool   `help:"First learn the weights from a population of another seed, without labels."`
	From   int64  `help:"With --train: the seed of the people that are learned from." default:"1"`
	Weight bool   `name:"weights" help:"Show what counting with the truth would weigh each level, beside the model's weights."`
	Write  string `help:"Write the records and who they are into this folder, as records.csv and truth.csv, for another tool to link." type:"path"`
	Kinds  int    `help:"Show so many kinds of pairs that are wrong, missed, or wait for review."`

	console
}

// Run measures how right the links are.
func (c *benchPopulation) Run(ctx context.Context) error {
	m, err := linkage.LoadFile(c.Model)
	if err != nil {
		return err
	}
	_, err = bench.Population(ctx, bench.PopulationOptions{People: c.People, Seed: c.Seed, Model: m,
		Train: c.Train, TrainSeed: c.From, Weights: c.Weight, Kinds: c.Kinds, Write: c.Write, Out: c.out()})
	return err
}
