package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"heji/connectors/conformance/live"
	"heji/schema"
	"heji/schema/codes"
	"heji/services/hub"
)

type platformVerify struct {
	asking
	Names  []string `arg:"" optional:"" name:"name" help:"Names or files of platforms."`
	All    bool     `help:"Every platform of the folder, and the sealed ones whose folder can be read; those are in no report."`
	Write  bool     `help:"Also write: the row of --key gets back what it shows already."`
	Key    string   `help:"The row that may be written." placeholder:"ROW"`
	Probe  bool     `help:"The row of --key is one for trials: it is given other values, and gets back what it showed. With --write."`
	Report string   `help:"Write the report to this file: .md, .html or .json." placeholder:"FILE" type:"path"`
	JSON   bool     `help:"Print JSON." name:"json"`

	console
}

// Run runs the suite and ends with an error where a platform does not pass.
func (c *platformVerify) Run(ctx context.Context) error {
	names, err := c.names()
	if err != nil {
		return err
	}
	switch {
	case c.Write && len(names) != 1:
		return fmt.Errorf("--write needs one platform, and --key ROW: the row that gets back what it shows")
	case c.Probe && (!c.Write || c.Key == ""):
		return fmt.Errorf("--probe needs --write and --key ROW: a row for trials, which is given other values and gets back what it showed")
	}
	var reports []live.Report
	passed, unsaid := 0, 0
	for _, name := range names {
		r, err := c.verify(ctx, name)
		if err != nil {
			return err
		}
		if c.All && c.isSealed(c.path(name)) {
			unsaid++ // I7: a report of all is filed where nobody may know of them
		} else {
			reports = append(reports, r)
		}
		if r.OK() {
			passed++
		}
	}
	if c.JSON {
		if err := c.printJSON(reports); err != nil {
			return err
		}
	} else if len(names) > 1 {
		fmt.Fprintf(c.out(), "\n%d / %d 个平台通过 platforms passed\n", passed, len(names))
	}
	if c.Report != "" {
		if err := c.report(reports); err != nil {
			return err
		}
		fmt.Fprintln(c.err(), "报告 report:", c.Report)
		if unsaid > 0 {
			fmt.Fprintf(c.err(), "报告中不含 %d 个封存平台；需要时按名称单独出具 the report leaves out %d sealed platforms: name one to get its own\n", unsaid, unsaid)
		}
	}
	if passed < len(names) {
		return fmt.Errorf("%d of %d platforms did not pass", len(names)-passed, len(names))
	}
	return nil
}

func (c *platformVerify) names() ([]string, error) {
	if !c.All {
		if len(c.Names) == 0 {
			return nil, fmt.Errorf("name a platform, or say --all")
		}
		return c.Names, nil
	}
	out, err := filesIn(c.Platforms)
	if err != nil {
		return nil, fmt.Errorf("the folder of platforms cannot be read: %w", err)
	}
	// Whoever may read the folder of sealed platforms knows of them.
	sealed, err := filesIn(c.sealedFolder())
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the folder of sealed platforms cannot be read: %w", err)
	}
	out = append(out, sealed...)
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no file of a platform", c.Platforms)
	}
	return out, nil
}

// filesIn are the platforms' files of a folder.
func filesIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	var out []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			out = append(out, filepath.Join(folder, e.Name()))
		}
	}
	return out, err
}

func (c *platformVerify) verify(ctx context.Context, name string) (live.Report, error) {
	path, text, env, err := c.source(name)
	if err != nil {
		return live.Report{}, err
	}
	dir, err := os.MkdirTemp("", "heji-platform-")
	if err != nil {
		return live.Report{}, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	var show func(live.Result)
	if !c.JSON {
		fmt.Fprintln(c.out(), path)
		show = func(r live.Result) {
			fmt.Fprintf(c.out(), "  %s %s / %s", r.Outcome.Mark(), r.What.Zh, r.What.En)
			if note := r.Note; note.Zh != "" {
				fmt.Fprintf(c.out(), "\n      %s", strings.Join(slices.Compact([]string{note.Zh, note.En}), "\n      "))
			}
			fmt.Fprintf(c.out(), "  [%s]\n", r.Took.Round(time.Millisecond))
		}
	}
	r := live.Run(ctx, live.Subject{Name: path, File: text, Environment: env, Dir: dir, NATS: hub.Visit(c.Data, c.NATSURL), Write: c.Write, Key: c.Key, Probe: c.Probe, Sealed: c.isSealed(path)}, show)
	if !c.JSON {
		v := r.Verdict()
		fmt.Fprintf(c.out(), "  = %s / %s\n", v.Zh, v.En)
	}
	return r, nil
}

func (c *platformVerify) report(reports []live.Report) (err error) {
	f, err := os.Create(c.Report)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	switch filepath.Ext(c.Report) {
	case ".html", ".htm":
		return live.HTML(f, version, reports)
	case ".json":
		return writeJSON(f, reports)
	}
	return live.Markdown(f, version, reports)
}

func (c *console) printJSON(body any) error { return writeJSON(c.out(), body) }

func writeJSON(w io.Writer, body any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(body)
}

// codesOf lists the codes of an attribute's table.
func codesOf(def schema.Definition) string {
	table, ok := codes.LookupTable(def.Codes)
	if !ok {
		return ""
	}
	return strings.Join(labels(def.Name, table.Codes()), ", ")
}

// labels are codes with what they are called.
func labels(a schema.Attribute, list []string) []string {
	def, _ := schema.Lookup(a)
	table, ok := codes.LookupTable(def.Codes)
	var out []string
	for i, code := range list {
		if i == 10 {
			return append(out, fmt.Sprintf("… (%d)", len(list)))
		}
		if ok && table.Has(code) {
			code += " " + table.Label(code, "zh")
		}
		out = append(out, code)
	}
	return out
}
