package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/deploy/demo/district"
)

// What a restored backup held before any read has shown it may be written; what
// was written since may not be written again.
func TestRepeatedAfterABackup(t *testing.T) {
	before := []district.Write{{Key: "1", Set: district.Row{"phone": "a"}, Applied: true}}
	for name, c := range map[string]struct {
		since []district.Write
		want  bool
	}{
		"only the backup":  {nil, false},
		"another row":      {[]district.Write{{Key: "2", Set: district.Row{"phone": "a"}, Applied: true}}, false},
		"another value":    {[]district.Write{{Key: "1", Set: district.Row{"phone": "b"}, Applied: true}}, false},
		"refused":          {[]district.Write{{Key: "1", Set: district.Row{"phone": "a"}}}, false},
		"put there before": {[]district.Write{{Key: "1", Set: district.Row{"phone": "a", "name": "x"}, Applied: true}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			list := append(append([]district.Write{}, before...), c.since...)
			require.Equal(t, c.want, putAlready(list[len(before):], district.Write{Key: "1", Set: district.Row{"phone": "a"}}))
		})
	}
}
