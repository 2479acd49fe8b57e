// Package district runs the simulated department platforms of one street,
// each its own database, port or folder, each with clerks of its own.
//
// In: a population with known truth, a folder, PostgreSQL databases. Out: a
// District whose platforms are reached as real ones are (SQL, HTTP, files),
// and, for whoever checks the hub, what each platform holds now, every write
// it received, every edit its clerks made, and the true person of each row.
//
// The platforms are independent of the hub: nothing of Heji is imported, every
// spelling and code table is written out again. They keep their state on disk:
// a write they acknowledged survives a kill of the process, and a district
// started again on the same folder is the same district on other ports.
//
// What the district lets a test see: I1 (each row's origin), I5 (Write.Repeated
// marks content the row already held), I6 and I7 (what reached a platform, and
// in which columns).
package district
