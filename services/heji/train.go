package main

import (
	"context"
	"fmt"
	"io"

	"heji/services/linkage"
	"heji/services/linkage/files"
	"heji/services/linkage/train"
)

type trainCommand struct {
	inputs
	Out  string `help:"Write the trained model to this file; nothing is written where training fails." required:"" type:"path"`
	Seed uint64 `help:"Seed of the pairs that are drawn at random." default:"1"`
	// Rounds is for models that need more, and for whoever wants to be told sooner.
	Rounds int `help:"Rounds after which training gives up: it does not converge." default:"3000"`

	console
}

// Run learns a model from the files.
func (c *trainCommand) Run(ctx context.Context) error {
	bars := newBars(c.err())
	defer bars.clear()
	m, err := linkage.LoadFile(c.Model)
	if err != nil {
		return err
	}
	trained, err := learn(ctx, &c.inputs, m, train.Settings{Seed: c.Seed, Rounds: c.Rounds}, bars, c.out())
	if err != nil {
		return err
	}
	if err := files.WriteFile(c.Out, trained.Write); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out(), "wrote %s, version %s\n", c.Out, trained.Version())
	return err
}

// learn trains a model on the records of files, and reports how, convergence
// included, even where it fails.
func learn(ctx context.Context, i *inputs, m *linkage.Model, s train.Settings, bars *bars, report io.Writer) (*linkage.Model, error) {
	_, records, err := i.read(ctx, m, bars)
	if err != nil {
		return nil, err
	}
	s.Progress = func(done, total int) { bars.show(stageTrain, int64(done), int64(total)) }
	learned, how, err := train.Train(ctx, m, records, s)
	bars.clear()
	if how != nil {
		if err := how.Write(report); err != nil {
			return nil, fmt.Errorf("report on the training: %w", err)
		}
		if report == io.Discard {
			for _, n := range how.Notes {
				fmt.Fprintln(bars.out, "note:", n)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("train model %s: %w", i.Model, err)
	}
	return m.Trained(learned)
}
