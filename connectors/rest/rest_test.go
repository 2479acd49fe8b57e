package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
	"heji/schema"
)

func connect(t *testing.T, yaml string) connectors.Connector {
	t.Helper()
	p, err := spec.Parse("platform.yaml", []byte(yaml), env)
	require.NoError(t, err)
	c, err := Open(context.Background(), p, connectors.Environment{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func row(n int) map[string]string {
	return map[string]string{"id": fmt.Sprintf("P%03d", n), "xm": "测试", "sjhm": "1", "sfzh": fmt.Sprintf("N%d", n)}
}

func nothing(connectors.Batch) error { return nil }

func write(intent string) connectors.Write {
	return connectors.Write{Intent: intent, Key: "P001", Set: map[string]string{"sjhm": "13912345678"}, If: map[string]string{"sjhm": "1"}}
}

// answers makes the platform give one answer to everything but reads of single
// rows, if reads is false.
func (c *clinic) answers(reads bool, give func(w http.ResponseWriter)) {
	c.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && !reads {
			return false
		}
		give(w)
		return true
	})
}

func TestTroubleWhileReading(t *testing.T) {
	for _, test := range []struct {
		name string
		give func(w http.ResponseWriter)
		is   error
		says string
	}{
		{"HTML", func(w http.ResponseWriter) { fmt.Fprint(w, "<html>请登录</html>") }, connectors.ErrLayout, "login page or a maintenance page"},
		{"empty", func(w http.ResponseWriter) {}, connectors.ErrLayout, "empty"},
		{"500", func(w http.ResponseWriter) { w.WriteHeader(500) }, connectors.ErrUnreachable, "500"},
		{"half an answer", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"data":`)
		}, connectors.ErrUnreachable, "ends in the middle"},
		{"429", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "17"); w.WriteHeader(429) }, connectors.ErrThrottled, "429"},
		{"redirect", func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://elsewhere.invalid/login")
			w.WriteHeader(302)
		}, connectors.ErrLayout, "login page"},
		{"403", func(w http.ResponseWriter) { w.WriteHeader(403); fmt.Fprint(w, conformance.Secret) }, connectors.ErrCredentials, "connect.auth"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newClinic(t, cursors)
			p.Insert(t, row(1))
			p.answers(true, test.give)
			c := connect(t, p.yaml())
			err := c.Pull(context.Background(), nil, nothing)
			require.ErrorIs(t, err, test.is)
			require.Contains(t, err.Error(), test.says)
			require.NotContains(t, err.Error(), conformance.Secret)
			if test.name == "429" {
				require.Equal(t, 17*time.Second, connectors.RetryAfter(err))
			}
			p.answer(nil)
			require.NoError(t, c.Pull(context.Background(), nil, nothing), "the same connector goes on when the trouble is over")
		})
	}
}

// What a write's trouble is called decides whether it may be done again.
func TestTroubleWhileWriting(t *testing.T) {
	for _, test := range []struct {
		name   string
		give   func(w http.ResponseWriter)
		status connectors.Status
	}{
		{"500", func(w http.ResponseWriter) { w.WriteHeader(500) }, connectors.Doubt},
		{"502", func(w http.ResponseWriter) { w.WriteHeader(502) }, connectors.Doubt},
		{"503 promised", func(w http.ResponseWriter) { w.WriteHeader(503) }, connectors.Busy},
		{"HTML", func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }, connectors.Doubt},
		{"broken", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, connectors.Doubt},
		{"429", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "9"); w.WriteHeader(429) }, connectors.Busy},
		{"401", func(w http.ResponseWriter) { w.WriteHeader(401) }, connectors.Busy},
		{"404", func(w http.ResponseWriter) { w.WriteHeader(404) }, connectors.Gone},
		{"412", func(w http.ResponseWriter) { w.WriteHeader(412) }, connectors.Missed},
		{"400", func(w http.ResponseWriter) {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"message":"电话 13912345678 不对"}`)
		}, connectors.Refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newClinic(t, cursors)
			p.Insert(t, row(1))
			p.answers(false, test.give)
			c := connect(t, strings.Replace(p.yaml(), "connect:\n", "connect:\n  not_done: [503]\n", 1)).(connectors.Writer)
			out, err := c.Push(context.Background(), []connectors.Write{write("i")})
			require.NoError(t, err)
			require.Equal(t, test.status, out[0].Status, out[0].Reason)
			require.NotContains(t, out[0].Reason, "13912345678", "I9")
			if test.name == "429" {
				require.Equal(t, 9*time.Second, out[0].RetryAfter)
			}
			if test.name == "400" {
				require.Contains(t, out[0].Reason, "不对")
			}
		})
	}
}

// A platform that never answers: a read is an error, a write is Doubt, and both
// end with the time that a request may take. Nothing is sent twice.
func TestTimeout(t *testing.T) {
	p := newClinic(t, cursors)
	p.Insert(t, row(1))
	release := make(chan struct{})
	defer close(release)
	var writes atomic.Int32
	p.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/P001") {
			return false
		}
		if r.Method != http.MethodGet {
			writes.Add(1)
		}
		<-release
		return true
	})
	c := connect(t, strings.Replace(p.yaml(), "connect:\n", "connect:\n  timeout: 150ms\n", 1))
	require.ErrorIs(t, c.Pull(context.Background(), nil, nothing), connectors.ErrUnreachable)
	out, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{write("i")})
	require.NoError(t, err)
	require.Equal(t, connectors.Doubt, out[0].Status)
	require.Contains(t, out[0].Reason, "no answer within")
	require.Equal(t, int32(1), writes.Load())
}

func TestNoConnectionIsBusy(t *testing.T) {
	p := newClinic(t, times)
	yaml := strings.Replace(p.yaml(), p.server.URL, "http://127.0.0.1:1", 1)
	out, err := connect(t, yaml).(connectors.Writer).Push(context.Background(), []connectors.Write{write("i"), {Intent: "c", Set: map[string]string{"xm": "新"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Busy, out[0].Status)
	require.Equal(t, connectors.Busy, out[1].Status)
}

// 500 for an hour: one try each second, none of which waits, loses or leaks
// anything; afterwards the pass goes on where it was.
func TestFiveHundredForAnHour(t *testing.T) {
	p := newClinic(t, cursors)
	p.Insert(t, row(1))
	c := connect(t, p.yaml())
	var at connectors.Cursor
	keep := func(b connectors.Batch) error {
		if b.Cursor != nil {
			at = b.Cursor
		}
		return nil
	}
	require.NoError(t, c.Pull(context.Background(), nil, keep))
	p.Insert(t, row(2))
	p.answers(true, func(w http.ResponseWriter) { w.WriteHeader(500) })
	for range 3600 {
		require.ErrorIs(t, c.Pull(context.Background(), at, func(connectors.Batch) error { return errors.New("nothing to give") }), connectors.ErrUnreachable)
	}
	p.answer(nil)
	var keys []string
	require.NoError(t, c.Pull(context.Background(), at, func(b connectors.Batch) error {
		for _, r := range b.Rows {
			keys = append(keys, r.Key)
		}
		return nil
	}))
	require.Equal(t, []string{"P002"}, keys)
}

// Rows slip from page to page when others go while we read: no complete read,
// nobody taken for deleted, nobody lost.
func TestListThatShiftsWhileItIsRead(t *testing.T) {
	for _, total := range []bool{true, false} {
		t.Run(fmt.Sprint("total ", total), func(t *testing.T) {
			p := newClinic(t, pages)
			for n := range 30 {
				p.Insert(t, row(n))
			}
			yaml := p.yaml()
			if !total {
				yaml = strings.Replace(yaml, ", total: total", "", 1)
			}
			c := connect(t, yaml)
			var page atomic.Int32
			p.answer(func(_ http.ResponseWriter, r *http.Request) bool {
				if page.Add(1) == 2 { // after the first page, one of its rows goes
					p.Delete(t, "P000")
				}
				return false
			})
			seen := map[string]bool{}
			pull := func(at connectors.Cursor) (complete bool, next connectors.Cursor) {
				require.NoError(t, c.Pull(context.Background(), at, func(b connectors.Batch) error {
					for _, r := range b.Rows {
						seen[r.Key] = true
					}
					complete, next = b.Complete, b.Cursor
					return nil
				}))
				return complete, next
			}
			complete, at := pull(nil)
			if total {
				require.False(t, complete)
				require.NotContains(t, seen, "P007", "it slipped onto the page that was read before")
				complete, _ = pull(at)
			}
			require.True(t, complete)
			for n := 1; n < 30; n++ {
				require.Contains(t, seen, row(n)["id"])
			}
		})
	}
}

func TestOddItems(t *testing.T) {
	p := newClinic(t, cursors)
	c := connect(t, p.yaml())
	p.answers(true, func(w http.ResponseWriter) {
		fmt.Fprint(w, `{"data":{"items":[
			{"id":12345678901234567890,"xm":"甲","updated":1.50,"sjhm":null,"deleted":false},
			{"xm":"没有号"}, "文字", {"id":"\u0000"},
			{"id":"ok","xm":"控\u0000制","sjhm":{"a":1}}]}}`)
	})
	var rows []connectors.Row
	var complete bool
	err := c.Pull(context.Background(), nil, func(b connectors.Batch) error {
		rows = append(rows, b.Rows...)
		complete = complete || b.Complete
		return nil
	})
	require.ErrorContains(t, err, "3 items of /persons have no usable key")
	require.Len(t, rows, 5)
	require.Equal(t, "12345678901234567890", rows[0].Key, "numbers keep their digits")
	require.Equal(t, "1.50", rows[0].Columns["updated"])
	require.Contains(t, rows[0].Columns, "sjhm", "null is blank")
	require.NotContains(t, rows[0].Columns, "sfzh", "not there is not blank")
	require.Equal(t, schema.ProblemNoKey, rows[1].Problem)
	require.Equal(t, schema.ProblemUnreadable, rows[2].Problem)
	require.Equal(t, schema.ProblemControl, rows[3].Problem)
	require.Equal(t, "控\x00制", rows[4].Columns["xm"])
	require.NotContains(t, rows[4].Columns, "sjhm")
	require.False(t, complete, "a row without a key may be anybody's")
	require.Contains(t, rows[1].Place, "page 1, item 2")
}

func TestBodies(t *testing.T) {
	w := &writer{looker: looker{&reader{settings: Settings{Numbers: []string{"n"}}, platform: &spec.Platform{Key: []string{"k"}}}}}
	item := map[string]any{"a": map[string]any{"b": "x", "c": "y"}, "flag": true, "keep": []any{"z"}}
	got := w.body(bodyFull, "", item, connectors.Write{Set: map[string]string{"a.b": "neu", "flag": "false", "n": "12", "d.e": "tief"}}, false)
	require.Equal(t, map[string]any{"a": map[string]any{"b": "neu", "c": "y"}, "flag": false, "keep": []any{"z"}, "n": value("12", nil, true), "d": map[string]any{"e": "tief"}}, got)
	got = w.body(bodyWrapped, "data.row", nil, connectors.Write{Key: "7", Set: map[string]string{"a": "1"}}, true)
	require.Equal(t, map[string]any{"data": map[string]any{"row": map[string]any{"a": "1", "k": "7"}}}, got)
	require.Nil(t, value("", nil, true))
	require.Equal(t, "12a", value("12a", nil, true))
}

func TestUnorderedTimePagesAreRefused(t *testing.T) {
	p := newClinic(t, times)
	p.answers(true, func(w http.ResponseWriter) {
		fmt.Fprint(w, `{"code":"0","rows":[{"id":"a","updated":2},{"id":"b","updated":1}]}`)
	})
	err := connect(t, p.yaml()).Pull(context.Background(), nil, nothing)
	require.ErrorIs(t, err, connectors.ErrLayout)
	require.Contains(t, err.Error(), "not in the order of updated")
}

func TestMoreEqualTimesThanAPageHolds(t *testing.T) {
	p := newClinic(t, times)
	var rows []map[string]string
	for n := range 20 {
		rows = append(rows, row(n))
	}
	p.Insert(t, rows...)
	yaml := strings.Replace(p.yaml(), ", page_param: page", "", 1)
	p.answer(func(_ http.ResponseWriter, r *http.Request) bool { // this platform has no pages
		q := r.URL.Query()
		q.Set("page", "1")
		r.URL.RawQuery = q.Encode()
		return false
	})
	err := connect(t, yaml).Pull(context.Background(), nil, nothing)
	require.ErrorIs(t, err, connectors.ErrLayout)
	require.Contains(t, err.Error(), "Give page_param")
}
