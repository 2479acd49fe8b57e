package connectors

import (
	"strings"
	"unicode"

	"heji/schema"
)

// MaxKey is the longest row id that is taken for one, in bytes.
const MaxKey = 256

// JoinKey makes a row's key of its key columns. A "~" inside a part is written
// as "%7E" where there are several, so that SplitKey finds the same parts.
func JoinKey(parts ...string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = keyEscaper.Replace(p)
	}
	return strings.Join(escaped, "~")
}

// SplitKey is the inverse of JoinKey for n key columns. It is false where key
// was not made of so many.
func SplitKey(key string, n int) ([]string, bool) {
	if n == 1 {
		return []string{key}, true
	}
	parts := strings.Split(key, "~")
	if len(parts) != n {
		return nil, false
	}
	for i, p := range parts {
		parts[i] = keyUnescaper.Replace(p)
	}
	return parts, true
}

var (
	keyEscaper   = strings.NewReplacer("%", "%25", "~", "%7E")
	keyUnescaper = strings.NewReplacer("%25", "%", "%7E", "~")
)

// KeyProblem says what is wrong with a row's key parts: a part that is missing,
// longer than any key, or full of control characters. Such a row is a dead row.
func KeyProblem(parts ...string) schema.Problem {
	length := 0
	for _, p := range parts {
		if strings.TrimSpace(p) == "" {
			return schema.ProblemNoKey
		}
		if strings.ContainsFunc(p, unicode.IsControl) {
			return schema.ProblemControl
		}
		length += len(p)
	}
	if len(parts) == 0 {
		return schema.ProblemNoKey
	}
	if length > MaxKey {
		return schema.ProblemTooLong
	}
	return ""
}
