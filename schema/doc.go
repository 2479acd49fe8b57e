// Package schema says what a resident, a record, a platform and an agreement
// are. It holds the canonical attributes with their classes, the values they
// take, and the message contracts that travel between the services.
//
// It imports nothing of ours, does no I/O, and knows no clock, so that match,
// survivorship, mapping and the desk all speak of the same things.
//
// Sub-packages: idnum (citizen ID numbers), codes (GB code tables and
// crosswalks), hanzi (Chinese names: variants, pinyin), canon (raw text to
// canonical values and back), contracts (the messages as JSON Schemas),
// migrations (the SQL of the store).
package schema
