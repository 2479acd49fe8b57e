package rest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/internal/timefmt"
	"heji/schema"
)

// walk is one way through the list, page by page.
type walk struct {
	asked time.Time // start of the request of the page at hand
	*reader
	since string // sent as since_param; "": from the beginning

	token  string // cursor paging: the next page
	number int    // pages read at this since
	seen   map[string]string
	last   string // time paging: change time of the last item
	total  int    // as the platform last said; -1: never
	count  int    // pages read
}

// listPage is one page of the list.
type listPage struct {
	items []any
	next  string
	total int // -1: not said
}

// page asks for the page that the walk has come to.
func (w *walk) page(ctx context.Context) (listPage, error) {
	l := w.settings.List
	query := url.Values{}
	for k, v := range l.Params {
		query.Set(k, v)
	}
	if l.SizeParam != "" {
		query.Set(l.SizeParam, strconv.Itoa(l.Size))
	}
	if l.PageParam != "" {
		query.Set(l.PageParam, strconv.Itoa(*l.FirstPage+w.number))
	}
	if l.SinceParam != "" && w.since != "" {
		query.Set(l.SinceParam, w.since)
	}
	if w.token != "" {
		query.Set(l.CursorParam, w.token)
	}
	c := call{op: OpList, method: l.Method, path: l.Path, query: query, values: Values{
		Since: Text(w.since), Page: Text(strconv.Itoa(*l.FirstPage + w.number)), Size: Text(strconv.Itoa(l.Size)), Cursor: Text(w.token)}}
	if err := w.limit.Wait(ctx); err != nil {
		return listPage{}, err
	}
	a, err := w.send(ctx, c)
	if err != nil {
		return listPage{}, err
	}
	body, err := w.readable(c, a)
	if err != nil {
		return listPage{}, err
	}
	p := listPage{next: TextAt(body, l.Next), total: -1}
	var there, list bool
	if p.items, there, list = listAt(body, l.Items, w.settings.Format == formatXML); !there || !list {
		if found := lists(body, ""); len(found) > 0 && w.settings.Format != formatXML {
			return p, connectors.NewTrouble("no_list_but", "where", w.where(c), "path", l.Items, "found", strings.Join(found, ", "))
		}
		return p, connectors.NewTrouble("no_list", "where", w.where(c), "path", l.Items)
	}
	if l.Total != "" {
		if p.total, err = strconv.Atoi(TextAt(body, l.Total)); err != nil {
			return p, connectors.NewTrouble("list_total", "where", w.where(c), "path", l.Total)
		}
	}
	return p, nil
}

// run goes through the list and gives each page's rows to take, those left out
// that this walk has already met in the same form.
func (w *walk) run(ctx context.Context, take func([]sighting) error) error {
	w.seen, w.total = map[string]string{}, -1
	for {
		// A row that changes while we go through the list may come twice: each
		// page is evidence for the time of its own request.
		w.asked = w.now()
		p, err := w.page(ctx)
		if err != nil {
			return err
		}
		w.count++
		if w.total >= 0 && p.total >= 0 && p.total != w.total {
			w.total = -2 // it changed while we read: never equal to a count
		} else if w.total == -1 {
			w.total = p.total
		}
		fresh, err := w.fresh(p)
		if err != nil {
			return err
		}
		if len(fresh) > 0 {
			if err := take(fresh); err != nil {
				return err
			}
		}
		more, err := w.advance(p, len(fresh))
		if err != nil || !more {
			return err
		}
	}
}

// sighting is a row with what tells that it is the same one again.
type sighting struct {
	row  connectors.Row
	id   string // the key; of a dead row, its content
	mark string // the content
	at   string // change time
}

// fresh makes rows of those items of a page that the walk had not met.
func (w *walk) fresh(p listPage) ([]sighting, error) {
	var out []sighting
	for i, item := range p.items {
		s := sighting{
			row:  w.row(item, fmt.Sprintf("%s, page %d, item %d", w.settings.List.Path, w.count, i+1)),
			mark: fingerprint(item),
			at:   TextAt(item, w.settings.List.Updated),
		}
		if s.id = s.row.Key; s.row.Op == schema.OpDead {
			s.id = "dead\x1f" + s.mark
		}
		if w.settings.List.Paging == byTime {
			if err := w.ordered(s); err != nil {
				return nil, err
			}
		}
		if mark, met := w.seen[s.id]; met && mark == s.mark {
			continue
		}
		w.seen[s.id] = s.mark
		out = append(out, s)
	}
	return out, nil
}

// ordered makes sure that a list read by time is in the order of time: else a
// page would end the reading of what is behind it.
func (w *walk) ordered(s sighting) error {
	if s.at == "" {
		return nil
	}
	if w.last != "" && w.before(s.at, w.last) {
		return connectors.NewTrouble("list_order", "where", w.platform.ID, "column", w.settings.List.Updated)
	}
	w.last = s.at
	return nil
}

// before compares change times, as times where they are some.
func (r *reader) before(a, b string) bool {
	ta, okA := timefmt.Parse(a, r.platform.ChangeFormat, r.zone)
	tb, okB := timefmt.Parse(b, r.platform.ChangeFormat, r.zone)
	if okA && okB {
		return ta.Before(tb)
	}
	return a < b
}

// advance moves to the next page. A page with nothing new ends the list: some
// platforms repeat the last page for ever, and some give smaller pages than they
// were asked for, so a short page ends nothing.
func (w *walk) advance(p listPage, fresh int) (more bool, err error) {
	l := w.settings.List
	switch l.Paging {
	case byCursor:
		if p.next != "" && p.next == w.token {
			return false, connectors.NewTrouble("list_same", "where", w.platform.ID)
		}
		w.token = p.next
		return p.next != "", nil
	case byPage:
		w.number++
		return fresh > 0 && !(p.total >= 0 && len(w.seen) >= p.total), nil
	case byTime:
		return w.advanceTime(p, fresh)
	}
	return false, nil
}

// advanceTime goes on from the last change time, inclusive: rows that share it
// come again and are left out. More of them than fit a page need pages.
func (w *walk) advanceTime(p listPage, fresh int) (bool, error) {
	if len(p.items) == 0 || w.last == "" {
		return false, nil
	}
	if w.last != w.since {
		w.since, w.number, w.last = w.last, 0, ""
		return fresh > 0, nil
	}
	w.last = ""
	full := w.settings.List.SizeParam == "" || len(p.items) >= w.settings.List.Size
	switch {
	case !full:
		return false, nil
	case w.settings.List.PageParam != "":
		// The first page from here on repeats what the page before ended with; a
		// later one that brings nothing new is the last page once more.
		w.number++
		return fresh > 0 || w.number == 1, nil
	case fresh == 0 && w.settings.List.SizeParam == "":
		return false, nil
	}
	return false, connectors.NewTrouble("list_short", "where", w.platform.ID, "column", w.settings.List.Updated)
}

// cursor is where the next pass goes on.
type cursor struct {
	// Since is the latest change time that was read, as the platform writes it.
	Since string `json:"since,omitempty"`
	// Seen are the rows that were read in the overlap and their contents.
	Seen map[string]string `json:"seen,omitempty"`
	// Full is when the last full read began.
	Full time.Time `json:"full"`
}

// maxSeen bounds the list. What does not fit is read once more.
const maxSeen = 5000

// overlapped collects what a pass leaves for the next one.
type overlapped struct {
	*reader
	since string
	rows  map[string]string // id → content
	times map[string]string // id → change time
}

func (o *overlapped) add(rows []sighting) {
	for _, s := range rows {
		o.rows[s.id], o.times[s.id] = s.mark, s.at
		if s.at != "" && (o.since == "" || o.before(o.since, s.at)) {
			o.since = s.at
		}
	}
	if len(o.rows) > 4*maxSeen {
		o.trim()
	}
}

// trim drops what lies before the overlap.
func (o *overlapped) trim() {
	start := o.start(o.since)
	for key, at := range o.times {
		if o.before(at, start) {
			delete(o.rows, key)
			delete(o.times, key)
		}
	}
}

// cursor is the resume point after what was added.
func (o *overlapped) cursor(full time.Time) cursor {
	o.trim()
	seen := map[string]string{}
	for key, mark := range o.rows {
		if len(seen) == maxSeen {
			break
		}
		seen[key] = mark
	}
	return cursor{Since: o.since, Seen: seen, Full: full}
}

// start is the change time from which the next pass must read again. A change
// time that is no time has no overlap.
func (r *reader) start(since string) string {
	t, ok := timefmt.Parse(since, r.platform.ChangeFormat, r.zone)
	if !ok {
		return since
	}
	if s, ok := timefmt.Format(t.Add(-r.settings.Overlap.D()), r.platform.ChangeFormat, since, r.zone); ok {
		return s
	}
	return since
}
