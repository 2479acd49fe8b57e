package district

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The folders of a file platform, as its IT clerk named them.
const (
	exportFolder  = "export"  // its exports, for us to fetch
	importFolder  = "import"  // what we drop
	doneFolder    = "done"    // below import: what it has taken
	receiptFolder = "receipt" // its answers
)

// asOfPattern is the time in an export's name, to the millisecond, in China's time.
const asOfPattern = "20060102150405.000"

// The columns of a batch and of its receipt.
const (
	batchID   = "变更编号"
	batchOp   = "操作"
	batchEdit = "修改"
	// batchErase in a cell clears it; an empty cell leaves it as it is.
	batchErase = "（清空）"

	receiptStatus = "结果"
	receiptReason = "原因"
	receiptColumn = "字段"
	statusDone    = "成功"
	statusRefused = "退回"
	statusGone    = "查无此人"
)

// Echoes are the moments after the last change at which an office puts out its
// export once more, as a nightly job would: a reader that compares times needs
// an export made after it has seen the receipt.
var Echoes = []time.Duration{time.Second, 3 * time.Second, 8 * time.Second}

// office is a platform that only exchanges files: 残联 and 计生协查 (CSV in GBK,
// over SFTP), 民政低保 and 优抚 (XLSX in shared folders). It looks into its import folder, takes batches, answers each
// with a receipt, and puts out a full export whenever something changed.
type office struct {
	*ledger
	id    string
	dir   string
	sheet sheet
	poll  time.Duration
	log   *slog.Logger
	stop  chan struct{}
	ended chan struct{}
	door  *sftpDoor // nil: the folders are shared

	lastSeq   int64           // state of the last export
	echoes    []time.Duration // after the last change: exports once more
	changedAt time.Time
	echoed    int
}

func newOffice(l *ledger, dir string, s sheet, opts Options) *office {
	return &office{ledger: l, id: l.layout.Platform, dir: dir, sheet: s, poll: opts.Poll, log: opts.Log,
		stop: make(chan struct{}), ended: make(chan struct{}), lastSeq: -1, echoes: opts.Echoes}
}

func (o *office) ID() string { return o.id }

func (o *office) start() error {
	for _, f := range []string{exportFolder, importFolder, filepath.Join(importFolder, doneFolder), receiptFolder} {
		if err := os.MkdirAll(filepath.Join(o.dir, f), 0o755); err != nil {
			return err
		}
	}
	// A fresh start puts out an export even if nothing changed: the last one may
	// be older than what the hub remembers.
	if err := o.export(); err != nil {
		return err
	}
	o.changedAt = time.Now()
	go o.work()
	return nil
}

func (o *office) work() {
	defer close(o.ended)
	tick := time.NewTicker(o.poll)
	defer tick.Stop()
	for {
		select {
		case <-o.stop:
			return
		case <-tick.C:
			if err := errors.Join(o.takeBatches(), o.exportIfDue()); err != nil {
				o.log.Error("the simulated office stumbled; it tries again", "platform", o.id, "error", err)
			}
		}
	}
}

func (o *office) close() error {
	close(o.stop)
	<-o.ended
	var err error
	if o.door != nil {
		err = o.door.close()
	}
	return errors.Join(err, o.ledger.close())
}

// takeBatches takes what lies in the import folder, oldest name first.
func (o *office) takeBatches() error {
	dir := filepath.Join(o.dir, importFolder)
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs error
	for _, f := range list {
		name := f.Name()
		if f.IsDir() || strings.HasPrefix(name, ".") || filepath.Ext(name) != o.sheet.ext() {
			continue
		}
		if err := o.take(filepath.Join(dir, name)); err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errs
}

// take does one batch. Each row is durable with its answer before the receipt
// is written, and the receipt before the batch is put away, so that a batch cut
// short by a kill is finished after the restart without doing a row twice.
func (o *office) take(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines, err := o.sheet.read(b)
	if err != nil { // put away, so that it is not stumbled over for ever
		return errors.Join(fmt.Errorf("the batch cannot be read and is put away: %w", err),
			os.Rename(path, filepath.Join(o.dir, importFolder, doneFolder, filepath.Base(path)+".bad")))
	}
	name := strings.TrimSuffix(filepath.Base(path), o.sheet.ext())
	again := o.taken(name)
	receipt := [][]string{{batchID, o.layout.Key, receiptStatus, receiptColumn, receiptReason}}
	_, rows := table(lines)
	for _, row := range rows {
		line, err := o.row(row, again)
		if err != nil {
			return err
		}
		receipt = append(receipt, line)
	}
	out, err := o.sheet.write(receipt)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(o.dir, receiptFolder, "receipt_"+name+o.sheet.ext()), out); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(o.dir, importFolder, doneFolder, filepath.Base(path))); err != nil {
		return err
	}
	if again {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.record(event{Token: "batch " + name, Reply: json.RawMessage(`true`)})
}

func (o *office) taken(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.replies["batch "+name]
	return ok
}

// row does one row of a batch and returns its line of the receipt. again: the
// whole batch was taken before, so that the row is a replay for the journal.
func (o *office) row(row Row, again bool) ([]string, error) {
	id, key := row[batchID], row[o.layout.Key]
	line := func(key, status, column, reason string) []string { return []string{id, key, status, column, reason} }
	if id == "" {
		return line(key, statusRefused, batchID, "变更编号为空"), nil
	}
	if answer, ok := o.answered(id); ok && !again {
		return answer, nil
	}
	set := Row{}
	for c, v := range row {
		if c != batchID && c != batchOp && c != o.layout.Key && c != o.layout.Changed {
			set[c] = v
		}
		if v == batchErase {
			set[c] = ""
		}
	}
	q := request{Write: Write{Intent: id, Key: key, Set: set}, token: "row " + id}
	if row[batchOp] != batchEdit {
		answer := line(key, statusRefused, batchOp, "本平台只接受修改")
		return answer, o.refuse(q, answer)
	}
	q.reply = func(s *stored) json.RawMessage { return mustJSON(line(s.Key, statusDone, "", "")) }
	q.refusal = func(column, reason string) json.RawMessage { return mustJSON(line(key, statusRefused, column, reason)) }
	out, err := o.accept(q)
	switch {
	case err != nil:
		return nil, err
	case out.replay != nil:
		var was []string
		return was, json.Unmarshal(out.replay, &was)
	case out.gone:
		return line(key, statusGone, "", "没有该人员"), nil
	case out.reason != "":
		return line(key, statusRefused, out.column, out.reason), nil
	}
	return line(key, statusDone, "", ""), nil
}

// answered returns the receipt line of a row that was done before.
func (o *office) answered(id string) ([]string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	raw, ok := o.replies["row "+id]
	var was []string
	if !ok || json.Unmarshal(raw, &was) != nil {
		return nil, false
	}
	return was, true
}

// refuse writes a row that is refused for its operation into the journal, once.
func (o *office) refuse(q request, answer []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.replies[q.token]; ok {
		return nil
	}
	q.At, q.Reason = o.now(), answer[4]
	return o.record(event{Write: &q.Write, Token: q.token, Reply: mustJSON(answer)})
}

// exportIfDue puts out an export when something changed, and some more after.
func (o *office) exportIfDue() error {
	now := time.Now() // a pause goes by no clock that jumps
	o.mu.Lock()
	due := false
	switch {
	case o.seq != o.lastSeq:
		o.changedAt, o.echoed, due = now, 0, true
	case o.echoed < len(o.echoes) && now.Sub(o.changedAt) >= o.echoes[o.echoed]:
		o.echoed, due = o.echoed+1, true
	}
	o.mu.Unlock()
	if !due {
		return nil
	}
	return o.export()
}

// Extract implements Extracts.
func (o *office) Extract() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lastSeq = -1
}

// Extracted implements Extracts.
func (o *office) Extracted() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seq == o.lastSeq && o.echoed == len(o.echoes)
}

// export writes everything that the register shows at one moment. The name
// carries that moment; the file appears complete.
func (o *office) export() error { return o.put(func(int) bool { return true }) }

// put writes an export of the rows that are shown.
func (o *office) put(shown func(i int) bool) error {
	lines := [][]string{o.layout.Columns}
	o.mu.Lock()
	at, seq := o.now(), o.seq
	for i, s := range o.byKey() {
		if shown(i) {
			lines = append(lines, cells(s.Row, o.layout.Columns))
		}
	}
	o.mu.Unlock()
	b, err := o.sheet.write(lines)
	if err != nil {
		return err
	}
	stamp := strings.ReplaceAll(at.In(china).Format(asOfPattern), ".", "")
	path := filepath.Join(o.dir, exportFolder, o.id+"_"+stamp+o.sheet.ext())
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err // one export for one millisecond; the next look writes another
	}
	if err := writeFile(path, b); err != nil {
		return err
	}
	o.mu.Lock()
	o.lastSeq = seq
	o.mu.Unlock()
	return nil
}

func cells(row Row, columns []string) []string {
	line := make([]string, len(columns))
	for i, c := range columns {
		line[i] = row[c]
	}
	return line
}
