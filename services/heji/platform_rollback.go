package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type platformRollback struct {
	hubAddress
	by
	Name string `arg:"" help:"The platform."`
	From string `required:"" help:"Writes from this time on, such as 2026-11-27T08:00 (local) or with a zone, 2026-11-27T08:00:00+08:00."`
	To   string `required:"" help:"Up to this time, itself not included."`
	Dry  bool   `help:"Only say what would be brought back and what would be left." name:"dry-run"`
	JSON bool   `help:"Print JSON." name:"json"`

	console
}

// Run has what was written in a time taken back.
func (c *platformRollback) Run(ctx context.Context) error {
	from, err := moment("--from", c.From)
	if err != nil {
		return err
	}
	to, err := moment("--to", c.To)
	if err != nil {
		return err
	}
	if c.Why == "" {
		return fmt.Errorf("--why: say why it is rolled back; it stands in the audit trail")
	}
	api, stop, err := c.running(ctx)
	if err != nil {
		return err
	}
	defer stop()
	path, body := "/api/v1/platforms/"+url.PathEscape(c.Name)+"/rollback?lang=zh", map[string]any{"from": from, "to": to, "who": c.Who, "why": c.Why, "dry_run": c.Dry}
	if c.JSON {
		var raw any
		if err := api.call(ctx, http.MethodPost, path, body, &raw); err != nil {
			return err
		}
		return c.printJSON(raw)
	}
	var e struct {
		Writes, Back, Left, Forgotten int64
		Waits                         string
		Said                          []struct {
			Label, Word string
			Count       int64
			Rows        []int64
		}
	}
	if err := api.call(ctx, http.MethodPost, path, body, &e); err != nil {
		return err
	}
	does := "已要求恢复 to be brought back"
	if c.Dry {
		does = "会恢复 would be brought back"
	}
	fmt.Fprintf(c.out(), "这段时间的写入 writes of that time: %d\n%s: %d\n不动 left as they are: %d\n", e.Writes, does, e.Back, e.Left)
	if e.Forgotten > 0 {
		fmt.Fprintf(c.out(), "已过保存期、无法恢复 no longer kept: %d\n", e.Forgotten)
	}
	if len(e.Said) > 0 {
		fmt.Fprintln(c.out())
		w := newColumns(c.out())
		fmt.Fprintln(w, "字段 attribute\t处理 what\t数量 fields\t记录号 records")
		for _, x := range e.Said {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", x.Label, x.Word, x.Count, strings.Trim(fmt.Sprint(x.Rows), "[]"))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if e.Waits != "" {
		fmt.Fprintln(c.out(), "\n"+e.Waits)
	}
	return nil
}

// moment reads a time with a zone, or of this machine's.
func moment(flag, text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q is no time: write it as 2026-11-27T08:00, or with a zone as 2026-11-27T08:00:00+08:00", flag, text)
}
