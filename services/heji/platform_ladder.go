package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

type platformEffect struct {
	hubAddress
	Name      string `arg:"" help:"The platform."`
	Agreement int    `help:"With this version of its agreement instead of the one in force." placeholder:"N"`
	Community string `help:"Only of the residents of this community: a canary."`
	JSON      bool   `help:"Print JSON." name:"json"`

	console
}

// effectLine is one line of the report.
type effectLine struct {
	Label   string `json:"label"`
	Word    string `json:"word"`
	WhyText string `json:"why_text"`
	Count   int64  `json:"count"`
}

// Run shows what writing to a platform would do. Nothing becomes due.
func (c *platformEffect) Run(ctx context.Context) error {
	api, stop, err := c.running(ctx)
	if err != nil {
		return err
	}
	defer stop()
	q := url.Values{}
	if c.Agreement > 0 {
		q.Set("agreement", strconv.Itoa(c.Agreement))
	}
	if c.Community != "" {
		q.Set("stage", "canary")
		q.Set("community", c.Community)
	}
	path := "/api/v1/platforms/" + url.PathEscape(c.Name) + "/effect?" + q.Encode()
	if c.JSON {
		var raw any
		if err := api.call(ctx, http.MethodGet, path, nil, &raw); err != nil {
			return err
		}
		return c.printJSON(raw)
	}
	var e struct {
		Rows, Changed, Creates, Held int64
		Digest                       string
		Braked                       bool    `json:"over_brake"`
		Limit                        int64   `json:"brake_limit"`
		Hours                        float64 `json:"brake_hours"`
		Said                         []effectLine
	}
	if err := api.call(ctx, http.MethodGet, path, nil, &e); err != nil {
		return err
	}
	fmt.Fprintf(c.out(), "该平台登记 rows: %d\n会被更新 to update: %d\n会新建 to make: %d\n暂不能新建 cannot be made yet: %d\n\n", e.Rows, e.Changed, e.Creates, e.Held)
	if e.Braked {
		fmt.Fprintf(c.out(), "超过刹车线 more than the brake lets through: %g 小时内 %d 行 rows in %[1]g hours\n\n", e.Hours, e.Limit)
	}
	w := newColumns(c.out())
	fmt.Fprintln(w, "字段 attribute\t结果 outcome\t数量 fields\t原因 why")
	for _, x := range e.Said {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", x.Label, x.Word, x.Count, x.WhyText)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(c.out(), "\n报告编号 digest: %s\n", e.Digest)
	return nil
}

type platformStep struct {
	hubAddress
	by
	Name      string  `arg:"" help:"The platform."`
	Stage     string  `arg:"" enum:"read_only,shadow,canary,live" help:"read_only, shadow, canary or live."`
	Digest    string  `help:"Of the report of heji platform effect that you have read: needed for canary and live." placeholder:"DIGEST"`
	Community string  `help:"Of a canary: the community."`
	Rows      int     `help:"Of a canary: so many rows a day." placeholder:"N"`
	Rate      float64 `help:"Rows a second of the campaign; without it the platform's own limits alone." placeholder:"N"`

	console
}

// Run takes a step.
func (c *platformStep) Run(ctx context.Context) error {
	api, stop, err := c.running(ctx)
	if err != nil {
		return err
	}
	defer stop()
	body := map[string]any{"stage": c.Stage, "who": c.Who, "why": c.Why, "digest": c.Digest, "community": c.Community, "rows": c.Rows, "rate": c.Rate}
	var reply struct{ Due int64 }
	if err := api.call(ctx, http.MethodPost, "/api/v1/platforms/"+url.PathEscape(c.Name)+"/stage", body, &reply); err != nil {
		return err
	}
	fmt.Fprintf(c.out(), "%s: %s；%d 行待比对 rows are compared\n", c.Name, c.Stage, reply.Due)
	return nil
}

// running finds a hub that runs: what it computes needs the platforms' files.
func (a hubAddress) running(ctx context.Context) (hubAPI, func(), error) {
	h, err := hubAddress{Listen: a.Listen, Data: a.Data}.reach(ctx, "/api/v1/platforms")
	if err != nil {
		return "", nil, err
	}
	if h.store != nil {
		h.close()
		return "", nil, errors.New("no hub runs: start it with heji serve, because only it knows the platforms' files")
	}
	return h.api, h.close, nil
}
