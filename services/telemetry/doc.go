// Package telemetry shows how the hub is doing: metrics, health and logs.
//
// The services count into the collectors of Metrics. Gauges that come from SQL
// are set by functions given to Metrics.OnCollect, which run when somebody
// scrapes. Health knows two sorts of checks: the hub's own, which decide
// readiness, and those of single platforms, which are only told.
//
// # Invariants
//
//   - I9: metrics are labelled by platform, never by resident; loggers made
//     here show attributes of an allow-list only, and what looks like a number
//     of a person is masked wherever it turns up, the message included.
//   - I10: one platform's trouble never makes the hub unready.
package telemetry
