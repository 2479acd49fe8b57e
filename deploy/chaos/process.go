package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"heji/services/fault"
)

// process is a child as its parent sees it.
type process struct {
	cmd    *exec.Cmd
	log    string // file with what it said
	listen chan string
	ended  chan struct{}
	err    error

	mu      sync.Mutex
	answers *os.File
	dead    bool
}

// hit is a child that stands at a boundary.
type hit struct {
	place    fault.Place
	platform string
}

// start starts a child. at is called, each time in a goroutine of its own, when it
// stands at a boundary; the child goes on when it returns.
func start(self func() *exec.Cmd, c child, log string, at func(hit)) (*process, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	reports, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	mine, answers, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, reports.Close())
	}
	defer mine.Close()
	p := &process{cmd: self(), log: log, listen: make(chan string, 1), ended: make(chan struct{}), answers: answers}
	p.cmd.Env = append(os.Environ(), ChildEnv+"="+string(text))
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.ExtraFiles = []*os.File{theirs, mine}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.Role, err), reports.Close(), answers.Close())
	}
	go p.hear(reports, at)
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) hear(reports *os.File, at func(hit)) {
	defer reports.Close()
	lines := bufio.NewScanner(reports)
	for lines.Scan() {
		f := strings.Split(lines.Text(), " ")
		switch {
		case f[0] == "listen":
			p.listen <- f[1]
		case len(f) == 4:
			go func() {
				at(hit{fault.Place(f[2]), f[3]})
				p.answer(f[1])
			}()
		}
	}
}

func (p *process) answer(id string) {
	if _, err := strconv.Atoi(id); err != nil {
		return
	}
	p.tell(id)
}

// tell sends the child a line.
func (p *process) tell(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dead {
		_, _ = p.answers.WriteString(line + "\n") // it may have died just now
	}
}

// address is where the child listens, once it does.
func (p *process) address(ctx context.Context) (string, error) {
	select {
	case a := <-p.listen:
		p.listen <- a
		return a, nil
	case <-p.ended:
		return "", fmt.Errorf("it ended: %w; it said:\n%s", p.err, p.said())
	case <-ctx.Done():
		return "", fmt.Errorf("it does not listen: %w; it said:\n%s", ctx.Err(), p.said())
	}
}

// kill kills with -9 and waits until the process is gone.
func (p *process) kill() error {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return nil
	}
	p.dead = true
	err := errors.Join(p.cmd.Process.Kill(), p.answers.Close())
	p.mu.Unlock()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		err = errors.Join(err, errors.New("a process that was killed does not end"))
	}
	return err
}

// said is the end of what the child printed.
func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-3000):])
}
