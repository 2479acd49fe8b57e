package charset

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Decode reads bytes that are text in an encoding; false: they are not. GBK is
// read as GB18030, which holds all of it and more.
func Decode(name string, data []byte) (string, bool) {
	if encodings[name] == nil {
		return string(data), utf8.Valid(data)
	}
	text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
	if err != nil {
		return "", false
	}
	for _, r := range string(text) {
		if r == utf8.RuneError {
			return "", false
		}
	}
	return string(text), true
}

// Encode writes a text; false: every reader of the encoding would not find the
// same text again.
func Encode(name, text string) ([]byte, bool) {
	if !Holds(name, text) {
		return nil, false
	}
	enc := encodings[name]
	if enc == nil {
		return []byte(text), true
	}
	data, err := enc.NewEncoder().Bytes([]byte(text))
	return data, err == nil
}
