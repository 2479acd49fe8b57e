package survivorship

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

// What is written is what encoding/json writes, and comes back as it was.
func TestMasterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		master := map[schema.Attribute]Survivor{}
		for _, a := range rapid.SliceOfDistinct(rapid.SampledFrom([]schema.Attribute{schema.Name, schema.Phone, schema.IDNumber, schema.Residence}), rapid.ID).Draw(t, "attributes") {
			s := Survivor{Value: rapid.String().Draw(t, "value"), Rule: Test(rapid.StringMatching("[a-z]{0,6}").Draw(t, "rule")),
				Decision: rapid.Int64().Draw(t, "decision"), Disputed: rapid.Bool().Draw(t, "disputed"), Losers: rapid.IntRange(0, 9).Draw(t, "losers")}
			if rapid.Bool().Draw(t, "sourced") {
				s.Source = schema.RecordRef{Platform: rapid.String().Draw(t, "platform"), Key: rapid.String().Draw(t, "key")}
			}
			if rapid.Bool().Draw(t, "timed") {
				s.Upto = time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "upto")).UTC()
			}
			master[a] = s
		}
		raw := Append(nil, master)
		var plain map[schema.Attribute]Survivor
		require.NoError(t, json.Unmarshal(raw, &plain))
		require.Equal(t, master, plain)
		was, err := json.Marshal(master)
		require.NoError(t, err)
		require.JSONEq(t, string(was), string(raw))
		for _, text := range [][]byte{raw, was} {
			back, err := Decode(text)
			require.NoError(t, err)
			require.Equal(t, master, back)
		}
	})
}

func TestMasterThatIsNone(t *testing.T) {
	for _, text := range []string{"", "[]", `{"name":3}`, `{"name":{"v":1}}`, `{"name":{"v":"x"}`} {
		_, err := Decode([]byte(text))
		require.Error(t, err, text)
	}
}

// Whatever is read without an error is what encoding/json reads.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":{"v":"王伟","s":{"platform":"police","key":"1"},"u":"2026-01-02T03:04:05Z","r":"authority","d":7,"x":true,"l":2}}`))
	f.Add([]byte(`{"phone":{"v":"","r":"only"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		master, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(Append(nil, master))
		require.NoError(t, err)
		require.Equal(t, len(master), len(again))
	})
}
