package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Options say what to play.
type Options struct {
	Rounds int
	Seed   int64
	From   int    // the first round; a failing one is played again with Rounds 1
	Dir    string // "": a temporary folder, removed when all is well
	Report string // file for the figures as JSON; "" means none
	Only   string // a fault that every round must have; "": whatever is drawn
	Out    io.Writer
	// Self makes a command that calls RunChild.
	Self func() *exec.Cmd
	// Patience is the longest wait for quiet; 0: a minute.
	Patience time.Duration

	// For the tests of the checks themselves.
	quietly  func(*round)       // instead of the faults that were drawn
	sabotage func(*round) error // before the checks
}

// Run plays the rounds and reports. The error says that something was lost,
// repeated, echoed or partitioned otherwise, or that a round never became quiet.
func Run(ctx context.Context, o Options) (rep *Report, err error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.From == 0 {
		o.From = 1
	}
	rep = &Report{Seed: o.Seed, From: o.From, Faults: map[string]int{}, Kinds: map[string]int{}, began: time.Now()}
	for _, k := range catalogue {
		rep.Faults[k.name] = 0
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "hc"); err != nil {
			return rep, err
		}
		if err := os.Chmod(o.Dir, 0o711); err != nil { // the server's user walks through
			return rep, err
		}
		defer func() {
			if err == nil {
				err = os.RemoveAll(o.Dir)
			}
		}()
	}
	l, err := newLab(ctx, o)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for n := o.From; n < o.From+o.Rounds; n++ {
		if ctx.Err() != nil {
			break
		}
		res := l.play(ctx, n)
		if ctx.Err() != nil {
			break // it was not played to its end
		}
		rep.add(res)
		fmt.Fprintln(o.Out, res.line())
		for _, w := range res.Wrong {
			fmt.Fprintln(o.Out, "    ", w)
		}
		if o.Report != "" {
			if err := rep.write(o.Report); err != nil {
				return rep, err
			}
		}
	}
	rep.print(o.Out)
	if o.Report != "" {
		if err := rep.write(o.Report); err != nil {
			return rep, err
		}
	}
	return rep, errors.Join(ctx.Err(), rep.verdict())
}
