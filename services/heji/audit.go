package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heji/services/audit"
	"heji/services/desk"
	"heji/services/hub"
	"heji/services/sealed"
	"heji/services/store"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Walk the chain; the first broken row is named. 校验。"`
	Export auditExport `cmd:"" help:"Write rows as CSV or JSON lines. 导出。"`
	Keep   auditKeep   `cmd:"" help:"Show or set for how many days rows are kept: 183 at least. 保存期限。"`
}

// auditAPI is the part of the hub's API that the commands ask.
const auditAPI = "/api/v1/audit"

type auditVerify struct {
	hubAddress
	Heads string   `help:"File of heads that the hub noted. Default: audit-heads.log in the data folder." type:"path"`
	Head  []string `help:"A head that was noted elsewhere: number:hash."`

	console
}

// Run verifies. A broken chain is an error.
func (c *auditVerify) Run(ctx context.Context) error {
	file := c.Heads
	if file == "" {
		file = filepath.Join(c.Data, hub.HeadsFile)
	}
	noted, err := notedHeads(file, c.Heads != "", c.Head)
	if err != nil {
		return err
	}
	h, err := c.reach(ctx, auditAPI+"?limit=1")
	if err != nil {
		return err
	}
	defer h.close()
	var r store.AuditReport
	if h.store != nil {
		r, err = h.store.VerifyAudit(ctx, noted)
	} else {
		r, err = h.verifyAudit(ctx, noted)
	}
	if err != nil {
		return err
	}
	c.auditReport(r, len(noted))
	return nil
}

func (c *console) auditReport(r store.AuditReport, noted int) {
	fmt.Fprintf(c.out(), "审计链完整 the chain holds: %d rows, %d noted heads compared\n", r.Rows, noted)
	if r.Closed > 0 {
		fmt.Fprintf(c.out(), "已到期清除至 closed up to row %d\n", r.Closed)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(c.out(), "尚未入链 not in the chain yet: %d\n", r.Waiting)
	}
	fmt.Fprintf(c.out(), "链头（请抄存于他处） head, to be kept elsewhere: %s\n", r.Head)
}

// notedHeads reads heads from the lines "time number:hash" of a file, and from the
// command line. The file may be missing unless it was named. A last line without
// an end was being written when the machine stopped.
func notedHeads(file string, named bool, more []string) (list []audit.Head, err error) {
	raw, err := os.ReadFile(file)
	if err != nil && (named || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	lines := strings.Split(string(raw), "\n")
	for i, line := range lines[:len(lines)-1] {
		_, text, _ := strings.Cut(line, " ")
		h, err := audit.ParseHead(text)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, i+1, err)
		}
		list = append(list, h)
	}
	for _, text := range more {
		h, err := audit.ParseHead(text)
		if err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

// verifyAudit has a running hub verify its chain.
func (h *reached) verifyAudit(ctx context.Context, noted []audit.Head) (r store.AuditReport, err error) {
	heads := make([]string, len(noted))
	for i, n := range noted {
		heads[i] = n.String()
	}
	var reply struct {
		Head                  string
		Rows, Closed, Waiting int64
	}
	if err := h.api.call(ctx, http.MethodPost, auditAPI+"/verify", map[string][]string{"heads": heads}, &reply); err != nil {
		return r, err
	}
	r = store.AuditReport{Rows: reply.Rows, Closed: reply.Closed, Waiting: reply.Waiting}
	if reply.Head != "" {
		r.Head, err = audit.ParseHead(reply.Head)
	}
	return r, err
}

type auditExport struct {
	hubAddress
	auditFormat

	console
}

// auditFormat says which rows are exported, and how.
type auditFormat struct {
	From   time.Time `help:"Rows since this day." format:"2006-01-02"`
	To     time.Time `help:"Rows before this day." format:"2006-01-02"`
	Format string    `help:"csv or jsonl." enum:"csv,jsonl" default:"csv"`
}

// Run exports, and the trail has it.
func (c *auditExport) Run(ctx context.Context) error {
	h, err := c.reach(ctx, auditAPI+"?limit=1")
	if err != nil {
		return err
	}
	defer h.close()
	return c.export(&c.console, func(after int64) ([]desk.AuditRow, error) { return h.auditPage(ctx, after, c.auditFormat) })
}

const auditPageRows = 1000

func (h *reached) auditPage(ctx context.Context, after int64, f auditFormat) (list []desk.AuditRow, err error) {
	if h.store == nil {
		q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(auditPageRows)}}
		for name, t := range map[string]time.Time{"from": f.From, "to": f.To} {
			if !t.IsZero() {
				q.Set(name, t.Format(time.DateOnly))
			}
		}
		var reply struct{ Audit []desk.AuditRow }
		return reply.Audit, h.api.call(ctx, http.MethodGet, auditAPI+"?"+q.Encode(), nil, &reply)
	}
	return auditLines(ctx, h.store, after, f)
}

// auditLines reads one page from a store; that it was exported is noted with the first.
func auditLines(ctx context.Context, st *store.Store, after int64, f auditFormat) (list []desk.AuditRow, err error) {
	if after == 0 {
		if err := st.Note(ctx, os.Getenv("USER"), audit.Note{Did: "audit.export"}, nil); err != nil {
			return nil, err
		}
	}
	rows, err := st.AuditRows(ctx, store.AuditQuery{After: after, From: f.From, To: f.To, Limit: auditPageRows})
	for _, r := range rows {
		list = append(list, desk.AuditRowOf(r))
	}
	return list, err
}

func (f auditFormat) export(c *console, page func(after int64) ([]desk.AuditRow, error)) error {
	out := bufio.NewWriter(c.out())
	table := csv.NewWriter(out)
	if f.Format == "csv" {
		if err := table.Write(desk.AuditColumns); err != nil {
			return err
		}
	}
	lines := json.NewEncoder(out)
	for after := int64(0); ; {
		list, err := page(after)
		if err != nil {
			return err
		}
		for _, r := range list {
			after = r.Seq
			if f.Format == "jsonl" {
				err = lines.Encode(r)
			} else {
				err = table.Write(r.Cells())
			}
			if err != nil {
				return err
			}
		}
		if len(list) < auditPageRows {
			table.Flush()
			return errors.Join(table.Error(), out.Flush())
		}
	}
}

type auditKeep struct {
	hubAddress
	by
	Days int `arg:"" optional:"" help:"For how many days; without it, what is set is shown."`

	console
}

// Run shows or sets how long rows are kept.
func (c *auditKeep) Run(ctx context.Context) error {
	h, err := c.reach(ctx, auditAPI+"?limit=1")
	if err != nil {
		return err
	}
	defer h.close()
	var reply struct{ Days int }
	switch {
	case h.store != nil && c.Days == 0:
		reply.Days, err = h.store.AuditKeep(ctx)
	case h.store != nil:
		reply.Days, err = c.Days, h.store.SetAuditKeep(ctx, c.Days, c.Who, c.Why)
	case c.Days == 0:
		err = h.api.call(ctx, http.MethodGet, auditAPI+"/keep", nil, &reply)
	default:
		err = h.api.call(ctx, http.MethodPost, auditAPI+"/keep", map[string]any{"days": c.Days, "who": c.Who, "why": c.Why}, &reply)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out(), "审计保存 the audit trail is kept for %d 天 days\n", reply.Days)
	return nil
}

// sealedAudit is for the satellite's administrator: its chain is its own.
type sealedAudit struct {
	Verify sealedAuditVerify `cmd:"" help:"Walk the chain; the first broken row is named."`
	Export sealedAuditExport `cmd:"" help:"Write rows as CSV or JSON lines."`
}

type sealedAuditVerify struct {
	satellite
	Head []string `help:"A head that was noted elsewhere: number:hash."`

	console
}

// Run verifies.
func (c *sealedAuditVerify) Run(ctx context.Context) error {
	st, err := sealed.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer st.Close()
	noted, err := notedHeads(filepath.Join(c.Dir, hub.HeadsFile), false, c.Head)
	if err != nil {
		return err
	}
	r, err := st.VerifyAudit(ctx, noted)
	if err != nil {
		return err
	}
	c.auditReport(r, len(noted))
	return nil
}

type sealedAuditExport struct {
	satellite
	auditFormat

	console
}

// Run exports.
func (c *sealedAuditExport) Run(ctx context.Context) error {
	st, err := sealed.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer st.Close()
	return c.export(&c.console, func(after int64) ([]desk.AuditRow, error) { return auditLines(ctx, st, after, c.auditFormat) })
}
