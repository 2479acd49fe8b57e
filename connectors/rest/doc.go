// Package rest is the connector kind of platforms that speak JSON or XML over
// HTTP, and the engine of other kinds that do so in an envelope (package soap): a
// Dialect writes the requests and makes trees of the answers, everything else is
// the same.
//
// In flow: a list, paged by cursor, by page or by time; or, where the platform
// lists nobody, answers about one person at a time (lookup). Out flow: PUT, POST
// or PATCH, with If-Match and an idempotency header where they are offered.
//
// Columns are dotted paths into an item ("address.room"); numbers keep the text
// that the platform wrote. null is blank; a path that is not there is not there.
//
// # Who we are
//
// A bearer token, a password, a key in a header, OAuth2 with the client's own
// credentials, or a signature over each request with SHA-256 or SM3. A
// signature is made last, over what is really sent.
//
// # XML
//
// Request bodies are templates in the platform's file; every value that they
// print is escaped, so that no value ends its element. Answers are read by local
// names, whatever the prefixes. Bodies may be GBK: a text that it cannot hold is
// refused before it is sent.
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
// A row with another key than the one that was asked for is another person's
// (ErrOtherRow): it says nothing about ours, and nothing is written after it.
//
// Invariants: I1, I5, I9 (our values are taken out of the platform's words), I10
// (limits on time and size of every answer).
package rest
