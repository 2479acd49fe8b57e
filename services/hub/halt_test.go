package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/hub"
)

// slowOffice is a platform over HTTP that takes its time for each write.
type slowOffice struct {
	server *httptest.Server
	each   time.Duration

	mu     sync.Mutex
	rows   map[string]map[string]any
	begun  []time.Time    // when each write arrived
	writes map[string]int // by row
}

func newSlowOffice(t *testing.T, each time.Duration) *slowOffice {
	o := &slowOffice{each: each, rows: map[string]map[string]any{}, writes: map[string]int{}}
	o.server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.server.Close)
	return o
}

func (o *slowOffice) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/persons"), "/")
	switch {
	case r.Method == http.MethodPatch:
		var set map[string]any
		if err := json.NewDecoder(r.Body).Decode(&set); err != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		o.begun = append(o.begun, time.Now())
		o.writes[key]++
		o.mu.Unlock()
		select {
		case <-time.After(o.each): // the platform's own slowness
		case <-r.Context().Done():
		}
		o.mu.Lock()
		maps.Copy(o.rows[key], set)
		_ = json.NewEncoder(w).Encode(o.rows[key])
	case key != "":
		_ = json.NewEncoder(w).Encode(o.rows[key])
	default:
		var items []map[string]any
		for _, k := range slices.Sorted(maps.Keys(o.rows)) {
			items = append(items, o.rows[k])
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "total": len(items)})
	}
}

// last says how many writes have arrived, and when the last one did.
func (o *slowOffice) last() (n int, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n = len(o.begun); n > 0 {
		at = o.begun[n-1]
	}
	return n, at
}

const slowFile = `
connect:
  base_url: %s
  list: {path: /persons, paging: page, items: items, total: total, page_param: page, size_param: size, size: 1000}
  get: {path: "/persons/{key}"}
  update: {method: PATCH, path: "/persons/{key}", body: partial}
agreement:
  receives: {phone: overwrite}
`

// The switch halts a long push within a second, between two rows; what resumes
// loses nothing and repeats nothing. Intake goes on meanwhile.
func TestWritesStopInALongPush(t *testing.T) {
	for name, c := range map[string]struct {
		each   time.Duration
		limits string
	}{
		"a slow platform": {each: 60 * time.Millisecond},
		"a rate limit":    {limits: "limits: {rows_per_second: 10}\n"},
	} {
		t.Run(name, func(t *testing.T) { stopAndGo(t, c.each, c.limits) })
	}
}

func stopAndGo(t *testing.T, each time.Duration, limits string) {
	const people, stops = 100, 3
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	name := fmt.Sprintf("%x", time.Now().UnixNano())
	office := newSlowOffice(t, each)
	r := &road{t: t, ctx: ctx, gives: &board{rows: map[string]map[string]string{}}, getsID: "slow" + name}
	boards.Store("gives"+name, r.gives)
	phones, news := map[string]string{}, map[string]map[string]string{}
	for i := range people {
		key, birth := fmt.Sprintf("s%03d", i), fmt.Sprintf("19%02d-%02d-%02d", 40+i%50, 1+i%12, 1+i%28)
		one := map[string]string{"name": person(i)["name"], "idn": number(t, birth, i+1), "born": strings.ReplaceAll(birth, "-", ""), "sex": "1"}
		phones[key] = fmt.Sprintf("154%08d", 1000+i)
		news["a"+key] = with(one, "tel", phones[key])
		office.rows[key] = map[string]any{"id": key, "tel": "15500000000"}
		for k, v := range one {
			office.rows[key][k] = v
		}
	}
	var specs []*spec.Platform
	for id, text := range map[string]string{"gives" + name: "kind: board\nconnect: {}\n", r.getsID: "kind: rest\n" + limits + fmt.Sprintf(slowFile, office.server.URL)} {
		p, err := spec.Parse(id+".yaml", []byte("platform: "+id+"\nname: "+id+"\nclass: B\n"+strings.Replace(fields, "200ms", "5s", 1)+text), func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		specs = append(specs, p)
	}
	h, err := hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: pgtestDSN(t), Specs: specs, Logger: slog.New(slog.DiscardHandler), MaxWait: 50 * time.Millisecond})
	require.NoError(t, err)
	r.hub = h
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- h.Run(run) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
	})
	resolved := func(records int64) {
		r.until("everything is read and resolved", func() bool {
			st, err := h.Store.Stats(ctx)
			require.NoError(t, err)
			return st.Records == records && st.Unresolved == 0
		})
	}
	resolved(people)
	for key, one := range news {
		r.gives.set(key, one)
	}
	resolved(2 * people)
	r.live()

	var took []time.Duration
	for i := range stops {
		r.until("a part of it has arrived", func() bool { n, _ := office.last(); return n >= (i+1)*people/5 })
		asked := time.Now()
		require.NoError(t, h.Store.StopWrites(ctx, true))
		r.until("no write is open", func() bool {
			open, err := h.Store.OpenIntents(ctx, r.getsID)
			require.NoError(t, err)
			return len(open) == 0
		})
		n, at := office.last()
		require.Less(t, n, people, "the push was stopped before its end")
		took = append(took, max(0, at.Sub(asked)))

		newcomer := fmt.Sprintf("new%d", i)
		r.gives.set(newcomer, person(i, "tel", "15400009999"))
		resolved(int64(2*people + i + 1)) // intake goes on
		after, _ := office.last()
		require.Equal(t, n, after, "nothing is sent while writing is stopped")
		require.NoError(t, h.Store.StopWrites(ctx, false))
	}
	slices.Sort(took)
	t.Logf("from the switch to the last write that was begun: %v", took)
	// The middle one: this machine may be doing other things.
	require.Less(t, took[stops/2], time.Second)

	r.until("the rest arrives", func() bool { n, _ := office.last(); return n >= people })
	r.quiet()
	office.mu.Lock()
	defer office.mu.Unlock()
	require.Len(t, office.writes, people, "nothing is lost")
	for key, n := range office.writes {
		require.Equal(t, 1, n, "%s is written once", key)
		require.Equal(t, phones[key], office.rows[key]["tel"])
	}
	_, err = h.Store.Step(ctx, r.getsID, schema.ReadOnly, "admin", "test")
	require.NoError(t, err)
}
