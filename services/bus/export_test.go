package bus

import "time"

// PauseBetweenAttempts sets the pause after a failed attempt to publish.
func (b *Bus) PauseBetweenAttempts(d time.Duration) { b.firstWait, b.longestWait = d, d }
