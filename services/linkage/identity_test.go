package linkage

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func assign(groups [][]int, old, former map[int]string) Identity[string] {
	n := 0
	return AssignIDs(groups, old, former, cmp.Compare[int], func() string { n++; return fmt.Sprintf("new%d", n) })
}

func TestAssignIDs(t *testing.T) {
	t.Parallel()
	type ids = map[int]string
	tests := map[string]struct {
		groups              [][]int
		old, former         ids
		of                  []string
		redirect            map[string]string
		retired, revivedIDs []string
	}{
		"first load":    {groups: [][]int{{1, 2}, {3}}, of: []string{"new1", "new2"}},
		"nothing moved": {groups: [][]int{{1, 2}, {3}}, old: ids{1: "a", 2: "a", 3: "b"}, of: []string{"a", "b"}},
		"a newcomer":    {groups: [][]int{{1, 2, 9}}, old: ids{1: "a", 2: "a"}, of: []string{"a"}},
		"split: the larger part keeps the id": {
			groups: [][]int{{1}, {2, 3}}, old: ids{1: "a", 2: "a", 3: "a"}, of: []string{"new1", "a"},
		},
		"split: a tie goes to the smallest record": {
			groups: [][]int{{2, 4}, {1, 3}}, old: ids{1: "a", 2: "a", 3: "a", 4: "a"}, of: []string{"new1", "a"},
		},
		"merge: who brings most records survives": {
			groups: [][]int{{1, 2, 3}}, old: ids{1: "a", 2: "b", 3: "b"}, of: []string{"b"}, redirect: map[string]string{"a": "b"},
		},
		"merge: a tie goes to the smallest record": {
			groups: [][]int{{1, 2}}, old: ids{2: "a", 1: "b"}, of: []string{"b"}, redirect: map[string]string{"a": "b"},
		},
		"a part that lost its own id takes the next it has a claim on": {
			groups: [][]int{{1, 2, 3, 4, 5}, {6}}, old: ids{1: "a", 2: "a", 3: "a", 4: "b", 5: "b", 6: "b"}, of: []string{"a", "b"},
		},
		"an id whose records went to two redirects to where most are": {
			groups: [][]int{{1, 2, 7}, {3, 4, 5, 8, 9}}, old: ids{1: "a", 2: "a", 7: "c", 3: "b", 4: "b", 5: "b", 8: "c", 9: "c"},
			of: []string{"a", "b"}, redirect: map[string]string{"c": "b"},
		},
		"deleted for good": {groups: [][]int{{1}}, old: ids{1: "a", 2: "b"}, of: []string{"a"}, retired: []string{"b"}},
		"undone merge: the old id lives again": {
			groups: [][]int{{1}, {2, 3}}, old: ids{1: "b", 2: "b", 3: "b"}, former: ids{1: "a"},
			of: []string{"a", "b"}, revivedIDs: []string{"a"},
		},
		"a former id is no claim against the id of now": {
			groups: [][]int{{1, 2}}, old: ids{1: "b", 2: "b"}, former: ids{1: "a", 2: "a"}, of: []string{"b"},
		},
		"nothing left": {groups: nil, old: ids{1: "a"}, of: []string{}, retired: []string{"a"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := assign(tt.groups, tt.old, tt.former)
			require.Equal(t, tt.of, got.Of)
			if tt.redirect == nil {
				tt.redirect = map[string]string{}
			}
			require.Equal(t, tt.redirect, got.Redirect)
			require.Equal(t, tt.retired, got.Retired)
			require.Equal(t, tt.revivedIDs, got.Revived)
		})
	}
}

func TestAssignIDsIsAFunction(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := fromRapid(t)
		const records = 10
		old, former := make(map[int]string), make(map[int]string)
		groups := make([][]int, 4)
		for r := range records {
			if d(4, "has") > 0 {
				old[r] = fmt.Sprint("o", d(4, "old"))
			}
			if d(3, "had") == 0 {
				former[r] = fmt.Sprint("f", d(3, "former"))
			}
			if d(8, "lives") > 0 {
				g := d(len(groups), "group")
				groups[g] = append(groups[g], r)
			}
		}
		var live [][]int
		for _, g := range groups {
			if len(g) > 0 {
				live = append(live, g)
			}
		}
		got := assign(live, old, former)
		require.Equal(t, got, assign(live, old, former))
		seen := make(map[string]bool)
		for _, id := range got.Of {
			require.False(t, seen[id], "two residents with one id")
			seen[id] = true
		}
		for from, to := range got.Redirect {
			require.False(t, seen[from], "a living id redirects")
			require.True(t, seen[to], "a redirect leads nowhere")
		}
		for _, id := range old {
			_, redirects := got.Redirect[id]
			retired := false
			for _, r := range got.Retired {
				retired = retired || r == id
			}
			n := 0
			for _, is := range []bool{seen[id], redirects, retired} {
				if is {
					n++
				}
			}
			require.Equal(t, 1, n, "an old id lives, redirects or is retired")
		}
	})
}
