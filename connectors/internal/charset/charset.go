// Package charset says which texts an old encoding can hold so that every
// program that reads it finds the same text again.
package charset

import (
	"maps"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// encodings are those that a platform may declare, with how they are written;
// nil: as UTF-8.
var encodings = map[string]encoding.Encoding{
	"utf-8":     nil,
	"utf-8-bom": nil,
	"gbk":       simplifiedchinese.GBK,
	"gb2312":    simplifiedchinese.GBK, // narrowed below
	"gb18030":   simplifiedchinese.GB18030,
}

// Names returns the encodings that can be declared, in order.
func Names() []string { return slices.Sorted(maps.Keys(encodings)) }

// Known reports whether an encoding can be declared.
func Known(name string) bool {
	_, ok := encodings[name]
	return ok
}

// Holds reports whether every reader of the encoding finds the same text again.
// GBK's rows FE50–FEA0 and the single byte 80 are read differently by different
// programs, so that nothing may be written there. An unknown encoding holds
// what UTF-8 holds.
func Holds(name, text string) bool {
	enc := encodings[name]
	if enc == nil {
		return utf8.ValidString(text)
	}
	e := enc.NewEncoder()
	for _, r := range text {
		if r < utf8.RuneSelf {
			continue
		}
		out, err := e.String(string(r))
		if err != nil || !writable(name, out) {
			return false
		}
	}
	return true
}

func writable(name, out string) bool {
	switch name {
	case "gbk":
		return len(out) == 2 && !(out[0] == 0xFE && out[1] >= 0x50 && out[1] <= 0xA0)
	case "gb2312": // both bytes above A0, and only the rows that the standard fills
		return len(out) == 2 && out[1] >= 0xA1 && (out[0] >= 0xA1 && out[0] <= 0xA9 || out[0] >= 0xB0 && out[0] <= 0xF7)
	}
	return true
}
