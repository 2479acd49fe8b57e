package clicks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"heji/schema/hanzi"
)

// Line is how long the answers to one kind of question took.
type Line struct {
	Kind   string  `json:"kind"`
	Asked  int     `json:"asked"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
	Max    float64 `json:"max_ms"`
	Missed int     `json:"missed"` // answers without whom they should have found
	Bytes  int     `json:"bytes"`  // the largest answer
}

// Report is what one run measured.
type Report struct {
	Residents   int     `json:"residents"`
	Workers     int     `json:"workers"`
	FillSeconds float64 `json:"fill_seconds"`
	Lines       []Line  `json:"lines"`
	All         Line    `json:"all"`
}

// question is one request, and what the answer must hold.
type question struct {
	kind, method, path, body string
	must                     string
	header                   http.Header
}

// Search measures the search box: each kind of thing that people type.
func Search(ctx context.Context, o Options) (Report, error) {
	return measure(ctx, o, 0, nil, func(r *rand.Rand, t *town, _ int) question {
		p := t.samples[r.IntN(len(t.samples))]
		k := searchKinds[r.IntN(len(searchKinds))]
		q := question{kind: k.kind, method: http.MethodGet, path: "/hits?q=" + url.QueryEscape(k.typed(r, p.person))}
		if k.one {
			q.must = p.id.String()
		}
		return q
	})
}

// searchKinds are what people type; one: only a few have it, so that it must be
// found.
var searchKinds = []struct {
	kind  string
	one   bool
	typed func(r *rand.Rand, p person) string
}{
	{"name", false, func(_ *rand.Rand, p person) string { return p.name }},
	{"surname", false, func(_ *rand.Rand, p person) string { return string([]rune(p.name)[:1]) }},
	{"name and dwelling", true, func(_ *rand.Rand, p person) string { return p.name + " " + dwelling(p) + " " + p.home.Community }},
	{"pinyin", false, func(_ *rand.Rand, p person) string { return hanzi.PinyinKeys(p.name)[0] }},
	{"pinyin, half typed", false, func(r *rand.Rand, p person) string {
		key := hanzi.PinyinKeys(p.name)[0]
		return key[:min(len(key), 2+r.IntN(4))]
	}},
	{"initials", false, func(_ *rand.Rand, p person) string { return hanzi.Initials(p.name)[0] }},
	{"initials and dwelling", true, func(_ *rand.Rand, p person) string {
		return hanzi.Initials(p.name)[0] + " " + dwelling(p) + " " + p.home.Community
	}},
	{"ID number", true, func(_ *rand.Rand, p person) string { return p.number }},
	{"last four digits", false, func(_ *rand.Rand, p person) string { return p.number[14:] }},
	{"birth date in the number", false, func(_ *rand.Rand, p person) string { return p.number[6:14] }},
	{"phone", true, func(_ *rand.Rand, p person) string { return p.phone }},
	{"last four of the phone", false, func(_ *rand.Rand, p person) string { return p.phone[7:] }},
	{"address", true, func(_ *rand.Rand, p person) string { return p.home.Compound + dwelling(p) + " " + p.home.Community }},
	{"building and unit", false, func(_ *rand.Rand, p person) string { return p.home.Building + "-" + p.home.Unit }},
	{"phone with a wrong digit", false, func(r *rand.Rand, p person) string {
		digits := []byte(p.phone)
		i := 3 + r.IntN(8)
		digits[i] = '0' + (digits[i]-'0'+1+byte(r.IntN(9)))%10
		return string(digits)
	}},
	{"pinyin with a slip", false, func(r *rand.Rand, p person) string {
		key := hanzi.PinyinKeys(p.name)[0]
		i := 1 + r.IntN(len(key)-1)
		return key[:i] + key[i:i+1] + key[i:]
	}},
	{"nobody", false, func(r *rand.Rand, _ person) string { return fmt.Sprintf("无此人%c", '一'+rune(r.IntN(5000))) }},
}

func dwelling(p person) string { return p.home.Building + "-" + p.home.Unit + "-" + p.home.Room }

// measure fills a store and lets workers ask until the time is over. pause is how
// long a worker looks at an answer, on average; 0: not at all. more, where it is
// not nil, adds to the store what only this measurement needs.
func measure(ctx context.Context, o Options, pause time.Duration, more func(context.Context, *town) error,
	next func(*rand.Rand, *town, int) question) (report Report, err error) {
	t, err := build(ctx, o)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if more != nil {
		if err := more(ctx, t); err != nil {
			return report, fmt.Errorf("fill the store: %w", err)
		}
	}
	handler := t.desk.Handler()
	type answer struct {
		kind   string
		took   time.Duration
		missed bool
		bytes  int
	}
	var mu sync.Mutex
	var answers []answer
	var failed error
	ask := func(q question) answer {
		r := httptest.NewRequestWithContext(ctx, q.method, "http://localhost"+q.path, strings.NewReader(q.body))
		r.RemoteAddr = "127.0.0.1:1"
		maps.Copy(r.Header, q.header)
		w := httptest.NewRecorder()
		began := time.Now()
		handler.ServeHTTP(w, r)
		a := answer{q.kind, time.Since(began), !strings.Contains(w.Body.String(), q.must), w.Body.Len()}
		if w.Code >= 400 {
			mu.Lock()
			if failed == nil { // the first says enough
				failed = fmt.Errorf("%s was answered with %d", q.kind, w.Code)
			}
			mu.Unlock()
		}
		return a
	}
	warm := rand.New(rand.NewPCG(o.Seed, 1))
	for range 50 { // plans and templates are made once
		ask(next(warm, t, warm.IntN(o.Workers)))
	}
	end := time.Now().Add(o.Time)
	var wg sync.WaitGroup
	for worker := range o.Workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(o.Seed, uint64(worker)+2))
			for time.Now().Before(end) && ctx.Err() == nil {
				if pause > 0 {
					wait := time.NewTimer(pause/2 + rand.N(pause))
					select {
					case <-ctx.Done():
					case <-wait.C:
					}
					wait.Stop()
				}
				a := ask(next(r, t, worker))
				mu.Lock()
				answers = append(answers, a)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(failed, ctx.Err()); err != nil {
		return report, err
	}
	report = Report{Residents: o.Residents, Workers: o.Workers, FillSeconds: t.filled.Seconds()}
	line := func(kind string) Line {
		l := Line{Kind: kind}
		var took []time.Duration
		for _, a := range answers {
			if kind == "" || a.kind == kind {
				took = append(took, a.took)
				l.Bytes = max(l.Bytes, a.bytes)
				if a.missed {
					l.Missed++
				}
			}
		}
		if l.Asked = len(took); l.Asked == 0 {
			return l
		}
		slices.Sort(took)
		ms := func(share float64) float64 {
			return float64(took[int(share*float64(len(took)-1)+0.5)].Microseconds()) / 1000
		}
		l.P50, l.P99, l.Max = ms(0.5), ms(0.99), ms(1)
		return l
	}
	var kinds []string
	for _, a := range answers {
		if !slices.Contains(kinds, a.kind) {
			kinds = append(kinds, a.kind)
		}
	}
	for _, k := range kinds {
		report.Lines = append(report.Lines, line(k))
	}
	slices.SortFunc(report.Lines, func(a, b Line) int { return cmp.Compare(b.P99, a.P99) })
	report.All = line("")
	report.print(o.Out)
	if o.Report != "" {
		raw, err := json.MarshalIndent(report, "", "  ")
		if err == nil {
			err = os.WriteFile(o.Report, append(raw, '\n'), 0o644)
		}
		if err != nil {
			return report, fmt.Errorf("write the report: %w", err)
		}
	}
	if report.All.Missed > 0 {
		return report, fmt.Errorf("%d answers did not hold whom they should have found", report.All.Missed)
	}
	return report, nil
}

func (r Report) print(out io.Writer) {
	fmt.Fprintf(out, "%d residents, filled in %.0f s; %d workers\n%-38s %7s %9s %9s %9s %9s %7s\n", r.Residents, r.FillSeconds, r.Workers,
		"asked for", "times", "p50 ms", "p99 ms", "max ms", "bytes", "missed")
	all := r.All
	all.Kind = "all"
	for _, l := range append(slices.Clone(r.Lines), all) {
		fmt.Fprintf(out, "%-38s %7d %9.1f %9.1f %9.1f %9d %7d\n", l.Kind, l.Asked, l.P50, l.P99, l.Max, l.Bytes, l.Missed)
	}
}
