package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
)

func outboxOf(t *testing.T, more string) (o *office, w *acknowledger) {
	t.Helper()
	o = newOffice(t, "csv", false)
	yaml := strings.Replace(o.yaml(), "id_column: nr, operation_column", more+"id_column: nr, operation_column", 1)
	p, err := spec.Parse("platform.yaml", []byte(yaml), nil)
	require.NoError(t, err)
	c, err := Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
	require.NoError(t, err)
	return o, c.(*acknowledger)
}

// Without answers no write could ever end, so the file is refused.
func TestAnOutboxNeedsAnswers(t *testing.T) {
	o := newOffice(t, "csv", false)
	var lines []string
	for line := range strings.Lines(o.yaml()) {
		if !strings.Contains(line, "acks:") {
			lines = append(lines, line)
		}
	}
	p, err := spec.Parse("platform.yaml", []byte(strings.Join(lines, "")), nil)
	require.NoError(t, err)
	_, err = Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
	require.ErrorContains(t, err, "connect.outbox: what is written could never be confirmed, because connect.acks is missing. Add acks with dir, pattern, id_column, status_column and ok")
	require.Regexp(t, `^platform\.yaml:\d+: `, err.Error())
}

// A file that is fetched later cannot compare: nothing may be learnt from what
// the platform shows afterwards.
func TestFilesAreNotConditional(t *testing.T) {
	_, w := outboxOf(t, "")
	_, says := any(w).(interface{ Conditional() bool })
	require.False(t, says)
}

func push(t *testing.T, w *acknowledger, batch string, n int) []connectors.Outcome {
	t.Helper()
	var writes []connectors.Write
	for i := range n {
		writes = append(writes, connectors.Write{Intent: fmt.Sprintf("%s-%d", batch, i), Batch: batch, Key: "P1", Set: map[string]string{"sjhm": "1"}})
	}
	out, err := w.Push(context.Background(), writes)
	require.NoError(t, err)
	return out
}

func (o *office) waiting(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(o.dir, "out", "heji_*"))
	require.NoError(t, err)
	return found
}

// A crash at any point of a drop, and the same batch again: one file in the
// end, or none where the platform had taken it.
func TestABatchIsDroppedOnce(t *testing.T) {
	for _, at := range []string{"after the journal", "after the rename", "after it was taken"} {
		t.Run(at, func(t *testing.T) {
			o, w := outboxOf(t, "")
			push(t, w, "b1", 2)
			file := o.waiting(t)[0]
			require.Equal(t, "heji_b1.csv", filepath.Base(file), "its name holds the batch id")
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			switch at {
			case "after the journal": // as if the rename had not happened yet
				require.NoError(t, os.Rename(file, filepath.Join(o.dir, "out", ".heji_b1.csv.tmp")))
			case "after it was taken":
				require.NoError(t, os.Remove(file))
			}
			out := push(t, w, "b1", 2)
			require.Equal(t, connectors.Queued, out[1].Status)
			if at == "after it was taken" {
				require.Empty(t, o.waiting(t))
				return
			}
			again, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, content, again)
			require.Len(t, o.waiting(t), 1)
		})
	}
	t.Run("before the journal", func(t *testing.T) {
		o, w := outboxOf(t, "")
		require.NoError(t, os.WriteFile(filepath.Join(o.dir, "out", ".heji_b1.csv.tmp"), []byte("half"), 0o644))
		push(t, w, "b1", 1)
		content, err := os.ReadFile(o.waiting(t)[0])
		require.NoError(t, err)
		require.NotContains(t, string(content), "half")
	})
}

func TestABatchCannotGrow(t *testing.T) {
	_, w := outboxOf(t, "")
	push(t, w, "b1", 1)
	_, err := w.Push(context.Background(), []connectors.Write{{Intent: "other", Batch: "b1", Key: "P1"}})
	require.ErrorContains(t, err, "was dropped before with other writes")
	_, err = w.Push(context.Background(), []connectors.Write{{Intent: "x", Batch: "../b", Key: "P1"}})
	require.ErrorContains(t, err, "letters, digits")
}

// Characters that GBK has not, or that its programs read differently, refuse
// their row alone, and the reason does not show them.
func TestCharactersThatTheEncodingLacks(t *testing.T) {
	o, w := outboxOf(t, "")
	for i, name := range []string{"张㛃", "李𬱖", "王䶮", "阿•提", "€"} {
		out, err := w.Push(context.Background(), []connectors.Write{
			{Intent: "bad", Batch: fmt.Sprint("b", i), Key: "P1", Set: map[string]string{"xm": name}},
			{Intent: "good", Batch: fmt.Sprint("b", i), Key: "P2", Set: map[string]string{"xm": "阿·提", "sjhm": ""}},
		})
		require.NoError(t, err)
		require.Equal(t, connectors.Refused, out[0].Status, name)
		require.Equal(t, "xm", out[0].Column)
		require.NotContains(t, out[0].Reason, name)
		require.Equal(t, connectors.Queued, out[1].Status)
	}
	for _, file := range o.waiting(t) {
		require.Len(t, o.load(t, file), 2)
	}
}

func TestOutboxDetails(t *testing.T) {
	o, w := outboxOf(t, "erase: （清空）, done_marker: .done, ")
	out, err := w.Push(context.Background(), []connectors.Write{
		{Intent: "i1", Batch: "b", Key: "P1", Set: map[string]string{"sjhm": "", "xm": "逗,号\"引\n行"}},
		{Intent: "i2", Batch: "b", Set: map[string]string{"xm": "新"}, Natural: map[string]string{"sfzh": "N1"}},
		{Intent: "i3", Batch: "b", Key: "P1", Set: map[string]string{"hk": "1"}},
	})
	require.NoError(t, err)
	require.Equal(t, connectors.Refused, out[2].Status)
	require.Equal(t, "hk", out[2].Column)
	require.FileExists(t, filepath.Join(o.dir, "out", "heji_b.csv.done"))
	require.Equal(t, [][]string{
		{"nr", "op", "id", "xm", "sjhm", "sfzh"},
		{"i1", "U", "P1", "逗,号\"引\n行", "（清空）", ""},
		{"i2", "A", "", "新", "", "N1"},
	}, o.load(t, filepath.Join(o.dir, "out", "heji_b.csv")))
}

func TestAnswersStayUntilAllAreReleased(t *testing.T) {
	o, w := outboxOf(t, "")
	o.Insert(t, map[string]string{"id": "P1", "xm": "甲"})
	push(t, w, "b1", 2)
	o.Process(t)
	ctx := context.Background()
	answers, err := w.Acknowledged(ctx)
	require.NoError(t, err)
	require.Len(t, answers, 2)
	require.NoError(t, w.Release(ctx, answers[:1]))
	left, err := w.Acknowledged(ctx)
	require.NoError(t, err)
	require.Equal(t, answers[1:], left)
	require.FileExists(t, filepath.Join(o.dir, "acks", "ack_b1.csv"))
	require.NoError(t, os.WriteFile(filepath.Join(o.dir, "acks", "ack_b0.csv"), []byte("x,y\n"), 0o644))
	left, err = w.Acknowledged(ctx)
	require.ErrorContains(t, err, "ack_b0.csv", "a broken answer file is named, and hides no other")
	require.Equal(t, answers[1:], left)
	require.NoError(t, w.Release(ctx, left))
	require.FileExists(t, filepath.Join(o.dir, "acks", "processed", "ack_b1.csv"))
}
