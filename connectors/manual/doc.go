// Package manual is the connector kind of platforms that nothing can be sent to:
// a web form that nobody can automate, a counter, a form on paper.
//
// Out flow: each write becomes a card in the platform's own order of fields,
// with what finds the person and what is to change. A person types it off and
// ticks it: entered, or not taken by the platform and why. A card that was
// opened does not change any more; one that nobody has opened always shows the
// latest. In flow: exports as in the kind files, or none at all; an export
// confirms what was typed.
//
// A platform may receive counts only. Then its YAML lists counts and has no
// fields: the hub counts, and a card is made when the counts differ from those
// entered last, at most one for each period. Such a card holds no person, and no
// count from 1 up to a small number: few people are somebody.
//
// Invariants: I5 (one card for each write, and its tick counts once), I7 (counts
// never name a person).
package manual
