package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"heji/deploy/demo/district"
	"heji/deploy/demo/population"
)

// Desk is where a clerk finds what is to be carried to one platform, and brings
// what comes back.
type Desk interface {
	Parcels(ctx context.Context) ([]string, error)
	// Card opens a card; a period is that of numbers.
	Card(ctx context.Context, parcel string) (period string, lines []district.Line, err error)
	Document(ctx context.Context, parcel string) (name string, content []byte, err error)
	Receive(ctx context.Context, name string, content []byte) error
	Typed(ctx context.Context, parcel string, taken bool, reason string) error
	Bring(ctx context.Context, name string, content []byte) error
}

// ErrNotNow says that a parcel is not to be carried now: an earlier one is under
// way, or its rows were taken back or closed since it was listed.
var ErrNotNow = errors.New("not to be carried now")

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

// Carry carries everything that waits for one platform: uploads and receipts,
// cards and ticks.
func Carry(ctx context.Context, pl district.Platform, desk Desk) error {
	parcels, err := desk.Parcels(ctx)
	if err != nil {
		return err
	}
	for _, parcel := range parcels {
		switch at := pl.(type) {
		case uploads:
			err = upload(ctx, at, desk, parcel)
		case forms:
			err = enter(ctx, desk, parcel, func(_ string, lines []district.Line) error { return at.Type(parcel, lines) })
		case boards:
			err = enter(ctx, desk, parcel, func(period string, lines []district.Line) error { return at.Report(parcel, period, lines) })
		}
		if err != nil && !errors.Is(err, ErrNotNow) {
			return err
		}
	}
	return nil
}

func upload(ctx context.Context, at uploads, desk Desk, parcel string) error {
	name, content, err := desk.Document(ctx, parcel)
	if err != nil {
		return err
	}
	name, answer, err := at.Upload(name, content)
	if err != nil {
		return err
	}
	return desk.Receive(ctx, name, answer)
}

// enter opens a card, types it and ticks it. What the form does not take is told
// in its own words.
func enter(ctx context.Context, desk Desk, parcel string, typing func(period string, lines []district.Line) error) error {
	period, lines, err := desk.Card(ctx, parcel)
	if err != nil {
		return err
	}
	said := ""
	refused := typing(period, lines)
	if refused != nil {
		said = refused.Error()
	}
	return desk.Typed(ctx, parcel, refused == nil, said)
}

// carrier is the demo's clerk at the platforms that take nothing from programs.
// It works with the API behind the page for staff.
type carrier struct {
	d       *demo
	brought string // the export that was carried last out of the room without a network
}

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
		if err := c.round(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the clerk who carries: %w", err)
		}
	}
}

func (c *carrier) round(ctx context.Context) error {
	if err := c.bring(ctx); err != nil {
		return err
	}
	var all struct {
		Platforms []errands `json:"platforms"`
	}
	if _, err := c.d.call(ctx, http.MethodGet, "/api/v1/parcels", "", nil, &all); err != nil {
		return err
	}
	for _, e := range all.Platforms {
		if len(e.Parcels) == 0 || e.Shut != "" {
			continue
		}
		if err := Carry(ctx, c.d.district.Platform(e.Platform), &deskOf{d: c.d, errands: e}); err != nil {
			return fmt.Errorf("%s: %w", e.Platform, err)
		}
	}
	return nil
}

// bring carries the newest export out of the room without a network.
func (c *carrier) bring(ctx context.Context) error {
	name, content, err := c.d.district.Platform(population.Party).(uploads).Exported()
	if err != nil || name == "" || c.brought == name {
		return err
	}
	desk := &deskOf{d: c.d, errands: errands{Platform: population.Party}}
	if err := desk.Bring(ctx, name, content); err != nil {
		return err
	}
	c.brought = name
	return nil
}

// errands is what the desk lists of one platform.
type errands struct {
	Platform string `json:"platform"`
	Shut     string `json:"shut"`
	Parcels  []struct {
		ID string `json:"id"`
	} `json:"parcels"`
}

// deskOf is the desk over HTTP.
type deskOf struct {
	d *demo
	errands
}

func (x *deskOf) path(parts ...string) string {
	return "/api/v1/parcels/" + x.Platform + "/" + strings.Join(parts, "/")
}

func (x *deskOf) Parcels(context.Context) ([]string, error) {
	var ids []string
	for _, p := range x.errands.Parcels {
		ids = append(ids, p.ID)
	}
	return ids, nil
}

func (x *deskOf) Card(ctx context.Context, parcel string) (string, []district.Line, error) {
	var card struct {
		Period string `json:"period"`
		Card   []struct {
			Label string `json:"label"`
			Text  string `json:"text"`
			Find  bool   `json:"find"`
		} `json:"card"`
	}
	content, err := x.send(ctx, http.MethodGet, x.path(parcel), "", nil)
	if err != nil {
		return "", nil, err
	}
	if err := json.Unmarshal(content, &card); err != nil {
		return "", nil, err
	}
	lines := make([]district.Line, len(card.Card))
	for i, l := range card.Card {
		lines[i] = district.Line{Label: l.Label, Text: l.Text, Find: l.Find}
	}
	return card.Period, lines, nil
}

func (x *deskOf) Document(ctx context.Context, parcel string) (string, []byte, error) {
	content, err := x.send(ctx, http.MethodGet, x.path(parcel, "document"), "", nil)
	return parcel + ".xlsx", content, err
}

func (x *deskOf) Receive(ctx context.Context, name string, content []byte) error {
	_, err := x.send(ctx, http.MethodPost, x.path("receipts")+"?name="+url.QueryEscape(name), "application/octet-stream", content)
	return err
}

func (x *deskOf) Bring(ctx context.Context, name string, content []byte) error {
	_, err := x.send(ctx, http.MethodPost, x.path("exports")+"?name="+url.QueryEscape(name), "application/octet-stream", content)
	return err
}

func (x *deskOf) Typed(ctx context.Context, parcel string, taken bool, reason string) error {
	body, err := json.Marshal(map[string]any{"who": clerkName, "taken": taken, "reason": reason})
	if err != nil {
		return err
	}
	_, err = x.send(ctx, http.MethodPost, x.path(parcel, "typed"), "application/json", body)
	return err
}

// send makes one request. 404 and 409 are a parcel that is closed, taken back or
// held by an earlier one.
func (x *deskOf) send(ctx context.Context, method, path, contentType string, content []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+x.d.hub.Addr()+path, strings.NewReader(string(content)))
	if err != nil {
		return nil, err
	}
	x.d.authorize(req)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusConflict:
		return nil, fmt.Errorf("%w: %s", ErrNotNow, got)
	case res.StatusCode >= 300:
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, got)
	}
	return got, nil
}
