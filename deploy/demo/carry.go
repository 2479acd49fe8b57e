package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heji/connectors"
	"heji/deploy/demo/district"
	"heji/deploy/demo/population"
)

// carrier is the demo's clerk at the platforms that take nothing from programs:
// downloads the filled sheets, uploads them and brings the receipts, types the
// cards and ticks them, and carries exports out of the room without a network.
type carrier struct {
	d       *demo
	brought map[string]string // platform → export that was brought last
}

// uploads, forms and boards are what such platforms offer to people.
type (
	uploads interface {
		Upload(name string, content []byte) (receipt string, answer []byte, err error)
		Exported() (name string, content []byte, err error)
	}
	forms interface {
		Type(card string, lines []district.Line) error
	}
	boards interface {
		Report(card, period string, lines []district.Line) error
	}
)

// clerkName is who ticks.
const clerkName = "demo-clerk"

// work goes round until the context ends.
func (c *carrier) work(ctx context.Context) error {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, pl := range c.d.district.Platforms() {
			p, ok := c.d.hub.Registry.Get(pl.ID())
			if !ok {
				continue
			}
			courier, ok := p.Connector.(connectors.Courier)
			if !ok {
				continue
			}
			err := Carry(ctx, pl, courier)
			if at, ok := pl.(uploads); err == nil && ok && c.byHand(pl.ID()) {
				err = c.bring(ctx, pl.ID(), at, courier)
			}
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("carry to %s: %w", pl.ID(), err)
			}
		}
	}
}

// Carry carries everything that waits for one platform: uploads and receipts,
// cards and ticks.
func Carry(ctx context.Context, pl district.Platform, courier connectors.Courier) error {
	parcels, err := courier.Parcels(ctx)
	if err != nil {
		return err
	}
	for _, parcel := range parcels {
		switch at := pl.(type) {
		case uploads:
			err = upload(ctx, at, courier, parcel.ID)
		case forms:
			err = enter(ctx, courier, parcel.ID, func(_ string, lines []district.Line) error { return at.Type(parcel.ID, lines) })
		case boards:
			err = enter(ctx, courier, parcel.ID, func(period string, lines []district.Line) error { return at.Report(parcel.ID, period, lines) })
		}
		// Held: an earlier batch first. No parcel: its rows were taken back, or closed
		// by an export, since it was listed.
		if err != nil && !errors.Is(err, connectors.ErrHeld) && !errors.Is(err, connectors.ErrNoParcel) {
			return err
		}
	}
	return nil
}

func upload(ctx context.Context, at uploads, courier connectors.Courier, parcel string) error {
	doc, err := courier.Document(ctx, parcel)
	if err != nil {
		return err
	}
	name, answer, err := at.Upload(doc.Name, doc.Content)
	if err != nil {
		return err
	}
	_, err = courier.Receive(ctx, name, answer)
	return err
}

// enter opens a card, types it and ticks it. What the form does not take is told
// in its own words.
func enter(ctx context.Context, courier connectors.Courier, parcel string, typing func(period string, lines []district.Line) error) error {
	p, err := courier.Parcel(ctx, parcel)
	if err != nil {
		return err
	}
	lines := make([]district.Line, len(p.Card))
	for i, l := range p.Card {
		lines[i] = district.Line{Label: l.Label, Text: l.Text, Find: l.Find}
	}
	said := ""
	refused := typing(p.Period, lines)
	if refused != nil {
		said = refused.Error()
	}
	return courier.Typed(ctx, parcel, clerkName, refused == nil, said)
}

// byHand reports whether a platform's exports have no folder that the hub sees.
func (c *carrier) byHand(id string) bool { return id == population.Party }

// bring carries the newest export to the hub.
func (c *carrier) bring(ctx context.Context, id string, at uploads, courier connectors.Courier) error {
	name, content, err := at.Exported()
	if err != nil || name == "" || c.brought[id] == name {
		return err
	}
	if err := courier.(connectors.Importer).Import(ctx, name, time.Now(), content); err != nil {
		return err
	}
	c.brought[id] = name
	return nil
}
