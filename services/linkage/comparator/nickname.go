package comparator

import (
	_ "embed"
	"encoding/binary"
	"strings"
	"sync"
)

//go:embed nicknames.txt
var nicknameTable string

// A group of names is a formal given name and what people who bear it are
// called. A short form belongs to the group of every name it may stand for.
type nicknameGroups struct {
	of     map[string][]uint16 // groups of a name, ascending
	formal []string            // of each group
}

// nicknames reads the table once.
var nicknames = sync.OnceValue(func() nicknameGroups { return readNicknames(nicknameTable) })

// readNicknames reads lines of names, the formal one first. "#" starts a comment.
func readNicknames(table string) nicknameGroups {
	g := nicknameGroups{of: map[string][]uint16{}}
	for line := range strings.Lines(table) {
		line, _, _ = strings.Cut(line, "#")
		names := strings.Fields(line)
		if len(names) == 0 {
			continue
		}
		id := uint16(len(g.formal))
		g.formal = append(g.formal, names[0])
		for _, n := range names {
			g.of[n] = append(g.of[n], id)
		}
	}
	return g
}

// appendGroups appends the groups of a folded name, two bytes each, ascending.
func appendGroups(dst []byte, name string) []byte {
	for _, id := range groupsOf(name) {
		dst = binary.BigEndian.AppendUint16(dst, id)
	}
	return dst
}

// groupsOf looks a name up, without its accents and its punctuation.
func groupsOf(name string) []uint16 {
	g := nicknames()
	if ids, ok := g.of[name]; ok {
		return ids
	}
	return g.of[onlyWord(withoutAccents(name))]
}

// shareGroup reports whether two lists of appendGroups share a group.
func shareGroup(a, b []byte) bool {
	for len(a) >= 2 && len(b) >= 2 {
		x, y := binary.BigEndian.Uint16(a), binary.BigEndian.Uint16(b)
		if x == y {
			return true
		}
		if x < y {
			a = a[2:]
		} else {
			b = b[2:]
		}
	}
	return false
}

// emitNicknames emits the formal names that a name may stand for, and the name
// itself where none is known.
func emitNicknames(name string, emit func(value []byte)) {
	ids := groupsOf(name)
	if len(ids) == 0 {
		emit([]byte(name))
		return
	}
	for _, id := range ids {
		emit([]byte(nicknames().formal[id]))
	}
}
