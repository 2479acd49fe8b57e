package merge

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
	"heji/services/survivorship"
)

// TestACampaignWaitsForResolutions: a resolution that read a platform's stage
// before the step, and commits after the campaign has looked at all rows, leaves
// no row behind that nobody looks at.
func TestACampaignWaitsForResolutions(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.RegisterPlatform(w.ctx, store.Platform{ID: "alpha", Name: "alpha", Kind: "test", Class: schema.ClassB, Writable: true}))
	w.takeIn([]schema.Record{w.message("alpha", "A1", schema.OpPut, schema.Values{schema.Name: "欧阳沐辰"})})
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
	count := func(sql string) (n int) {
		require.NoError(t, conn.QueryRow(w.ctx, sql).Scan(&n))
		return n
	}

	written, commit, resolved := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		resolved <- w.store.Resolve(w.ctx, func(r *store.Resolution) error {
			ids, err := r.ClaimAll(w.ctx, 10)
			if err != nil {
				return err
			}
			who := uuid.New()
			due, err := r.Write(w.ctx, store.Resolved{Records: ids, Seeds: ids, Done: ids, Membership: map[int64]uuid.UUID{ids[0]: who},
				Residents: []store.Resident{{ID: who, Master: store.Survivors{schema.Name: survivorship.Survivor{Value: "欧阳沐辰"}}}}, Touched: []uuid.UUID{who}})
			if err == nil && len(due) > 0 {
				t.Error("nothing is due before the step")
			}
			close(written)
			<-commit
			return err
		})
	}()
	<-written
	stepped := make(chan error, 1)
	go func() {
		_, err := w.store.Step(w.ctx, "alpha", schema.Live, "steward", "")
		stepped <- err
	}()
	// The step is over, or it waits.
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if count(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`) > 0 || len(stepped) > 0 {
			tick.Stop()
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("the step neither ends nor waits")
		case <-tick.C:
		}
	}
	close(commit)
	require.NoError(t, <-resolved)
	require.NoError(t, <-stepped)
	require.Equal(t, []string{"A1"}, w.campaign("alpha", 10, nil))
	require.Equal(t, 1, count(`SELECT count(*) FROM targets WHERE platform = 'alpha' AND key = 'A1' AND state = 'green'`))
}

// campaign looks at the next rows of a platform's campaign, finds that they show
// what they should, and returns their keys.
func (w *world) campaign(platform string, limit int, meanwhile func()) (keys []string) {
	keys, _ = w.campaignOf(platform, limit, meanwhile)
	return keys
}

// campaignOf returns, too, what was seen of each row's master record.
func (w *world) campaignOf(platform string, limit int, meanwhile func()) (keys, seen []string) {
	lease, ok, err := w.store.TakeWriteLease(w.ctx, platform, "test", time.Hour)
	require.NoError(w.t, err)
	require.True(w.t, ok)
	n, _, err := w.store.Campaign(w.ctx, lease, limit, 0, func(_ store.Platform, list []store.Target) (out []store.Verdict, err error) {
		for _, x := range list {
			require.NotContains(w.t, x.Resident.Master, schema.BirthDate, "nobody has agreed on it")
			seen = append(seen, x.Resident.Master[schema.Name].Value+" "+x.Resident.Master[schema.Phone].Value)
			keys = append(keys, x.Key)
			out = append(out, store.Verdict{State: store.TargetGreen})
		}
		if meanwhile != nil {
			meanwhile()
		}
		return out, nil
	})
	require.NoError(w.t, err)
	require.Len(w.t, keys, n)
	return keys, seen
}

// A campaign stores what stands as it stands, page by page, and goes on where it
// was after a restart. What changes while a page is looked at is due all the same,
// whoever commits first.
func TestACampaignPageByPage(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.RegisterPlatform(w.ctx, store.Platform{ID: "alpha", Name: "alpha", Kind: "test", Class: schema.ClassB, Writable: true,
		Agreement: schema.Agreement{Receives: map[schema.Attribute]schema.Mode{schema.Phone: schema.Overwrite},
			Scope: []schema.Condition{{Attribute: schema.Name, NotIn: []string{"nobody"}}}}}))
	names := map[string]string{"A1": "欧阳沐辰", "A2": "司马青禾", "A3": "上官子墨", "A4": "诸葛明远", "A5": "东方既白"}
	say := func(key, phone string) { // everybody has a birth date, which is nobody else's to know
		w.takeIn([]schema.Record{w.message("alpha", key, schema.OpPut, schema.Values{schema.Name: names[key], schema.Phone: phone, schema.BirthDate: "1980-03-07"})})
	}
	for key := range names {
		say(key, "")
	}
	w.drain()
	resolve := func() { // without a bus, nobody is told of what becomes due
		for {
			out, err := w.service.resolveOnce(w.ctx, (*store.Resolution).ClaimAll, 10, true)
			require.NoError(t, err)
			if out.claimed == 0 {
				return
			}
		}
	}
	stands := func() map[string]string {
		conn, err := pgx.Connect(w.ctx, w.dsn)
		require.NoError(t, err)
		defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
		rows, err := conn.Query(w.ctx, `SELECT key, state || CASE WHEN due_at IS NULL THEN '' ELSE ', due' END FROM targets WHERE platform = 'alpha'`)
		require.NoError(t, err)
		out := map[string]string{}
		var key, state string
		_, err = pgx.ForEachRow(rows, []any{&key, &state}, func() error { out[key] = state; return nil })
		require.NoError(t, err)
		return out
	}
	waits := func() int64 {
		st, err := w.store.Stats(w.ctx)
		require.NoError(t, err)
		require.Equal(t, st.Platforms["alpha"].Due > 0, st.Platforms["alpha"].OldestDue != nil)
		return st.Platforms["alpha"].Due
	}

	n, err := w.store.Step(w.ctx, "alpha", schema.Live, "steward", "")
	require.NoError(t, err)
	require.EqualValues(t, 5, n)
	require.EqualValues(t, 5, waits(), "nobody takes the platform for done")
	require.Empty(t, stands())
	say("A2", "15400000002") // waits to be resolved: its master record is stale
	keys, seen := w.campaignOf("alpha", 2, nil)
	require.Equal(t, []string{"A1", "A2"}, keys)
	require.Equal(t, []string{"欧阳沐辰 ", "司马青禾 "}, seen, "what the agreement names, and no more")
	require.Equal(t, map[string]string{"A1": "green", "A2": "due, due"}, stands())
	require.EqualValues(t, 4, waits())

	// A3 is resolved between the reading of the page and its storing, and A1, which
	// was looked at before, after it.
	require.Equal(t, []string{"A3", "A4"}, w.campaign("alpha", 2, func() {
		say("A3", "15400000003")
		resolve()
	}))
	say("A1", "15400000001")
	resolve()
	require.Equal(t, map[string]string{"A1": "due, due", "A2": "due, due", "A3": "due, due", "A4": "green"}, stands())

	// A pause holds it, a step back ends it, and the next one begins anew.
	require.NoError(t, w.store.Pause(w.ctx, "alpha", true))
	require.Empty(t, w.campaign("alpha", 2, nil))
	require.NoError(t, w.store.Pause(w.ctx, "alpha", false))
	_, err = w.store.Step(w.ctx, "alpha", schema.ReadOnly, "steward", "")
	require.NoError(t, err)
	require.Empty(t, w.campaign("alpha", 2, nil))
	require.Zero(t, waits())
	n, err = w.store.Step(w.ctx, "alpha", schema.Live, "steward", "")
	require.NoError(t, err)
	require.EqualValues(t, 5, n, "the four that are known, and the fifth")
	require.Equal(t, []string{"A5"}, w.campaign("alpha", 2, nil))
	require.Empty(t, w.campaign("alpha", 2, nil), "it is over")
	require.Equal(t, map[string]string{"A1": "due, due", "A2": "due, due", "A3": "due, due", "A4": "due, due", "A5": "green"}, stands())
	require.EqualValues(t, 4, waits())
}

// A campaign begins the writes that a person has approved with it, and only of rows
// that are still what it has read: what changed, what somebody else holds or has
// made due, and what is more than may be written at once is looked at again.
func TestACampaignWritesWhatItHasRead(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.RegisterPlatform(w.ctx, store.Platform{ID: "alpha", Name: "alpha", Kind: "test", Class: schema.ClassB, Writable: true,
		Agreement: schema.Agreement{Receives: map[schema.Attribute]schema.Mode{schema.Phone: schema.Overwrite}}}))
	say := func(key, phone string) {
		w.takeIn([]schema.Record{w.message("alpha", key, schema.OpPut, schema.Values{schema.Name: "诸葛明远" + key, schema.Phone: phone})})
	}
	for _, key := range []string{"A1", "A2", "A3", "A4", "A5", "A6", "A7"} {
		say(key, "")
	}
	w.drain()
	_, err := w.store.Step(w.ctx, "alpha", schema.Live, "steward", "")
	require.NoError(t, err)
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
	held, err := conn.Begin(w.ctx)
	require.NoError(t, err)

	lease, ok, err := w.store.TakeWriteLease(w.ctx, "alpha", "test", time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	of := map[string]uuid.UUID{}
	seen, opened, err := w.store.Campaign(w.ctx, lease, 10, 5, func(p store.Platform, list []store.Target) (out []store.Verdict, err error) {
		for _, x := range list {
			require.True(t, p.Approved(x.Since), "the campaign is what approves it")
			of[x.Key] = uuid.Must(uuid.NewV7())
			v := store.Verdict{State: store.TargetOpen, RecordID: x.Record.ID, RecordState: x.Record.State,
				Intent: &store.Intent{ID: of[x.Key], Key: x.Key, Fields: map[schema.Attribute]store.IntentField{schema.Phone: {Wire: "15400000001"}}}}
			if x.Key == "A1" { // goes another way as well
				v.Proposals = []store.Proposal{{Platform: "alpha", Key: x.Key, Attribute: schema.Phone, Resident: x.Resident.ID, Proposed: "15400000001"}}
			}
			out = append(out, v)
		}
		say("A2", "15400000002") // and resolved: the target is there before ours
		for {
			n, err := w.service.resolveOnce(w.ctx, (*store.Resolution).ClaimAll, 10, true)
			require.NoError(t, err)
			if n.claimed == 0 {
				break
			}
		}
		say("A3", "15400000003")
		_, err = held.Exec(w.ctx, `SELECT FROM records WHERE platform = 'alpha' AND key = 'A4' FOR NO KEY UPDATE`)
		return out, err
	})
	require.NoError(t, err)
	require.NoError(t, held.Rollback(w.ctx))
	require.Equal(t, 7, seen)
	var made []uuid.UUID
	for _, in := range opened {
		require.NotZero(t, in.Target)
		made = append(made, in.ID)
	}
	require.ElementsMatch(t, []uuid.UUID{of["A5"], of["A6"]}, made)

	open, err := w.store.OpenIntents(w.ctx, "alpha")
	require.NoError(t, err)
	require.Len(t, open, 2, "durable before anybody is called")
	rows, err := conn.Query(w.ctx, `SELECT key, state || CASE WHEN due_at IS NULL THEN '' ELSE ', due' END FROM targets WHERE platform = 'alpha'`)
	require.NoError(t, err)
	stands := map[string]string{}
	var key, state string
	_, err = pgx.ForEachRow(rows, []any{&key, &state}, func() error { stands[key] = state; return nil })
	require.NoError(t, err)
	require.Equal(t, map[string]string{"A1": "due, due", "A2": "due, due", "A3": "due, due", "A4": "due, due",
		"A5": "open", "A6": "open", "A7": "due, due"}, stands)
}
