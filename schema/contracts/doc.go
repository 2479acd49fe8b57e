// Package contracts publishes the messages that travel between the services,
// and the agreement with a platform, as JSON Schemas, so that a connector in
// another language can rely on them.
//
// The files are generated from the Go types of package schema, comments
// included, and committed. A test holds that the two agree; after a change of
// the types,
//
//	go test ./schema/contracts -update
//
// writes the files anew, and the difference is what other languages must follow.
package contracts
