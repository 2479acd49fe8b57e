package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"heji/schema"
	"heji/services/audit"
	"heji/services/store"
)

// statementCommand counts a month's writes.
type statementCommand struct {
	hubAddress
	Month  string `help:"The month, such as 2026-11. Default: the one before this."`
	Format string `help:"text, csv or json." enum:"text,csv,json" default:"text"`

	console
}

// statementLine is a line of the API's answer.
type statementLine struct {
	Department    string `json:"department"`
	Platform      string `json:"platform"`
	PlatformName  string `json:"platform_name"`
	Attribute     string `json:"attribute"`
	AttributeName string `json:"attribute_name"`
	Applied       int64  `json:"applied"`
	Back          int64  `json:"given_back"`
	Refused       int64  `json:"refused"`
	Overtaken     int64  `json:"overtaken"`
	Open          int64  `json:"open"`
}

func (l statementLine) cells(month string) []string {
	cells := []string{month, l.Department, l.PlatformName, l.AttributeName}
	for _, n := range []int64{l.Applied, l.Back, l.Refused, l.Overtaken, l.Open} {
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	return cells
}

// Run prints the statement.
func (c *statementCommand) Run(ctx context.Context) error {
	now := time.Now()
	from := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.Local)
	if c.Month != "" {
		var err error
		if from, err = time.ParseInLocation("2006-01", c.Month, time.Local); err != nil {
			return fmt.Errorf("--month %q is no month: write it as 2026-11", c.Month)
		}
	}
	month := from.Format("2006-01")
	h, err := c.reach(ctx, "/api/v1/platforms")
	if err != nil {
		return err
	}
	defer h.close()
	var reply struct {
		Month string          `json:"month"`
		Lines []statementLine `json:"lines"`
	}
	if h.store == nil {
		err = h.api.call(ctx, http.MethodGet, "/api/v1/statement?lang=zh&month="+url.QueryEscape(month), nil, &reply)
	} else {
		reply.Month = month
		reply.Lines, err = statementOf(ctx, h.store, from)
	}
	if err != nil {
		return err
	}
	head := []string{"月份 month", "部门 department", "平台 platform", "内容 attribute", "已写入 applied", "其中收回 given back", "被退回 refused", "未写（有变化） overtaken", "未完 open"}
	switch c.Format {
	case "json":
		return c.printJSON(reply)
	case "csv":
		w := csv.NewWriter(c.out())
		lines := [][]string{head}
		for _, l := range reply.Lines {
			lines = append(lines, l.cells(month))
		}
		return w.WriteAll(lines)
	}
	w := newColumns(c.out())
	for _, cell := range head {
		fmt.Fprint(w, cell, "\t")
	}
	fmt.Fprintln(w)
	for _, l := range reply.Lines {
		for _, cell := range l.cells(month) {
			fmt.Fprint(w, cell, "\t")
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func statementOf(ctx context.Context, st *store.Store, from time.Time) (lines []statementLine, err error) {
	list, err := st.Statement(ctx, from, from.AddDate(0, 1, 0))
	if err != nil {
		return nil, err
	}
	for _, x := range list {
		l := statementLine{x.Department, x.Platform, x.Name, string(x.Attribute), "全部写入", x.Applied, x.Back, x.Refused, x.Overtaken, x.Open}
		if d, ok := schema.Lookup(x.Attribute); ok {
			l.AttributeName = d.Zh
		} else if x.Attribute != "" {
			l.AttributeName = string(x.Attribute)
		}
		lines = append(lines, l)
	}
	return lines, st.Note(ctx, os.Getenv("USER"), audit.Note{Did: "statement", What: "month/" + from.Format("2006-01")}, nil)
}
