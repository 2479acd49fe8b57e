package main

import (
	"context"
	"fmt"
	"strings"

	"heji/services/store"
)

// linkage says which model is in force, and what is too common or too large to
// be compared.
func (c *doctorCommand) linkage(ctx context.Context, up *checkup, st *store.Store) {
	status, err := st.RelinkStatus(ctx)
	if !up.say("model of who is who", err, "") {
		return
	}
	fmt.Println("    " + progress(status))
	if advice := status.Advice(); advice != "" {
		fmt.Println("    → " + advice)
	}
	crowd, err := st.Crowding(ctx)
	if !up.say("hot keys and parked records", err, "") {
		return
	}
	if crowd.Parked > 0 {
		up.say("components", fmt.Errorf("%d records belong to components that are too large to be partitioned", crowd.Parked),
			"they keep their residents and are tried again every minute; usually one value ties strangers together: see the hot keys below and GET /api/v1/reviews; a \"not the same\" decision or a placeholder listed under blank cuts them apart")
	}
	if crowd.HotKeys == 0 {
		return
	}
	keys, err := st.HotKeys(ctx, 5)
	if !up.say("the largest hot keys", err, "") {
		return
	}
	for _, k := range keys {
		fmt.Println("    " + hotKeyLine(k))
	}
	fmt.Println("    → hot keys make no pairs: their holders are found by other values only. Where one platform holds most of them, it fills that column with a placeholder: list it under blank in its file. A number that many people really share (a hostel, a shop) may stay.")
}

// hotKeyLine names attributes and platforms, never a value (I9).
func hotKeyLine(k store.HotKey) string {
	made := make([]string, len(k.Made))
	for i, a := range k.Made {
		made[i] = string(a)
	}
	if len(made) == 0 {
		made = []string{"several attributes"}
	}
	held := make([]string, len(k.Platforms))
	for i, p := range k.Platforms {
		held[i] = fmt.Sprintf("%s %d", p.Platform, p.Rows)
	}
	return fmt.Sprintf("hot key of %s: %d records (%s)", strings.Join(made, " + "), k.Holders, strings.Join(held, ", "))
}
