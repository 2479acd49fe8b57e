package mapping

import (
	"strings"

	"heji/connectors/internal/charset"
	"heji/connectors/spec"
	"heji/schema/hanzi"
)

// holdable is a text with what the platform's encoding cannot hold replaced by
// the platform's fallback; false: the platform refuses such a text. Shows
// compares what would be written, so what stands for a character equals it.
func (f *field) holdable(text string) (string, bool) {
	c := f.charset
	if c.Encoding == "" || charset.Holds(c.Encoding, text) {
		return text, true
	}
	if c.Fallback == "" || c.Fallback == spec.FallbackRefuse {
		return "", false
	}
	var out strings.Builder
	for _, r := range text {
		s := string(r)
		switch {
		case charset.Holds(c.Encoding, s):
			out.WriteString(s)
		case c.Fallback == spec.FallbackPinyin:
			reading := strings.ToUpper(strings.Join(hanzi.Pinyin(s), ""))
			if reading == "" || !charset.Holds(c.Encoding, reading) {
				return "", false
			}
			out.WriteString(reading)
		default:
			out.WriteString(c.Fallback)
		}
	}
	return out.String(), true
}
