package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"time"

	"heji/connectors"
	"heji/deploy/demo/district"
	"heji/deploy/demo/oracle"
)

// call makes one request to the hub's own API, as a browser on this machine
// would, and decodes the answer into out.
func (d *demo) call(ctx context.Context, method, path, request string, body, out any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+d.hub.Addr()+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	d.authorize(req)
	if request != "" {
		req.Header.Set("Idempotency-Key", request)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return res, err
	}
	if res.StatusCode >= 300 {
		return res, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, bytes.TrimSpace(data))
	}
	if out != nil {
		return res, json.Unmarshal(data, out)
	}
	return res, nil
}

// enter makes the twenty entries one after the other, as a clerk would, and
// times each at the platforms: from the HTTP request to the moment at which the
// last platform that must show it took the write.
func (d *demo) enter(ctx context.Context) error {
	list, err := oracle.Entries(ctx, d.district)
	if err != nil {
		return err
	}
	members, err := d.hub.Store.Memberships(ctx)
	if err != nil {
		return err
	}
	resident := map[oracle.Ref]string{}
	for _, m := range members {
		resident[oracle.Ref{Platform: m.Ref.Platform, Key: m.Ref.Key}] = m.Resident
	}
	var took []float64
	for i, e := range list {
		request := fmt.Sprintf("demo-entry-%02d", i+1)
		body := map[string]any{"values": e.Values, "who": "demo-clerk"}
		at := time.Now()
		var saved struct {
			Entry struct {
				At time.Time `json:"at"`
			} `json:"entry"`
		}
		if e.New() {
			_, err = d.call(ctx, http.MethodPost, "/api/v1/residents", request, body, &saved)
		} else {
			_, err = d.call(ctx, http.MethodPatch, "/api/v1/residents/"+resident[e.Row], request, body, &saved)
		}
		if err != nil {
			return fmt.Errorf("entry %q: %w", e.Name, err)
		}
		// The same request again is answered with the entry that the first one made.
		last, err := d.arrived(ctx, e, at, saved.Entry.At.Before(at))
		if err != nil {
			return fmt.Errorf("entry %q: %w", e.Name, err)
		}
		if !last.IsZero() {
			took = append(took, float64(last.Sub(at).Microseconds())/1000)
		}
		d.progress.note(fmt.Sprintf("    %2d/%d %s", i+1, len(list), e.Name))
	}
	d.report.Entries.Count = len(list)
	if len(took) > 0 {
		sort.Float64s(took)
		d.report.Entries.P50 = took[len(took)/2]
		d.report.Entries.P99 = took[min(len(took)-1, len(took)*99/100)]
	}
	return nil
}

// arrived waits until every platform that must show an entry has taken it, and
// returns when the last one did. An entry that an earlier run made before it
// was killed is not timed.
func (d *demo) arrived(ctx context.Context, e oracle.Entry, at time.Time, again bool) (time.Time, error) {
	if again {
		return time.Time{}, nil
	}
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		last, missing := time.Time{}, ""
		for id := range e.Shows {
			writes, err := d.district.Platform(id).Journal(ctx)
			if err != nil {
				return last, err
			}
			when := taken(writes, id, e, at)
			if when.IsZero() {
				missing = id
			} else if when.After(last) && !d.carriedTo(id) {
				last = when // how long people take to carry is not Heji's speed
			}
		}
		if missing == "" {
			return last, nil
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-deadline.C:
			return last, fmt.Errorf("%s did not show it within 30 s", missing)
		case <-tick.C:
		}
	}
}

// carriedTo reports whether people carry a platform's writes.
func (d *demo) carriedTo(id string) bool {
	p, ok := d.hub.Registry.Get(id)
	if !ok {
		return false
	}
	_, carried := p.Connector.(connectors.Courier)
	return carried
}

// taken returns when a platform took the write that an entry had to lead to.
func taken(writes []district.Write, platform string, e oracle.Entry, after time.Time) time.Time {
	for i := len(writes) - 1; i >= 0 && writes[i].At.After(after); i-- {
		if e.Wrote(platform, writes[i]) {
			return writes[i].At
		}
	}
	return time.Time{}
}
