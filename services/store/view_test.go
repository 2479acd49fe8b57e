package store_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/embedded/pgtest"
	"heji/services/store"
)

// viewed is a store with the desk and two platforms, and a way to put rows in.
type viewed struct {
	*testing.T
	*store.Store
	db *pgxpool.Pool
}

func newViewed(t *testing.T) viewed {
	t.Helper()
	ctx := context.Background()
	dsn := pgtest.DSN(t)
	st, err := store.Open(ctx, dsn, 3)
	require.NoError(t, err)
	t.Cleanup(st.Close)
	db, err := pgxpool.New(ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	for id, class := range map[string]schema.Class{"desk": schema.ClassB, "pension": schema.ClassB, "sealed": schema.ClassD} {
		require.NoError(t, st.RegisterPlatform(ctx, store.Platform{ID: id, Name: id, Kind: "table", Class: class, Writable: true}))
	}
	return viewed{t, st, db}
}

func (v viewed) exec(sql string, args ...any) {
	v.Helper()
	_, err := v.db.Exec(context.Background(), sql, args...)
	require.NoError(v, err)
}

func (v viewed) resident(name, search string) uuid.UUID {
	id := uuid.New()
	v.exec(`INSERT INTO residents (id, name, search) VALUES ($1, $2, $3)`, id, name, search)
	return id
}

func (v viewed) record(platform, key string, resident uuid.UUID) (id int64) {
	v.Helper()
	require.NoError(v, v.db.QueryRow(context.Background(), `INSERT INTO records (platform, key, fence, position, unresolved, resident_id, state)
		VALUES ($1, $2, 1, 1, false, nullif($3::uuid, $4::uuid), '{}') RETURNING id`, platform, key, resident, uuid.Nil).Scan(&id))
	return id
}

func TestSearchInTheStore(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	named := func(name, more string) uuid.UUID {
		values := store.Survivors{"name": {Value: name}, "residence": {Value: schema.Address{Building: "3", Unit: "2", Room: more}.Canonical()}}
		id := v.resident(name, store.SearchText(values)+more+" ")
		raw, err := json.Marshal(values)
		require.NoError(t, err)
		v.exec(`UPDATE residents SET master = $2 WHERE id = $1`, id, raw)
		return id
	}
	weiwei := named("王伟伟", "100%_sure")
	wang := named("王伟", "1801")
	v.exec(`UPDATE residents SET ended_at = now() WHERE id = $1`, named("王伟", "gone"))
	v.exec(`UPDATE residents SET redirect_to = $1 WHERE id = $2`, wang, named("王伟", "merged"))

	for query, want := range map[string][]uuid.UUID{
		"王伟":        {wang, weiwei}, // the name itself comes first
		"WangWei":   {wang, weiwei},
		"王伟 3-2-1":  {wang, weiwei},
		"王伟 3-2-18": {wang},
		"ww 1801":   {wang},
		"王":         {weiwei, wang},
		"%":         nil, "_": nil, `\`: nil, "": nil, " ": nil, "gone": nil, "merged": nil,
	} {
		found, err := v.Search(ctx, query, 10)
		require.NoError(t, err)
		var got []uuid.UUID
		for _, r := range found.Residents {
			got = append(got, r.ID)
		}
		require.Equal(t, want, got, query)
		require.False(t, found.More || found.Near, query)
	}
	found, err := v.Search(ctx, "王", 1)
	require.NoError(t, err)
	require.Len(t, found.Residents, 1)
	require.True(t, found.More)
	found, err = v.Search(ctx, "汪炜", 1)
	require.NoError(t, err)
	require.Equal(t, wang, found.Residents[0].ID, "it sounds the same")
	require.True(t, found.Near)
}

func TestViewIsOneResidentWhole(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	id, old := v.resident("王伟", ""), v.resident("", "")
	v.exec(`UPDATE residents SET redirect_to = $1 WHERE id = $2`, id, old)
	row := v.record("pension", "P1", id)
	anchor := v.record("desk", "new-1", id)
	// A target that still names the resident it was merged from, and a create
	// whose anchor has moved here.
	v.exec(`INSERT INTO targets (platform, key, record_id, resident_id, state, held, refused) VALUES
		('pension', 'P1', $1, $2, 'contested', '{"phone": "contested"}', '{"name": "secret"}')`, row, old)
	v.exec(`INSERT INTO targets (platform, anchor_id, resident_id, state, due_at) VALUES ('pension', $1, $2, 'due', now())`, anchor, old)
	v.exec(`INSERT INTO history (resident_id, kind, attribute, old) VALUES ($1, 'value', 'phone', '{"v": "1"}'), ($1, 'merged', '', NULL)`, id)
	_, err := v.Decide(ctx, store.Choice{Kind: "keep", A: schema.RecordRef{Platform: "pension", Key: "P1"}, Attribute: "phone", Value: "1", Who: "赵"})
	require.NoError(t, err)

	view, err := v.View(ctx, id)
	require.NoError(t, err)
	require.Len(t, view.Records, 2)
	require.False(t, view.FirstSeen[row].IsZero())
	require.Len(t, view.Targets, 2)
	require.Equal(t, map[schema.Attribute]string{"phone": "contested"}, view.Targets[0].Held)
	require.Equal(t, []schema.Attribute{"name"}, view.Targets[0].Refused)
	require.False(t, view.Targets[0].Waiting())
	require.True(t, view.Targets[1].Waiting())
	require.Equal(t, "merged", view.History[0].Kind, "newest first")
	require.Len(t, view.Decisions, 1)

	view, err = v.View(ctx, old)
	require.NoError(t, err)
	require.Equal(t, id, view.Resident.Redirect)
	living, err := v.Living(ctx, old)
	require.NoError(t, err)
	require.Equal(t, id, living)

	_, err = v.View(ctx, uuid.New())
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = v.Living(ctx, uuid.New())
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestEntryStateFollowsTheDesksMark(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	e, _, err := v.SaveNew(ctx, "k", "李", schema.Values{"name": "王伟"})
	require.NoError(t, err)
	state := func() store.EntryState {
		s, err := v.EntryState(ctx, "k")
		require.NoError(t, err)
		return s
	}
	s := state()
	require.False(t, s.Taken || s.Merged())
	require.Equal(t, "王伟", s.Record.Values["name"])
	waiting := func() int64 {
		st, err := v.Stats(ctx)
		require.NoError(t, err)
		return st.Entries
	}
	require.EqualValues(t, 1, waiting(), "the desk was never read")

	rec := v.record("desk", e.Key, uuid.Nil)
	v.exec(`UPDATE records SET unresolved = true WHERE id = $1`, rec)
	mark := func(id int64) {
		raw, err := json.Marshal(id)
		require.NoError(t, err)
		v.exec(`UPDATE platforms SET cursor = $1 WHERE id = 'desk'`, raw)
	}
	mark(e.ID - 1)
	require.False(t, state().Taken)
	require.EqualValues(t, 1, waiting())
	mark(e.ID)
	s = state()
	require.True(t, s.Taken)
	require.Zero(t, waiting())
	require.False(t, s.Merged(), "its record waits to be resolved")
	id := v.resident("王伟", "")
	v.exec(`UPDATE records SET unresolved = false, resident_id = $1 WHERE id = $2`, id, rec)
	s = state()
	require.True(t, s.Merged())
	require.Equal(t, id, s.Resident)

	// A second entry about the record is not merged before the mark passes it.
	edit, _, err := v.SaveEdit(ctx, "edit", "李", id, schema.Values{"phone": "13800001111"})
	require.NoError(t, err)
	require.Equal(t, e.Key, edit.Key)
	s2, err := v.EntryState(ctx, "edit")
	require.NoError(t, err)
	require.False(t, s2.Merged())
	view, err := v.View(ctx, id)
	require.NoError(t, err)
	require.Equal(t, schema.RecordRef{Platform: "desk", Key: e.Key}, view.Desk)

	_, err = v.EntryState(ctx, "nobody's")
	require.ErrorIs(t, err, store.ErrNotFound)

	n, err := v.EntriesSince(ctx, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
	recent, err := v.RecentEntries(ctx, 5)
	require.NoError(t, err)
	require.Len(t, recent, 2)
	require.True(t, recent[0].Edit)
	require.Equal(t, id, recent[1].Resident)
	require.Equal(t, "王伟", recent[1].Name)
}

func TestReviewsShowEachPairOnceAndNothingSealed(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	x, y, z := v.resident("a", ""), v.resident("b", ""), v.resident("c", "")
	a, a2 := v.record("pension", "A", x), v.record("pension", "A2", x)
	b, c := v.record("pension", "B", y), v.record("sealed", "C", z)
	edge := func(a, b int64, weight int, reason string) {
		v.exec(`INSERT INTO edges (a, b, weight, reason) VALUES ($1, $2, $3, $4)`, a, b, weight, reason)
	}
	edge(a, b, 700, "below_link")
	edge(a2, b, 900, "same_id")
	edge(a, c, 2000, "below_link")
	edge(a, a2, 3000, "below_link") // within one resident by now
	list, err := v.Reviews(ctx, store.ReviewFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, 900, list[0].Weight)
	require.Equal(t, "A2", list[0].A.Ref.Key)
	require.Equal(t, "B", list[0].B.Ref.Key)
	list, err = v.Reviews(ctx, store.ReviewFilter{Limit: 10, After: &list[0].Mark})
	require.NoError(t, err)
	require.Empty(t, list)

	ok, err := v.HasRecord(ctx, schema.RecordRef{Platform: "pension", Key: "A"})
	require.NoError(t, err)
	require.True(t, ok)
	ok, err = v.HasRecord(ctx, schema.RecordRef{Platform: "pension", Key: "Z"})
	require.NoError(t, err)
	require.False(t, ok)
}

func TestLastSteps(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	for _, stage := range []schema.Stage{schema.Shadow, schema.Live} {
		_, err := v.Step(ctx, "pension", stage, "赵", "已核对")
		require.NoError(t, err)
	}
	steps, err := v.LastSteps(ctx)
	require.NoError(t, err)
	require.Len(t, steps, 1)
	require.Equal(t, schema.Live, steps["pension"].To)
	require.Equal(t, schema.Shadow, steps["pension"].From)
}
