package stream

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Load is what one district's first load took, from the first read to nothing
// unresolved.
type Load struct {
	Stored           int64   `json:"stored_before"`
	Records          int64   `json:"records"`
	Seconds          float64 `json:"seconds"`
	TakenInSeconds   float64 `json:"taken_in_seconds"` // of these, until the last record was stored
	RecordsPerSecond float64 `json:"records_per_second"`
	CPUMicros        float64 `json:"cpu_us_per_record"`
	OwnMicros        float64 `json:"own_cpu_us_per_record"`
	PostgresMicros   float64 `json:"postgres_cpu_us_per_record"`
	WALBytes         float64 `json:"wal_bytes_per_record"`
}

// Report is what one run measured.
type Report struct {
	Residents int    `json:"residents"`
	Loads     []Load `json:"loads"` // one for each district
	All       Load   `json:"first_load"`
	// Whole is the same with write-back, to quiescence: from the first read of a
	// register to the last read of what was written.
	Whole Load `json:"whole"`
	// Slowdown is how much slower the last district loads than the first, which
	// is of the same size: 0.25 is a quarter.
	Slowdown float64 `json:"slowdown"`

	Found        int64   `json:"residents_found"`
	Reviews      int64   `json:"pairs_in_review"`
	Writes       int     `json:"writes"`
	Repeated     int     `json:"writes_repeated"`
	Missing      int     `json:"writes_missing"` // fields that do not show what they should
	WriteSeconds float64 `json:"write_seconds"`  // from approval to nothing due, read back
	WritesPerSec float64 `json:"writes_per_second"`
	WriteMicros  float64 `json:"cpu_us_per_write"`

	EntryP50 float64 `json:"entry_p50_seconds"` // an entry at the desk while districts load: save to resolved
	EntryMax float64 `json:"entry_max_seconds"`

	DatabaseBytes int64 `json:"database_bytes"`
}

func newLoad(stored, records int64, started, taken time.Time, used usage) Load {
	l := Load{Stored: stored, Records: records, Seconds: used.at.Sub(started).Seconds(), TakenInSeconds: taken.Sub(started).Seconds()}
	n := float64(max(records, 1))
	l.RecordsPerSecond = n / l.Seconds
	l.OwnMicros = float64(used.own.Microseconds()) / n
	l.PostgresMicros = float64(used.postgres.Microseconds()) / n
	l.CPUMicros = l.OwnMicros + l.PostgresMicros
	l.WALBytes = float64(used.wal) / n
	return l
}

func (l Load) print(out io.Writer, what string) {
	fmt.Fprintf(out, "  %-28s %9d records on %8d stored: %7.1f s (taken in %6.1f s) = %6.0f records/s; CPU %4.0f µs (own %4.0f, PostgreSQL %4.0f), WAL %5.0f B per record\n",
		what, l.Records, l.Stored, l.Seconds, l.TakenInSeconds, l.RecordsPerSecond, l.CPUMicros, l.OwnMicros, l.PostgresMicros, l.WALBytes)
}

func (r Report) print(out io.Writer) {
	r.All.print(out, "first load")
	r.Whole.print(out, "to quiescence, with writes")
	fmt.Fprintf(out, "  the last district was %.0f %% slower than the first\n", 100*r.Slowdown)
	fmt.Fprintf(out, "  residents %d, found %d, pairs in review %d\n", r.Residents, r.Found, r.Reviews)
	fmt.Fprintf(out, "  write-back: %d writes in %.1f s = %.0f writes/s, CPU %.0f µs per write; repeated %d, missing at the platforms %d\n",
		r.Writes, r.WriteSeconds, r.WritesPerSec, r.WriteMicros, r.Repeated, r.Missing)
	if r.EntryMax > 0 {
		fmt.Fprintf(out, "  an entry at the desk meanwhile, save to resolved: p50 %.0f ms, longest %.0f ms\n", 1000*r.EntryP50, 1000*r.EntryMax)
	}
	fmt.Fprintf(out, "  database %.0f MB, %.0f B per record\n", float64(r.DatabaseBytes)/1e6, float64(r.DatabaseBytes)/float64(max(r.All.Records, 1)))
}

func (r Report) write(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// verdict is the run's promise: everything arrived, once.
func (r Report) verdict() error {
	if r.Repeated > 0 || r.Missing > 0 {
		return fmt.Errorf("%d writes were repeated, and %d fields do not show what they should", r.Repeated, r.Missing)
	}
	return nil
}
