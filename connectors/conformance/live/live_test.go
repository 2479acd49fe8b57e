package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance/live"
	"heji/connectors/internal/pace"
	"heji/connectors/spec"
	"heji/schema"
)

// liar is a platform of this test: three rows, and one fault.
type liar struct {
	spec  *spec.Platform
	fault string
	stop  chan struct{}
	limit *pace.Limiter
}

const kind = "liar"

var fault string // of the platform that is opened next

func init() {
	connectors.Register(kind, func(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
		var s struct {
			Token string `yaml:"token"`
		}
		if err := spec.DecodeConnect(p, &s); err != nil {
			if fault == "settings" {
				err = errors.New("something is wrong")
			}
			return nil, err
		}
		l := &liar{spec: p, fault: fault, stop: make(chan struct{}), limit: pace.New(p)}
		if fault == "goroutine" {
			go func() { <-l.stop }()
		}
		return l, nil
	})
}

func (l *liar) Check(context.Context) error {
	for _, f := range l.spec.Fields {
		if f.Column == "heji_no_such_column" && l.fault != "column" {
			return fmt.Errorf("%s: there is no column %s", l.spec.Source, f.Column)
		}
	}
	switch l.fault {
	case "check":
		return connectors.ErrUnreachable
	case "secret":
		return errors.New("login with tok-12345678 failed")
	}
	return nil
}

var (
	reads, handed int
	phone         string // of everybody
)

func (l *liar) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	if l.fault != "deaf" && ctx.Err() != nil {
		return ctx.Err()
	}
	reads++
	begin := 0
	if from != nil {
		if err := json.Unmarshal(from, &begin); err != nil {
			return err
		}
		if l.fault == "lost" {
			begin++
		}
	}
	for n := begin; n < 3; n++ {
		row := connectors.Row{Op: schema.OpPut, Key: fmt.Sprint("P", n), Columns: map[string]string{"id": fmt.Sprint("P", n), "xm": "测试", "sjhm": phone}}
		b := connectors.Batch{AsOf: time.Now(), Cursor: []byte(fmt.Sprint(n + 1))}
		switch l.fault {
		case "unstable":
			row.Columns["sjhm"] = fmt.Sprintf("139%08d", reads)
		case "dead":
			row.Op = schema.OpDead
		case "future":
			b.AsOf = b.AsOf.Add(24 * time.Hour)
		case "cursorless":
			b.Cursor = nil
		}
		b.Rows = []connectors.Row{row}
		if err := emit(b); err != nil && l.fault != "greedy" {
			if l.fault == "deaf" {
				return nil
			}
			return err
		}
	}
	return nil
}

func (l *liar) Look(_ context.Context, q connectors.Query) ([]connectors.Row, error) {
	key := q.Key
	if l.fault == "another" {
		key = "P9"
	} else if !strings.HasPrefix(key, "P") {
		return nil, nil
	}
	text := phone
	if l.fault == "stale" {
		text = "13900000001"
	}
	return []connectors.Row{{Op: schema.OpPut, Key: key, Columns: map[string]string{"id": key, "xm": "测试", "sjhm": text}}}, nil
}

func (l *liar) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	if l.fault != "hasty" {
		if err := l.limit.Wait(ctx); err != nil {
			return nil, err
		}
	}
	out := connectors.Outcome{Intent: writes[0].Intent, Status: connectors.Applied}
	for _, text := range writes[0].If {
		if text != phone && l.fault != "blind" {
			out.Status = connectors.Missed
		}
	}
	if l.fault == "refuses" {
		out.Status, out.Reason = connectors.Refused, "不允许"
	}
	text := writes[0].Set["sjhm"]
	if len(text) > 20 && l.fault != "swallows" {
		out.Status, out.Reason, out.Column = connectors.Refused, "超长", "sjhm"
	}
	if l.fault == "mute" && out.Status == connectors.Refused {
		out.Reason = ""
	}
	if out.Status == connectors.Applied {
		handed++
		switch {
		case l.fault == "scrambles" && text != "13900000000":
			phone = "13900000099"
		case l.fault == "stubborn" && text == "13900000000" && phone != text: // never gives back
		case l.fault == "twice" && handed == 3:
			phone = text + "0"
		default:
			phone = text
		}
	}
	return []connectors.Outcome{out}, nil
}

func (l *liar) Conditional() bool { return true }
func (l *liar) Close() error      { return nil }

const file = `
platform: liar
name: 说谎平台
kind: liar
connect: {token: "${LIAR_TOKEN}"}
key: [id]
cadence: 1m
fields:
  name: {column: xm}
  phone: {column: sjhm}
agreement: {receives: {phone: overwrite}}
limits: {rows_per_second: 8}
`

func environment(name string) (string, bool) { return "tok-12345678", name == "LIAR_TOKEN" }

func run(t *testing.T, with, text string) live.Report {
	t.Helper()
	fault, reads, handed, phone = with, 0, 0, "13900000000"
	return live.Run(context.Background(), live.Subject{Name: "liar.yaml", File: []byte(text), Environment: environment,
		Dir: t.TempDir(), Write: true, Key: "P1", Probe: true}, nil)
}

func outcomes(r live.Report) map[string]live.Outcome {
	out := map[string]live.Outcome{}
	for _, x := range r.Results {
		out[x.Name] = x.Outcome
	}
	return out
}

// Every fault is found by the check that is there for it, and by no other one
// before it.
func TestEveryCheckCanFail(t *testing.T) {
	for with, check := range map[string]string{
		"check": "Reached", "settings": "Settings", "future": "WholeRead", "dead": "WholeRead", "unstable": "TwoReadsAgree",
		"cursorless": "Resume", "lost": "Resume", "hasty": "Rate", "deaf": "Stop", "greedy": "Stop", "another": "Look", "stale": "Look",
		"refuses": "Write", "blind": "Condition", "mute": "Refused", "scrambles": "Rendition", "stubborn": "Rendition", "twice": "Repeat", "secret": "Secrets", "goroutine": "Quiet",
	} {
		t.Run(with, func(t *testing.T) {
			r := run(t, with, file)
			require.Equal(t, live.Failed, outcomes(r)[check], "%+v", r.Results)
			require.False(t, r.OK())
		})
	}
}

func TestAGoodPlatformPasses(t *testing.T) {
	r := run(t, "", file)
	require.True(t, r.OK(), "%+v", r.Results)
	require.Equal(t, live.Left, outcomes(r)["Quota"], "it lists its rows")
	require.Len(t, r.Results, r.Count(live.Passed)+1)
	require.Equal(t, 3, r.Rows)

	r = run(t, "", strings.Replace(file, "column: sjhm", "colum: sjhm", 1))
	require.False(t, r.OK())
	require.Equal(t, live.Failed, outcomes(r)["Mapping"])
	require.Equal(t, 1, r.Count(live.Failed), "the rest is left out")
}

func TestReports(t *testing.T) {
	r := run(t, "secret", file)
	for _, write := range []func(*strings.Builder) error{
		func(b *strings.Builder) error { return live.Markdown(b, "v1", []live.Report{r, r}) },
		func(b *strings.Builder) error { return live.HTML(b, "v1", []live.Report{r, r}) },
	} {
		var b strings.Builder
		require.NoError(t, write(&b))
		require.Contains(t, b.String(), "说谎平台")
		require.Contains(t, b.String(), "未通过")
		require.Contains(t, b.String(), "从任一断点续读都不丢失记录")
		require.NotContains(t, b.String(), "tok-12345678")
		require.NotContains(t, b.String(), "13900000000")
	}
}
