package rest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"heji/connectors"
	"heji/connectors/internal/charset"
	"heji/connectors/internal/pace"
)

// Conditional reports whether the platform itself compares before it writes. To
// read the row first and compare here leaves a gap in which a clerk fits.
func (w *writer) Conditional() bool { return w.settings.Update != nil && w.settings.Update.IfMatch }

// busyAgain is how long to wait where the platform does not say.
const busyAgain = 10 * time.Second

// Push writes each row with a request of its own.
func (w *writer) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	outcomes := make([]connectors.Outcome, len(writes))
	var group errgroup.Group
	group.SetLimit(pace.Concurrency(w.platform))
	for i, write := range writes {
		group.Go(func() error {
			o := w.one(ctx, write)
			o.Intent = write.Intent
			if o.Key == "" {
				o.Key = write.Key
			}
			outcomes[i] = o
			return nil
		})
	}
	return outcomes, group.Wait()
}

func (w *writer) one(ctx context.Context, write connectors.Write) connectors.Outcome {
	if err := w.limit.Wait(ctx); err != nil {
		return busy(fmt.Errorf("%s: stopped before the write: %w", w.platform.ID, err))
	}
	if write.Key == "" {
		return w.create(ctx, write)
	}
	return w.update(ctx, write)
}

func busy(err error) connectors.Outcome {
	o := connectors.Outcome{Status: connectors.Busy, Reason: err.Error(), RetryAfter: connectors.RetryAfter(err), Trouble: connectors.AsTrouble(err)}
	if o.RetryAfter == 0 {
		o.RetryAfter = busyAgain
	}
	return o
}

func refuse(column, reason string) connectors.Outcome {
	return connectors.Outcome{Status: connectors.Refused, Column: column, Reason: reason}
}

// update changes one row. With If-Match and a known version the platform itself
// checks that nobody was faster; otherwise the row is read first and compared,
// which is not atomic.
func (w *writer) update(ctx context.Context, write connectors.Write) connectors.Outcome {
	u := w.settings.Update
	if u == nil {
		return refuse("", "the platform offers no way to change a row")
	}
	path, ok := w.fill(u.Path, write.Key)
	if !ok {
		return refuse("", "the row's key has another number of columns")
	}
	if column := w.cannotHold(write.Set); column != "" {
		return refuse(column, "the platform's encoding cannot hold one of the characters")
	}
	version := write.RowVersion
	var item map[string]any
	shown := map[string]string{}
	if !u.IfMatch || version == "" || u.Body == bodyFull || uses(u.Request, "Row") {
		read, etag, found, err := w.current(ctx, write.Key)
		if errors.Is(err, connectors.ErrOtherRow) {
			return refuse("", "the platform gives another person's row for this key; nothing was written")
		}
		if err != nil {
			return busy(err) // nothing was written yet
		}
		if !found {
			return connectors.Outcome{Status: connectors.Gone}
		}
		row := w.row(read, w.settings.Get.Path)
		if len(living([]connectors.Row{row})) == 0 {
			return connectors.Outcome{Status: connectors.Gone}
		}
		for column, base := range write.If {
			if row.Columns[column] != base {
				return connectors.Outcome{Status: connectors.Missed, Shown: row.Columns, RowVersion: versionOf(row.RowVersion, etag)}
			}
		}
		item, _ = read.(map[string]any)
		shown = row.Columns
		version = versionOf(etag, row.RowVersion)
	}
	header := map[string]string{}
	if u.IfMatch && version != "" {
		header["If-Match"] = quoted(version)
	}
	if u.IdempotencyHeader != "" {
		header[u.IdempotencyHeader] = write.Intent
	}
	c := call{op: OpUpdate, method: u.Method, path: path, show: u.Path, header: header, values: w.values(write, write.Set, shown)}
	if u.Request == "" {
		c.body = w.body(u.Body, u.Wrap, item, write, !strings.Contains(u.Path, "{"))
	}
	a, err := w.send(ctx, c)
	o := w.judge(a, err, write, u.Item)
	if o.Status == connectors.Missed && a != nil && a.status == http.StatusConflict && header["If-Match"] == "" {
		o.Status = connectors.Refused // we set no condition: it is the platform's own rule
	}
	if u.IfMatch && header["If-Match"] == "" {
		// The platform named no version to compare with, so this write was none of
		// those that Conditional promises: nothing may be learnt from its version.
		o.RowVersion = ""
	}
	return o
}

// create makes one row.
func (w *writer) create(ctx context.Context, write connectors.Write) connectors.Outcome {
	c := w.settings.Create
	if c == nil {
		return refuse("", "the platform offers no way to make a row")
	}
	if len(write.Natural) > 0 && w.settings.Find.Path != "" {
		there, err := w.find(ctx, write.Natural)
		if err != nil {
			return busy(err)
		}
		if len(there) > 0 {
			return found(there)
		}
	}
	set := maps.Clone(w.platform.CreateWith)
	if set == nil {
		set = map[string]string{}
	}
	maps.Copy(set, write.Natural)
	maps.Copy(set, write.Set)
	if w.platform.TokenColumn != "" && write.Token != "" {
		set[w.platform.TokenColumn] = write.Token
	}
	header := map[string]string{}
	if c.IdempotencyHeader != "" {
		header[c.IdempotencyHeader] = write.Intent
	}
	if column := w.cannotHold(set); column != "" {
		return refuse(column, "the platform's encoding cannot hold one of the characters")
	}
	full := write
	full.Set = set
	request := call{op: OpCreate, method: c.Method, path: c.Path, header: header, values: w.values(full, set, nil)}
	if c.Request == "" {
		request.body = w.body(c.Body, c.Wrap, nil, full, false)
	}
	a, err := w.send(ctx, request)
	o := w.judge(a, err, write, c.Item)
	if err == nil && a.fault != nil && !a.fault.Sender && o.Status == connectors.Refused && !contains(w.settings.Error.Refused, a.fault.Code) {
		// Something broke in the platform's own house, perhaps after the row was
		// made: only a look can tell (I5).
		o.Status = connectors.Doubt
	}
	switch o.Status {
	case connectors.Applied:
		if o.Key = TextAt(a.body, c.Key); o.Key == "" {
			// It was made, but which row it is, only a look can tell.
			return connectors.Outcome{Status: connectors.Doubt, Reason: "the platform made the row but did not say its key"}
		}
	case connectors.Gone:
		return refuse("", "the platform has no such address for new rows")
	case connectors.Missed:
		return w.taken(ctx, write, a, c)
	case connectors.Exists:
		return w.taken(ctx, write, a, c)
	}
	return o
}

// values are what the template of a write can name.
func (w *writer) values(write connectors.Write, set, shown map[string]string) Values {
	row := texts(shown)
	for column, text := range set {
		row[column] = Text(text)
	}
	v := Values{Key: Text(write.Key), Keys: map[string]Text{}, Natural: texts(write.Natural), Set: texts(set), Row: row,
		Intent: Text(write.Intent), Token: Text(write.Token)}
	if parts, ok := connectors.SplitKey(write.Key, len(w.platform.Key)); ok && write.Key != "" {
		for i, k := range w.platform.Key {
			v.Keys[k] = Text(parts[i])
		}
	}
	return v
}

// cannotHold names a column whose text the platform's encoding cannot hold: the
// request must not carry another character in its place.
func (w *writer) cannotHold(set map[string]string) string {
	for _, column := range slices.Sorted(maps.Keys(set)) {
		if !charset.Holds(w.settings.Encoding, set[column]) {
			return column
		}
	}
	return ""
}

// taken names the row that is in the way of a create.
func (w *writer) taken(ctx context.Context, write connectors.Write, a *answer, c *Create) connectors.Outcome {
	o := connectors.Outcome{Status: connectors.Exists, Key: TextAt(a.body, c.Key)}
	if o.Key == "" && len(write.Natural) > 0 && w.settings.Find.Path != "" {
		if there, err := w.find(ctx, write.Natural); err == nil && len(there) > 0 {
			return found(there)
		}
	}
	return o
}

func found(rows []connectors.Row) connectors.Outcome {
	if len(rows) == 1 {
		return connectors.Outcome{Status: connectors.Exists, Key: rows[0].Key, RowVersion: rows[0].RowVersion, Shown: rows[0].Columns}
	}
	return connectors.Outcome{Status: connectors.Exists, Reason: fmt.Sprintf("%d rows have the natural key", len(rows))}
}

// body makes the JSON of a write: the changed columns, or the row as it is with
// them changed.
func (w *writer) body(form, wrap string, item map[string]any, write connectors.Write, withKey bool) any {
	out := map[string]any{}
	if form == bodyFull && item != nil {
		out = item
	}
	for column, text := range write.Set {
		var have any
		if item != nil {
			have, _ = At(item, column)
		}
		put(out, column, value(text, have, contains(w.settings.Numbers, column)))
	}
	if withKey {
		if parts, ok := connectors.SplitKey(write.Key, len(w.platform.Key)); ok {
			for i, k := range w.platform.Key {
				put(out, k, value(parts[i], nil, contains(w.settings.Numbers, k)))
			}
		}
	}
	if form == bodyWrapped {
		wrapped := map[string]any{}
		put(wrapped, wrap, out)
		return wrapped
	}
	return out
}

// judge turns the answer to a write into its outcome. What is not certain is
// Doubt (I5).
func (w *writer) judge(a *answer, err error, write connectors.Write, itemPath string) connectors.Outcome {
	var never unsent
	switch {
	case errors.As(err, &never):
		return busy(err)
	case err != nil:
		return connectors.Outcome{Status: connectors.Doubt, Reason: err.Error(), Trouble: connectors.AsTrouble(err)}
	}
	says := func(status connectors.Status) connectors.Outcome {
		return connectors.Outcome{Status: status, Reason: w.words(a, write), Column: w.refusedColumn(a)}
	}
	switch {
	case a.fault != nil:
		return w.faulted(a, says)
	case a.status == http.StatusTooManyRequests:
		return busy(&connectors.Later{After: a.retry, Err: connectors.NewTrouble("throttled", "where", w.platform.ID, "status", "429")})
	case a.status == http.StatusUnauthorized:
		return busy(connectors.NewTrouble("credentials", "where", w.platform.ID, "status", "401"))
	case contains(w.settings.NotDone, a.status):
		return busy(&connectors.Later{After: a.retry, Err: connectors.NewTrouble("not_done", "where", w.platform.ID, "status", strconv.Itoa(a.status))})
	case a.status >= 500:
		return connectors.Outcome{Status: connectors.Doubt, RetryAfter: a.retry, Reason: fmt.Sprintf("the platform answers %d; it may have written", a.status)}
	case a.status == http.StatusNotFound, a.status == http.StatusGone:
		return says(connectors.Gone)
	case a.status == http.StatusPreconditionFailed, a.status == http.StatusConflict:
		return says(connectors.Missed)
	case a.status >= 400:
		return says(connectors.Refused)
	case a.status >= 300 || a.html:
		return connectors.Outcome{Status: connectors.Doubt, Reason: "the platform answers with something that is no " + w.dialect.Format() + ", perhaps a login or maintenance page, or an answer that was cut off"}
	}
	if o, bad := w.gateway(a, says); bad {
		return o
	}
	o := connectors.Outcome{Status: connectors.Applied, RowVersion: versionOf("", a.etag)}
	if itemPath != "" {
		if item, ok := At(a.body, itemPath); ok {
			if row := w.row(item, ""); row.Key != "" {
				o.Shown, o.RowVersion = row.Columns, versionOf(row.RowVersion, a.etag)
			}
		}
	}
	return o
}

// faulted is a fault in answer to a write: the platform's own no.
func (w *writer) faulted(a *answer, says func(connectors.Status) connectors.Outcome) connectors.Outcome {
	g, code := w.settings.Error, a.fault.Code
	switch {
	case contains(g.Exists, code):
		return says(connectors.Exists)
	case contains(g.Gone, code):
		return says(connectors.Gone)
	case contains(g.Missed, code):
		return says(connectors.Missed)
	case contains(g.Throttled, code):
		return busy(&connectors.Later{After: a.retry, Err: fmt.Errorf("%s: %w", w.platform.ID, connectors.ErrThrottled)})
	case errors.Is(w.faulty("", a), connectors.ErrCredentials):
		return busy(connectors.NewTrouble("credentials", "where", w.platform.ID, "status", connectors.Reason(code)))
	}
	return says(connectors.Refused)
}

// gateway reads an error inside a 200.
func (w *writer) gateway(a *answer, says func(connectors.Status) connectors.Outcome) (connectors.Outcome, bool) {
	g := w.settings.Error
	if g.Code == "" {
		return connectors.Outcome{}, false
	}
	code := TextAt(a.body, g.Code)
	switch {
	case g.fine(code):
		return connectors.Outcome{}, false
	case code == "":
		return connectors.Outcome{Status: connectors.Doubt, Reason: "the platform's answer has no code at " + g.Code}, true
	case contains(g.Exists, code):
		return says(connectors.Exists), true
	case contains(g.Gone, code):
		return says(connectors.Gone), true
	case contains(g.Missed, code):
		return says(connectors.Missed), true
	case contains(g.Throttled, code):
		return busy(&connectors.Later{After: a.retry, Err: fmt.Errorf("%s: %w", w.platform.ID, connectors.ErrThrottled)}), true
	}
	return says(connectors.Refused), true
}

// words are the platform's own, without our values (I9).
func (w *writer) words(a *answer, write connectors.Write) string {
	message := TextAt(a.body, w.settings.Error.Message)
	if message == "" && a.fault != nil {
		message = a.fault.Words
	}
	if message == "" {
		for _, usual := range []string{"message", "msg", "error", "error.message", "detail"} {
			if message = TextAt(a.body, usual); message != "" {
				break
			}
		}
	}
	if message == "" {
		return fmt.Sprintf("the platform answers %d without a reason", a.status)
	}
	return connectors.Reason(w.platform.Redact(message), write.Set, write.If, write.Natural)
}

func (w *writer) refusedColumn(a *answer) string {
	path := w.settings.Error.Column
	if path == "" {
		path = "field"
	}
	column := TextAt(a.body, path)
	if column == "" && a.fault != nil {
		column = a.fault.Column
	}
	if contains(w.columns, column) {
		return column
	}
	return ""
}

// versionOf is a row's version: the one that the row carries, else the entity
// tag of the answer. Quotation marks belong to the header, not to the version,
// so that both spell it alike.
func versionOf(row, etag string) string {
	if row == "" {
		row = etag
	}
	if strings.HasPrefix(row, "W/") {
		return row
	}
	return strings.Trim(row, `"`)
}

// quoted gives a version the form that If-Match wants.
func quoted(version string) string {
	if strings.HasPrefix(version, "W/") || version == "*" {
		return version
	}
	return `"` + strings.Trim(version, `"`) + `"`
}
