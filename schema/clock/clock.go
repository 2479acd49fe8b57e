// Package clock is the time that Heji goes by when it says how old something is:
// what a read shows, when a write ended. Waiting for something goes by the
// machine's own clock. From when a row is due, and until when a lease holds, is
// PostgreSQL's time: many processes ask for it.
//
// In: nothing. Out: the time of day. A program that proves what happens when a
// machine's clock is put right can skew it; heji serve never does.
package clock

import (
	"sync/atomic"
	"time"
)

var skew atomic.Int64

// Now is the time of day.
func Now() time.Time {
	now := time.Now()
	if by := skew.Load(); by != 0 {
		// Without the monotonic reading: that one does not jump.
		now = now.Round(0).Add(time.Duration(by))
	}
	return now
}

// Skew puts the clock forward, or back, of what the machine's says.
func Skew(by time.Duration) { skew.Store(int64(by)) }
