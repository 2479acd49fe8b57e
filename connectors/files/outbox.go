package files

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/xuri/excelize/v2"

	"heji/connectors"
)

// entry is the journal of one batch: what became of each of its writes when it
// was dropped. It holds no values.
type entry struct {
	Batch    string    `json:"batch"`
	File     string    `json:"file"` // empty: every row was refused, nothing was dropped
	Outcomes []outcome `json:"outcomes"`
}

type outcome struct {
	Intent string            `json:"intent"`
	Status connectors.Status `json:"status"`
	Key    string            `json:"key,omitempty"`
	Column string            `json:"column,omitempty"`
	Reason string            `json:"reason,omitempty"`
}

var batchForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// Push drops one batch file. The same batch again is the same file: it is
// completed if a crash left it half dropped, and never dropped twice, even when
// the platform has taken it away (I5).
func (w *writer) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	if len(writes) == 0 {
		return nil, nil
	}
	if err := errors.Join(ctx.Err(), connectors.Halt(ctx)); err != nil {
		return nil, fmt.Errorf("%s: %w", w.platform.ID, err)
	}
	batch := writes[0].Batch
	for _, write := range writes {
		if write.Batch != batch {
			return nil, fmt.Errorf("%s: one push must be one batch", w.platform.ID)
		}
	}
	if !batchForm.MatchString(batch) {
		return nil, fmt.Errorf("%s: a batch needs an id of letters, digits, - and _ for the name of its file", w.platform.ID)
	}
	w.push.Lock()
	defer w.push.Unlock()
	journal, err := w.recall(batch)
	if err != nil {
		return nil, err
	}
	if journal == nil {
		if err := w.sweep(ctx); err != nil {
			return nil, err
		}
		if journal, err = w.drop(ctx, batch, writes); err != nil {
			return nil, fmt.Errorf("%s: the batch could not be dropped: %w", w.platform.ID, err)
		}
		if err := w.settle(ctx, journal); err != nil {
			return journal.doubted(w.platform.ID, writes, err)
		}
	} else if err := w.settle(ctx, journal); err != nil {
		return journal.doubted(w.platform.ID, writes, err)
	}
	return journal.outcomes(w.platform.ID, writes)
}

// outcomes gives each write what the journal says about it.
func (e *entry) outcomes(platform string, writes []connectors.Write) ([]connectors.Outcome, error) {
	known := map[string]outcome{}
	for _, o := range e.Outcomes {
		known[o.Intent] = o
	}
	out := make([]connectors.Outcome, len(writes))
	for i, write := range writes {
		o, ok := known[write.Intent]
		if !ok {
			return nil, fmt.Errorf("%s: the batch %s was dropped before with other writes; give the new ones a batch of their own", platform, e.Batch)
		}
		out[i] = connectors.Outcome{Intent: o.Intent, Status: o.Status, Key: o.Key, Column: o.Column, Reason: o.Reason}
	}
	return out, nil
}

// doubted is the answer where the file may have got its name, or not: a
// connection that broke while it did. The same batch again settles it (I5).
func (e *entry) doubted(platform string, writes []connectors.Write, cause error) ([]connectors.Outcome, error) {
	out, err := e.outcomes(platform, writes)
	for i := range out {
		if out[i].Status == connectors.Queued {
			out[i].Status = connectors.Doubt
			out[i].Reason = fmt.Sprintf("%s: the batch could not be completed: %s", platform, cause)
		}
	}
	return out, err
}

// drop writes the file under a temporary name, then the journal; settle gives
// the file its name. Whatever a crash leaves behind, settle can finish.
func (w *writer) drop(ctx context.Context, batch string, writes []connectors.Write) (*entry, error) {
	e := &entry{Batch: batch}
	var rows []map[string]string
	for _, write := range writes {
		row, o := w.row(write)
		e.Outcomes = append(e.Outcomes, o)
		if o.Status == connectors.Queued {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return e, w.remember(e)
	}
	e.File = w.settings.Outbox.Prefix + batch + "." + w.settings.Outbox.extension()
	content, err := w.settings.Outbox.encode(rows)
	if err != nil {
		return nil, err
	}
	if err := w.drive.write(ctx, w.temporary(e), content); err != nil {
		w.swept = false
		return nil, w.into(err)
	}
	return e, w.remember(e)
}

// sweep removes what uploads that broke off left behind: it holds people's data,
// and nobody else does.
func (w *writer) sweep(ctx context.Context) error {
	if w.swept {
		return nil
	}
	infos, err := w.drive.list(ctx, w.settings.Outbox.Dir)
	if err != nil {
		return w.into(err)
	}
	for _, info := range infos {
		batch, ours := w.batchOf(info.Name())
		if !ours {
			continue
		}
		if journal, err := w.recall(batch); err != nil {
			return err
		} else if journal != nil {
			continue // written whole: the same batch again gives it its name
		}
		if err := w.drive.remove(ctx, w.drive.join(w.settings.Outbox.Dir, info.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return w.into(err)
		}
	}
	w.swept = true
	return nil
}

// batchOf tells the batch of a temporary name that temporary made.
func (w *writer) batchOf(name string) (string, bool) {
	o := w.settings.Outbox
	rest, ok := strings.CutPrefix(name, "."+o.Prefix)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, "."+o.extension()+".tmp")
	return rest, ok && batchForm.MatchString(rest)
}

// into says what keeps a file from getting into the outbox.
func (w *writer) into(err error) error {
	return fmt.Errorf("into the folder %s: %w", w.settings.Outbox.Dir, because(err))
}

// settle gives the file its name, unless it already had it: then it is there,
// or the platform has fetched it.
func (w *writer) settle(ctx context.Context, e *entry) error {
	if e.File == "" {
		return nil
	}
	dir := w.settings.Outbox.Dir
	final := w.drive.join(dir, e.File)
	err := w.drive.rename(ctx, w.temporary(e), final)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w.into(err)
	}
	if err := w.drive.sync(ctx, dir); err != nil {
		return w.into(err)
	}
	if w.settings.Outbox.DoneMarker == "" {
		return nil
	}
	if _, err := w.drive.stat(ctx, final); errors.Is(err, fs.ErrNotExist) {
		return nil // fetched, marker and all
	} else if err != nil {
		return w.into(err)
	}
	if err := w.drive.write(ctx, final+w.settings.Outbox.DoneMarker, nil); err != nil {
		return w.into(err)
	}
	return nil
}

func (w *writer) temporary(e *entry) string {
	return w.drive.join(w.settings.Outbox.Dir, "."+e.File+".tmp")
}

// row makes the file's row of a write, or says why the platform cannot hold it.
func (w *writer) row(write connectors.Write) (map[string]string, outcome) {
	o := w.settings.Outbox
	result := outcome{Intent: write.Intent, Status: connectors.Queued, Key: write.Key}
	refuse := func(column, reason string) (map[string]string, outcome) {
		result.Status, result.Column, result.Reason = connectors.Refused, column, reason
		return nil, result
	}
	row := map[string]string{}
	operation := o.Update
	if write.Key == "" {
		operation = o.Create
		maps.Copy(row, w.platform.CreateWith)
		maps.Copy(row, write.Natural)
		if w.platform.TokenColumn != "" {
			row[w.platform.TokenColumn] = write.Token
		}
	} else {
		parts, ok := connectors.SplitKey(write.Key, len(w.platform.Key))
		if !ok {
			return refuse("", "the row's key has another number of columns")
		}
		for i, k := range w.platform.Key {
			row[k] = parts[i]
		}
	}
	for column, text := range write.Set {
		if text == "" {
			text = o.Erase
		}
		row[column] = text
	}
	row[o.IDColumn] = write.Intent
	if o.OperationColumn != "" {
		row[o.OperationColumn] = operation
	}
	for column := range write.Set {
		if !contains(o.Columns, column) {
			return refuse(column, "the platform's file has no such column")
		}
	}
	if column, bad := unwritable(o.Encoding, o.Columns, row); bad {
		// I9: which column, never which character.
		return refuse(column, "it holds a character that "+o.Encoding+" cannot hold in the same way everywhere")
	}
	for _, column := range o.Columns {
		if text := row[column]; !o.room(column, text) || o.Format == fixedFormat && strings.ContainsAny(text, "\r\n") {
			return refuse(column, "it is longer than the platform's column, or holds a line break")
		}
	}
	return row, result
}

func (o *Outbox) extension() string {
	if o.Format == fixedFormat {
		return "txt"
	}
	return o.Format
}

// encode makes the content of a file.
func (o *Outbox) encode(rows []map[string]string) ([]byte, error) {
	table := [][]string{o.Columns}
	for _, row := range rows {
		cells := make([]string, len(o.Columns))
		for i, c := range o.Columns {
			cells[i] = row[c]
		}
		table = append(table, cells)
	}
	if o.Format == xlsxFormat {
		return o.workbook(table)
	}
	var text bytes.Buffer
	if o.Encoding == "utf-8-bom" {
		text.WriteString("\uFEFF")
	}
	if o.Format == fixedFormat {
		text.WriteString(o.lines(rows))
	} else {
		out := csv.NewWriter(&text)
		out.Comma = rune(o.Delimiter[0])
		out.UseCRLF = true
		if err := out.WriteAll(table); err != nil {
			return nil, err
		}
	}
	if enc := encodings[o.Encoding].write; enc != nil {
		return enc.NewEncoder().Bytes(text.Bytes())
	}
	return text.Bytes(), nil
}

// workbook writes every cell as text: Excel would make numbers of ID numbers.
func (o *Outbox) workbook(table [][]string) ([]byte, error) {
	book := excelize.NewFile()
	defer book.Close()
	sheet := o.Sheet
	if sheet == "" {
		sheet = "Sheet1"
	}
	if err := book.SetSheetName(book.GetSheetName(0), sheet); err != nil {
		return nil, err
	}
	style, err := book.NewStyle(&excelize.Style{NumFmt: 49}) // 49: text
	if err != nil {
		return nil, err
	}
	for i, cells := range table {
		for j, text := range cells {
			cell, err := excelize.CoordinatesToCellName(j+1, i+o.HeaderRow)
			if err != nil {
				return nil, err
			}
			if err := errors.Join(book.SetCellStr(sheet, cell, text), book.SetCellStyle(sheet, cell, cell, style)); err != nil {
				return nil, err
			}
		}
	}
	var out bytes.Buffer
	if err := book.Write(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// recall reads the journal of a batch, nil where it was never dropped.
func (w *writer) recall(batch string) (*entry, error) {
	data, err := os.ReadFile(w.journalOf(batch))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: the journal of the outbox cannot be read: %s", w.platform.ID, plain(err))
	}
	e := &entry{}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("%s: the journal %s of the outbox is damaged: %w", w.platform.ID, w.journalOf(batch), err)
	}
	return e, nil
}

func (w *writer) remember(e *entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.journal, 0o750); err != nil {
		return fmt.Errorf("the journal of the outbox: %s", plain(err))
	}
	path := w.journalOf(e.Batch)
	if err := flush(path+".tmp", data); err != nil {
		return fmt.Errorf("the journal of the outbox: %s", plain(err))
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("the journal of the outbox: %s", plain(err))
	}
	return syncDir(w.journal)
}

func (w *writer) journalOf(batch string) string {
	return filepath.Join(w.journal, strings.ToLower(w.platform.ID)+"-"+batch+".json")
}
