package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/services/audit"
)

var t0 = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// chain makes n rows; half way the installation changes its hash.
func chain(t require.TestingT, n int) []audit.Row {
	var rows []audit.Row
	var before []byte
	for i := range n {
		r := audit.Row{Seq: int64(i + 1), NoteID: int64(i + 10), Hash: map[bool]string{true: "sha256", false: "sm3"}[i < n/2],
			Note: audit.Note{At: t0.Add(time.Duration(i) * time.Second), Who: "李网格", Did: "entry", What: fmt.Sprint("entry/", i), Why: "走访"}}
		var err error
		r.Sum, err = r.Link(before)
		require.NoError(t, err)
		before = r.Sum
		rows = append(rows, r)
	}
	return rows
}

func walk(rows []audit.Row, heads ...audit.Head) (audit.Head, error) {
	w, err := audit.NewWalk(audit.Head{}, heads)
	if err != nil {
		return audit.Head{}, err
	}
	for _, r := range rows {
		if err := w.Next(r); err != nil {
			return audit.Head{}, err
		}
	}
	return w.End()
}

// Whatever is changed, taken out, put in twice or exchanged is found, and the row
// that is named is the first one that is wrong.
func TestWalkFindsTampering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := chain(t, rapid.IntRange(2, 12).Draw(t, "rows"))
		head, err := walk(rows)
		require.NoError(t, err)
		require.Equal(t, int64(len(rows)), head.Seq)
		i := rapid.IntRange(0, len(rows)-1).Draw(t, "at")
		first := int64(i + 1)
		var noted []audit.Head
		r := &rows[i]
		switch rapid.IntRange(0, 10).Draw(t, "tampering") {
		case 0:
			r.Who += "x"
		case 1:
			r.At = r.At.Add(time.Microsecond)
		case 2: // from one field into the next
			r.Did, r.What = r.Did+r.What[:1], r.What[1:]
		case 3:
			r.Why, r.Detail = "", r.Why
		case 4:
			r.Platform = "pension"
		case 5:
			r.NoteID++
		case 6:
			r.Hash = map[string]string{"sha256": "sm3", "sm3": "sha256"}[r.Hash]
		case 7:
			if rows = slices.Delete(rows, i, i+1); int(first) > len(rows) {
				noted = []audit.Head{head} // of the end nothing tells but a head
			}
		case 8:
			rows = slices.Insert(rows, i, rows[i])
			first++
		case 9:
			if i == 0 {
				i, first = 1, 2
			}
			rows[i-1], rows[i] = rows[i], rows[i-1]
			first--
		case 10: // the whole rest is written anew, in the best of forms
			noted = []audit.Head{head}
			before := []byte(nil)
			if i > 0 {
				before = rows[i-1].Sum
			}
			rows[i].Why = "nothing"
			for k := i; k < len(rows); k++ {
				rows[k].Sum, err = rows[k].Link(before)
				require.NoError(t, err)
				before = rows[k].Sum
			}
			first = int64(len(rows))
		}
		_, err = walk(rows, noted...)
		var broken *audit.Broken
		require.True(t, errors.As(err, &broken), "%v", err)
		require.Equal(t, first, broken.Seq, broken.Says)
	})
}

func TestHeads(t *testing.T) {
	rows := chain(t, 4)
	h, err := audit.ParseHead(audit.Head{Seq: 3, Sum: rows[2].Sum}.String())
	require.NoError(t, err)
	_, err = walk(rows, h)
	require.NoError(t, err)
	_, err = walk(rows, h, audit.Head{Seq: 3, Sum: rows[1].Sum})
	require.ErrorContains(t, err, "two noted heads")
	for _, text := range []string{"", "3", "3:", "x:AAAA", "-1:AAAA", "3:!"} {
		_, err := audit.ParseHead(text)
		require.ErrorContains(t, err, "heji audit verify", text)
	}
}

func TestWhoActs(t *testing.T) {
	ctx := context.Background()
	require.Equal(t, audit.Anonymous, audit.Who(ctx, ""))
	require.Equal(t, "named", audit.Who(ctx, "named"))
	perhaps := audit.Perhaps(ctx, "cookie")
	require.Equal(t, "cookie", audit.Who(perhaps, ""))
	require.Equal(t, "named", audit.Who(perhaps, "named"))
	sure := audit.Perhaps(audit.With(perhaps, "account"), "cookie")
	require.Equal(t, "account", audit.Who(sure, "named"))
}

func TestReasonKeepsNoNumbers(t *testing.T) {
	require.Equal(t, "身份证 … 有误, 3 份", audit.Reason("身份证 19010219500101100X\n有误, 3 份"))
	require.Equal(t, "tel …", audit.Reason("tel 15400001111"))
	require.Len(t, []rune(audit.Reason(string(slices.Repeat([]rune("字"), 900)))), 500)
}
