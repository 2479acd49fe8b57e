package files

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"heji/services/linkage"
)

// Print writes what was done for people.
func (s *Stats) Print(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s  %s\n", name, fmt.Sprintf(format, args...))
	}
	line("records", "%d", s.Records)
	line("keys", "%d distinct, %d hot (held by too many records to make pairs)", s.Keys, s.HotKeys)
	line("pairs", "%d compared, %d of them links", s.Compared, s.Links)
	line("entities", "%d", s.Entities)
	for _, size := range sizes(s.Sizes) {
		line("", "%9d of %s", s.countOf(size), size)
	}
	line("review", "%s", count(s.Reviews(), "pair"))
	for _, why := range slices.Sorted(maps.Keys(s.Reasons)) {
		line("", "%9d %s", s.Reasons[why], reasonText(why))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Reviews is the number of pairs for review.
func (s *Stats) Reviews() int {
	sum := 0
	for _, n := range s.Reasons {
		sum += n
	}
	return sum
}

// sizeClass is a range of sizes of entities, shown in one line.
type sizeClass struct{ from, to int }

func (c sizeClass) String() string {
	switch {
	case c.from == c.to:
		return count(c.from, "record")
	default:
		return fmt.Sprintf("%d to %d records", c.from, c.to)
	}
}

// sizes are the sizes up to ten, and powers of ten above.
func sizes(of map[int]int) []sizeClass {
	const single = 10
	var list []sizeClass
	for n := 1; n <= single; n++ {
		if of[n] > 0 {
			list = append(list, sizeClass{n, n})
		}
	}
	for from := single + 1; ; {
		to := 10 * (from - 1)
		if !slices.ContainsFunc(slices.Collect(maps.Keys(of)), func(n int) bool { return n >= from }) {
			return list
		}
		if slices.ContainsFunc(slices.Collect(maps.Keys(of)), func(n int) bool { return n >= from && n <= to }) {
			list = append(list, sizeClass{from, to})
		}
		from = to + 1
	}
}

func (s *Stats) countOf(c sizeClass) int {
	sum := 0
	for size, n := range s.Sizes {
		if size >= c.from && size <= c.to {
			sum += n
		}
	}
	return sum
}

func reasonText(why linkage.Reason) string {
	switch why {
	case linkage.BelowLink:
		return "below the link threshold (below_link)"
	case linkage.SameID:
		return "with one number under clearly different people (same_id)"
	case linkage.TwoIDs:
		return "whose entities have two different numbers (i3)"
	case linkage.GroupRule:
		return "whose entities as wholes do not fit (group)"
	case linkage.OneSource:
		return "whose entities have records of one source (source)"
	}
	return string(why)
}
