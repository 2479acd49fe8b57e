// Package soap is the connector kind of platforms that speak SOAP 1.1 or 1.2 and
// describe themselves by a WSDL 1.1.
//
// In flow and out flow are those of package rest, whose engine this kind uses:
// lists by page, by time or by cursor, looks by key and by natural key, changes
// and new rows, questions about one person. What is its own is the envelope: the
// platform's file names operations, and for each a template of what stands inside
// the operation's element; endpoint, action, namespaces and whether elements are
// qualified come from the WSDL. An answer's paths begin inside the element that
// the Body holds.
//
// Before the first request the WSDL is read, and every operation that the file
// names must be there, with the parts that its request writes: a platform that was
// upgraded is found out by name, and not by odd answers.
//
// A fault is the platform's own no: a write is Refused with its words. Only where
// a row was to be made and the fault does not blame the sender, it is Doubt: the
// row may be there (I5). A code of the platform's own is looked for in the fault's
// detail first.
//
// Invariants: I5, I9 (neither values nor secrets in errors), I10 (limits of time,
// size and depth; documents are fetched from the WSDL's own host only).
package soap
