package telemetry

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Redacted stands in a log for what may not be there.
const Redacted = "[redacted]"

// allowed are the keys whose values may appear in a log. None of them ever
// holds a value of a record; a new key is added here, where a reviewer sees it.
var allowed = func() map[string]bool {
	keys := map[string]bool{}
	for _, key := range strings.Fields(`
		time level msg source error reason problem
		platform department kind direction stage outcome state status mode step
		service worker engine version user addr url path file line place field attribute column
		fence position sequence subject stream consumer target intent batch record resident review campaign
		count total checked bytes size limit records residents changes writes reads unresolved merged unchanged dead echoes
		attempt attempts retry_after after wait seconds duration elapsed rate lag cadence at since until
		code sqlstate constraint table method route request_id pid signal seed
	`) {
		keys[key] = true
	}
	return keys
}()

// NewLogger makes a logger that writes JSON (format "json") or text for people
// (format "text") and cannot show personal data (I9): values of keys that are
// not on the allow-list are replaced, errors of the database lose their
// quotations, and numbers that look like a person's are masked everywhere.
func NewLogger(w io.Writer, format string, level slog.Leveler) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: guard}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	}
	return nil, fmt.Errorf("log format %q is none of json and text", format)
}

// guard is called for every attribute, in groups too, and for the built-in ones.
func guard(_ []string, a slog.Attr) slog.Attr {
	// I9: unknown until somebody thought about it.
	if !allowed[a.Key] {
		return slog.String(a.Key, Redacted)
	}
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, mask(v.String()))
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			return slog.String(a.Key, ErrorText(x))
		case slog.Level, *slog.Source, time.Time, nil:
			return a
		case fmt.Stringer:
			return slog.String(a.Key, mask(x.String()))
		case []string:
			return slog.String(a.Key, mask(strings.Join(x, ",")))
		default:
			// A struct or map may hold a record.
			return slog.String(a.Key, Redacted)
		}
	}
	return a
}

// personal matches what looks like a citizen ID number (18 or 15 characters) or
// a mobile number, also within a word.
var personal = regexp.MustCompile(`\d{17}[\dXx]|\d{15}|1[3-9]\d{9}`)

// fullWidth digits are digits to a reader.
var fullWidth = strings.NewReplacer("０", "0", "１", "1", "２", "2", "３", "3", "４", "4", "５", "5", "６", "6", "７", "7", "８", "8", "９", "9", "Ｘ", "X")

func mask(s string) string {
	if narrow := fullWidth.Replace(s); personal.MatchString(narrow) {
		return personal.ReplaceAllString(narrow, Redacted)
	}
	return s
}

// ErrorText returns what may leave the process of an error's text (I9). A
// database error's message and detail quote values of rows: it keeps its code
// and the names of what was touched. What looks like a person's number is
// masked.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		safe := "database error " + pg.Code
		for _, part := range [][2]string{{" table ", pg.TableName}, {" column ", pg.ColumnName}, {" constraint ", pg.ConstraintName}} {
			if part[1] != "" {
				safe += part[0] + part[1]
			}
		}
		// Whoever wrapped it said what was being done; keep that.
		text = strings.ReplaceAll(text, pg.Error(), safe)
		for _, quoting := range []string{pg.Message, pg.Detail, pg.Where, pg.InternalQuery} {
			if quoting != "" {
				text = strings.ReplaceAll(text, quoting, safe)
			}
		}
	}
	return mask(text)
}
