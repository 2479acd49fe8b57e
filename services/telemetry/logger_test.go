package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
	"heji/services/telemetry"
)

// Numbers with unassigned area codes.
const (
	idNumber  = "190101199001011236"
	oldNumber = "190101900101123"
	mobile    = "13900001234"
)

func line(t *testing.T, format, msg string, args ...any) string {
	t.Helper()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, format, slog.LevelInfo)
	require.NoError(t, err)
	log.Info(msg, args...)
	return out.String()
}

func TestLoggerShowsWhatItMay(t *testing.T) {
	t.Parallel()
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(line(t, "json", "pulled", "platform", "mz", "count", 12, "error", errors.New("timeout"))), &got))
	require.Equal(t, "INFO", got["level"])
	require.Equal(t, "pulled", got["msg"])
	require.Equal(t, "mz", got["platform"])
	require.InDelta(t, 12, got["count"], 0)
	require.Equal(t, "timeout", got["error"])
	require.NotEmpty(t, got["time"])

	require.Contains(t, line(t, "text", "pulled", "platform", "mz"), "platform=mz")

	_, err := telemetry.NewLogger(&bytes.Buffer{}, "xml", slog.LevelInfo)
	require.ErrorContains(t, err, `"xml" is none of json and text`)
}

func TestLoggerHidesPersonalData(t *testing.T) {
	t.Parallel()
	record := schema.Record{Platform: "mz", Key: "9", Values: schema.Values{schema.Name: "王小明", schema.IDNumber: idNumber}}
	database := &pgconn.PgError{Severity: "ERROR", Code: "23505", Message: `duplicate key value 王小明`,
		Detail: "Key (id)=(" + idNumber + ") exists", TableName: "records", ConstraintName: "records_key"}
	for name, args := range map[string][]any{
		"unknown key":         {"name", "王小明"},
		"unknown key, number": {"phone", 13900001234},
		"struct":              {"record", record},
		"pointer":             {"record", &record},
		"map":                 {"batch", record.Values},
		"list":                {"reason", []string{idNumber}},
		"group":               {slog.Group("platform", "name", "王小明")},
		"nested group":        {slog.Group("a", slog.Group("b", "count", 1, "xm", "王小明"))},
		"ID number":           {"reason", "no record for " + idNumber},
		"old ID number":       {"reason", "no record for " + oldNumber},
		"full width":          {"reason", "１９０１０１１９９００１０１１２３６"},
		"mobile":              {"url", "/find?q=" + mobile},
		"within a word":       {"file", "x" + mobile + "y"},
		"error":               {"error", fmt.Errorf("row 3: %s is taken", idNumber)},
		"database error":      {"error", fmt.Errorf("take in: %w", database)},
		"unwrapped text":      {"error", fmt.Errorf("take in: %s: %w", database.Detail, database)},
		"log valuer":          {"reason", secret{}},
	} {
		for _, format := range []string{"json", "text"} {
			out := line(t, format, "event for "+mobile, args...)
			for _, personal := range []string{"王小明", idNumber, oldNumber, mobile, "１９０"} {
				require.NotContains(t, out, personal, "%s as %s", name, format)
			}
		}
	}
}

// secret resolves to a number only when it is logged.
type secret struct{}

func (secret) LogValue() slog.Value { return slog.StringValue(idNumber) }

func TestDatabaseErrorsKeepWhatHelps(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("take in records of mz: %w", &pgconn.PgError{Severity: "ERROR", Code: "23505", Message: "王小明", TableName: "records", ConstraintName: "records_key"})
	require.Equal(t, "take in records of mz: database error 23505 table records constraint records_key", telemetry.ErrorText(err))
	require.Empty(t, telemetry.ErrorText(nil))
	require.Equal(t, context.Canceled.Error(), telemetry.ErrorText(context.Canceled))
}

// Whatever surrounds it, a number of a person does not pass.
func TestNumbersAreMaskedWhereverTheyStand(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z 王=:/"]{0,8}`)
		number := rapid.SampledFrom([]string{idNumber, oldNumber, mobile}).Draw(t, "number")
		out := telemetry.ErrorText(errors.New(text.Draw(t, "before") + number + text.Draw(t, "after")))
		if strings.Contains(out, number) {
			t.Fatalf("%q holds the number", out)
		}
	})
}
