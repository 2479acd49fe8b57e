package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Report is what the rounds cost.
type Report struct {
	Seed    int64          `json:"seed"`
	From    int            `json:"from"`
	Rounds  int            `json:"rounds"`
	Seconds float64        `json:"seconds"`
	Kills   int            `json:"kills"`
	Faults  map[string]int `json:"faults"` // struck, by kind
	Kinds   map[string]int `json:"platforms"`
	Records int            `json:"records"`
	Writes  int            `json:"writes"`  // taken by platforms
	Entries int            `json:"entries"` // saved at the desk
	Held    int            `json:"held"`    // fields that wait for a person
	Fields  int            `json:"fields"`  // fields that platforms receive

	Lost                 int   `json:"lost"`
	Repeated             int   `json:"repeated"`
	Echoes               int   `json:"echoes"`
	PartitionDifferences int   `json:"partition_differences"`
	Failed               []int `json:"failed"` // rounds in which something was wrong

	began time.Time
}

// result is what one round cost.
type result struct {
	Seed    int64
	Round   int
	Faults  []string // that struck
	Missed  []string // whose boundary nobody came to
	IDs     []string
	Took    time.Duration
	Kills   int
	Records int
	Writes  int
	Entries int
	Held    int
	Fields  int

	Lost, Repeated, Echoes, Differences int
	Wrong                               []string
}

func (r *Report) add(x result) {
	r.Rounds++
	r.Seconds = time.Since(r.began).Seconds()
	r.Kills += x.Kills
	for _, f := range x.Faults {
		r.Faults[f]++
	}
	for _, id := range x.IDs {
		r.Kinds[id]++
	}
	r.Records += x.Records
	r.Writes += x.Writes
	r.Entries += x.Entries
	r.Held += x.Held
	r.Fields += x.Fields
	r.Lost += x.Lost
	r.Repeated += x.Repeated
	r.Echoes += x.Echoes
	r.PartitionDifferences += x.Differences
	if len(x.Wrong) > 0 {
		r.Failed = append(r.Failed, x.Round)
	}
}

// line is one round in one line.
func (x result) line() string {
	state := "ok  "
	if len(x.Wrong) > 0 {
		state = "FAIL"
	}
	text := fmt.Sprintf("%s round %d  %4.1f s  %s  [%s]  records %d writes %d held %d", state, x.Round, x.Took.Seconds(),
		strings.Join(append(slices.Clone(x.Faults), missed(x.Missed)...), " "), strings.Join(x.IDs, " "), x.Records, x.Writes, x.Held)
	if len(x.Wrong) > 0 {
		text += fmt.Sprintf("  again: heji chaos --seed %d --rounds 1 --from %d", x.Seed, x.Round)
	}
	return text
}

// missed marks faults that did not strike.
func missed(list []string) []string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = "(" + f + ")"
	}
	return out
}

// verdict is nil when nothing was wrong.
func (r *Report) verdict() error {
	if len(r.Failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d rounds went wrong: lost %d, repeated %d, echoes %d, partition differences %d; play one again with --seed %d --rounds 1 --from %d",
		len(r.Failed), r.Rounds, r.Lost, r.Repeated, r.Echoes, r.PartitionDifferences, r.Seed, r.Failed[0])
}

func (r *Report) print(out io.Writer) {
	fmt.Fprintf(out, "\nrounds %d (from %d, seed %d) in %.0f s; kills %d; records %d; writes %d; entries %d; fields held for a person %d of %d\n",
		r.Rounds, r.From, r.Seed, r.Seconds, r.Kills, r.Records, r.Writes, r.Entries, r.Held, r.Fields)
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(out, "  %-28s %d\n", name, r.Faults[name])
	}
	fmt.Fprintf(out, "lost %d  repeated %d  echoes %d  partition_differences %d\n", r.Lost, r.Repeated, r.Echoes, r.PartitionDifferences)
}

func (r *Report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, append(b, '\n'), 0o644))
}
