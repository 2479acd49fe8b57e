// Package bench measures linkage on invented residents with known truth.
//
// Link makes any number of person records in memory, fast, and links them with
// the model for residents: how many records and pairs a second, in how much
// memory. Population takes the people and the eight departments of the demo
// district and says how right the answer is, beside what simple rules make of
// the same records.
//
// All persons are invented: ID numbers carry area codes that no place has
// (19xxxx, 29xxxx, 39xxxx, 49xxxx), phone numbers a prefix that no operator has.
package bench
