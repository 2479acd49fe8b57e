package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

type platformProposals struct {
	hubAddress
	Name string `arg:"" help:"The platform."`
	All  bool   `help:"Also those that are settled."`
	JSON bool   `help:"Print JSON: with the values, which are personal data." name:"json"`

	console
}

// Run lists what is proposed to a platform: which field of which row, and how it
// stands. The values are for the owner: on the page, in the list, or with --json.
func (c *platformProposals) Run(ctx context.Context) error {
	api, stop, err := c.running(ctx)
	if err != nil {
		return err
	}
	defer stop()
	path := "/api/v1/platforms/" + url.PathEscape(c.Name) + "/proposals" + map[bool]string{true: "?all=1"}[c.All]
	if c.JSON {
		var raw any
		if err := api.call(ctx, http.MethodGet, path, nil, &raw); err != nil {
			return err
		}
		return c.printJSON(raw)
	}
	var o struct {
		Proposals []struct {
			ID                            int64
			Key, Label, Column, Word, Who string
		}
	}
	if err := api.call(ctx, http.MethodGet, path, nil, &o); err != nil {
		return err
	}
	if len(o.Proposals) == 0 {
		fmt.Fprintln(c.out(), "没有等待校核的内容 nothing is proposed")
		return nil
	}
	w := newColumns(c.out())
	fmt.Fprintln(w, "编号 id\t主键 key\t字段 attribute\t列 column\t状态 state\t谁 who")
	for _, p := range o.Proposals {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Key, p.Label, p.Column, p.Word, p.Who)
	}
	return w.Flush()
}
