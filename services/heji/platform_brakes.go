package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// stoppedAt is the API's answer about a platform's brakes.
type stoppedAt struct {
	Words string `json:"words"`
	Reads []struct {
		ID        int64     `json:"id"`
		Source    string    `json:"source"`
		At        time.Time `json:"at"`
		Rows      int64     `json:"rows"`
		Known     int64     `json:"known"`
		State     string    `json:"state"`
		StateWord string    `json:"state_word"`
		Who       string    `json:"who"`
		Why       string    `json:"why"`
		Said      []struct {
			Words   string
			Samples []struct{ Shown, New string }
		} `json:"said"`
	} `json:"reads"`
}

type platformQuarantine struct {
	hubAddress
	by
	Name    string `arg:"" help:"The platform."`
	Verdict string `arg:"" optional:"" enum:"release,discard," default:"" help:"release: it is true, believe it. discard: it is not."`
	Read    int64  `help:"Which read; needed where several wait." placeholder:"N"`
	All     bool   `help:"Also those that were decided about."`

	console
}

// Run lists the reads of a platform that wait, or decides about one.
func (c *platformQuarantine) Run(ctx context.Context) error {
	api, stop, err := c.running(ctx)
	if err != nil {
		return err
	}
	defer stop()
	path := "/api/v1/platforms/" + url.PathEscape(c.Name) + "/brakes"
	var s stoppedAt
	if err := api.call(ctx, http.MethodGet, path+map[bool]string{true: "?all=1"}[c.All], nil, &s); err != nil {
		return err
	}
	if c.Verdict == "" {
		c.list(s)
		return nil
	}
	id := c.Read
	for _, q := range s.Reads {
		if q.State == "open" && c.Read == 0 {
			id = q.ID
		}
	}
	if id == 0 {
		return errors.New("没有等待查看的读取 no read waits")
	}
	if strings.TrimSpace(c.Why) == "" {
		return errors.New("say why: --why \"…\"")
	}
	state := map[string]string{"release": "released", "discard": "discarded"}[c.Verdict]
	if err := api.call(ctx, http.MethodPost, path+"/"+strconv.FormatInt(id, 10), map[string]string{"state": state, "who": c.Who, "why": c.Why}, &s); err != nil {
		return err
	}
	fmt.Fprintln(c.out(), map[string]string{"released": "已采信，正在取入 it is believed and taken in", "discarded": "已丢弃 it is discarded"}[state])
	return nil
}

func (c *platformQuarantine) list(s stoppedAt) {
	if len(s.Reads) == 0 {
		fmt.Fprintln(c.out(), "没有等待查看的读取 no read waits")
	}
	for _, q := range s.Reads {
		fmt.Fprintf(c.out(), "#%d %s  %s  %s\n  读到 rows %d, 此前 known %d\n", q.ID, q.Source, q.At.Local().Format(time.DateTime), q.StateWord, q.Rows, q.Known)
		for _, f := range q.Said {
			fmt.Fprintln(c.out(), "  "+f.Words)
			for _, x := range f.Samples {
				fmt.Fprintf(c.out(), "    %s → %s\n", x.Shown, x.New)
			}
		}
		if q.Who != "" {
			fmt.Fprintf(c.out(), "  %s: %s\n", q.Who, q.Why)
		}
	}
}

type platformBrake struct {
	hubAddress
	by
	Name    string `arg:"" help:"The platform."`
	Release string `arg:"" optional:"" enum:"release," default:"" help:"release: what is due now is right, go on."`

	console
}

// Run says whether writing to a platform was stopped, or lets it go on.
func (c *platformBrake) Run(ctx context.Context) error {
	api, stop, err := c.running(ctx)
	if err != nil {
		return err
	}
	defer stop()
	path := "/api/v1/platforms/" + url.PathEscape(c.Name) + "/brakes"
	var s stoppedAt
	if c.Release == "" {
		if err := api.call(ctx, http.MethodGet, path, nil, &s); err != nil {
			return err
		}
		if s.Words == "" {
			s.Words = "没有制动 no brake has stopped it"
		}
		fmt.Fprintln(c.out(), s.Words)
		return nil
	}
	if strings.TrimSpace(c.Why) == "" {
		return errors.New("say why: --why \"…\"")
	}
	if err := api.call(ctx, http.MethodPost, path+"/writing", c.body(), &s); err != nil {
		return err
	}
	fmt.Fprintln(c.out(), "已继续回写 it goes on")
	return nil
}
