package desk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// loose names the groups of a split that would fall apart by themselves: nothing
// but the others has held their records together.
func (d *Desk) loose(ctx context.Context, l Lang, j store.Judgement, groups [][]schema.RecordRef) ([]int, error) {
	r, err := d.o.Store.Rehearse(ctx, j)
	if err != nil {
		return nil, d.judgementFailure(ctx, l, err)
	}
	in := map[schema.RecordRef]int{}
	for i, g := range r.Groups {
		for _, id := range g {
			in[r.Records[id].Ref] = i + 1
		}
	}
	var out []int
	for i, g := range groups {
		if slices.ContainsFunc(g, func(ref schema.RecordRef) bool { return in[ref] != in[g[0]] }) {
			out = append(out, i)
		}
	}
	return out, nil
}

// judgementFailure turns a refusal of the store into an answer that says what
// stands in the way and what to do.
func (d *Desk) judgementFailure(ctx context.Context, l Lang, err error) error {
	var clash *store.Contradiction
	var split *store.SplitProblem
	switch {
	case errors.As(err, &clash):
		platforms, readErr := d.o.Store.Platforms(ctx)
		if readErr != nil {
			return readErr
		}
		first := clash.Decisions[0]
		f := fail(http.StatusConflict, "opposite", "id", first.ID, "who", first.Who, "when", first.At.In(d.o.Today().Location()).Format("2006-01-02 15:04"),
			"count", len(clash.Decisions))
		f.decisions = l.decided(platforms, d.o.Today().Location(), clash.Decisions)
		if !namesRecords(ctx) {
			f.decisions = maskedKeys(f.decisions)
		}
		return f
	case errors.As(err, &split):
		platforms, readErr := d.o.Store.Platforms(ctx)
		if readErr != nil {
			return readErr
		}
		names := make([]string, len(split.Refs))
		for i, ref := range split.Refs {
			names[i] = platformName(l, platforms, ref.Platform) + " " + ref.Key
		}
		pairs := []any{"record", "", "anchor", ""}
		for i := range min(len(names), 2) {
			pairs[2*i+1] = names[i]
		}
		code := "split_" + split.Problem
		return fail(http.StatusUnprocessableEntity, code, pairs...)
	}
	for refusal, f := range map[error]*failure{
		store.ErrTwoNumbers:       fail(http.StatusUnprocessableEntity, "two_numbers"),
		store.ErrOneResident:      fail(http.StatusConflict, "one_resident"),
		store.ErrMoved:            fail(http.StatusConflict, "moved"),
		store.ErrNotContradicting: fail(http.StatusUnprocessableEntity, "not_contradicting"),
		store.ErrNothingJoined:    fail(http.StatusConflict, "nothing_joined"),
		store.ErrUndone:           fail(http.StatusConflict, "undone"),
		store.ErrNoUndo:           fail(http.StatusConflict, "no_undo"),
		store.ErrPairGone:         fail(http.StatusConflict, "pair_gone"),
		store.ErrBusy:             fail(http.StatusConflict, "busy"),
	} {
		if errors.Is(err, refusal) {
			return f
		}
	}
	return err
}

// rowOf reads a record's lineage.
func rowOf(r store.Record) (lineage.Row, error) {
	row, err := lineage.Decode(r.State)
	if err != nil {
		return row, fmt.Errorf("record %d: read its state: %w", r.ID, err)
	}
	return row, nil
}
