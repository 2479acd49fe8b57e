package bus

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

// A record travels as it would through encoding/json: either side may be another
// program.
func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		at := rapid.Custom(func(t *rapid.T) time.Time {
			return time.Unix(0, rapid.Int64Range(-1e18, 4e18).Draw(t, "nanoseconds")).UTC()
		})
		values := rapid.MapOf(rapid.Map(rapid.SampledFrom([]string{"name", "phone", "id_number", "residence"}),
			func(s string) schema.Attribute { return schema.Attribute(s) }), text)
		r := schema.Record{Platform: text.Draw(t, "platform"), Key: text.Draw(t, "key"), Op: schema.Op(text.Draw(t, "op")),
			Version: schema.Version{Fence: rapid.Int64().Draw(t, "fence"), Position: rapid.Int64().Draw(t, "position")},
			AsOf:    at.Draw(t, "as of"), RowVersion: text.Draw(t, "row version"), Token: text.Draw(t, "token"), Judged: rapid.Bool().Draw(t, "judged"),
			Problem: schema.Problem(text.Draw(t, "problem")), Place: text.Draw(t, "place"), Complete: rapid.Bool().Draw(t, "complete")}
		if v := values.Draw(t, "values"); len(v) > 0 {
			r.Values = v
		}
		if v := values.Draw(t, "raw"); len(v) > 0 {
			r.Raw = v
		}
		for range rapid.IntRange(0, 2).Draw(t, "flags") {
			r.Flags = append(r.Flags, schema.ValueProblem{Attribute: schema.Name, Problem: schema.Problem(text.Draw(t, "flag"))})
			r.Anchors = append(r.Anchors, schema.RecordRef{Platform: text.Draw(t, "anchor"), Key: text.Draw(t, "its key")})
		}
		if rapid.Bool().Draw(t, "changed") {
			x := at.Draw(t, "changed at")
			r.ChangedAt = &x
		}
		if rapid.Bool().Draw(t, "mark") {
			r.Cursor = json.RawMessage(`{"at":7}`)
		}
		fast, err := appendRecord(nil, &r)
		require.NoError(t, err)
		slow, err := json.Marshal(r)
		require.NoError(t, err)
		require.JSONEq(t, string(slow), string(fast))
		for _, data := range [][]byte{fast, slow} {
			if got, ok := decodeRecord(data); ok {
				require.Equal(t, r, got)
			} else {
				require.NotEmpty(t, r.Cursor, "only marks go the long way")
			}
		}
	})
}

// What the short way reads is what the long way reads.
func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"platform":"police","key":"1","op":"put","version":{"fence":1,"position":2},"as_of":"2026-01-02T03:04:05Z","values":{"name":"王伟"},"raw":{"name":"王 伟"},"flags":[{"attribute":"phone","problem":"columns"}]}`))
	f.Add([]byte(`{"platform":"desk","op":"put","version":{},"as_of":"2026-01-02T03:04:05.123456789+08:00","anchors":[{"platform":"a","key":"b"}],"complete":true}`))
	f.Add([]byte(`{"Platform":"x","values":null,"version":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		fast, ok := decodeRecord(data)
		if !ok {
			return
		}
		var slow schema.Record
		require.NoError(t, json.Unmarshal(data, &slow))
		again, err := json.Marshal(slow)
		require.NoError(t, err)
		same, err := json.Marshal(fast)
		require.NoError(t, err)
		require.JSONEq(t, string(again), string(same))
	})
}

func BenchmarkRecord(b *testing.B) {
	r := schema.Record{Platform: "medical", Key: "10293", Op: schema.OpPut, Version: schema.Version{Fence: 12, Position: 4711},
		AsOf: time.Now().UTC(), RowVersion: "3",
		Values: schema.Values{schema.Name: "欧阳沐辰", schema.IDNumber: "190102198003070018", schema.Sex: "1", schema.BirthDate: "1980-03-07", schema.Phone: "15400000001", schema.Residence: "||||青青社区||青和苑|9|1|201|"},
		Raw:    map[schema.Attribute]string{schema.Name: "欧阳沐辰", schema.IDNumber: "190102198003070018", schema.Sex: "1", schema.BirthDate: "19800307", schema.Phone: "15400000001", schema.Residence: "青青社区青和苑9栋1单元201室"}}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := appendRecord(nil, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
	data, err := appendRecord(nil, &r)
	require.NoError(b, err)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := decodeRecord(data); !ok {
				b.Fatal("not read")
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			data, err := json.Marshal(r)
			require.NoError(b, err)
			var back schema.Record
			require.NoError(b, json.Unmarshal(data, &back))
		}
	})
}
