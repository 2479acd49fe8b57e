package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// parse reads one JSON value and keeps numbers as they were written.
func parse(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// At follows a dotted path; "" is the value itself. Numbers step into lists.
func At(v any, path string) (any, bool) {
	if path == "" {
		return v, true
	}
	if m, ok := v.(map[string]any); ok {
		if found, ok := m[path]; ok { // a name may hold a dot itself
			return found, true
		}
	}
	head, rest, _ := strings.Cut(path, ".")
	switch x := v.(type) {
	case map[string]any:
		next, ok := x[head]
		if !ok {
			return nil, false
		}
		return At(next, rest)
	case []any:
		i, err := strconv.Atoi(head)
		if err != nil || i < 0 || i >= len(x) {
			return nil, false
		}
		return At(x[i], rest)
	}
	return nil, false
}

// text is a JSON value as a column's text. Lists and objects have none.
func text(v any) (string, bool) {
	switch x := v.(type) {
	case nil:
		return "", true
	case string:
		return x, true
	case json.Number:
		return x.String(), true
	case bool:
		return strconv.FormatBool(x), true
	case map[string]any:
		if own, ok := x[textName].(string); ok { // an XML element with attributes
			return own, true
		}
	}
	return "", false
}

// listAt is the list at a path. An XML document shows a list of one as one
// element, and an empty list as nothing.
func listAt(v any, path string, xml bool) (items []any, ok bool, list bool) {
	found, ok := At(v, path)
	if !ok && xml {
		parent, _, nested := cutLast(path)
		if !nested {
			parent = ""
		}
		_, there := At(v, parent)
		return nil, there, true
	}
	switch x := found.(type) {
	case nil:
		return nil, ok, true
	case []any:
		return x, ok, true
	case map[string]any:
		if xml {
			return []any{x}, ok, true
		}
	case string:
		if xml && strings.TrimSpace(x) == "" {
			return nil, ok, true
		}
	}
	return nil, ok, false
}

// keyName is a key that was named by whoever wrote the interface. Another may be a
// person's number or name, by which some answers are keyed (I9).
var keyName = regexp.MustCompile(`^[A-Za-z_][A-Za-z_]{0,39}$`)

// lists are where in an answer there are lists of objects, the uppermost of each
// branch: for whoever looks for theirs.
func lists(v any, path string) (found []string) {
	switch x := v.(type) {
	case []any:
		if len(x) > 0 {
			if _, ok := x[0].(map[string]any); ok && path != "" {
				found = append(found, strconv.Quote(path))
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(x)) {
			if !keyName.MatchString(key) {
				continue
			}
			found = append(found, lists(x[key], strings.TrimPrefix(path+"."+key, "."))...)
		}
	}
	return found
}

func cutLast(path string) (before, after string, found bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// TextAt is the text at a path, "" where there is none.
func TextAt(v any, path string) string {
	if path == "" {
		return ""
	}
	found, _ := At(v, path)
	s, _ := text(found)
	return s
}

// put sets the value at a dotted path and makes the objects on the way.
func put(m map[string]any, path string, v any) {
	if _, ok := m[path]; ok {
		m[path] = v
		return
	}
	head, rest, nested := strings.Cut(path, ".")
	if !nested {
		m[path] = v
		return
	}
	next, ok := m[head].(map[string]any)
	if !ok {
		next = map[string]any{}
		m[head] = next
	}
	put(next, rest, v)
}

// value is a column's text as JSON: of the type that the row has there already,
// else a number where the platform's file says so, else a string.
func value(text string, have any, number bool) any {
	switch have.(type) {
	case json.Number:
		number = true
	case bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	if number {
		if text == "" {
			return nil
		}
		if n := json.Number(text); json.Valid([]byte(text)) && text[0] != '"' {
			return n
		}
	}
	return text
}
