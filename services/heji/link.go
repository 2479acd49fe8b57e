package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"heji/services/linkage"
	"heji/services/linkage/files"
	"heji/services/linkage/train"
)

// inputs are what every command over files takes.
type inputs struct {
	Model    string   `help:"The model: a YAML file, or residents for the one that the program carries." default:"residents"`
	Encoding string   `help:"Encoding of the files: auto finds UTF-8, UTF-16 with a mark and GB18030." default:"auto"`
	Files    []string `arg:"" name:"input" help:"CSV files; each is one source, called by its base name." type:"path"`
}

type linkCommand struct {
	inputs
	Out    string `help:"Write source,key,entity,probability to this file instead of standard output." type:"path"`
	Review string `help:"Write the pairs that a person should look at to this file." type:"path"`
	Train  bool   `help:"Learn weights and thresholds from these records first; no labels needed."`
	Seed   uint64 `help:"Seed of the pairs that --train draws at random." default:"1"`
	Stats  bool   `help:"Print what was done, to standard error; with --train, also what was learned."`

	console
}

// console is where a command writes; the zero value is the process's own.
type console struct{ stdout, stderr io.Writer }

func (c *console) out() io.Writer {
	if c.stdout != nil {
		return c.stdout
	}
	return os.Stdout
}

func (c *console) err() io.Writer {
	if c.stderr != nil {
		return c.stderr
	}
	return os.Stderr
}

// Run links the files.
func (c *linkCommand) Run(ctx context.Context) error {
	begin := time.Now()
	bars := newBars(c.err())
	defer bars.clear()
	m, err := linkage.LoadFile(c.Model)
	if err != nil {
		return err
	}
	if c.Train {
		if m, err = learn(ctx, &c.inputs, m, train.Settings{Seed: c.Seed}, bars, c.report()); err != nil {
			return err
		}
	} else if err := m.Ready(); err != nil {
		return fmt.Errorf("model %s: %w (heji link --train learns it from the files)", c.Model, err)
	}
	in, records, err := c.read(ctx, m, bars)
	if err != nil {
		return err
	}
	result, err := records.Link(ctx, bars.show)
	if err != nil {
		return err
	}
	bars.clear()
	if err := c.write(records, result); err != nil {
		return err
	}
	for _, note := range in.Notes() {
		fmt.Fprintln(c.err(), "note:", note)
	}
	if largest, usual := result.Stats.Largest, m.Limits().Component; largest > usual {
		fmt.Fprintf(c.err(), "note: links connect %d records with one another, more than %d: the model may take strangers for one; look at the entities with many records\n", largest, usual)
	}
	if !c.Stats {
		return nil
	}
	if err := result.Stats.Print(c.err()); err != nil {
		return err
	}
	took := time.Since(begin)
	_, err = fmt.Fprintf(c.err(), "time        %.2f s, %.0f records a second, %.2f s of processor time on %d processors\nmemory      %.2f GiB at most\n",
		took.Seconds(), float64(records.Len())/took.Seconds(), files.CPUTime().Seconds(), runtime.GOMAXPROCS(0), float64(files.PeakMemory())/(1<<30))
	return err
}

// report is where training tells what it learned.
func (c *linkCommand) report() io.Writer {
	if c.Stats {
		return c.err()
	}
	return io.Discard
}

// read opens the files and derives what linking needs.
func (i *inputs) read(ctx context.Context, m *linkage.Model, bars *bars) (*files.Input, *files.Records, error) {
	in, err := files.OpenInput(m, i.Files, i.Encoding)
	if err != nil {
		return nil, nil, err
	}
	in.Show(bars.show)
	records, err := in.Records(ctx)
	return in, records, err
}

func (c *linkCommand) write(records *files.Records, result *files.Result) error {
	if c.Out != "" && c.Out == c.Review {
		return errors.New("--out and --review name the same file")
	}
	links := func(w io.Writer) error { return files.WriteLinks(w, records, result) }
	if c.Out == "" {
		if err := links(c.out()); err != nil {
			return fmt.Errorf("write the links: %w", err)
		}
	} else if err := files.WriteFile(c.Out, links); err != nil {
		return err
	}
	if c.Review == "" {
		return nil
	}
	return files.WriteFile(c.Review, func(w io.Writer) error { return files.WriteReview(w, records, result.Review) })
}
