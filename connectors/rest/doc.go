// Package rest is the connector kind of platforms that speak JSON over HTTP.
//
// In flow: a list, paged by cursor, by page or by time. Out flow: PUT, POST or
// PATCH, with If-Match and an idempotency header where they are offered.
//
// Columns are dotted paths into an item ("address.room"); numbers keep the text
// that the platform wrote. null is blank; a path that is not there is not there.
//
// # Reading
//
// Without a cursor, without since_param, and where deletes are full and
// full_every has passed, the whole list is read. Such a read is Complete only
// when the list ended by itself and, where the platform gives a total, as many
// different rows were read as it says, before and after: rows that slip from
// one page to another while we read must not look deleted. Where a platform
// pages by number and gives no total, the list is read again until nothing new
// turns up. Otherwise a pass asks for what has changed since the last change time, minus the overlap;
// the cursor lists what was read in it, so that nothing is lost and nothing is
// repeated for ever.
//
// # Writing
//
// A request that may have reached the platform and was not answered is Doubt,
// and so is an answer 5xx or one that is no JSON; only a connection that was
// never made, and statuses that the platform's file declares as not_done, are
// Busy (I5). Without If-Match, the condition is a look before the write: it is
// not atomic, and a clerk's change in between is overwritten. Nothing is tried
// again in here; requests are never replayed by the HTTP library either.
//
// Invariants: I1, I5, I9 (our values are taken out of the platform's words), I10
// (limits on time and size of every answer).
package rest
