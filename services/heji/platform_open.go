package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

type platformOpen struct {
	hubAddress
	by
	Name   string `arg:"" help:"The platform."`
	Anyway bool   `help:"Although it was not read whole since the database was restored: it cannot be."`

	console
}

// Run opens a platform that is shut since the database was restored.
func (c *platformOpen) Run(ctx context.Context) error {
	if c.Why == "" {
		return errors.New("--why: say what you have checked; it stands in the audit trail")
	}
	api, stop, err := c.running(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var reply struct{ Rows, Due int64 }
	if err := api.call(ctx, http.MethodPost, "/api/v1/platforms/"+url.PathEscape(c.Name)+"/open",
		map[string]any{"who": c.Who, "why": c.Why, "anyway": c.Anyway}, &reply); err != nil {
		return err
	}
	fmt.Fprintf(c.out(), "已开通 open: %s\n来历不明、现予采信的行 rows now believed: %d\n重新比对的行 rows compared again: %d\n", c.Name, reply.Rows, reply.Due)
	return nil
}
