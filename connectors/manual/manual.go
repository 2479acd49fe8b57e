package manual

import (
	"context"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"heji/connectors"
	"heji/connectors/internal/export"
	"heji/connectors/internal/ledger"
	"heji/connectors/spec"
)

// Kind is the name under which the kind is registered.
const Kind = "manual"

func init() {
	connectors.Register(Kind, Open)
	connectors.RegisterSettings(Kind, Settings{})
}

// Settings is the connect section of a platform of kind manual.
type Settings struct {
	Page string `yaml:"page"` // where it is typed, for people
	// Card lists the fields in the order of the platform's own form.
	Card []Field `yaml:"card"`
	// Export is read as the kind files reads: its settings, without an outbox.
	Export yaml.Node `yaml:"export"`
}

// Field is one line of the card.
type Field struct {
	Column string `yaml:"column"`
	Label  string `yaml:"label"` // as the form calls it; default column
	Find   bool   `yaml:"find"`  // shows who it is: there on every card
}

type connector struct {
	*export.Reader
	*ledger.Ledger
	platform *spec.Platform
	settings Settings
}

// Open prepares the connector; nothing is reached.
func Open(ctx context.Context, p *spec.Platform, env connectors.Environment) (connectors.Connector, error) {
	c := &connector{platform: p}
	if p.Connect.Kind != 0 {
		if err := spec.DecodeConnect(p, &c.settings); err != nil {
			return nil, err
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Ledger = &ledger.Ledger{Keep: env.Keeping(), Platform: p.ID, Max: 1, Fit: c.fit, KeyOf: ledger.KeyOf(p), Now: time.Now}
	var err error
	if c.Reader, err = export.Open(ctx, p, env, c.settings.Export, c.Ledger); err != nil {
		return nil, err
	}
	if p.Agreement.Creates && !c.Exports() && !ledger.KeyKnown(p) {
		return nil, p.Errorf("agreement.creates", "agreement.creates: the key of a new row could never be known: it is in no export and not on the card. Add connect.export, or use a key that is typed.")
	}
	return c, nil
}

func (c *connector) check() error {
	p := c.platform
	if p.Counts != nil {
		if len(c.settings.Card) > 0 {
			return p.Errorf("connect.card", "connect.card: a platform that receives counts has no card of a person. Take card or counts out.")
		}
		return nil
	}
	seen := map[string]bool{}
	find := false
	for i := range c.settings.Card {
		f := &c.settings.Card[i]
		if f.Label == "" {
			f.Label = f.Column
		}
		if f.Column == "" || seen[f.Column] {
			return p.Errorf("connect.card", "connect.card: each line needs a column, and each its own: %q.", f.Column)
		}
		seen[f.Column] = true
		find = find || f.Find
	}
	for _, column := range ledger.Carried(p) {
		if len(seen) > 0 && !seen[column] {
			return p.Errorf("connect.card", "connect.card does not hold %s, which is received or a constant of this platform: nobody would ever type it. Add it, or take it out of agreement.receives, create_with or write_with.", column)
		}
	}
	switch {
	case len(c.settings.Card) == 0:
		return p.Errorf("connect.card", "connect.card is missing: the fields of the platform's form in its own order, such as {column: xm, label: 姓名, find: yes}.")
	case !find:
		return p.Errorf("connect.card", "connect.card: no line says find: yes. Without it nobody could tell whose card it is.")
	}
	return nil
}

func (c *connector) fit(w connectors.Write) (ledger.Row, connectors.Outcome) {
	cells, err := ledger.Cells(w, c.platform.Key, c.platform.CreateWith)
	if err != nil {
		return ledger.Row{}, connectors.Outcome{Intent: w.Intent, Status: connectors.Refused, Reason: err.Error()}
	}
	for column := range w.Set {
		if !slices.ContainsFunc(c.settings.Card, func(f Field) bool { return f.Column == column }) {
			return ledger.Row{}, connectors.Outcome{Intent: w.Intent, Status: connectors.Refused, Column: column, Reason: "the platform's form has no such field"}
		}
	}
	return ledger.Row{Intent: w.Intent, Key: w.Key, Token: w.Token, Cells: cells, Set: w.Set, Natural: w.Natural}, connectors.Outcome{}
}

// Close has nothing to close beside the exports.
func (c *connector) Close() error { return c.Reader.Close() }

// Push makes a card of each write.
func (c *connector) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	return c.Ledger.Push(ctx, writes)
}

// Parcels lists the cards.
func (c *connector) Parcels(ctx context.Context) ([]connectors.Parcel, error) {
	return c.Ledger.Parcels(ctx, c.card)
}

// Parcel opens a card: from now on it stays as it is.
func (c *connector) Parcel(ctx context.Context, id string) (connectors.Parcel, error) {
	p, err := c.Carry(ctx, id)
	if err != nil {
		return connectors.Parcel{}, err
	}
	out := connectors.Parcel{ID: p.ID, At: p.At, Rows: max(len(p.Rows), len(p.Lines)), Carried: p.Carried, Open: p.Open(), Period: p.Period}
	c.card(p, &out)
	return out, nil
}

// card fills in the fields, in the platform's order: who it is, and what is to
// be typed.
func (c *connector) card(p *ledger.Parcel, out *connectors.Parcel) {
	out.Page = c.settings.Page
	for _, l := range p.Lines {
		out.Card = append(out.Card, connectors.CardField{Label: l.Label, Text: l.Text})
	}
	for _, row := range p.Rows {
		for _, f := range c.settings.Card {
			text, set := row.Set[f.Column]
			if !set {
				text = row.Cells[f.Column]
			}
			if set || f.Find || row.Key == "" && text != "" {
				out.Card = append(out.Card, connectors.CardField{Label: f.Label, Text: text, Find: f.Find && !set})
			}
		}
	}
}

// Document: a card is typed.
func (c *connector) Document(context.Context, string) (connectors.Document, error) {
	return connectors.Document{}, connectors.ErrNoDocument
}

// Receive: nobody gives a receipt for what is typed.
func (c *connector) Receive(context.Context, string, []byte) (connectors.Receipt, error) {
	return connectors.Receipt{}, connectors.ErrNoReceipt
}

// Uploaded: a card is ticked.
func (c *connector) Uploaded(context.Context, string, string) error { return connectors.ErrNoParcel }

// Typed ticks a card.
func (c *connector) Typed(ctx context.Context, id, who string, taken bool, reason string) error {
	if done, err := c.Reported(ctx, id, who, taken); done || err != nil {
		return err
	}
	o := connectors.Outcome{Status: connectors.Applied}
	if !taken {
		o = connectors.Outcome{Status: connectors.Refused, Reason: reason}
	}
	_, err := c.Answer(ctx, id, who, []ledger.Answer{{Row: 1, Outcome: o}})
	return err
}
