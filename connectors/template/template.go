package template

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"heji/connectors"
	"heji/connectors/internal/export"
	"heji/connectors/internal/ledger"
	"heji/connectors/spec"
)

// Kind is the name under which the kind is registered.
const Kind = "template"

func init() {
	connectors.Register(Kind, Open)
	connectors.RegisterSettings(Kind, Settings{})
}

// connector fills templates and reads receipts.
type connector struct {
	*export.Reader
	*ledger.Ledger
	platform *spec.Platform
	settings Settings
}

// Open prepares the connector; nothing is reached.
func Open(ctx context.Context, p *spec.Platform, env connectors.Environment) (connectors.Connector, error) {
	s, err := load(p)
	if err != nil {
		return nil, err
	}
	c := &connector{platform: p, settings: s}
	c.Ledger = &ledger.Ledger{Keep: env.Keeping(), Platform: p.ID, Max: s.Rows, Fit: c.fit, KeyOf: ledger.KeyOf(p), Serial: true, Now: time.Now}
	if c.Reader, err = export.Open(ctx, p, env, s.Export, c.Ledger); err != nil {
		return nil, err
	}
	if p.Agreement.Creates && !c.Reader.Exports() && !ledger.KeyKnown(p) && (s.Receipt == nil || s.Receipt.KeyColumn == "") {
		return nil, p.Errorf("agreement.creates", "agreement.creates: the key of a new row could never be known: it is in no export, no receipt, and not among connect.columns that are filled. Add connect.receipt.key_column or connect.export, or use a key that is uploaded.")
	}
	return c, nil
}

// fit makes the row of a write, or says what the sheet has no column for.
func (c *connector) fit(w connectors.Write) (ledger.Row, connectors.Outcome) {
	cells, err := ledger.Cells(w, c.platform.Key, c.platform.CreateWith)
	if err != nil {
		return ledger.Row{}, connectors.Outcome{Intent: w.Intent, Status: connectors.Refused, Reason: err.Error()}
	}
	for column := range w.Set {
		if !c.has(column) {
			return ledger.Row{}, connectors.Outcome{Intent: w.Intent, Status: connectors.Refused, Column: column, Reason: "the platform's import sheet has no such column"}
		}
	}
	if c.settings.Unchanged == blank && w.Key != "" {
		for column := range w.Shown {
			if _, set := w.Set[column]; !set && !c.finds(column) {
				delete(cells, column)
			}
		}
	}
	for column, text := range w.Set {
		if text == "" {
			cells[column] = c.settings.Erase
		}
	}
	if o := c.settings.Operation; o != nil {
		cells[o.Column] = o.Update
		if w.Key == "" {
			cells[o.Column] = o.Create
		}
	}
	return ledger.Row{Intent: w.Intent, Key: w.Key, Token: w.Token, Cells: cells, Set: w.Set, Natural: w.Natural}, connectors.Outcome{}
}

func (c *connector) has(column string) bool {
	for _, x := range c.settings.Columns {
		if x.Column == column {
			return true
		}
	}
	return false
}

// finds reports whether the platform's import finds its row by a column.
func (c *connector) finds(column string) bool {
	for _, k := range c.platform.Key {
		if k == column {
			return true
		}
	}
	for _, a := range c.platform.Natural {
		for _, x := range c.platform.Fields[a].ColumnNames() {
			if x == column {
				return true
			}
		}
	}
	return false
}

// Check looks whether the template is there and has the columns, and looks at
// the exports.
func (c *connector) Check(ctx context.Context) error {
	if err := c.Reader.Check(ctx); err != nil {
		return err
	}
	sheet, err := c.open()
	if err != nil {
		return fmt.Errorf("%s: %w", c.platform.Source, err)
	}
	return sheet.book.Close()
}

// Close has nothing to close beside the exports.
func (c *connector) Close() error { return c.Reader.Close() }

// Push puts writes into the batch that is being filled.
func (c *connector) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	return c.Ledger.Push(ctx, writes)
}

// Parcels lists the batches.
func (c *connector) Parcels(ctx context.Context) ([]connectors.Parcel, error) {
	return c.Ledger.Parcels(ctx, func(_ *ledger.Parcel, p *connectors.Parcel) { p.Page = c.settings.Page })
}

// Parcel returns one batch. It has no card.
func (c *connector) Parcel(ctx context.Context, id string) (connectors.Parcel, error) {
	list, err := c.Parcels(ctx)
	if err != nil {
		return connectors.Parcel{}, err
	}
	for _, p := range list {
		if p.ID == id {
			return p, nil
		}
	}
	return connectors.Parcel{}, connectors.ErrNoParcel
}

// Document fills the template, once: afterwards the same bytes come again.
func (c *connector) Document(ctx context.Context, id string) (connectors.Document, error) {
	content, err := c.Ledger.Document(ctx, id, c.fill)
	if err != nil {
		return connectors.Document{}, err
	}
	return connectors.Document{Name: c.platform.Name + "_" + id + ".xlsx", Content: content,
		Type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}, nil
}

// Typed: a batch is no card.
func (c *connector) Typed(context.Context, string, string, bool, string) error {
	return connectors.ErrNoParcel
}

// template reads the platform's own template.
func (c *connector) template() ([]byte, error) {
	content, err := os.ReadFile(c.settings.Template)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, connectors.NewTrouble("template_gone", "file", c.settings.Template)
	}
	if err != nil {
		return nil, connectors.NewTrouble("template_unreadable", "file", c.settings.Template)
	}
	return content, nil
}
