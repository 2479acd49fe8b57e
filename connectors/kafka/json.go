package kafka

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// object reads one JSON object and keeps numbers as they were written.
func object(data []byte) (map[string]any, bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil || v == nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

// flatten gives every leaf of an object its dotted path; lists count from 0.
func flatten(v any, path string, into map[string]string) {
	under := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	switch x := v.(type) {
	case map[string]any:
		for name, child := range x {
			flatten(child, under(name), into)
		}
	case []any:
		for i, child := range x {
			flatten(child, under(strconv.Itoa(i)), into)
		}
	case nil:
		into[path] = ""
	case string:
		into[path] = x
	case json.Number:
		into[path] = x.String()
	case bool:
		into[path] = strconv.FormatBool(x)
	}
}

// nest is the inverse of flatten: objects along the dotted paths.
func nest(texts map[string]string, numbers []string) map[string]any {
	out := map[string]any{}
	for path, text := range texts {
		at := out
		parts := strings.Split(path, ".")
		for _, p := range parts[:len(parts)-1] {
			next, ok := at[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = value(path, text, numbers)
	}
	return out
}

func value(path, text string, numbers []string) any {
	if text == "" {
		return nil // a field that is blanked out
	}
	for _, n := range numbers {
		if n == path && json.Valid([]byte(text)) {
			return json.Number(text)
		}
	}
	return text
}

// keyText is a message's key as text: JSON converters put it in quotes, or wrap
// it in an object of one field.
func keyText(key []byte) string {
	text := strings.TrimSpace(string(key))
	if strings.HasPrefix(text, `"`) {
		var s string
		if json.Unmarshal([]byte(text), &s) == nil {
			return s
		}
	}
	if strings.HasPrefix(text, "{") {
		if o, ok := object(key); ok {
			flat := map[string]string{}
			flatten(o, "", flat)
			if len(flat) == 1 {
				for _, v := range flat {
					return v
				}
			}
		}
	}
	return text
}
