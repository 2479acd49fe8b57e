// Package stream measures the whole pipeline to quiescence: pull, JetStream,
// take-in, resolve, targets, write-back and the reading back of what was
// written, with the hub's own engines and its own code, beside platforms that
// are nothing but memory.
//
// In: a number of residents and a seed. Out: a Report, in which everything is
// counted where it arrived: records where they are stored and resolved, writes
// where the platforms hold them (check.go compares each row that a platform
// shows with what its agreement demands).
//
// Three districts join one after the other, with a tenth, eight tenths and a
// tenth of the residents, each with five registers that begin at once and list
// their people each in an order of its own. The first and the last are of one
// size: what they differ by is what a full store costs. All persons are
// invented: area codes and phone numbers are ones that no place and no operator
// has.
package stream
