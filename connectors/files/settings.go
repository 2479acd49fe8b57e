package files

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"heji/connectors/spec"
)

// Settings is the connect section of a platform of kind files.
type Settings struct {
	// SFTP says that all folders are on another machine.
	SFTP *SFTP  `yaml:"sftp"`
	Dir  string `yaml:"dir"`
	// Pattern names the files, with * and ? as in a shell and {date} for a date
	// with or without a time: rk_{date}.csv.
	Pattern string `yaml:"pattern"`
	Mode    string `yaml:"mode"` // of pattern: full (default) or incremental
	// IncrementalPattern names incremental drops beside full extracts.
	IncrementalPattern string `yaml:"incremental_pattern"`

	Shape      `yaml:",inline"`
	AsOf       AsOf          `yaml:"as_of"`
	DoneMarker string        `yaml:"done_marker"` // stable (default), rename, or a suffix such as .ok
	StableFor  spec.Duration `yaml:"stable_for"`  // default 10s
	Trailer    *Trailer      `yaml:"trailer"`
	// Skip are the beginnings of rows that are no rows of people: 小计, 备注, 填表人.
	Skip []string `yaml:"skip"`
	// DeleteColumn with one of DeleteValue marks a deleted row in a drop.
	DeleteColumn string   `yaml:"delete_column"`
	DeleteValue  []string `yaml:"delete_value"`
	Processed    string   `yaml:"processed"` // default dir/processed; stay: files are remembered, not moved
	Page         int      `yaml:"page"`      // rows in one batch; default 500
	Timezone     string   `yaml:"timezone"`  // default Asia/Shanghai

	Outbox *Outbox `yaml:"outbox"`
	Acks   *Acks   `yaml:"acks"`
}

// Shape is how a file is written.
type Shape struct {
	Format    string `yaml:"format"`     // csv (default), xlsx or fixed
	Encoding  string `yaml:"encoding"`   // utf-8 (default), utf-8-bom, gbk, gb18030, auto
	Delimiter string `yaml:"delimiter"`  // default ","; tab for a tabulator
	Sheet     string `yaml:"sheet"`      // default the first
	HeaderRow int    `yaml:"header_row"` // counted from 1; default 1. fixed: lines above the rows
	// HeaderRows is of how many rows the header is made: 2 gives names such as
	// 基本信息/姓名.
	HeaderRows int `yaml:"header_rows"`

	// Of format fixed.
	Layout []Slot `yaml:"layout"`
	Count  string `yaml:"count"`  // what widths count: bytes (default) or characters
	Ragged bool   `yaml:"ragged"` // blanks at the end of a line may be missing

	skip int // lines above the rows
}

// AsOf says what time an extract is evidence for. By default the {date} of the
// file's name.
type AsOf struct {
	Name   string `yaml:"name"`   // a regular expression whose first group is the time
	Cell   string `yaml:"cell"`   // a cell above the header (B1): its text, or the time found in it
	Format string `yaml:"format"` // yyyyMMdd…; default any that we know
}

// Trailer is a last row that counts the rows.
type Trailer struct {
	Starts string `yaml:"starts"` // what its first cell begins with, such as 合计
	Cell   int    `yaml:"cell"`   // the cell with the number, from 1; default 2, and the number in the first where there is one
}

// Outbox is where our changes are dropped.
type Outbox struct {
	Dir             string `yaml:"dir"`
	Prefix          string `yaml:"prefix"`
	Shape           `yaml:",inline"`
	Columns         []string `yaml:"columns"` // in the platform's order
	IDColumn        string   `yaml:"id_column"`
	OperationColumn string   `yaml:"operation_column"`
	Update          string   `yaml:"update"`      // its word for a change; default U
	Create          string   `yaml:"create"`      // its word for a new row; default A
	Erase           string   `yaml:"erase"`       // what to write so that a cell becomes blank; default nothing
	DoneMarker      string   `yaml:"done_marker"` // a suffix: an empty file that says that the batch is complete
}

// Acks is where the platform's answers appear.
type Acks struct {
	Dir          string `yaml:"dir"`
	Pattern      string `yaml:"pattern"`
	Shape        `yaml:",inline"`
	DoneMarker   string   `yaml:"done_marker"` // default rename
	IDColumn     string   `yaml:"id_column"`
	StatusColumn string   `yaml:"status_column"`
	OK           []string `yaml:"ok"`
	Exists       []string `yaml:"exists"`
	Gone         []string `yaml:"gone"`
	Missed       []string `yaml:"missed"`
	ReasonColumn string   `yaml:"reason_column"`
	ColumnColumn string   `yaml:"column_column"` // which names the refused column
	KeyColumn    string   `yaml:"key_column"`
	Processed    string   `yaml:"processed"`
}

const (
	modeFull        = "full"
	modeIncremental = "incremental"
	markerStable    = "stable"
	markerRename    = "rename"
	stay            = "stay"
	csvFormat       = "csv"
	xlsxFormat      = "xlsx"
)

func load(p *spec.Platform) (Settings, error) {
	s := Settings{Mode: modeFull, DoneMarker: markerStable, StableFor: spec.Duration(10 * time.Second), Page: 500, Timezone: "Asia/Shanghai"}
	if err := spec.DecodeConnect(p, &s); err != nil {
		return s, err
	}
	if s.Dir == "" || s.Pattern == "" {
		return s, p.Errorf("connect", "connect.dir and connect.pattern are needed: the folder of the files and what they are called, such as rk_{date}.csv.")
	}
	if s.Mode != modeFull && s.Mode != modeIncremental {
		return s, p.Errorf("connect.mode", "connect.mode must be full or incremental.")
	}
	if err := s.SFTP.check(p); err != nil {
		return s, err
	}
	if s.Page < 1 {
		return s, p.Errorf("connect.page", "connect.page must be at least 1.")
	}
	if s.Processed == "" {
		s.Processed = s.join(s.Dir, "processed")
	}
	if err := s.Shape.check(p, "connect"); err != nil {
		return s, err
	}
	if err := checkMarker(p, "connect.done_marker", s.DoneMarker); err != nil {
		return s, err
	}
	if s.AsOf.Name != "" {
		if re, err := regexp.Compile(s.AsOf.Name); err != nil || re.NumSubexp() < 1 {
			return s, p.Errorf("connect.as_of.name", "connect.as_of.name must be a regular expression with one group in brackets: the time.")
		}
	}
	if t := s.Trailer; t != nil {
		if t.Starts == "" {
			return s, p.Errorf("connect.trailer", "connect.trailer.starts is missing: what the counting row begins with, such as 合计.")
		}
		if t.Cell == 0 {
			t.Cell = 2
		}
	}
	if s.DeleteColumn != "" && len(s.DeleteValue) == 0 {
		return s, p.Errorf("connect.delete_column", "connect.delete_value is missing: what the column holds for a deleted row.")
	}
	if err := s.checkOutbox(p); err != nil {
		return s, err
	}
	return s, s.checkAcks(p)
}

// join makes a path as the drive writes it: behind SFTP always with /.
func (s *Settings) join(elem ...string) string {
	if s.SFTP != nil {
		return path.Join(elem...)
	}
	return filepath.Join(elem...)
}

func (s *Settings) checkOutbox(p *spec.Platform) error {
	o := s.Outbox
	if o == nil {
		return nil
	}
	switch {
	case o.Dir == "":
		return p.Errorf("connect.outbox", "connect.outbox.dir is missing: the folder where the platform fetches our changes.")
	case len(o.Columns) == 0:
		return p.Errorf("connect.outbox", "connect.outbox.columns is missing: the columns of the file in the platform's order.")
	case o.IDColumn == "":
		return p.Errorf("connect.outbox", "connect.outbox.id_column is missing: the column for the number of each change, which the acknowledgement repeats.")
	}
	for _, special := range []string{o.IDColumn, o.OperationColumn} {
		if special != "" && !contains(o.Columns, special) {
			return p.Errorf("connect.outbox.columns", "connect.outbox.columns does not hold the column %s.", special)
		}
	}
	for _, k := range p.Key {
		if !contains(o.Columns, k) {
			return p.Errorf("connect.outbox.columns", "connect.outbox.columns does not hold the key column %s.", k)
		}
	}
	if o.Encoding == "auto" {
		return p.Errorf("connect.outbox.encoding", "connect.outbox.encoding cannot be auto: it must say how to write.")
	}
	if o.DoneMarker != "" && !strings.HasPrefix(o.DoneMarker, ".") {
		return p.Errorf("connect.outbox.done_marker", "connect.outbox.done_marker must be a suffix such as .ok.")
	}
	if o.Format == fixedFormat {
		for _, slot := range o.Layout {
			if !contains(o.Columns, slot.Column) {
				return p.Errorf("connect.outbox.layout", "connect.outbox.columns does not hold the column %s of connect.outbox.layout.", slot.Column)
			}
		}
		if len(o.Layout) != len(o.Columns) && len(o.Layout) > 0 {
			return p.Errorf("connect.outbox.layout", "connect.outbox.layout must give each of connect.outbox.columns its width.")
		}
	}
	if o.Update == "" {
		o.Update = "U"
	}
	if o.Create == "" {
		o.Create = "A"
	}
	return o.Shape.check(p, "connect.outbox")
}

func (s *Settings) checkAcks(p *spec.Platform) error {
	a := s.Acks
	if a == nil && s.Outbox == nil {
		return nil
	}
	if a == nil {
		// I5: a write whose outcome can never be known must not be made.
		return p.Errorf("connect.outbox", "connect.outbox: what is written could never be confirmed, because connect.acks is missing. "+
			"Add acks with dir, pattern, id_column, status_column and ok, where the platform answers each change; or take outbox out, and the platform is only read.")
	}
	if s.Outbox == nil {
		return p.Errorf("connect.acks", "connect.acks: there is no outbox whose files could be acknowledged.")
	}
	if a.Dir == "" || a.Pattern == "" || a.IDColumn == "" || a.StatusColumn == "" || len(a.OK) == 0 {
		return p.Errorf("connect.acks", "connect.acks needs dir, pattern, id_column, status_column and ok (the status values that mean done).")
	}
	if a.Processed == stay {
		return p.Errorf("connect.acks.processed", "connect.acks.processed must be a folder: answers that are taken in have to go somewhere.")
	}
	if a.Processed == "" {
		a.Processed = s.join(a.Dir, "processed")
	}
	if a.DoneMarker == "" {
		a.DoneMarker = markerRename
	}
	if err := checkMarker(p, "connect.acks.done_marker", a.DoneMarker); err != nil {
		return err
	}
	return a.Shape.check(p, "connect.acks")
}

func checkMarker(p *spec.Platform, key, marker string) error {
	if marker != markerStable && marker != markerRename && !strings.HasPrefix(marker, ".") {
		return p.Errorf(key, "%s must be stable, rename, or a suffix such as .ok.", key)
	}
	return nil
}

func (s *Shape) check(p *spec.Platform, path string) error {
	if s.Format == "" {
		s.Format = csvFormat
	}
	if s.Encoding == "" {
		s.Encoding = "utf-8"
	}
	if err := s.checkFixed(p, path); err != nil {
		return err
	}
	if s.Format == fixedFormat { // its names come from the layout
		s.skip, s.HeaderRow = s.HeaderRow, 1
	}
	if s.HeaderRow == 0 {
		s.HeaderRow = 1
	}
	if s.HeaderRows == 0 {
		s.HeaderRows = 1
	}
	switch s.Delimiter {
	case "":
		s.Delimiter = ","
	case "tab", `\t`:
		s.Delimiter = "\t"
	}
	switch {
	case s.Format != csvFormat && s.Format != xlsxFormat && s.Format != fixedFormat:
		return p.Errorf(path+".format", "%s.format must be csv, xlsx or fixed.", path)
	case s.HeaderRows < 1 || s.HeaderRows > 5 || s.HeaderRows > 1 && s.Format == fixedFormat:
		return p.Errorf(path+".header_rows", "%s.header_rows is of how many rows the header of a sheet is made: 1 to 5.", path)
	case len(s.Delimiter) != 1 || strings.ContainsAny(s.Delimiter, "\"\r\n"):
		return p.Errorf(path+".delimiter", "%s.delimiter must be one character such as , or ; or | or tab.", path)
	case s.HeaderRow < 1 || s.skip < 0:
		return p.Errorf(path+".header_row", "%s.header_row counts from 1.", path)
	}
	if _, ok := encodings[s.Encoding]; !ok {
		return p.Errorf(path+".encoding", "%s.encoding must be utf-8, utf-8-bom, gbk, gb18030 or auto.", path)
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
