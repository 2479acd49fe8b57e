// Package dialect is what differs between the databases that the kind table
// reaches through database/sql: one file for each brand.
//
// A Dialect writes SQL and reads errors; it holds no connection and no state.
// What is the same for all (keysets, compare-and-set, what a doubt is) lives in
// package table. PostgreSQL is not here: its own transaction numbers allow more
// than any of these, and package table speaks to it directly.
//
// In: columns as the catalogue describes them, names of parameters. Out: text of
// statements, and Faults: what an error of the driver says about the server, the
// table or the row. A Fault holds names and numbers, and the driver's words only
// where a program of the platform spoke (I9: the caller strips the values).
//
// MySQL and MariaDB statements run against a live server in the tests. Those of
// SQL Server and Oracle are compared with what they should be and go through
// database/sql to a driver that only records: they have not met a live server.
package dialect
