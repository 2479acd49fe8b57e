// Package kit is what an IT department needs to plug in a platform by itself: a
// file to begin with, what columns the platform has and what they probably mean,
// what a mapping makes of its rows, and the JSON Schema by which an editor
// completes the file.
//
// In flow: a platform's file, finished or not, and its connector. Out flow:
// proposals, figures and masked samples for a person at a terminal. Nothing is
// stored and nothing is sent anywhere.
//
// A proposal is never believed by itself: it is written as YAML with the reason
// beside it, and a person takes it over.
//
// Invariants: I9 (samples are masked, unless a person asks for them in the open),
// I7 (a sealed file is refused by package spec before anything is read).
package kit
