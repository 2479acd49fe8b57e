package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"heji/services/linkage/files"
)

// bars shows one bar for the stage that is under way, on a terminal only.
type bars struct {
	out    io.Writer
	moving bool

	mu    sync.Mutex
	stage string
	bar   *progressbar.ProgressBar
}

func newBars(out io.Writer) *bars {
	f, ok := out.(*os.File)
	return &bars{out: out, moving: ok && term.IsTerminal(int(f.Fd()))}
}

const stageTrain = "train"

// stageNames are what the bars are called.
var stageNames = map[string]string{
	files.StageRead: "读取 reading", files.StageBlock: "分块 blocking", files.StageCompare: "比较 comparing",
	files.StageJoin: "合并 joining", stageTrain: "训练 training",
}

// show is a files.Progress. Numbers may come in any order; the bar never runs
// back.
func (b *bars) show(stage string, done, total int64) {
	if !b.moving {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if stage != b.stage {
		b.end()
		b.stage = stage
		b.bar = progressbar.NewOptions64(max(1, total), progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(stageNames[stage]),
			progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	}
	// A bar is decoration: what it fails to draw is nobody's loss. Left one short
	// of the end, it is cleared by the next stage and not by a late number.
	if now := min(done, total-1); now > b.bar.State().CurrentNum {
		_ = b.bar.Set64(now)
	}
}

func (b *bars) end() {
	if b.bar != nil {
		_ = b.bar.Clear()
		b.bar = nil
	}
}

// clear takes the bar away, before something else is written.
func (b *bars) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end()
	b.stage = ""
}
