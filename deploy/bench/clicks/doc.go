// Package clicks measures the desk beside a full store: how long the server
// takes to answer what staff type into the search box (Search), and what fifty
// workers ask of the pages (Desk).
//
// In: a number of residents and a seed. Out: a Report with the time from a
// request to the last byte of its answer, measured at the desk's own handler,
// database and rendering included, the network left out.
//
// The store is filled as merge would leave it (the same search text, blocking
// keys and row states), but by COPY: what is measured is reading. All persons
// are invented; area codes and phone numbers are ones that nobody has.
package clicks
