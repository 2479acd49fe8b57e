package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/services/store"
)

func TestStatementOfAMonth(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	v.exec(`UPDATE platforms SET department = '人社', name_en = 'Pension' WHERE id = 'pension'`)
	write := func(platform, state, fields, at, done string) {
		v.exec(`INSERT INTO intents (id, platform, key, fence, fields, state, at, done_at) VALUES (gen_random_uuid(), $1, 'K', 1, $2::jsonb, $3, $4::timestamptz, nullif($5, '')::timestamptz)`,
			platform, fields, state, at, done)
	}
	const phone, both, back = `{"phone": {"w": "15400001111", "s": "desk/x"}}`, `{"phone": {"w": "1", "s": "desk/x"}, "name": {"w": "a", "s": "gongan/1"}}`, `{"phone": {"w": "", "s": "own"}}`
	write("pension", "applied", phone, "2026-10-31 23:59+08", "2026-11-01 00:00+08") // ended in November
	write("pension", "applied", both, "2026-11-02 10:00+08", "2026-11-02 10:00+08")
	write("pension", "applied", back, "2026-11-03 10:00+08", "2026-11-03 10:00+08")
	write("pension", "refused", phone, "2026-11-03 10:00+08", "2026-11-03 10:00+08")
	write("pension", "missed", phone, "2026-11-03 10:00+08", "2026-11-03 10:00+08")
	write("pension", "doubt", phone, "2026-11-30 23:59+08", "")
	write("pension", "busy", phone, "2026-11-03 10:00+08", "2026-11-03 10:00+08")
	write("pension", "applied", phone, "2026-11-30 23:00+08", "2026-12-01 00:00+08") // in December
	write("sealed", "applied", phone, "2026-11-03 10:00+08", "2026-11-03 10:00+08")
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.FixedZone("", 8*3600))
	list, err := v.Statement(ctx, from, from.AddDate(0, 1, 0))
	require.NoError(t, err)
	line := store.StatementLine{Department: "人社", Platform: "pension", Name: "pension", NameEn: "Pension"}
	all, name, tel := line, line, line
	all.Applied, all.Refused, all.Overtaken, all.Open = 3, 1, 1, 1
	name.Attribute, name.Applied = "name", 1
	tel.Attribute, tel.Applied, tel.Back, tel.Refused, tel.Overtaken, tel.Open = "phone", 3, 1, 1, 1, 1
	require.Equal(t, []store.StatementLine{all, name, tel}, list)
}
