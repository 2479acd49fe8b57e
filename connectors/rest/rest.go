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
	"heji/schema/clock"
)

// Kind is the name under which the kind is registered.
const Kind = "rest"

func init() {
	connectors.Register(Kind, Open)
	connectors.RegisterSettings(Kind, Settings{})
}

// reader lists rows.
type reader struct {
	platform  *spec.Platform
	settings  Settings
	client    *http.Client
	transport *http.Transport
	zone      *time.Location
	now       func() time.Time
	columns   []string
	dialect   Dialect
	tokens    *tokens // nil: no OAuth2
	limit     *pace.Limiter
	calls     calls // of the platform, to the hub
}

// looker can be asked for single rows.
type looker struct{ *reader }

// writer can write as well.
type writer struct{ looker }

// asker can be asked person by person, and for nothing else.
type asker struct{ *reader }

// Open prepares the connector. What it can do depends on the file: only with
// get can it look, only with update or create can it write.
func Open(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
	s, err := load(p)
	if err != nil {
		return nil, err
	}
	t, err := s.Templates(p)
	if err != nil {
		return nil, err
	}
	return OpenDialect(p, s, &plain{settings: &s, templates: t})
}

// OpenDialect is Open for another kind over HTTP, with settings that have passed
// Check and a dialect of its own.
func OpenDialect(p *spec.Platform, s Settings, d Dialect) (connectors.Connector, error) {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		return nil, p.Errorf("connect.timezone", "connect.timezone is no time zone. Write it as Asia/Shanghai.")
	}
	r := &reader{platform: p, settings: s, zone: zone, now: clock.Now, transport: newTransport(pace.Concurrency(p)), columns: p.Columns(),
		dialect: d, limit: pace.New(p)}
	for _, c := range []string{s.List.Updated, s.Deletes.Field} {
		if c != "" && !contains(r.columns, c) {
			r.columns = append(r.columns, c)
		}
	}
	r.client = &http.Client{Transport: r.transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a redirect would take our key to another host
	}}
	if s.Auth.OAuth2 != nil {
		r.tokens = newTokens(s.Auth.OAuth2, r.now)
	}
	switch {
	case s.Lookup != nil:
		return &asker{r}, nil
	case s.Update != nil || s.Create != nil:
		return &writer{looker{r}}, nil
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
		if _, ok := At(items[0], k); !ok {
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
		return fmt.Errorf("%s: %w", r.platform.Source,
			connectors.NewTrouble("missing_columns", "where", r.platform.ID+": "+r.settings.List.Path, "columns", strings.Join(missing, ", ")))
	}
	return nil
}

func anyHas(items []any, path string) bool {
	for _, i := range items {
		if _, ok := At(i, path); ok {
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
		found, ok := At(item, c)
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
func (r *reader) fill(path, key string) (string, bool) { return r.filled(path, key, url.PathEscape) }

func (r *reader) filled(pattern, key string, escape func(string) string) (string, bool) {
	pattern = strings.ReplaceAll(pattern, "{key}", escape(key))
	parts, ok := connectors.SplitKey(key, len(r.platform.Key))
	if !ok {
		return "", false
	}
	for i, k := range r.platform.Key {
		pattern = strings.ReplaceAll(pattern, "{"+k+"}", escape(parts[i]))
	}
	return pattern, true
}

// current reads one row as it is now. found is false where it is not there.
func (r *reader) current(ctx context.Context, key string) (item any, etag string, found bool, err error) {
	g := r.settings.Get
	path, ok := r.fill(g.Path, key)
	if !ok {
		return nil, "", false, nil
	}
	keys, _ := connectors.SplitKey(key, len(r.platform.Key))
	c := call{op: OpGet, method: g.Method, path: path, show: g.Path, query: url.Values{}, values: Values{Key: Text(key), Keys: map[string]Text{}}}
	for i, k := range r.platform.Key {
		c.values.Keys[k] = Text(keys[i])
	}
	for param, pattern := range g.Params {
		text, _ := r.filled(pattern, key, func(s string) string { return s })
		c.query.Set(param, text)
	}
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
	item, ok = At(body, g.Item)
	if s, isText := item.(string); !ok || item == nil || isText && strings.TrimSpace(s) == "" {
		return nil, "", false, nil
	}
	if row := r.row(item, g.Path); row.Key != "" && row.Key != key {
		return nil, "", false, connectors.NewTrouble("other_row", "where", r.where(c))
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
	c := call{op: OpFind, method: f.Method, path: f.Path}
	others := 0
	rows, err := l.question(ctx, c, "connect.find", natural, f.Request, f.Params, f.Items, false)
	if err != nil {
		return nil, err
	}
	var mine []connectors.Row
	for _, row := range rows {
		if shows(row, natural) { // a search may find more than what was asked for
			mine = append(mine, row)
		} else {
			others++
		}
	}
	if mine = living(mine); len(mine) == 0 && others > 0 && !f.Loose {
		// Nobody but others: that is no "nobody", after which a row might be made.
		return nil, connectors.NewTrouble("other_row", "where", l.where(c))
	}
	return mine, nil
}

// question asks by natural key and returns every row of the answer. complete
// puts what was asked into rows that do not repeat it.
func (r *reader) question(ctx context.Context, c call, key string, natural map[string]string, request string, params map[string]string, items string, complete bool) ([]connectors.Row, error) {
	c.query = url.Values{}
	c.values = Values{Natural: texts(natural)}
	for column, text := range natural {
		param, ok := params[column]
		if !ok && request == "" {
			return nil, fmt.Errorf("%s: %s.params has nothing for the column %s: %w", r.platform.ID, key, column, connectors.ErrLayout)
		}
		if ok {
			c.query.Set(param, text)
		}
	}
	a, err := r.send(ctx, c)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound && a.fault == nil {
		return nil, nil
	}
	body, err := r.readable(c, a)
	if errors.Is(err, errGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, _ := At(body, items)
	var list []any
	switch x := found.(type) {
	case []any:
		list = x
	case map[string]any:
		list = []any{x}
	}
	rows := make([]connectors.Row, len(list))
	for i, item := range list {
		if m, ok := item.(map[string]any); ok && complete {
			for column, text := range natural {
				if _, shown := At(m, column); !shown {
					put(m, column, text)
				}
			}
		}
		rows[i] = r.row(item, fmt.Sprintf("%s, item %d", c.path, i+1))
	}
	return rows, nil
}

func shows(row connectors.Row, texts map[string]string) bool {
	for column, want := range texts {
		if have, ok := row.Columns[column]; ok && !strings.EqualFold(strings.TrimSpace(have), strings.TrimSpace(want)) {
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
