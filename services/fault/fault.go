package fault

import "sync/atomic"

// Place is a boundary between two things that should happen together and cannot.
type Place string

// The boundaries.
const (
	Published Place = "published" // JetStream has acknowledged records; the store does not know it yet
	TakenIn   Place = "taken_in"  // records are committed; their messages are not acknowledged
	Resolved  Place = "resolved"  // a resolution is committed; nobody was told what is due
	Intended  Place = "intended"  // intents are durable; the platform was not called
	Called    Place = "called"    // the platform has answered; the outcome is not stored
)

// Places are all boundaries, in the order in which a change passes them.
var Places = []Place{Published, TakenIn, Resolved, Intended, Called}

var armed atomic.Pointer[func(Place, string)]

// Arm has f called at every boundary from now on, with the platform where there
// is one. The caller of At goes on when f returns.
func Arm(f func(place Place, platform string)) { armed.Store(&f) }

// At says that the process stands at a boundary.
func At(place Place, platform string) {
	if f := armed.Load(); f != nil {
		(*f)(place, platform)
	}
}
