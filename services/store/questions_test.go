package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

var asking = store.Asking{Platform: "marriage", Natural: []string{"name", "id_number"}, Gives: []string{"marital_status"},
	Again: 28 * 24 * time.Hour, PerDay: 2, Zone: "Asia/Shanghai"}

func everybody(schema.Values) bool { return true }

func order(list []store.Person) []string {
	out := []string{}
	for _, p := range list {
		out = append(out, p.Values["name"])
	}
	return out
}

// The most useful question first, and nobody twice.
func TestWhomToAsk(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	require.NoError(t, v.RegisterPlatform(ctx, store.Platform{ID: "marriage", Name: "marriage", Kind: "rest"}))
	person := func(name, master, asked, answered, by string) {
		t.Helper()
		id := v.resident(name, name)
		v.exec(`UPDATE residents SET master = $2::jsonb || jsonb_build_object('name', jsonb_build_object('v', $3::text), 'id_number', jsonb_build_object('v', 'N-' || $3::text)) WHERE id = $1`, id, master, name)
		v.record(by, "K-"+name, id)
		if asked != "" {
			v.exec(`INSERT INTO questions (platform, person, asked_at, answered_at) VALUES ('marriage', $1::text || chr(31) || 'N-' || $1::text,
				now() - $2::interval, CASE WHEN $3 THEN now() END)`, name, asked, answered == "answered")
		}
		if master == `{"marital_status": {"v": "40", "changed": 1}}` {
			v.exec(`INSERT INTO history (resident_id, kind, attribute, new, at) VALUES ($1, 'value', 'marital_status', '{"v": "40", "s": {"platform": "pension", "key": "x"}}', now() - interval '1 hour')`, id)
		}
	}
	const known, missing, disputed = `{"marital_status": {"v": "20"}}`, `{}`, `{"marital_status": {"v": "20", "x": true}}`
	person("old", known, "40 days", "answered", "pension")
	person("older", known, "50 days", "answered", "pension")
	person("fresh", known, "5 days", "answered", "pension")
	person("new and known", known, "", "", "pension")
	person("new and missing", missing, "", "", "pension")
	person("new and disputed", disputed, "", "", "pension")
	person("no answer", known, "1 hour", "", "pension")
	person("no answer yet", known, "1 minute", "", "pension")
	person("disputed again", disputed, "10 days", "answered", "pension")
	person("disputed lately", disputed, "1 day", "answered", "pension")
	person("changed since", `{"marital_status": {"v": "40", "changed": 1}}`, "2 days", "answered", "pension")
	person("only our own answer", missing, "", "", "marriage")
	v.exec(`UPDATE residents SET master = master - 'id_number' WHERE id = $1`, v.resident("without a number", ""))
	gone := v.resident("gone", "")
	v.exec(`UPDATE residents SET ended_at = now(), master = '{"name": {"v": "gone"}, "id_number": {"v": "N-gone"}}' WHERE id = $1`, gone)
	v.record("pension", "K-gone", gone)
	twin := v.resident("twin", "") // the same natural key: one question
	v.exec(`UPDATE residents SET master = '{"name": {"v": "older"}, "id_number": {"v": "N-older"}}' WHERE id = $1`, twin)
	v.record("pension", "K-twin", twin)

	list, err := v.WhomToAsk(ctx, asking, 100, everybody)
	require.NoError(t, err)
	got := order(list)
	require.ElementsMatch(t, []string{"new and missing", "new and disputed"}, got[:2])
	require.Equal(t, []string{"new and known", "no answer", "changed since", "disputed again", "older", "old"}, got[2:])
	list, err = v.WhomToAsk(ctx, asking, 100, func(s schema.Values) bool { return s["name"] == "old" })
	require.NoError(t, err)
	require.Equal(t, []string{"old"}, order(list), "scope")
}

// Counted before it is asked, by whoever holds the lease, and never above the
// day's number.
func TestQuestionsOfADay(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	require.NoError(t, v.RegisterPlatform(ctx, store.Platform{ID: "marriage", Name: "marriage", Kind: "rest"}))
	l, ok, err := v.TakePullLease(ctx, "marriage", "a", time.Minute)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, v.Reserve(ctx, asking, l, "p1"))
	left, err := v.QuestionsLeft(ctx, asking)
	require.NoError(t, err)
	require.Equal(t, 1, left)
	require.NoError(t, v.GiveBack(ctx, asking))
	require.NoError(t, v.Reserve(ctx, asking, l, "p1"))
	require.NoError(t, v.Reserve(ctx, asking, l, "p2"))
	require.ErrorIs(t, v.Reserve(ctx, asking, l, "p3"), store.ErrQuota)
	today, err := v.QuestionsToday(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]store.Day{"marriage": {Asked: 2, PerDay: 2}}, today)
	require.ErrorIs(t, v.Reserve(ctx, store.Asking{Platform: "marriage", PerDay: 9, Zone: "Asia/Shanghai"}, store.Lease{Platform: "marriage", Fence: l.Fence - 1}, "p4"), store.ErrFence)

	// An answer that was published and never taken in is published again.
	v.exec(`INSERT INTO pull_runs (platform, fence, taken) VALUES ('marriage', $1, '{[1,6)}') ON CONFLICT (platform, fence) DO UPDATE SET taken = excluded.taken`, l.Fence)
	require.NoError(t, v.Answered(ctx, l, 5, store.Answer{Person: "p1", Keys: []string{"M1"}}))
	second := store.Answer{Person: "p2", Keys: []string{}, Records: []schema.Record{{Platform: "marriage", Op: schema.OpDelete, Key: "M2"}}}
	require.NoError(t, v.Answered(ctx, l, 6, second))
	lost, err := v.LostAnswers(ctx, store.Lease{Platform: "marriage", Fence: l.Fence})
	require.NoError(t, err)
	require.Empty(t, lost, "it is still on its way")
	lost, err = v.LostAnswers(ctx, store.Lease{Platform: "marriage", Fence: l.Fence + 1})
	require.NoError(t, err)
	require.Equal(t, []store.Answer{second}, lost)

	// Nobody has these natural keys: their rows go.
	list, err := v.NobodyAsks(ctx, asking)
	require.NoError(t, err)
	require.Equal(t, []store.Unasked{{Person: "p1", Keys: []string{"M1"}}, {Person: "p2", Keys: []string{}}}, list)
	require.NoError(t, v.Forget(ctx, "marriage", list))
	list, err = v.NobodyAsks(ctx, asking)
	require.NoError(t, err)
	require.Empty(t, list)
}
