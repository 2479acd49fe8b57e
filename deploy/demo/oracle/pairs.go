package oracle

// CountPairs sets the residents of rows against the true persons behind them.
// Rows that came from outside a department have no true person and are left
// out; so are rows that the hub knows nothing about, except that their true
// pairs count as missed.
func CountPairs(resident map[Ref]string, origins map[Ref]int) Pairs {
	both := map[string]map[int]int{} // resident → person → rows
	persons, residents := map[int]int{}, map[string]int{}
	for ref, person := range origins {
		persons[person]++
		r, ok := resident[ref]
		if !ok {
			continue
		}
		residents[r]++
		if both[r] == nil {
			both[r] = map[int]int{}
		}
		both[r][person]++
	}
	var p Pairs
	for _, n := range persons {
		p.True += n * (n - 1) / 2
	}
	for _, n := range residents {
		p.Found += n * (n - 1) / 2
	}
	for _, of := range both {
		for _, n := range of {
			p.Right += n * (n - 1) / 2
		}
	}
	return p
}

// ResidentsTrue is the number of true persons behind the rows.
func ResidentsTrue(origins map[Ref]int) int {
	seen := map[int]bool{}
	for _, person := range origins {
		seen[person] = true
	}
	return len(seen)
}
