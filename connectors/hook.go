package connectors

import (
	"errors"
	"net/http"
)

// Hooked is implemented by kinds whose platform can call the hub when something
// has changed there. A call is a hint to read sooner and nothing else: nothing
// of its body is ever used.
type Hooked interface {
	// Hook checks that a call is the platform's own and new. ErrNoHook where the
	// file says nothing about calls, ErrSignature, ErrReplay.
	Hook(r *http.Request, body []byte) error
}

// Errors of calls to the hub.
var (
	ErrNoHook    = errors.New("this platform is not expected to call")
	ErrSignature = errors.New("the signature or the time of the call is wrong")
	ErrReplay    = errors.New("this call was made before")
)
