package district

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	p "heji/deploy/demo/population"
)

// Line is one line that somebody types into a form.
type Line struct {
	Label, Text string
	Find        bool // it is what the row is found by, not what is to change
}

// webForm is 妇女儿童之家: a form behind a slider puzzle that no program gets
// past. People type; it exports a CSV.
type webForm struct{ *office }

func newWebForm(l *ledger, dir string, opts Options) *webForm {
	return &webForm{newOffice(l, dir, bomSheet{}, opts)}
}

// Type enters one card. The same card again changes nothing: whoever typed it
// sees that it is there. An error says what the form said.
func (f *webForm) Type(card string, lines []Line) error {
	find, set := Row{}, Row{}
	for _, l := range lines {
		if !f.layout.has(l.Label) {
			return fmt.Errorf("表单没有“%s”一栏", l.Label)
		}
		if l.Find {
			find[l.Label] = l.Text
		} else {
			set[l.Label] = l.Text
		}
	}
	key, err := f.find(find)
	if err != nil {
		return err
	}
	q := request{Write: Write{Intent: card, Key: key, Set: set}, token: "card " + card}
	q.reply = func(*stored) json.RawMessage { return mustJSON("") }
	q.refusal = func(column, reason string) json.RawMessage { return mustJSON(column + "：" + reason) }
	out, err := f.accept(q)
	switch {
	case err != nil:
		return err
	case out.replay != nil:
		var said string
		if err := json.Unmarshal(out.replay, &said); err != nil || said != "" {
			return fmt.Errorf("%s", said)
		}
	case out.gone:
		return fmt.Errorf("没有该人员")
	case out.reason != "":
		return fmt.Errorf("%s：%s", out.column, out.reason)
	}
	return nil
}

// find is the form's search: all that is given must be there, and one row only.
func (f *webForm) find(by Row) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var hits []string
	for _, s := range f.byKey() {
		if holds(s.Row, by) {
			hits = append(hits, s.Key)
		}
	}
	if len(by) == 0 || len(hits) != 1 {
		return "", fmt.Errorf("查到 %d 人", len(hits))
	}
	return hits[0], nil
}

// bomSheet is CSV in UTF-8 with the mark that Excel wants.
type bomSheet struct{}

func (bomSheet) ext() string { return ".csv" }

// board is 社区监督·三务公开: it is told numbers and never a person.
type board struct {
	path  string
	now   func() time.Time
	state struct {
		Shown   map[string]Row  `json:"shown"` // period → label → count
		Journal []Write         `json:"journal"`
		Cards   map[string]bool `json:"cards"`
	}
	turn chan struct{}
}

func openBoard(dir string, now func() time.Time) (*board, error) {
	b := &board{path: filepath.Join(dir, "board.json"), now: now, turn: make(chan struct{}, 1)}
	b.turn <- struct{}{}
	b.state.Shown, b.state.Cards = map[string]Row{}, map[string]bool{}
	return b, ignoreMissing(readJSON(b.path, &b.state))
}

func (b *board) ID() string { return p.Supervision }

func (b *board) lock() func() {
	<-b.turn
	return func() { b.turn <- struct{}{} }
}

// Report enters the counts of a period.
func (b *board) Report(card, period string, lines []Line) error {
	defer b.lock()()
	row := Row{}
	for _, l := range lines {
		row[l.Label] = l.Text
	}
	w := Write{At: b.now(), Intent: card, Key: period, Create: b.state.Shown[period] == nil, Set: row, Applied: true,
		Replay: b.state.Cards[card], Repeated: !b.state.Cards[card] && b.state.Shown[period] != nil && maps.Equal(b.state.Shown[period], row)}
	b.state.Journal = append(b.state.Journal, w)
	if !w.Replay {
		b.state.Shown[period], b.state.Cards[card] = row, true
	}
	return writeJSON(b.path, b.state)
}

// Snapshot implements Platform.
func (b *board) Snapshot(context.Context) (map[string]Row, error) {
	defer b.lock()()
	return maps.Clone(b.state.Shown), nil
}

// Journal implements Platform.
func (b *board) Journal(context.Context) ([]Write, error) {
	defer b.lock()()
	return slices.Clone(b.state.Journal), nil
}

// Edits implements Platform: it has no clerks who change anything.
func (b *board) Edits(context.Context) ([]Edit, error) { return nil, nil }

// Origins implements Platform: nobody is in it.
func (b *board) Origins(context.Context) (map[string]int, error) { return map[string]int{}, nil }

// Clerk implements Platform.
func (b *board) Clerk(_ context.Context, e Edit) (Edit, error) {
	return e, fmt.Errorf("%s: clerk's edit %s: it holds no rows", p.Supervision, e.ID)
}

func (b *board) close() error { return nil }
