// Package demo shows the whole road on one machine: embedded engines, the
// simulated department platforms that speak the real protocols, the hub, an
// administrator who approves write-back and a clerk who makes twenty entries,
// both through the HTTP API that real ones use.
//
// What it reports is counted at the platforms (their journals and what they
// show), by an oracle that shares no diff or mapping code with the hub.
package demo
