package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"heji/services/telemetry"
)

// contract is the published list of metrics with their labels and types.
var contract = map[string]struct {
	labels []string
	kind   dto.MetricType
}{
	"heji_records_pulled_total":           {[]string{"platform"}, dto.MetricType_COUNTER},
	"heji_records_merged_total":           {[]string{"outcome", "platform"}, dto.MetricType_COUNTER},
	"heji_source_lag_seconds":             {[]string{"platform"}, dto.MetricType_GAUGE},
	"heji_last_success_timestamp_seconds": {[]string{"direction", "platform"}, dto.MetricType_GAUGE},
	"heji_residents":                      {nil, dto.MetricType_GAUGE},
	"heji_unresolved_records":             {nil, dto.MetricType_GAUGE},
	"heji_reviews_open":                   {nil, dto.MetricType_GAUGE},
	"heji_targets":                        {[]string{"platform", "state"}, dto.MetricType_GAUGE},
	"heji_target_oldest_seconds":          {[]string{"platform"}, dto.MetricType_GAUGE},
	"heji_writes_total":                   {[]string{"outcome", "platform"}, dto.MetricType_COUNTER},
	"heji_echoes_total":                   {[]string{"platform"}, dto.MetricType_COUNTER},
	"heji_dead_records":                   {[]string{"platform", "stage"}, dto.MetricType_GAUGE},
	"heji_quarantined":                    {[]string{"platform"}, dto.MetricType_GAUGE},
	"heji_questions_today":                {[]string{"platform"}, dto.MetricType_GAUGE},
	"heji_questions_per_day":              {[]string{"platform"}, dto.MetricType_GAUGE},
	"heji_braked":                         {[]string{"platform"}, dto.MetricType_GAUGE},
	"heji_platform_shut":                  {[]string{"platform"}, dto.MetricType_GAUGE},
	"heji_circuit_open":                   {[]string{"platform"}, dto.MetricType_GAUGE},
	"heji_hot_keys":                       {nil, dto.MetricType_GAUGE},
	"heji_hot_key_holders":                {nil, dto.MetricType_GAUGE},
	"heji_hot_key_flips_total":            {[]string{"direction"}, dto.MetricType_COUNTER},
	"heji_parked_records":                 {nil, dto.MetricType_GAUGE},
	"heji_model_newer":                    {nil, dto.MetricType_GAUGE},
	"heji_relink_progress":                {nil, dto.MetricType_GAUGE},
	"heji_merge_batch_seconds":            {nil, dto.MetricType_HISTOGRAM},
	"heji_entry_to_written_seconds":       {nil, dto.MetricType_HISTOGRAM},
	"heji_entries_saved_total":            {nil, dto.MetricType_COUNTER},
	"heji_desk_request_seconds":           {[]string{"route", "status"}, dto.MetricType_HISTOGRAM},
}

// used returns metrics in which every collector has something to show.
func used() *telemetry.Metrics {
	m := telemetry.NewMetrics()
	m.RecordsPulled.WithLabelValues("mz").Add(3)
	m.RecordsMerged.WithLabelValues("mz", telemetry.OutcomeMerged).Add(2)
	m.RecordsMerged.WithLabelValues("mz", telemetry.OutcomeDead).Inc()
	m.SourceLag.WithLabelValues("mz").Set(0)
	m.LastSuccess.WithLabelValues("mz", telemetry.DirectionPull).SetToCurrentTime()
	m.Targets.WithLabelValues("mz", "settled").Set(9)
	m.TargetOldest.WithLabelValues("mz").Set(1.5)
	m.Writes.WithLabelValues("mz", "applied").Inc()
	m.Echoes.WithLabelValues("mz").Inc()
	m.DeadRecords.WithLabelValues("mz", "pull").Set(1)
	m.Quarantined.WithLabelValues("mz").Set(0)
	m.Questions.WithLabelValues("hy").Set(37)
	m.QuestionsPerDay.WithLabelValues("hy").Set(200)
	m.Braked.WithLabelValues("mz").Set(0)
	m.Restored.WithLabelValues("mz").Set(0)
	m.Tripped.WithLabelValues("mz").Set(0)
	m.HotKeyFlips.WithLabelValues("up").Add(2)
	m.MergeBatch.Observe(.02)
	m.EntryToWritten.Observe(.7)
	m.EntriesSaved.Add(4)
	m.DeskRequests.WithLabelValues("GET /{$}", "200").Observe(.01)
	return m
}

func serve(t *testing.T, m *telemetry.Metrics, h *telemetry.Health) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	telemetry.Register(mux, m, h)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func scrape(t *testing.T, s *httptest.Server) map[string]*dto.MetricFamily {
	t.Helper()
	status, body := get(t, s.URL+"/metrics")
	require.Equal(t, http.StatusOK, status)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	require.NoError(t, err)
	return families
}

func TestMetricsAreExactlyThePublishedOnes(t *testing.T) {
	t.Parallel()
	families := scrape(t, serve(t, used(), telemetry.NewHealth()))
	for name, f := range families {
		if !strings.HasPrefix(name, "heji_") {
			require.Regexp(t, `^(go|process)_`, name)
			continue
		}
		want, ok := contract[name]
		require.True(t, ok, "%s is not published", name)
		require.Equal(t, want.kind, f.GetType(), name)
		for _, metric := range f.Metric {
			var labels []string
			for _, l := range metric.Label {
				labels = append(labels, l.GetName())
			}
			sort.Strings(labels)
			require.Equal(t, want.labels, labels, name)
		}
	}
	for name := range contract {
		require.Contains(t, families, name)
	}
	require.InDelta(t, 4, families["heji_entries_saved_total"].Metric[0].Counter.GetValue(), 0)
}

func TestPromlintFindsNothing(t *testing.T) {
	t.Parallel()
	families, err := used().Gather()
	require.NoError(t, err)
	var ours []*dto.MetricFamily
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "heji_") {
			ours = append(ours, f)
		}
	}
	require.Len(t, ours, len(contract))
	problems, err := promlint.NewWithMetricFamilies(ours).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

// The rules and pictures in deploy/ may only name metrics that exist.
func TestAlertsNameOnlyRealMetrics(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", "alerts.yml"))
	require.NoError(t, err)
	named := regexp.MustCompile(`heji_[a-z_]+`).FindAllString(string(text), -1)
	require.NotEmpty(t, named)
	for _, name := range named {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if trimmed := strings.TrimSuffix(name, suffix); contract[trimmed].kind == dto.MetricType_HISTOGRAM {
				base = trimmed
			}
		}
		require.Contains(t, contract, base)
	}
}

func TestGaugesFromSQLAreFreshAtEachScrape(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics()
	states := []string{"due", "settled"}
	m.OnCollect(func(context.Context) {
		// A state that is gone must not linger.
		m.Targets.Reset()
		m.Targets.WithLabelValues("mz", states[0]).Set(1)
		states = states[1:]
	})
	s := serve(t, m, telemetry.NewHealth())
	for _, want := range []string{"due", "settled"} {
		f := scrape(t, s)["heji_targets"]
		require.Len(t, f.Metric, 1)
		require.Equal(t, want, f.Metric[0].Label[1].GetValue())
	}
}

func TestScrapesAtTheSameTimeNeverSeeAnEmptiedGauge(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics()
	m.OnCollect(func(context.Context) {
		m.Targets.Reset()
		m.Targets.WithLabelValues("mz", "due").Set(1)
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				families, err := m.Gather()
				if err != nil {
					t.Error(err)
				}
				found := false
				for _, f := range families {
					found = found || f.GetName() == "heji_targets"
				}
				if !found {
					t.Error("the gauge was empty")
				}
			}
		})
	}
	wg.Wait()
}

func TestLive(t *testing.T) {
	t.Parallel()
	h := telemetry.NewHealth()
	h.Hub("postgres", func(context.Context) error { return errors.New("away") })
	status, body := get(t, serve(t, telemetry.NewMetrics(), h).URL+"/livez")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"live":true}`, body)
}

func TestReady(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var postgres error
	h := telemetry.NewHealth()
	h.Hub("nats", func(context.Context) error { return nil })
	h.Hub("postgres", func(context.Context) error { mu.Lock(); defer mu.Unlock(); return postgres })
	h.Platform("mz", func(context.Context) error { return nil })
	h.Platform("ga", func(context.Context) error { return errors.New("no complete extract since 40 days") })
	s := serve(t, telemetry.NewMetrics(), h)

	status, body := get(t, s.URL+"/readyz")
	require.Equal(t, http.StatusOK, status, "I10: a platform's trouble is its own")
	require.JSONEq(t, `{"ready":true,
		"checks":[{"name":"nats","ok":true},{"name":"postgres","ok":true}],
		"platforms":[{"name":"ga","ok":false,"problem":"no complete extract since 40 days"},{"name":"mz","ok":true}]}`, body)

	h.Notice("quiet", func(context.Context) error { return nil })
	h.Notice("model", func(context.Context) error { return errors.New("a newer one is shipped") })
	status, body = get(t, s.URL+"/readyz")
	require.Equal(t, http.StatusOK, status, "a notice decides nothing")
	require.Contains(t, body, `"notices":[{"name":"model","ok":false,"problem":"a newer one is shipped"}]`)

	mu.Lock()
	postgres = errors.New("connection refused for 13900001234")
	mu.Unlock()
	status, body = get(t, s.URL+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	var report telemetry.Report
	require.NoError(t, json.Unmarshal([]byte(body), &report))
	require.False(t, report.Ready)
	require.Equal(t, telemetry.Result{Name: "postgres", Problem: "connection refused for " + telemetry.Redacted}, report.Checks[1])
}

func TestCheckThatHangsDoesNotHoldTheAnswer(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	h := telemetry.NewHealth()
	h.Hub("fast", func(context.Context) error { return nil })
	h.Platform("stuck", func(context.Context) error { <-release; return nil })
	report := h.Report(t.Context())
	require.True(t, report.Ready)
	require.Equal(t, "no answer within 3s", report.Platforms[0].Problem)
}
