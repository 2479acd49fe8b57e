package demo

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"heji/deploy/demo/examine"
)

// progress shows one bar for the stage that is under way: on a terminal a
// moving one, elsewhere a line when the stage is done.
type progress struct {
	out     io.Writer
	moving  bool
	bar     *progressbar.ProgressBar
	stage   string
	started time.Time
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	return &progress{out: out, moving: ok && term.IsTerminal(int(f.Fd()))}
}

// done of total, counted as records and targets that need nothing more.
func share(s examine.Signature) (done, total int64) {
	for _, ps := range s.Stats.Platforms {
		total += ps.Published + ps.Records
		done += ps.Low + ps.Records - ps.Unresolved
		for _, n := range ps.Targets {
			total += n
			done += n
		}
		done -= ps.Due
	}
	return done, total
}

func (p *progress) show(stage string, s examine.Signature) {
	if stage != p.stage {
		p.stage, p.bar, p.started = stage, nil, time.Now()
	}
	if !p.moving {
		return
	}
	done, total := share(s)
	if total == 0 {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(stage),
			progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	p.bar.ChangeMax64(total)
	// A bar is decoration: what it fails to draw is nobody's loss.
	_ = p.bar.Set64(min(done, total-1))
}

func (p *progress) done(stage string, s examine.Signature) {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
	fmt.Fprintf(p.out, "  ✓ %s  %.1f s  (%d 位居民 residents, %d 条记录 records)\n", stage, time.Since(p.started).Seconds(),
		s.Stats.Residents, s.Stats.Records)
	p.stage = ""
}

// note shows one line below the bar, on a terminal only.
func (p *progress) note(line string) {
	if p.moving {
		fmt.Fprintln(p.out, line)
	}
}
