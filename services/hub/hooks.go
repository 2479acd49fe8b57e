package hub

import (
	"errors"
	"io"
	"net/http"
	"time"

	"heji/connectors"
)

// Bounds of a platform's call.
const (
	maxHook  = 64 << 10
	hookTime = 10 * time.Second
)

// hooks serves POST /hooks/{platform}: a platform says that something has changed
// there. It is a hint that the next read should be now, and never data: the body
// is only part of what is signed. Whoever cannot sign learns nothing, not even
// which platforms there are.
func (h *Hub) hooks(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("platform")
	p, ok := h.Registry.Get(id)
	var hooked connectors.Hooked
	if ok {
		hooked, ok = p.Connector.(connectors.Hooked)
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(hookTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		http.Error(w, "the body is too long, or was cut off", http.StatusRequestEntityTooLarge)
		return
	}
	switch err := hooked.Hook(r, body); {
	case err == nil:
		h.Wake(id)
		w.WriteHeader(http.StatusAccepted)
	case errors.Is(err, connectors.ErrReplay):
		http.Error(w, "this call was made before", http.StatusConflict)
	case errors.Is(err, connectors.ErrNoHook):
		http.NotFound(w, r)
	default:
		h.c.Logger.Debug("a call was refused: its signature or its time is wrong", "platform", id)
		http.Error(w, "the signature or the time is wrong", http.StatusUnauthorized)
	}
}
