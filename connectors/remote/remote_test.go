package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
)

var ctx = context.Background()

func open(t testing.TB, yaml, url string) connectors.Connector {
	t.Helper()
	p, err := spec.Parse("platform.yaml", []byte(yaml), func(string) (string, bool) { return url, true })
	require.NoError(t, err)
	c, err := connectors.Open(ctx, p, connectors.Environment{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// The example of the documentation, as it is printed there, is a connector.
func TestConformanceOfTheExample(t *testing.T) {
	var url atomic.Value
	conformance.Run(t, conformance.Harness{
		New: func(t *testing.T) (conformance.Platform, string) {
			d := newDepartment(t)
			url.Store(urlFor(d.nats, "hub"))
			return d, file
		},
		Env: func(string) (string, bool) { return url.Load().(string), true },
		Bad: []conformance.Bad{
			{Name: "unknown column", YAML: func(y string) string { return strings.Replace(y, "column: sjhm", "column: tel", 1) }, Says: "the database has no column tel"},
			{Name: "cannot", YAML: func(y string) string { return strings.Replace(y, "can: [check,", "can: [chekc,", 1) }, Says: `"chekc" is none of`},
			{Name: "no pull", YAML: func(y string) string { return strings.Replace(y, " pull,", "", 1) }, Says: "connect.can must name pull"},
			{Name: "nobody there", YAML: func(y string) string { return strings.Replace(y, "platform: volunteers", "platform: others", 1) }, Says: "no program is connected for this platform"},
			{Name: "short token", YAML: func(y string) string { return strings.Replace(y, "rows: 7", "token: short", 1) }, Says: "at least 16 characters"},
		},
		Incremental: true, Vanishing: true, Conditional: true, Refuses: true, MidCursors: true,
	})
}

func TestTheExampleIsShort(t *testing.T) {
	text, err := os.ReadFile("../../docs/examples/remote/volunteers.py")
	require.NoError(t, err)
	require.Less(t, strings.Count(string(text), "\n"), 150)
}

// A program speaks for its own platform and hears nothing else.
func TestAProgramIsKeptToItsSubjects(t *testing.T) {
	n := broker(t)
	errs := make(chan error, 10)
	program, err := nats.Connect(urlFor(n, "volunteers"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { errs <- err }))
	require.NoError(t, err)
	defer program.Close()
	refused := func(what string) {
		t.Helper()
		require.NoError(t, program.Flush())
		select {
		case err := <-errs:
			require.ErrorIs(t, err, nats.ErrPermissionViolation, what)
		case <-time.After(10 * time.Second):
			t.Fatal(what)
		}
	}
	for _, subject := range []string{"records.>", "heji.remote.v1.others.*", ">", "_INBOX.>"} {
		_, err := program.SubscribeSync(subject)
		require.NoError(t, err)
		refused("subscribe " + subject)
	}
	for _, subject := range []string{"records.volunteers", "heji.remote.v1.others.beat", "heji.remote.v1.volunteers.push", "_INBOX.x"} {
		require.NoError(t, program.Publish(subject, nil))
		refused("publish " + subject)
	}
	_, err = nats.Connect(n.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization, "nobody comes without a name")
}

// fake is a program in this process that a test can make lie.
type fake struct {
	*nats.Conn
	t    *testing.T
	url  string
	beat atomic.Bool
}

// newFake answers each operation as the test says, and beats quickly.
func newFake(t *testing.T, answers map[string]func(*nats.Msg)) *fake {
	t.Helper()
	n := broker(t)
	conn, err := nats.Connect(urlFor(n, "volunteers"))
	require.NoError(t, err)
	f := &fake{Conn: conn, t: t, url: urlFor(n, "hub")}
	f.beat.Store(true)
	welcome := Welcome{Protocol: Version, Program: "fake", Instance: "one", Can: capabilities, Beat: 0.1, Window: 2}
	_, err = conn.Subscribe(Prefix("volunteers")+".*", func(m *nats.Msg) {
		op := m.Subject[strings.LastIndex(m.Subject, ".")+1:]
		if a, ok := answers[op]; ok {
			a(m)
		} else if op == OpHello {
			f.reply(m, welcome)
		}
	})
	require.NoError(t, err)
	require.NoError(t, conn.Flush())
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if f.beat.Load() {
					_ = conn.Publish(Prefix("volunteers")+"."+OpBeat, []byte(`{"instance":"one"}`)) // a closed connection ends the test
				}
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		conn.Close()
	})
	return f
}

func (f *fake) reply(m *nats.Msg, v any) {
	data, err := json.Marshal(v)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		f.t.Error(err)
	}
}

func write(n int) connectors.Write {
	return connectors.Write{Intent: fmt.Sprint("i", n), Batch: "b", Key: "P1", Set: map[string]string{"sjhm": "13900000001"}}
}

// Heartbeats that stop make the platform unreachable at once, in the middle of a
// request too, and not only when its time is over.
func TestSilenceIsUnreachable(t *testing.T) {
	var f *fake
	hang := func(*nats.Msg) { f.beat.Store(false) }
	f = newFake(t, map[string]func(*nats.Msg){OpPull: hang, OpLook: hang, OpCheck: hang})
	yaml := strings.Replace(file, "request_life: 10s", "request_life: 10m", 1)
	for what, ask := range map[string]func(connectors.Connector) error{
		"pull": func(c connectors.Connector) error {
			return c.Pull(timeout(t, 20*time.Second), nil, func(connectors.Batch) error { return nil })
		},
		"check": func(c connectors.Connector) error { return c.Check(timeout(t, 20*time.Second)) },
		"look": func(c connectors.Connector) error {
			_, err := c.(connectors.Looker).Look(timeout(t, 20*time.Second), connectors.Query{Key: "P1"})
			return err
		},
	} {
		f.beat.Store(true)
		err := ask(open(t, yaml, f.url))
		require.ErrorIs(t, err, connectors.ErrUnreachable, what)
		require.ErrorContains(t, err, "no sign of life", what)
	}
}

func timeout(t *testing.T, d time.Duration) context.Context {
	c, cancel := context.WithTimeout(ctx, d)
	t.Cleanup(cancel)
	return c
}

// The program says what is wrong in the words of the kinds.
func TestErrorsOfTheProgram(t *testing.T) {
	var said Failure
	var f *fake
	f = newFake(t, map[string]func(*nats.Msg){OpPull: func(m *nats.Msg) { f.reply(m, Page{Error: &said}) }})
	c := open(t, file, f.url)
	for code, is := range map[string]error{"unreachable": connectors.ErrUnreachable, "credentials": connectors.ErrCredentials, "layout": connectors.ErrLayout,
		"read_only": connectors.ErrReadOnly, "throttled": connectors.ErrThrottled, "new_code": connectors.ErrLayout} {
		said = Failure{Code: code, Text: "the column 电话 is gone; 13912345678", RetryAfter: 7}
		err := c.Pull(ctx, nil, func(connectors.Batch) error { return nil })
		require.ErrorIs(t, err, is)
		require.ErrorContains(t, err, "the column 电话 is gone; …", "I9")
		if code == "throttled" {
			require.Equal(t, 7*time.Second, connectors.RetryAfter(err))
		}
	}
}

// No more than window pages wait to be published, however quick the program is;
// the program learns how far the hub is; a pass that ends early is cancelled.
func TestBackpressure(t *testing.T) {
	pages, cancelled := make(chan PullRequest, 100), make(chan Cancel, 10)
	var f *fake
	f = newFake(t, map[string]func(*nats.Msg){
		OpPull: func(m *nats.Msg) {
			var q PullRequest
			if err := json.Unmarshal(m.Data, &q); err != nil {
				t.Error(err)
			}
			pages <- q
			f.reply(m, Page{Rows: []Row{{Key: fmt.Sprint("P", q.Page)}}, Next: json.RawMessage(fmt.Sprint(q.Page + 1))})
		},
		OpCancel: func(m *nats.Msg) {
			var q Cancel
			if err := json.Unmarshal(m.Data, &q); err != nil {
				t.Error(err)
			}
			cancelled <- q
		},
	})
	c := open(t, file, f.url)
	halt := errors.New("enough")
	emitted := 0
	err := c.Pull(timeout(t, 20*time.Second), nil, func(connectors.Batch) error {
		emitted++
		if emitted == 5 {
			return halt
		}
		return nil
	})
	require.ErrorIs(t, err, halt)
	var told Cancel
	select { // in the order in which they were sent: after every page that was asked for
	case told = <-cancelled:
	case <-time.After(10 * time.Second):
		t.Fatal("the program was not told that nobody reads any more")
	}
	n := len(pages)
	for range n {
		q := <-pages
		require.LessOrEqual(t, q.Page, q.Acked+1, "page %d was asked for when %d were published", q.Page, q.Acked)
		require.Equal(t, q.Read, told.ID)
	}
	require.GreaterOrEqual(t, n, 5)
	require.LessOrEqual(t, n, 6)
}

// A program that is not there has certainly done nothing; one that falls silent
// leaves a doubt; a lying one is believed in nothing (I5).
func TestOutcomesThatNobodyKnows(t *testing.T) {
	var answer func(m *nats.Msg)
	f := newFake(t, map[string]func(*nats.Msg){OpPush: func(m *nats.Msg) { answer(m) }})
	c := open(t, strings.Replace(file, "request_life: 10s", "request_life: 1s", 1), f.url).(connectors.Writer)
	push := func(writes ...connectors.Write) []connectors.Outcome {
		t.Helper()
		out, err := c.Push(timeout(t, 20*time.Second), writes)
		require.NoError(t, err)
		require.Len(t, out, len(writes))
		for i := range writes {
			require.Equal(t, writes[i].Intent, out[i].Intent)
		}
		return out
	}
	answer = func(*nats.Msg) {}
	require.Equal(t, connectors.Doubt, push(write(1))[0].Status, "no answer")
	answer = func(m *nats.Msg) { f.reply(m, PushReply{Outcomes: []Outcome{{Intent: "i2", Status: "applied"}}}) }
	out := push(write(1), write(2))
	require.Equal(t, connectors.Doubt, out[0].Status, "nothing said about it")
	require.Equal(t, connectors.Applied, out[1].Status)
	require.Equal(t, "P1", out[1].Key)
	answer = func(m *nats.Msg) { f.reply(m, PushReply{Outcomes: []Outcome{{Intent: "i1", Status: "done"}}}) }
	require.Equal(t, connectors.Doubt, push(write(1))[0].Status, "a status that is none")
	answer = func(m *nats.Msg) { _ = m.Respond([]byte("<html>")) }
	require.Equal(t, connectors.Doubt, push(write(1))[0].Status, "an answer that is none")
	create := write(1)
	create.Key = ""
	answer = func(m *nats.Msg) { f.reply(m, PushReply{Outcomes: []Outcome{{Intent: "i1", Status: "applied"}}}) }
	require.Equal(t, connectors.Doubt, push(create)[0].Status, "a row without a key")
	answer = func(m *nats.Msg) {
		f.reply(m, PushReply{Error: &Failure{Code: "throttled", Text: "later", RetryAfter: 3}})
	}
	_, err := c.Push(ctx, []connectors.Write{write(1)})
	require.ErrorIs(t, err, connectors.ErrThrottled)
	answer = func(*nats.Msg) { f.beat.Store(false) }
	require.Equal(t, connectors.Doubt, push(write(1))[0].Status, "silence in the middle")
	f.Conn.Close()
	_, err = c.Push(timeout(t, 20*time.Second), []connectors.Write{write(1)})
	require.ErrorIs(t, err, connectors.ErrUnreachable, "nobody there: nothing was attempted")
}

// Writes that do not fit one message go in several; one that fits none is
// refused, and the others go.
func TestManyWritesAreCut(t *testing.T) {
	var sizes []int
	var f *fake
	f = newFake(t, map[string]func(*nats.Msg){OpPush: func(m *nats.Msg) {
		var q PushRequest
		if err := json.Unmarshal(m.Data, &q); err != nil {
			t.Error(err)
		}
		sizes = append(sizes, len(q.Writes))
		var reply PushReply
		for _, w := range q.Writes {
			reply.Outcomes = append(reply.Outcomes, Outcome{Intent: w.Intent, Status: "applied"})
		}
		f.reply(m, reply)
	}})
	c := open(t, file, f.url).(connectors.Writer)
	var writes []connectors.Write
	for n := range 30 {
		w := write(n)
		w.Set["bz"] = strings.Repeat("x", 100<<10)
		writes = append(writes, w)
	}
	writes[3].Set["bz"] = strings.Repeat("x", 2<<20)
	out, err := c.Push(ctx, writes)
	require.NoError(t, err)
	require.Len(t, out, 30)
	for i, o := range out {
		want := connectors.Applied
		if i == 3 {
			want = connectors.Refused
		}
		require.Equal(t, want, o.Status)
		require.Equal(t, writes[i].Intent, o.Intent)
	}
	require.Greater(t, len(sizes), 2)
}

// Another version, another program, a handshake that lacks something.
func TestHandshake(t *testing.T) {
	good := Welcome{Protocol: Version, Program: "fake", Instance: "one", Can: capabilities, Beat: 1}
	for says, change := range map[string]func(*Welcome){
		"speaks version 2 of the protocol": func(w *Welcome) { w.Protocol = 2 },
		"cannot push":                      func(w *Welcome) { w.Can = []string{"pull", "look", "check", "preview"} },
		"no instance":                      func(w *Welcome) { w.Instance = "" },
		"no time between heartbeats":       func(w *Welcome) { w.Beat = 0 },
		"not what docs/remote-protocol.md": nil,
	} {
		var f *fake
		f = newFake(t, map[string]func(*nats.Msg){OpHello: func(m *nats.Msg) {
			w := good
			if change == nil {
				_ = m.Respond([]byte(`{"protocol":"one"}`))
				return
			}
			change(&w)
			f.reply(m, w)
		}})
		err := open(t, file, f.url).Check(ctx)
		require.ErrorIs(t, err, connectors.ErrLayout)
		require.ErrorContains(t, err, says)
	}
}

// Rows that can be nobody's are set aside, with the problem.
func TestRowsThatAreNone(t *testing.T) {
	got := rows([]Row{{Key: " "}, {Key: strings.Repeat("k", 300)}, {Key: "1", Op: "upsert"}, {Op: "dead", Problem: "columns", Place: "line 7"}, {Key: "2"}})
	var problems []string
	for _, r := range got {
		problems = append(problems, string(r.Op)+" "+string(r.Problem))
	}
	require.Equal(t, []string{"dead no_key", "dead too_long", "dead unreadable", "dead columns", "put "}, problems)
}

// A program that was started again is asked anew what it can.
func TestAnotherInstanceIsAskedAnew(t *testing.T) {
	d := newDepartment(t)
	d.Insert(t, map[string]string{"id": "P1", "xm": "测试"})
	c := open(t, file, urlFor(d.nats, "hub"))
	require.NoError(t, c.Check(ctx))
	d.stop()
	require.Eventually(t, func() bool { return errors.Is(c.Check(timeout(t, 10*time.Second)), connectors.ErrUnreachable) }, 20*time.Second, 50*time.Millisecond)
	d.run()
	require.Eventually(t, func() bool { return c.Check(timeout(t, 10*time.Second)) == nil }, 20*time.Second, 50*time.Millisecond)
	list, err := c.(interface {
		Preview(context.Context, int) ([]connectors.Row, error)
	}).Preview(ctx, 5)
	require.NoError(t, err)
	require.Len(t, list, 1)
}
