package linkage

import "iter"

// forest is a union-find over 0…n-1 whose sets can be walked.
type forest struct {
	parent, size []int32
	next         []int32 // a ring through each set
}

func newForest(n int) forest {
	f := forest{parent: make([]int32, n), size: make([]int32, n), next: make([]int32, n)}
	for i := range f.parent {
		f.parent[i], f.size[i], f.next[i] = int32(i), 1, int32(i)
	}
	return f
}

func (f *forest) root(i int32) int32 {
	for f.parent[i] != i {
		f.parent[i] = f.parent[f.parent[i]]
		i = f.parent[i]
	}
	return i
}

// unite makes one set of two, given by their roots, and returns its root. The
// larger set's root stays; of two equal ones, the smaller index.
func (f *forest) unite(a, b int32) int32 {
	if a == b {
		return a
	}
	if f.size[a] < f.size[b] || f.size[a] == f.size[b] && b < a {
		a, b = b, a
	}
	f.parent[b] = a
	f.size[a] += f.size[b]
	f.next[a], f.next[b] = f.next[b], f.next[a]
	return a
}

// members walks the set that i is in.
func (f *forest) members(i int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for j := i; ; {
			if !yield(j) {
				return
			}
			if j = f.next[j]; j == i {
				return
			}
		}
	}
}

// weights remembers the weights of pairs, where all of them fit into memory.
type weights struct {
	n     int32
	known []int32 // weight+1 shifted away from zero: 0 is not known
}

// maxMemo is the largest set whose pairs are remembered: 16 MB.
const maxMemo = 2048

func newWeights(n int) weights {
	if n > maxMemo {
		return weights{}
	}
	return weights{n: int32(n)}
}

func (w *weights) of(a, b int32, weigh func() int) int {
	if w.n == 0 {
		return weigh()
	}
	if w.known == nil {
		w.known = make([]int32, w.n*w.n)
	}
	if a > b {
		a, b = b, a
	}
	at := &w.known[a*w.n+b]
	if *at == 0 {
		*at = int32(weigh())<<1 | 1
	}
	return int(*at >> 1)
}
