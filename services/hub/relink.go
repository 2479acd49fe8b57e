package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heji/services/linkage"
)

// installModel gives a fresh store the model that the program ships. In any
// other the stored model stays in force, and a newer one is told of: resolving
// everybody again is a person's decision.
func (h *Hub) installModel(ctx context.Context) error {
	source := h.c.Model
	if source == nil {
		source = linkage.DefaultSource()
	}
	if err := h.Store.InstallModel(ctx, source); err != nil {
		return err
	}
	if notice := h.modelNotice(ctx); notice != nil {
		h.c.Logger.Warn("about the model of who is who", "problem", notice.Error())
	}
	return nil
}

// modelNotice says that a newer model is shipped, or how far a relink is.
func (h *Hub) modelNotice(ctx context.Context) error {
	st, err := h.Store.RelinkStatus(ctx)
	switch {
	case err != nil:
		return err
	case st.Next != nil:
		return fmt.Errorf("relink to %s: keys are prepared, %.0f%%", st.Next.Version, 100*st.Next.Progress)
	case st.Running():
		return fmt.Errorf("relink to %s: in force, records are resolved again, %.0f%%", st.Force.Version, 100*st.Force.Progress)
	case st.Newer:
		return errors.New(st.Advice())
	}
	return nil
}

// crowdingEvery is how often the holders of hot keys are counted: that costs an
// index scan for each, and changes slowly.
const crowdingEvery = time.Minute

// collectLinkage feeds the gauges about the model and about what is too common
// to be compared.
func (h *Hub) collectLinkage(ctx context.Context) error {
	m := h.Metrics
	st, err := h.Store.RelinkStatus(ctx)
	if err != nil {
		return err
	}
	newer, progress := 0.0, 1.0
	if st.Newer {
		newer = 1
	}
	if st.Next != nil {
		progress = st.Next.Progress
	} else if st.Running() {
		progress = st.Force.Progress
	}
	m.ModelNewer.Set(newer)
	m.RelinkProgress.Set(progress)
	if time.Since(h.crowded) < crowdingEvery { // scrapes wait for one another
		return nil
	}
	c, err := h.Store.Crowding(ctx)
	if err != nil {
		return err
	}
	h.crowded = time.Now()
	m.HotKeys.Set(float64(c.HotKeys))
	m.HotKeyHolders.Set(float64(c.Largest))
	m.ParkedRecords.Set(float64(c.Parked))
	return nil
}
