// Package fault names the boundaries at which a kill hurts most, so that whoever
// proves the hub's promises can stop it exactly there.
//
// In: calls of At from the services, at each boundary. Out: nothing, and at the
// price of one load and one comparison, unless a program has armed it; heji serve
// never does. deploy/chaos arms it in the processes that it kills.
package fault
