package store

import (
	"fmt"
	"slices"
	"strings"
)

// span is a half-open range of positions.
type span struct{ from, to int64 }

func covers(ranges []span, p int64) bool {
	_, ok := slices.BinarySearchFunc(ranges, p, func(r span, p int64) int {
		switch {
		case r.to <= p:
			return -1
		case r.from > p:
			return 1
		}
		return 0
	})
	return ok
}

func addSpans(ranges []span, positions []int64) []span {
	for _, p := range positions {
		ranges = append(ranges, span{p, p + 1})
	}
	slices.SortFunc(ranges, func(a, b span) int { return int(min(max(a.from-b.from, -1), 1)) })
	out := ranges[:0]
	for _, r := range ranges {
		if n := len(out); n > 0 && r.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, r.to)
			continue
		}
		out = append(out, r)
	}
	return out
}

func spansText(ranges []span) string {
	parts := make([]string, len(ranges))
	for i, r := range ranges {
		parts[i] = fmt.Sprintf("[%d,%d)", r.from, r.to)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func parseSpans(text string) ([]span, error) {
	text = strings.Trim(text, "{}")
	if text == "" {
		return nil, nil
	}
	var out []span
	for _, part := range strings.Split(text, "),") {
		var r span
		if _, err := fmt.Sscanf(strings.TrimSuffix(part, ")"), "[%d,%d", &r.from, &r.to); err != nil {
			return nil, fmt.Errorf("read the taken positions %q: %w", text, err)
		}
		out = append(out, r)
	}
	return out, nil
}
