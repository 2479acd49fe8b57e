package rest

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"heji/connectors"
	"heji/schema"
)

// Asks reports that the platform can only be asked person by person.
func (a *asker) Asks() bool { return true }

// Zone is the time zone in which the platform counts its days.
func (a *asker) Zone() string { return a.settings.Timezone }

// Pull gives nothing: what the platform knows comes by Ask.
func (a *asker) Pull(ctx context.Context, _ connectors.Cursor, _ func(connectors.Batch) error) error {
	return ctx.Err()
}

// Check asks nobody, because each question counts: only whether the platform is
// there, as far as its answer to nothing tells.
func (a *asker) Check(ctx context.Context) error {
	c := call{op: OpAsk, method: a.settings.Lookup.Method, path: a.settings.Lookup.Path}
	if err := a.reach(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", a.platform.Source, err)
	}
	return nil
}

// reach makes a request that asks nothing, to learn whether somebody is there and
// knows us.
func (a *asker) reach(ctx context.Context, c call) error {
	if err := a.dialect.Prepare(ctx, a.fetch); err != nil {
		return err
	}
	address := a.dialect.Address(c.path)
	if address == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.settings.Timeout.D())
	defer cancel()
	c.method = http.MethodOptions
	req, err := http.NewRequestWithContext(ctx, c.method, address, nil)
	if err != nil {
		return fmt.Errorf("%s is no address: %w", a.where(c), connectors.ErrLayout)
	}
	if _, err := a.authorise(ctx, req, nil); err != nil {
		return err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return a.broken(ctx, a.where(c), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return connectors.NewTrouble("credentials", "where", a.where(c), "status", strconv.Itoa(resp.StatusCode))
	}
	return nil
}

// Ask asks about one person. A row that contradicts the question is somebody
// else's: it comes as a dead row, and is nobody's. Where the answer does not
// repeat what was asked, it is about whom was asked about.
func (a *asker) Ask(ctx context.Context, natural map[string]string) ([]connectors.Row, error) {
	l := a.settings.Lookup
	if err := a.limit.Wait(ctx); err != nil {
		return nil, unsent{Err: err}
	}
	rows, err := a.question(ctx, call{op: OpAsk, method: l.Method, path: l.Path}, "connect.lookup", natural, l.Request, l.Params, l.Items, true)
	for i, row := range rows {
		if row.Op != schema.OpDead && !shows(row, natural) {
			rows[i] = connectors.Row{Op: schema.OpDead, Problem: schema.ProblemOtherPerson, Place: row.Place}
		}
	}
	return rows, err
}
