package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"heji/services/linkage"
	"heji/services/linkage/files"
)

// LinkOptions say what Link does.
type LinkOptions struct {
	Records int
	Seed    int64
	Model   *linkage.Model // nil: the model for residents
	Write   string         // a folder for the records and the truth; empty: they are not written
	Out     io.Writer
	// Progress may be nil.
	Progress files.Progress
}

// LinkReport is what Link measured.
type LinkReport struct {
	Records, Persons int
	Generate         time.Duration
	Derive           time.Duration // values to features and keys
	Stats            files.Stats
	Pairs            files.Measure
	CPU              time.Duration // of everything but generating, on all processors
	PeakBytes        int64
}

// Total is the time that counts: from values in memory to who is who.
func (r LinkReport) Total() time.Duration {
	return r.Derive + r.Stats.Block + r.Stats.Compare + r.Stats.Join
}

// Link generates records, links them, and writes what it took. Generating is not
// in the time; deriving features and keys, sorting keys, comparing and joining
// are.
func Link(ctx context.Context, o LinkOptions) (LinkReport, error) {
	if o.Records < 1 {
		return LinkReport{}, errors.New("--records must be at least 1")
	}
	m := o.Model
	if m == nil {
		m = linkage.Default()
	}
	begin := time.Now()
	rows := generate(o.Records, o.Seed)
	if o.Write != "" {
		if err := write(o.Write, newFeed(rows, fieldNames()), rows.person); err != nil {
			return LinkReport{}, err
		}
	}
	runtime.GC()
	out := LinkReport{Records: o.Records, Generate: time.Since(begin)}
	cpu := files.CPUTime()
	begin = time.Now()
	records, err := files.Derive(ctx, m, newFeed(rows, m.Attributes()))
	if err != nil {
		return out, err
	}
	out.Derive = time.Since(begin)
	result, err := records.Link(ctx, o.Progress)
	if err != nil {
		return out, err
	}
	out.Stats, out.PeakBytes = result.Stats, files.PeakMemory()
	out.CPU = files.CPUTime() - cpu
	out.Persons, out.Pairs = score(rows.person, result.First)
	return out, out.print(o.Out)
}

// score counts pairs of records of one person.
func score(person, first []uint32) (persons int, m files.Measure) {
	count := func(of func(i int) uint64) (groups int, pairs float64) {
		sizes := make(map[uint64]int)
		for i := range person {
			sizes[of(i)]++
		}
		for _, n := range sizes {
			pairs += float64(n) * float64(n-1) / 2
		}
		return len(sizes), pairs
	}
	persons, m.True = count(func(i int) uint64 { return uint64(person[i]) })
	_, m.Found = count(func(i int) uint64 { return uint64(first[i]) })
	_, m.Right = count(func(i int) uint64 { return uint64(person[i])<<32 | uint64(first[i]) })
	return persons, m
}

func (r LinkReport) print(w io.Writer) error {
	s, seconds := r.Stats, func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
	rate := func(n float64, d time.Duration) float64 { return n / max(d.Seconds(), 1e-9) }
	_, err := fmt.Fprintf(w, `records        %d of %d persons, generated in %s (not counted below)
features       %s   (values to features and blocking keys)
blocking       %s   (%d keys, %d of them hot)
comparing      %s   (%d pairs, %.0f a second)
joining        %s   (%d links, %d entities, %d pairs for review)
linked in      %s   (%.0f records a second; %s of processor time, on %d processors)
peak memory    %.2f GiB resident, generated records included
pairs          precision %.5f  recall %.5f  F1 %.5f
`, r.Records, r.Persons, seconds(r.Generate), seconds(r.Derive), seconds(s.Block), s.Keys, s.HotKeys,
		seconds(s.Compare), s.Compared, rate(float64(s.Compared), s.Compare),
		seconds(s.Join), s.Links, s.Entities, s.Reviews(),
		seconds(r.Total()), rate(float64(r.Records), r.Total()), seconds(r.CPU), runtime.GOMAXPROCS(0),
		float64(r.PeakBytes)/(1<<30), r.Pairs.Precision(), r.Pairs.Recall(), r.Pairs.F1())
	return err
}
