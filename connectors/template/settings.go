package template

import (
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
	"go.yaml.in/yaml/v3"

	"heji/connectors/internal/ledger"
	"heji/connectors/spec"
)

// Settings is the connect section of a platform of kind template.
type Settings struct {
	// Template is the platform's own blank template, an .xlsx file. Without it a
	// sheet is drawn: title, then the headers of columns.
	Template string   `yaml:"template"`
	Sheet    string   `yaml:"sheet"`     // default the first
	StartRow int      `yaml:"start_row"` // first row of data, from 1
	Headers  int      `yaml:"headers"`   // how many rows of headers stand above it; default 1
	Title    []string `yaml:"title"`     // rows above the headers, where a sheet is drawn
	Columns  []Column `yaml:"columns"`   // in the platform's order
	Page     string   `yaml:"page"`      // where it is uploaded, for people
	Rows     int      `yaml:"rows"`      // most rows of one upload; default 500

	// Operation says in a column whether a row is new.
	Operation *Operation `yaml:"operation"`
	// Erase is what makes a cell blank there; default nothing.
	Erase string `yaml:"erase"`
	// Unchanged says what stands in the columns that are not to change: keep
	// (what the row shows; default) or blank.
	Unchanged string   `yaml:"unchanged"`
	Token     *Token   `yaml:"token"`
	Receipt   *Receipt `yaml:"receipt"`
	// Export is read as the kind files reads: its settings, without an outbox.
	Export yaml.Node `yaml:"export"`
}

// Column is one column of the sheet.
type Column struct {
	Column string `yaml:"column"` // what the rest of the file calls it
	Header string `yaml:"header"` // what the sheet calls it; merged ones as 基本信息/姓名; default column
	At     string `yaml:"at"`     // its letter, where the header does not say it
}

// Operation is a column that says what is to be done with a row.
type Operation struct {
	Column string `yaml:"column"`
	Update string `yaml:"update"`
	Create string `yaml:"create"`
}

// Token is where the row's token stands, where the platform gives it back.
type Token struct {
	Column string `yaml:"column"` // one of columns: a remark
	Hidden bool   `yaml:"hidden"` // a column of our own at the right, hidden
	Header string `yaml:"header"` // of that column; default 批次标识
}

// Receipt is what the platform gives back.
type Receipt struct {
	Encoding  string `yaml:"encoding"` // of CSV; default what it looks like
	Delimiter string `yaml:"delimiter"`
	Sheet     string `yaml:"sheet"`
	HeaderRow int    `yaml:"header_row"` // default 1

	TokenColumn string   `yaml:"token_column"` // holds the token
	RowColumn   string   `yaml:"row_column"`   // holds the number of the row…
	RowCounts   string   `yaml:"row_counts"`   // …of the sheet, or of the data (default)
	Match       []string `yaml:"match"`        // else: columns whose texts are those that were uploaded

	StatusColumn string   `yaml:"status_column"`
	OK           []string `yaml:"ok"`
	Exists       []string `yaml:"exists"`
	Gone         []string `yaml:"gone"`
	Missed       []string `yaml:"missed"`
	ReasonColumn string   `yaml:"reason_column"`
	ColumnColumn string   `yaml:"column_column"` // names the refused column
	KeyColumn    string   `yaml:"key_column"`    // number of a new row
	// Absent: ok says that the receipt lists failures only, and that every row
	// which is not in it was taken.
	Absent string `yaml:"absent"`
}

const (
	keep     = "keep"
	blank    = "blank"
	absentOK = "ok"
	ofSheet  = "sheet"
	ofData   = "data"
)

func load(p *spec.Platform) (Settings, error) {
	s := Settings{Headers: 1, Rows: 500, Unchanged: keep}
	if err := spec.DecodeConnect(p, &s); err != nil {
		return s, err
	}
	bad := func(key, format string, args ...any) (Settings, error) {
		return s, p.Errorf("connect."+key, format, args...)
	}
	if s.StartRow == 0 {
		s.StartRow = len(s.Title) + s.Headers + 1
	}
	named := map[string]bool{}
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Header == "" {
			c.Header = c.Column
		}
		if c.At != "" {
			if _, err := excelize.ColumnNameToNumber(c.At); err != nil {
				return bad("columns", "connect.columns: at: %q is no letter of a column, such as B or AC.", c.At)
			}
		}
		if c.Column == "" || named[c.Column] {
			return bad("columns", "connect.columns: each needs a column, and each its own: %q.", c.Column)
		}
		named[c.Column] = true
	}
	switch {
	case len(s.Columns) == 0:
		return bad("columns", "connect.columns is missing: the columns of the platform's import sheet in its order, such as {column: XM, header: 基本信息/姓名}.")
	case s.Template != "" && len(s.Title) > 0:
		return bad("title", "connect.title is for sheets that Heji draws. The template has its own.")
	case s.Headers < 1 || s.StartRow <= s.Headers:
		return bad("start_row", "connect.start_row: the headers and the rows above them do not fit before row %d.", s.StartRow)
	case s.Rows < 1 || s.Rows > 100_000:
		return bad("rows", "connect.rows must be between 1 and 100000: how many rows the platform takes in one upload.")
	case s.Unchanged != keep && s.Unchanged != blank:
		return bad("unchanged", "connect.unchanged must be keep (columns that are not to change hold what the row shows) or blank.")
	case s.Receipt == nil && s.Export.Kind == 0:
		// I5: a write whose outcome can never be known must not be made.
		return bad("columns", "connect.receipt and export are missing: nobody could ever know what became of an upload. Describe the receipt that the platform gives, or the export in which the rows show.")
	}
	for _, column := range ledger.Carried(p) {
		if !named[column] {
			return bad("columns", "connect.columns does not hold %s, which is received or a constant of this platform: it could never be uploaded. Add it, or take it out of agreement.receives, create_with or write_with.", column)
		}
	}
	for _, k := range p.Key {
		if !named[k] && p.Key[0] != "" && s.Export.Kind == 0 {
			return bad("columns", "connect.columns does not hold the key column %s, and there is no export that could tell it.", k)
		}
	}
	if o := s.Operation; o != nil && (!named[o.Column] || o.Update == "" || o.Create == "") {
		return bad("operation", "connect.operation needs one of columns, and its words for update and create.")
	}
	if t := s.Token; t != nil {
		if (t.Column == "") == !t.Hidden || t.Column != "" && !named[t.Column] {
			return bad("token", "connect.token needs either column, one of columns, or hidden: yes.")
		}
		if t.Header == "" {
			t.Header = "批次标识"
		}
	}
	if s.Receipt != nil {
		if err := s.Receipt.check(p, named); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (r *Receipt) check(p *spec.Platform, named map[string]bool) error {
	bad := func(key, format string, args ...any) error {
		return p.Errorf("connect.receipt."+key, format, args...)
	}
	if r.HeaderRow == 0 {
		r.HeaderRow = 1
	}
	if r.RowCounts == "" {
		r.RowCounts = ofData
	}
	switch {
	case r.TokenColumn == "" && r.RowColumn == "" && len(r.Match) == 0:
		return bad("token_column", "connect.receipt.token_column, row_column or match is needed: by what a row of the receipt is known to be one of the upload.")
	case r.RowCounts != ofSheet && r.RowCounts != ofData:
		return bad("row_counts", "connect.receipt.row_counts must be data (the first row of data is 1) or sheet (the row's number in Excel).")
	case r.Absent != "" && r.Absent != absentOK:
		return bad("absent", "connect.receipt.absent can only be ok: rows that the receipt does not list were taken.")
	case r.StatusColumn == "" && r.Absent == "":
		return bad("status_column", "connect.receipt.status_column is missing: which column says whether a row was taken. Where the receipt lists failures only, write absent: ok.")
	case r.StatusColumn != "" && len(r.OK) == 0 && r.Absent == "":
		return bad("ok", "connect.receipt.ok is missing: the texts of status_column that mean done.")
	case len([]rune(r.delimiter())) != 1:
		return bad("delimiter", "connect.receipt.delimiter must be one character.")
	case r.Encoding != "" && !slices.Contains([]string{"utf-8", "gbk", "gb18030"}, r.Encoding):
		return bad("encoding", "connect.receipt.encoding must be utf-8, gbk or gb18030; without it Heji looks.")
	}
	for _, c := range r.Match {
		if !named[c] {
			return bad("match", "connect.receipt.match: %s is none of connect.columns.", c)
		}
	}
	return nil
}

func (r *Receipt) delimiter() string {
	switch r.Delimiter {
	case "":
		return ","
	case "tab", `\t`:
		return "\t"
	}
	return strings.TrimSpace(r.Delimiter)
}
