package spec

import (
	"errors"
	"fmt"
	"strings"
)

// saying is a sentence before it is one: its English pattern, by which the Chinese
// one is found, and what is put into both.
type saying struct {
	pattern string
	args    []any
}

func say(pattern string, args ...any) saying { return saying{pattern, args} }

// Error is the English sentence.
func (s saying) Error() string { return fmt.Sprintf(s.pattern, s.args...) }

// chinese is the Chinese sentence; empty: there is none.
func (s saying) chinese() string {
	pattern, ok := sentences[s.pattern]
	if !ok {
		return ""
	}
	args := make([]any, len(s.args))
	for i, a := range s.args {
		args[i] = part(a)
	}
	return strings.TrimSpace(fmt.Sprintf(pattern, args...))
}

// part is what is put into a Chinese sentence: a name, a text of the file, or words
// of ours, which are Chinese then.
func part(a any) any {
	if s, ok := a.(saying); ok {
		if zh := s.chinese(); zh != "" {
			return zh
		}
		return s.Error()
	}
	text, ok := a.(string)
	if !ok {
		return a
	}
	if zh, ok := parts[text]; ok {
		return zh
	}
	if key, ok := strings.CutSuffix(text, ": "); ok {
		return key + "："
	}
	return text
}

func wrong(file string, line int, pattern string, args ...any) *Error {
	s := say(pattern, args...)
	return &Error{File: file, Line: line, Text: s.Error(), saying: s}
}

// Error returns "file:line: sentence".
func (e *Error) Error() string { return e.at(": ", e.Text) }

// Chinese returns the same in Chinese; empty: there is no Chinese sentence.
func (e *Error) Chinese() string {
	text := e.chinese()
	if text == "" {
		return ""
	}
	return e.at("：", text)
}

func (e *Error) at(colon, text string) string {
	if e.Line == 0 {
		return e.File + colon + text
	}
	return fmt.Sprintf("%s:%d%s%s", e.File, e.Line, colon, text)
}

// Chinese says in Chinese what is wrong with a platform's file, line by line; empty
// where err is about something else.
func Chinese(err error) string {
	var lines []string
	var walk func(error)
	walk = func(err error) {
		switch x := err.(type) {
		case *Error:
			text := x.Chinese()
			if text == "" {
				text = x.Error()
			}
			lines = append(lines, text)
		case interface{ Unwrap() []error }:
			for _, e := range x.Unwrap() {
				walk(e)
			}
		default:
			if e := errors.Unwrap(err); e != nil {
				walk(e)
			}
		}
	}
	walk(err)
	return strings.Join(lines, "\n")
}
