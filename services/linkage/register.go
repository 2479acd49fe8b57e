package linkage

import "heji/schema"

// doubt finds the records that two of the register fit about equally well.
func (p *partition) doubt() {
	if p.limits.Register == "" {
		return
	}
	p.unsure = make([]bool, len(p.items))
	best := make([]int32, len(p.items)) // the strongest weight so far; 0: none
	for _, e := range p.weighed {       // from the strongest down
		if int(e.weight) < p.limits.Link {
			break
		}
		i := e.a
		if p.ofRegister(p.items[i].Ref) {
			i = e.b
		}
		switch {
		case best[i] == 0:
			best[i] = e.weight
		case int(best[i]-e.weight) < p.limits.Margin:
			p.unsure[i] = true
		}
	}
}

// undecided reports whether a pair's record could as well belong to another of
// the register. A person's "same" has joined it before any weight could.
func (p *partition) undecided(e pair) bool {
	return p.unsure != nil && (p.unsure[e.a] || p.unsure[e.b])
}

// registered reports whether a group holds a record of the register.
func (p *partition) registered(root int32) bool {
	for i := range p.groups.members(root) {
		if p.ofRegister(p.items[i].Ref) {
			return true
		}
	}
	return false
}

func (p *partition) ofRegister(ref schema.RecordRef) bool { return ref.Platform == p.limits.Register }
