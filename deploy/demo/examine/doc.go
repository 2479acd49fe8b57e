// Package examine reads what a hub holds, for whoever checks it from outside: the
// demo, its tests, and heji chaos.
//
// In: the hub's store. Out: whether it is quiet, its truth as the oracle takes it,
// and its partition beside that of one batch over the same evidence and decisions.
package examine
