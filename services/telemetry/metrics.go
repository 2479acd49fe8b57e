package telemetry

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// Metrics are the hub's collectors. Times are in seconds.
type Metrics struct {
	// RecordsPulled counts records that a platform showed us, dead ones
	// included, by platform.
	RecordsPulled *prometheus.CounterVec
	// RecordsMerged counts records that the merge took in, by platform and
	// outcome: merged, unchanged or dead (I1: they add up to what was pulled).
	RecordsMerged *prometheus.CounterVec
	// SourceLag is how much older the last complete look at a platform is than
	// its cadence allows, by platform; 0 while it is on time.
	SourceLag *prometheus.GaugeVec
	// LastSuccess is the unix time of the last success, by platform and
	// direction: pull or write.
	LastSuccess *prometheus.GaugeVec
	// Residents is the number of residents.
	Residents prometheus.Gauge
	// UnresolvedRecords is the number of records that no resident was decided
	// for yet.
	UnresolvedRecords prometheus.Gauge
	// ReviewsOpen is the number of pairs that wait for a person.
	ReviewsOpen prometheus.Gauge
	// Targets is the number of targets by platform and state.
	Targets *prometheus.GaugeVec
	// TargetOldest is the age of the oldest target that is due, by platform.
	TargetOldest *prometheus.GaugeVec
	// Writes counts writes by platform and outcome.
	Writes *prometheus.CounterVec
	// Echoes counts reads that were recognised as our own writes, by platform
	// (I6).
	Echoes *prometheus.CounterVec
	// Quarantined and Braked say which platforms a brake has stopped.
	Quarantined *prometheus.GaugeVec
	// Questions and QuestionsPerDay are of platforms that are asked person by person.
	Questions, QuestionsPerDay *prometheus.GaugeVec
	Braked                     *prometheus.GaugeVec
	// DeadRecords is the number of records set aside, by platform and stage.
	DeadRecords *prometheus.GaugeVec
	// Restored is 1 while a platform is shut because the database was restored and
	// nobody has opened it since.
	Restored *prometheus.GaugeVec
	// Tripped is 1 while a platform is left alone because writes to it failed again
	// and again.
	Tripped *prometheus.GaugeVec
	// HotKeys is the number of blocking keys with more holders than the cap,
	// HotKeyHolders how many records hold the one with most of them.
	HotKeys       prometheus.Gauge
	HotKeyHolders prometheus.Gauge
	// HotKeyFlips counts blocking keys that crossed the cap, by direction: up or
	// down.
	HotKeyFlips *prometheus.CounterVec
	// ParkedRecords is the number of records whose component is too large to be
	// partitioned.
	ParkedRecords prometheus.Gauge
	// ModelNewer is 1 while the program ships a model that nobody has decided
	// about.
	ModelNewer prometheus.Gauge
	// RelinkProgress is how far a relink is in its phase, 0 to 1; 1 while none runs.
	RelinkProgress prometheus.Gauge
	// MergeBatch is how long the merge took for a batch.
	MergeBatch prometheus.Histogram
	// EntryToWritten is the time from a save at the desk to the last platform
	// that must show it.
	EntryToWritten prometheus.Histogram
	// EntriesSaved counts entries at platforms that nobody had to type.
	EntriesSaved prometheus.Counter
	// DeskRequests is how long the desk took to answer, by route (the pattern,
	// never the address) and status. A long poll counts its wait.
	DeskRequests *prometheus.HistogramVec

	registry *prometheus.Registry

	mu    sync.Mutex
	hooks []func(ctx context.Context)
}

// The values of bounded labels, so that no two services spell one differently.
const (
	DirectionPull  = "pull"
	DirectionWrite = "write"

	OutcomeMerged    = "merged"
	OutcomeUnchanged = "unchanged"
	OutcomeDead      = "dead"
)

// NewMetrics makes a registry of its own with all collectors, and those of the
// process and the Go runtime.
func NewMetrics() *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	m := &Metrics{
		RecordsPulled:     counters("heji_records_pulled_total", "Records that a platform showed, dead ones included.", "platform"),
		RecordsMerged:     counters("heji_records_merged_total", "Records that the merge took in, by outcome.", "platform", "outcome"),
		SourceLag:         gauges("heji_source_lag_seconds", "How much later than its cadence a platform was last read completely.", "platform"),
		LastSuccess:       gauges("heji_last_success_timestamp_seconds", "Unix time of the last success with a platform.", "platform", "direction"),
		Residents:         gauge("heji_residents", "Residents in the master register."),
		UnresolvedRecords: gauge("heji_unresolved_records", "Records whose resident is not decided yet."),
		ReviewsOpen:       gauge("heji_reviews_open", "Pairs that wait for a person's decision."),
		Targets:           gauges("heji_targets", "Rows at platforms that the hub keeps up, by state.", "platform", "state"),
		TargetOldest:      gauges("heji_target_oldest_seconds", "Age of the oldest row that is due at a platform.", "platform"),
		Writes:            counters("heji_writes_total", "Writes to a platform, by outcome.", "platform", "outcome"),
		Echoes:            counters("heji_echoes_total", "Reads that were the hub's own writes coming back.", "platform"),
		Quarantined:       gauges("heji_quarantined", "1 while a whole read of a platform waits for a person.", "platform"),
		Questions:         gauges("heji_questions_today", "Questions that a platform was asked today, person by person.", "platform"),
		QuestionsPerDay:   gauges("heji_questions_per_day", "Questions that a platform may be asked in a day.", "platform"),
		Braked:            gauges("heji_braked", "1 while writing to a platform is stopped because too many rows would be written.", "platform"),
		DeadRecords:       gauges("heji_dead_records", "Records set aside, by the stage that could not use them.", "platform", "stage"),
		Tripped:           gauges("heji_circuit_open", "1 while a platform is left alone because writes to it failed again and again.", "platform"),
		Restored:          gauges("heji_platform_shut", "1 while a platform is shut because the database was restored.", "platform"),
		HotKeys:           gauge("heji_hot_keys", "Blocking keys with more holders than the cap: they make no pairs."),
		HotKeyHolders:     gauge("heji_hot_key_holders", "Records that hold the blocking key with most holders."),
		HotKeyFlips:       counters("heji_hot_key_flips_total", "Blocking keys that crossed the cap, by direction.", "direction"),
		ParkedRecords:     gauge("heji_parked_records", "Records whose component is too large to be partitioned."),
		ModelNewer:        gauge("heji_model_newer", "1 while the program ships a model that nobody has decided about."),
		RelinkProgress:    gauge("heji_relink_progress", "How far a relink is in its phase; 1 while none runs."),
		MergeBatch: histogram("heji_merge_batch_seconds", "Time the merge took for a batch.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}),
		EntryToWritten: histogram("heji_entry_to_written_seconds", "Time from a save at the desk to the last platform that must show it.",
			[]float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 3600, 86400}),
		EntriesSaved: prometheus.NewCounter(prometheus.CounterOpts{Name: "heji_entries_saved_total",
			Help: "Entries at platforms that nobody had to type."}),
		DeskRequests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "heji_desk_request_seconds",
			Help: "Time the desk took to answer.", Buckets: []float64{.005, .01, .025, .05, .1, .2, .5, 1, 2.5, 10, 60}},
			[]string{"route", "status"}),
		registry: prometheus.NewRegistry(),
	}
	m.registry.MustRegister(
		m.RecordsPulled, m.RecordsMerged, m.SourceLag, m.LastSuccess, m.Residents, m.UnresolvedRecords,
		m.ReviewsOpen, m.Targets, m.TargetOldest, m.Writes, m.Echoes, m.Quarantined, m.Questions, m.QuestionsPerDay, m.Braked, m.DeadRecords, m.Restored, m.Tripped, m.MergeBatch,
		m.HotKeys, m.HotKeyHolders, m.HotKeyFlips, m.ParkedRecords, m.ModelNewer, m.RelinkProgress,
		m.EntryToWritten, m.EntriesSaved, m.DeskRequests,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// collectPatience bounds what the hooks of one scrape may take in all; a gauge
// whose hook did not come in time keeps its last value.
const collectPatience = 5 * time.Second

// OnCollect adds a hook that sets gauges before each scrape. A hook that fails
// leaves its gauges as they are; it deals with its error itself.
func (m *Metrics) OnCollect(hook func(ctx context.Context)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hooks = append(m.hooks, hook)
}

// Gather runs the hooks and returns all metrics. Scrapes wait for one another,
// so that a hook may empty a gauge and fill it again.
func (m *Metrics) Gather() ([]*dto.MetricFamily, error) {
	return m.gather(context.Background())
}

func (m *Metrics) gather(ctx context.Context) ([]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, collectPatience)
	defer cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, hook := range m.hooks {
		hook(ctx)
	}
	return m.registry.Gather()
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gatherer := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return m.gather(r.Context()) })
		promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}
