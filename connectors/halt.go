package connectors

import (
	"context"
	"errors"
)

// ErrHalted says that a person stopped everything outgoing before a row was sent:
// it was certainly not written.
var ErrHalted = errors.New("writing was stopped before this row was sent")

type haltKey struct{}

// WithHalt makes the context of a push that can be stopped between two rows. A
// call that is on its way is not cut when halt ends: nobody would know what came
// of it. What has not begun is not begun any more.
func WithHalt(ctx, halt context.Context) context.Context {
	return context.WithValue(ctx, haltKey{}, halt)
}

// Halt is ErrHalted once the push was stopped. A kind asks it before each thing
// that it sends.
func Halt(ctx context.Context) error {
	if halt, ok := ctx.Value(haltKey{}).(context.Context); ok && halt.Err() != nil {
		return ErrHalted
	}
	return nil
}

// UntilHalt makes the context of a wait before something is sent: it ends with
// the push's halt, ErrHalted being its cause.
func UntilHalt(ctx context.Context) (context.Context, context.CancelFunc) {
	halt, ok := ctx.Value(haltKey{}).(context.Context)
	if !ok {
		return ctx, func() {}
	}
	wait, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(halt, func() { cancel(ErrHalted) })
	return wait, func() {
		stop()
		cancel(nil)
	}
}
