// Package pull reads the department platforms and publishes what they show.
//
// In: connectors, their merged cursors. Out: schema.Record messages on the bus,
// in one sequence of positions for each fence; after each piece a mark that
// carries the resume point.
//
// I1: a run starts again at the merged mark, so what was published and lost is
// pulled again; an input file is moved, an offset committed (Confirm), only
// behind that mark. A row that cannot be read is a message too, so that
// pulled = merged + unchanged + dead holds exactly. I10: each platform has a
// loop, a backoff and an error of its own.
//
// I6: a read that was set aside because a write was on its way counts for
// nothing, and a platform that passes each change once does not tell it again.
// Where single rows cannot be asked for, the next pass that can say something new
// begins at the resume point before it (again).
package pull
