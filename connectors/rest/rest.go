package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/internal/pace"
	"heji/connectors/internal/timefmt"
	"heji/connectors/spec"
	"heji/schema"
)

// Kind is the name under which the kind is registered.
const Kind = "rest"

func init() { connectors.Register(Kind, Open) }

// reader lists rows.
type reader struct {
	platform  *spec.Platform
	settings  Settings
	client    *http.Client
	transport *http.Transport
	zone      *time.Location
	now       func() time.Time
	columns   []string
}

// looker can be asked for single rows.
type looker struct{ *reader }

// writer can write as well.
type writer struct {
	looker
	limit *pace.Limiter
}

// Open prepares the connector. What it can do depends on the file: only with
// get can it look, only with update or create can it write.
func Open(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
	s, err := load(p)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		return nil, p.Errorf("connect.timezone", "connect.timezone is no time zone. Write it as Asia/Shanghai.")
	}
	r := &reader{platform: p, settings: s, zone: zone, now: time.Now, transport: newTransport(pace.Concurrency(p)), columns: p.Columns()}
	for _, c := range []string{s.List.Updated, s.Deletes.Field} {
		if c != "" && !contains(r.columns, c) {
			r.columns = append(r.columns, c)
		}
	}
	r.client = &http.Client{Transport: r.transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a redirect would take our key to another host
	}}
	switch {
	case s.Update != nil || s.Create != nil:
		return &writer{looker{r}, pace.New(p)}, nil
	case s.Get.Path != "" || s.Find.Path != "":
		return &looker{r}, nil
	}
	return r, nil
}

// Close lets the idle connections go.
func (r *reader) Close() error {
	r.transport.CloseIdleConnections()
	return nil
}

// Check asks for one page and looks whether its items have the columns.
func (r *reader) Check(ctx context.Context) error {
	first, err := (&walk{reader: r}).page(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	items := first.items
	if len(items) == 0 {
		return nil
	}
	var missing []string
	for _, k := range r.platform.Key {
		if _, ok := at(items[0], k); !ok {
			missing = append(missing, k)
		}
	}
	// A platform may leave blank fields out, so only a field that no item has is
	// missing.
	for _, f := range r.platform.Fields {
		for _, c := range f.ColumnNames() {
			if !anyHas(items, c) && f.Required {
				missing = append(missing, c)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: the items of %s have no %s. Correct the file, or ask the department what it is called now: %w",
			r.platform.Source, r.settings.List.Path, strings.Join(missing, ", "), connectors.ErrLayout)
	}
	return nil
}

func anyHas(items []any, path string) bool {
	for _, i := range items {
		if _, ok := at(i, path); ok {
			return true
		}
	}
	return false
}

// row makes a row of an item. place says where it was, without values.
func (r *reader) row(item any, place string) connectors.Row {
	row := connectors.Row{Op: schema.OpPut, Place: place, Columns: map[string]string{}}
	if _, ok := item.(map[string]any); !ok {
		row.Op, row.Problem, row.Columns = schema.OpDead, schema.ProblemUnreadable, nil
		return row
	}
	for _, c := range r.columns {
		found, ok := at(item, c)
		if !ok {
			continue // not shown, which is not the same as blank
		}
		if s, ok := text(found); ok {
			row.Columns[c] = s
		}
	}
	p := r.platform
	parts := make([]string, len(p.Key))
	for i, k := range p.Key {
		parts[i] = row.Columns[k]
	}
	if problem := connectors.KeyProblem(parts...); problem != "" {
		row.Op, row.Problem, row.Columns = schema.OpDead, problem, nil
		return row
	}
	row.Key = connectors.JoinKey(parts...)
	row.RowVersion = versionOf(row.Columns[p.VersionColumn], "")
	row.Token = row.Columns[p.TokenColumn]
	if p.ChangeColumn != "" {
		if t, ok := timefmt.Parse(row.Columns[p.ChangeColumn], p.ChangeFormat, r.zone); ok {
			row.ChangedAt = t
		}
	}
	if d := r.settings.Deletes; d.Mode == deletesField && row.Columns[d.Field] == d.Value {
		row.Op = schema.OpDelete
	}
	return row
}

// fill puts a row's key into a path: {key}, or {column} for each key column.
func (r *reader) fill(path, key string) (string, bool) {
	path = strings.ReplaceAll(path, "{key}", url.PathEscape(key))
	parts, ok := connectors.SplitKey(key, len(r.platform.Key))
	if !ok {
		return "", false
	}
	for i, k := range r.platform.Key {
		path = strings.ReplaceAll(path, "{"+k+"}", url.PathEscape(parts[i]))
	}
	return path, true
}

// current reads one row as it is now. found is false where it is not there.
func (r *reader) current(ctx context.Context, key string) (item any, etag string, found bool, err error) {
	path, ok := r.fill(r.settings.Get.Path, key)
	if !ok {
		return nil, "", false, nil
	}
	c := call{method: http.MethodGet, path: path, show: r.settings.Get.Path}
	a, err := r.send(ctx, c)
	if err != nil {
		return nil, "", false, err
	}
	if a.status == http.StatusNotFound || a.status == http.StatusGone {
		return nil, "", false, nil
	}
	body, err := r.readable(c, a)
	if errors.Is(err, errGone) {
		return nil, "", false, nil
	}
	if err != nil {
		return nil, "", false, err
	}
	item, ok = at(body, r.settings.Get.Item)
	if !ok || item == nil {
		return nil, "", false, nil
	}
	return item, a.etag, true, nil
}

// Look returns rows as they are now, by key or by natural key.
func (l *looker) Look(ctx context.Context, q connectors.Query) ([]connectors.Row, error) {
	if q.Key != "" {
		item, etag, found, err := l.current(ctx, q.Key)
		if err != nil || !found {
			return nil, err
		}
		row := l.row(item, l.settings.Get.Path)
		if etag != "" && l.platform.VersionColumn == "" {
			row.RowVersion = versionOf(etag, "")
		}
		return living([]connectors.Row{row}), nil
	}
	return l.find(ctx, q.Natural)
}

func (l *looker) find(ctx context.Context, natural map[string]string) ([]connectors.Row, error) {
	f := l.settings.Find
	if f.Path == "" || len(natural) == 0 {
		return nil, fmt.Errorf("%s: the platform cannot be asked by natural key: connect.find is not given: %w", l.platform.ID, connectors.ErrLayout)
	}
	query := url.Values{}
	for column, text := range natural {
		param, ok := f.Params[column]
		if !ok {
			return nil, fmt.Errorf("%s: connect.find.params has nothing for the column %s: %w", l.platform.ID, column, connectors.ErrLayout)
		}
		query.Set(param, text)
	}
	c := call{method: http.MethodGet, path: f.Path, query: query}
	a, err := l.send(ctx, c)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		return nil, nil
	}
	body, err := l.readable(c, a)
	if errors.Is(err, errGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, _ := at(body, f.Items)
	var items []any
	switch x := found.(type) {
	case []any:
		items = x
	case map[string]any:
		items = []any{x}
	}
	var rows []connectors.Row
	for _, item := range items {
		row := l.row(item, f.Path)
		if shows(row, natural) { // a search may find more than what was asked for
			rows = append(rows, row)
		}
	}
	return living(rows), nil
}

func shows(row connectors.Row, texts map[string]string) bool {
	for column, want := range texts {
		if have, ok := row.Columns[column]; ok && have != want {
			return false
		}
	}
	return true
}

func living(rows []connectors.Row) []connectors.Row {
	var out []connectors.Row
	for _, row := range rows {
		if row.Op == schema.OpPut {
			out = append(out, row)
		}
	}
	return out
}
