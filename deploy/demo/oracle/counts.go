package oracle

import (
	"fmt"
	"slices"

	p "heji/deploy/demo/population"
)

// counted judges the platform that is told numbers: one report for each month,
// with the counts as they were when it was made, and no person in it.
func counted(ph Phase) Result {
	var res Result
	before, after := ph.Before.Platforms[p.Supervision], ph.After.Platforms[p.Supervision]
	res.Records = len(after)
	month := ph.Today.Format("2006-01")
	if !ph.Hub.Live[p.Supervision] {
		return res
	}
	if before[month] == nil {
		res.WritesNeeded = 1
	}
	for _, w := range ph.Writes[p.Supervision] {
		if w.Replay {
			continue
		}
		res.WritesReceived++
		if w.Repeated {
			res.WritesRepeated++
		}
		if w.Key != month || !w.Create {
			res.Unneeded = append(res.Unneeded, w.Key)
		}
	}
	if res.WritesNeeded == 0 {
		return res // what was told for this month stays
	}
	if after[month] == nil {
		res.Missing, res.Differs = []string{month}, 1
		return res
	}
	for _, t := range told {
		n := 0
		for _, master := range ph.Hub.Residents {
			if !slices.Contains([]string{p.Dead, p.MovedOut}, master[p.LifeStatus]) && t.of(master) {
				n++
			}
		}
		want := fmt.Sprint(n)
		if n == 1 || n == 2 {
			want = few
		}
		if after[month][t.label] != want {
			res.Differs++
			res.Different = append(res.Different, fmt.Sprintf("%s %s: %s, not %s", month, t.label, after[month][t.label], want))
		}
	}
	return res
}
