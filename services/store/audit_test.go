package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/audit"
	"heji/services/crypt"
	"heji/services/embedded/pgtest"
	"heji/services/store"
)

func (v viewed) appendAll(suite crypt.Suite) audit.Head {
	v.Helper()
	for {
		n, head, err := v.AppendAudit(context.Background(), suite, 7)
		require.NoError(v, err)
		if n < 7 {
			return head
		}
	}
}

// What people do is in the chain, in their names, without values.
func TestAuditSaysWhoDidWhat(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	who := func() map[string]string {
		v.appendAll(crypt.SM)
		list, err := v.AuditRows(ctx, store.AuditQuery{Limit: 1000})
		require.NoError(t, err)
		out := map[string]string{}
		for _, r := range list {
			out[r.Did] = r.Who
			require.Equal(t, "sm3", r.Hash)
			for _, f := range []string{r.What, r.Why, r.Detail} {
				require.NotContains(t, f, "15400001111")
				require.NotContains(t, f, "欧阳")
			}
		}
		return out
	}
	_, _, err := v.SaveNew(ctx, "r1", "李网格", schema.Values{schema.Name: "欧阳沐辰", schema.Phone: "15400001111"})
	require.NoError(t, err)
	_, err = v.Step(ctx, "pension", schema.Live, "周主任", "试点")
	require.NoError(t, err)
	require.NoError(t, v.StopWrites(ctx, true))
	require.NoError(t, v.StopWrites(audit.With(ctx, "account:zhou"), false))
	require.NoError(t, v.Pause(ctx, "pension", true))
	require.NoError(t, v.Pause(ctx, "pension", false))
	require.ErrorIs(t, v.Pause(ctx, "nowhere", false), store.ErrNotFound)
	require.NoError(t, v.Reread(ctx, "pension", "吴工", "电话 15400001111 不对"))
	require.NoError(t, v.SetAside(ctx, []store.Dead{{Platform: "pension", Stage: "pull", Place: "f:1", Key: "K1", Problem: "bad"}}))
	require.NoError(t, v.DropDead(ctx, []int64{1}, "吴工", "测试行"))
	x, y := v.resident("a", "a"), v.resident("b", "b")
	v.record("pension", "K1", x)
	v.record("pension", "K2", y)
	_, err = v.Decide(ctx, store.Choice{Kind: "not_same", A: schema.RecordRef{Platform: "pension", Key: "K1"}, B: schema.RecordRef{Platform: "pension", Key: "K2"}, Who: "孙审核"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"agreement.read": "heji", "entry": "李网格", "platform.step": "周主任", "writes.stop": "anonymous",
		"writes.resume": "account:zhou", "platform.pause": "anonymous", "platform.resume": "anonymous", "platform.resync": "吴工",
		"dead.drop": "吴工", "decision.not_same": "孙审核"}, who())
	list, err := v.AuditRows(ctx, store.AuditQuery{Did: "writes", Limit: 9})
	require.NoError(t, err)
	require.Len(t, list, 2)
	list, err = v.AuditRows(ctx, store.AuditQuery{What: "platform/pension", Who: "周主任", From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Limit: 9})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "试点", list[0].Why)
	_, err = v.VerifyAudit(ctx, nil)
	require.NoError(t, err)
}

// What is undone leaves no note.
func TestAuditIsOfTheTransaction(t *testing.T) {
	v := newViewed(t)
	before := v.appendAll(crypt.International)
	require.Error(t, v.DropDead(context.Background(), []int64{99}, "a", "b"))
	_, err := v.Step(context.Background(), "nowhere", schema.Live, "a", "b")
	require.Error(t, err)
	require.Equal(t, before, v.appendAll(crypt.International))
}

// Writers in several processes, appenders in two, restarts between: one chain
// that holds, and every note in it once.
func TestAuditOneChain(t *testing.T) {
	ctx := context.Background()
	dsn := pgtest.DSN(t)
	const writers, each = 6, 40
	var stores []*store.Store
	open := func() *store.Store {
		st, err := store.Open(ctx, dsn, 4)
		require.NoError(t, err)
		stores = append(stores, st)
		t.Cleanup(st.Close)
		return st
	}
	a, b := open(), open()
	writing, stop := context.WithCancel(ctx)
	var wrote, appended sync.WaitGroup
	errs := make(chan error, writers*each+2)
	for w := range writers {
		wrote.Go(func() {
			for i := range each {
				errs <- []*store.Store{a, b}[w%2].Note(ctx, fmt.Sprint("w", w), audit.Note{Did: "test", What: fmt.Sprint("n/", w, "/", i)}, nil)
			}
		})
	}
	for _, st := range []*store.Store{a, b} {
		appended.Go(func() {
			for writing.Err() == nil {
				if _, _, err := st.AppendAudit(ctx, crypt.International, 5); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wrote.Wait()
	stop()
	appended.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	c := open() // a restart, with the other algorithms
	for n := 5; n == 5; {
		var err error
		n, _, err = c.AppendAudit(ctx, crypt.SM, 5)
		require.NoError(t, err)
	}
	require.NoError(t, c.Note(ctx, "", audit.Note{Did: "last"}, nil))
	_, head, err := c.AppendAudit(ctx, crypt.SM, 5)
	require.NoError(t, err)
	report, err := c.VerifyAudit(ctx, []audit.Head{head})
	require.NoError(t, err)
	require.Equal(t, head, report.Head)
	require.Zero(t, report.Waiting)
	list, err := c.AuditRows(ctx, store.AuditQuery{Did: "test", Limit: 1000})
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, r := range list {
		require.False(t, seen[r.What], "twice")
		seen[r.What] = true
	}
	require.Len(t, seen, writers*each)
}

// The database refuses; who gets around that is found.
func TestAuditTampering(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	for i := range 5 {
		require.NoError(t, v.Note(ctx, "a", audit.Note{Did: "test", What: fmt.Sprint("n/", i)}, nil))
	}
	head := v.appendAll(crypt.International)
	require.NoError(t, v.Note(ctx, "a", audit.Note{Did: "waits"}, nil))
	for _, sql := range []string{`UPDATE audit SET who = 'b' WHERE seq = 2`, `DELETE FROM audit WHERE seq = 2`, `TRUNCATE audit`,
		`UPDATE audit_notes SET who = 'b'`, `DELETE FROM audit_notes`, `TRUNCATE audit_notes`, `TRUNCATE audit_closed`,
		`WITH x AS (INSERT INTO audit_closed (upto, sum, rows, began, ended) VALUES (9, '\x00', 9, now(), now())) DELETE FROM audit WHERE seq < 3`} {
		_, err := v.db.Exec(ctx, sql)
		require.ErrorContains(t, err, "only ever added to", sql)
	}
	_, err := v.VerifyAudit(ctx, nil)
	require.NoError(t, err)
	around := func(sql string) {
		v.exec(`ALTER TABLE audit DISABLE TRIGGER ALL; ` + sql + `; ALTER TABLE audit ENABLE TRIGGER ALL`)
	}
	broken := func(seq int64, heads ...audit.Head) {
		t.Helper()
		_, err := v.VerifyAudit(ctx, heads)
		var b *audit.Broken
		require.True(t, errors.As(err, &b), "%v", err)
		require.Equal(t, seq, b.Seq, b.Says)
	}
	around(`UPDATE audit SET who = 'b' WHERE seq = 2`)
	broken(2)
	around(`UPDATE audit SET who = (SELECT who FROM audit WHERE seq = 3) WHERE seq = 2`)
	around(`UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 3`)
	broken(3)
	around(`DELETE FROM audit WHERE seq = 4`)
	around(`DELETE FROM audit WHERE seq <= 3`)
	broken(1)
	around(`DELETE FROM audit`)
	_, err = v.VerifyAudit(ctx, nil)
	require.NoError(t, err, "of an end that was cut off the chain itself cannot know")
	broken(1, head)
	// Rows taken out with a closing that the chain does not tell of.
	v.appendAll(crypt.International)
	around(`DELETE FROM audit WHERE seq = 1`)
	v.exec(`INSERT INTO audit_closed (upto, sum, rows, began, ended) VALUES (1, '\x01', 1, now(), now())`)
	require.NoError(t, v.Note(ctx, "a", audit.Note{Did: "goes on"}, nil))
	v.appendAll(crypt.International)
	broken(1)
}

// Old rows go by whole months, leave their last hash and a row that tells of it;
// nothing goes before its time.
func TestAuditIsKept(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	days, err := v.AuditKeep(ctx)
	require.NoError(t, err)
	require.Equal(t, store.AuditKeepDefault, days)
	require.ErrorIs(t, v.SetAuditKeep(ctx, 182, "a", ""), store.ErrAuditKeep)
	require.NoError(t, v.SetAuditKeep(ctx, 200, "审计员", "规定"))
	v.appendAll(crypt.International)
	start, err := v.AuditRows(ctx, store.AuditQuery{Limit: 1000})
	require.NoError(t, err)
	for _, age := range []int{300, 290, 236, 190, 3} {
		v.exec(`INSERT INTO audit_notes (at, who, did) VALUES (now() - make_interval(days => $1), 'a', 'old.' || $1::text)`, age)
	}
	v.appendAll(crypt.International)
	n, err := v.CloseAudit(ctx, crypt.International)
	require.NoError(t, err)
	require.Zero(t, n, "younger rows lie before them in the chain")

	v = newViewed(t)
	require.NoError(t, v.SetAuditKeep(ctx, 200, "审计员", "规定"))
	require.NotEmpty(t, start)
	v.exec(`ALTER TABLE audit_notes DISABLE TRIGGER ALL; DELETE FROM audit_notes; ALTER TABLE audit_notes ENABLE TRIGGER ALL`)
	for _, age := range []int{300, 290, 236, 190, 3} {
		v.exec(`INSERT INTO audit_notes (at, who, did) VALUES (now() - make_interval(days => $1), 'a', 'old.' || $1::text)`, age)
	}
	v.appendAll(crypt.SM)
	n, err = v.CloseAudit(ctx, crypt.SM)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	again, err := v.CloseAudit(ctx, crypt.SM)
	require.NoError(t, err)
	require.Zero(t, again)
	list, err := v.AuditRows(ctx, store.AuditQuery{Limit: 10})
	require.NoError(t, err)
	var did []string
	for _, r := range list {
		did = append(did, r.Did)
	}
	require.Equal(t, []string{"old.190", "old.3", "audit.close"}, did)
	require.Contains(t, list[2].Detail, `"upto":3`)
	report, err := v.VerifyAudit(ctx, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, report.Closed)
	require.NoError(t, v.Note(ctx, "a", audit.Note{Did: "after"}, nil))
	v.appendAll(crypt.SM)
	_, err = v.VerifyAudit(ctx, []audit.Head{report.Head})
	require.NoError(t, err)
	_, err = v.db.Exec(ctx, `DELETE FROM audit WHERE seq = 4`)
	require.ErrorContains(t, err, "younger than 183 days", strings.Join(did, " "))
}
