package linkage

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEncodeIsLossless(t *testing.T) {
	t.Parallel()
	m := Default()
	rapid.Check(t, func(t *rapid.T) {
		f := m.Features(drawValues(fromRapid(t)))
		b := f.Encode()
		got, err := Decode(b)
		require.NoError(t, err)
		require.Equal(t, f, got)
		require.Equal(t, m.Keys(f, secret), m.Keys(got, secret))
		for i := range b {
			_, err := Decode(b[:i])
			require.ErrorIs(t, err, ErrEncoding)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(Default().Features(grownUp(f)).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		features, err := Decode(b)
		if err != nil {
			require.ErrorIs(t, err, ErrEncoding)
			return
		}
		m := Default()
		m.Keys(features, secret)
		m.Compare(features, features)
	})
}

func BenchmarkDecode(b *testing.B) {
	text := Default().Features(grownUp(b)).Encode()
	b.ReportAllocs()
	b.ReportMetric(float64(len(text)), "bytes")
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}
