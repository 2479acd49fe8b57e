package template

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"heji/connectors"
	"heji/connectors/internal/ledger"
	"heji/connectors/internal/sheet"
)

// Receive reads a receipt and closes its rows. One that matches no batch is
// noted and changes nothing.
func (c *connector) Receive(ctx context.Context, name string, content []byte) (connectors.Receipt, error) {
	r := c.settings.Receipt
	if r == nil {
		return connectors.Receipt{}, connectors.ErrNoReceipt
	}
	table, err := sheet.Read(content, sheet.Shape{Sheet: r.Sheet, Encoding: r.Encoding, Delimiter: []rune(r.delimiter())[0]})
	if err != nil {
		return connectors.Receipt{}, fmt.Errorf("%w: %w", connectors.ErrFile, err)
	}
	rows, err := r.rows(table.Rows)
	if err != nil {
		return connectors.Receipt{}, fmt.Errorf("%w: %w", connectors.ErrFile, err)
	}
	open, err := c.List(ctx)
	if err != nil {
		return connectors.Receipt{}, err
	}
	id, why := c.which(name, table, rows)
	if id == "" {
		return connectors.Receipt{}, c.strange(ctx, name, why)
	}
	var parcel *ledger.Parcel
	for _, p := range open {
		if p.ID == id {
			parcel = p
		}
	}
	if parcel != nil && parcel.Carried.IsZero() {
		return connectors.Receipt{}, c.strange(ctx, name, "nobody has downloaded the batch "+id+" yet")
	}
	answers, unknown := c.answers(id, parcel, rows)
	if parcel != nil && len(rows) > 0 && unknown == len(rows) {
		return connectors.Receipt{}, c.strange(ctx, name, "none of its rows is one of the batch "+id)
	}
	out, err := c.Answer(ctx, id, "", answers)
	if err == connectors.ErrNoParcel {
		return out, c.strange(ctx, name, "there is no batch "+id)
	}
	out.Unknown += unknown
	return out, err
}

func (c *connector) strange(ctx context.Context, name, why string) error {
	if err := c.Strange(ctx, name, why); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", connectors.ErrForeign, why)
}

// line is one row of a receipt.
type line struct {
	number int
	cells  map[string]string
}

func (r *Receipt) rows(table [][]string) ([]line, error) {
	if len(table) < r.HeaderRow {
		return nil, fmt.Errorf("it has no header in row %d", r.HeaderRow)
	}
	header := table[r.HeaderRow-1]
	for i := range header {
		header[i] = tidy(header[i])
	}
	needed := append([]string{}, r.Match...)
	if r.TokenColumn != "" {
		needed = []string{r.TokenColumn}
	} else if r.RowColumn != "" {
		needed = []string{r.RowColumn}
	}
	for _, column := range append(needed, r.StatusColumn) {
		if column != "" && !slices.Contains(header, tidy(column)) {
			return nil, fmt.Errorf("it has no column %s in row %d. Is it the receipt of this platform? Otherwise correct connect.receipt", column, r.HeaderRow)
		}
	}
	var out []line
	for i, cells := range table[r.HeaderRow:] {
		l := line{number: r.HeaderRow + 1 + i, cells: map[string]string{}}
		any := false
		for j, text := range cells {
			if j < len(header) && header[j] != "" {
				l.cells[header[j]] = text
				any = any || text != ""
			}
		}
		if any {
			out = append(out, l)
		}
	}
	return out, nil
}

func (l line) get(column string) string {
	if column == "" {
		return ""
	}
	return l.cells[tidy(column)]
}

// which finds the batch that a receipt belongs to: by its rows' tokens, the
// workbook's properties, or the file's name. Two different ones are none.
func (c *connector) which(name string, table sheet.Table, rows []line) (id, why string) {
	var ids []string
	add := func(text string) {
		for _, x := range c.IDs(text) {
			if !slices.Contains(ids, x) {
				ids = append(ids, x)
			}
		}
	}
	for _, l := range rows {
		add(l.get(c.settings.Receipt.TokenColumn))
	}
	if len(ids) == 0 {
		for _, mark := range table.Marks {
			add(mark)
		}
	}
	if len(ids) == 0 {
		add(name)
	}
	switch len(ids) {
	case 0:
		return "", "neither its rows nor its properties nor its name say which batch it answers. Keep the file's name, or put the batch number into it"
	case 1:
		return ids[0], ""
	}
	return "", "it mixes several batches"
}

// answers reads what became of each row; unknown counts rows that are not of
// this batch.
func (c *connector) answers(id string, p *ledger.Parcel, rows []line) (out []ledger.Answer, unknown int) {
	r := c.settings.Receipt
	answered := map[int]bool{}
	for _, l := range rows {
		n := c.rowOf(id, p, l)
		if n == 0 {
			unknown++
			continue
		}
		o, ok := r.outcome(l)
		if !ok {
			answered[n] = true // listed, and not decided yet
			continue
		}
		if !answered[n] {
			o.Column = c.columnOf(o.Column)
			out = append(out, ledger.Answer{Row: n, Outcome: o})
		}
		answered[n] = true
	}
	if r.Absent == absentOK && p != nil && (len(rows) == 0 || unknown < len(rows)) {
		for n := range p.Rows {
			if !answered[n+1] {
				out = append(out, ledger.Answer{Row: n + 1, Outcome: connectors.Outcome{Status: connectors.Applied}})
			}
		}
	}
	return out, unknown
}

// rowOf finds the row of the batch, 0 where it is none of it.
func (c *connector) rowOf(id string, p *ledger.Parcel, l line) int {
	r := c.settings.Receipt
	if r.TokenColumn != "" {
		parcel, n, ok := c.SplitToken(l.get(r.TokenColumn))
		if !ok || parcel != id || p != nil && n > len(p.Rows) {
			return 0
		}
		return n
	}
	if r.RowColumn != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(l.get(r.RowColumn), ".0"))
		if r.RowCounts == ofSheet {
			n -= c.settings.StartRow - 1
		}
		if err != nil || n < 1 || p != nil && n > len(p.Rows) {
			return 0
		}
		return n
	}
	if p == nil {
		return 1 // of a batch that is closed: counted, nothing more
	}
	found := 0
	for i, row := range p.Rows {
		same := true
		for _, column := range r.Match {
			header := column
			for _, x := range c.settings.Columns {
				if x.Column == column {
					header = x.Header[strings.LastIndex(x.Header, "/")+1:]
				}
			}
			text, ok := l.cells[tidy(header)]
			if !ok {
				text = l.get(column)
			}
			same = same && text != "" && text == strings.TrimSpace(row.Cells[column])
		}
		if same && found != 0 {
			return 0 // two rows look alike: nobody knows which
		}
		if same {
			found = i + 1
		}
	}
	return found
}

// columnOf finds the column that a receipt names by its header.
func (c *connector) columnOf(named string) string {
	for _, x := range c.settings.Columns {
		if named != "" && (named == x.Column || headerIs(strings.Split(tidy(x.Header), "/"), named)) {
			return x.Column
		}
	}
	return ""
}

// outcome reads one row's answer. Without a status it is none yet.
func (r *Receipt) outcome(l line) (connectors.Outcome, bool) {
	o := connectors.Outcome{Key: l.get(r.KeyColumn), Column: l.get(r.ColumnColumn)}
	status := l.get(r.StatusColumn)
	switch {
	case r.StatusColumn != "" && status == "":
		return o, false
	case slices.Contains(r.OK, status):
		o.Status = connectors.Applied
		return o, true
	case slices.Contains(r.Exists, status):
		o.Status = connectors.Exists
	case slices.Contains(r.Gone, status):
		o.Status = connectors.Gone
	case slices.Contains(r.Missed, status):
		o.Status = connectors.Missed
	default:
		o.Status = connectors.Refused
	}
	if o.Reason = l.get(r.ReasonColumn); o.Reason == "" {
		o.Reason = "the platform gave the status " + status
	}
	return o, true
}
