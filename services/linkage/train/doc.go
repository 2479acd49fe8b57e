// Package train learns a linkage model from records alone, without labels: m and
// u of every level, term frequencies, the prior, the thresholds, and how much
// weight people of one household may share. It is pure and, for a seed,
// deterministic: no I/O, no clock, and the same records in the same order give
// the same model on every machine and number of processors.
//
// In flow a linkage.Model, trained or not, and the features that it derived from
// all records. Out flow a linkage.Training for Model.Trained, and a Report for
// people. The steps:
//
//  1. u, the levels among strangers, from pairs drawn at random (all pairs where
//     there are few).
//  2. One pass for each blocking rule: EM over the pairs that the rule finds, with
//     u fixed. Pairs are counted by pattern of levels first, so a pass works on
//     thousands of patterns, not on millions of pairs. What the rule makes its
//     keys of is left out of its pass: all its pairs agree there. m is the sum of
//     the expected levels over the passes; a pass that contradicts most others is
//     left out. A pass that sees one comparison cannot tell how often matches
//     disagree there: it comes last, and borrows that from the others.
//  3. One run over all pairs there are, with m fixed: the pairs found by blocking
//     are counted, the others extrapolated from the random ones. It gives the
//     prior, and takes the matches among the random pairs out of u, without which
//     a number that is unique would weigh as little as it is often duplicated.
//  4. Frequencies of values, and thresholds from the prior.
//
// Where the model says what people who live together have in common (shared),
// steps 2 and 3 know a third kind of pair beside matches and strangers: the
// related. They agree on what is shared as a person's own records do, and on
// everything else no more often than strangers. Without them families of one
// address look like the matches of a register that has few. How many there are
// says how much the shared comparisons can prove together: log2(1 / share of
// related pairs).
//
// m is not estimated again over all pairs in step 3, nor is the threshold chosen
// by the F1 that the posteriors promise: both were tried, and both did worse.
// Levels depend on one another more than the model says, so free m drift towards
// whatever there is most of, and posteriors promise too much.
//
// I2: what is learned is frozen in the model under a new version. I9: the report
// and the errors hold counts and names of comparisons, no values of records.
package train
