package desk_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
)

func TestWhatMayNotBeEntered(t *testing.T) {
	w := newWorld(t)
	id := number(t, "1980-05-01", 7)
	wrong := id[:17] + map[bool]string{true: "1", false: "0"}[id[17] == '0']
	long := strings.Repeat("长", 10_000)
	for _, c := range []struct {
		values map[string]string
		want   map[string]string
	}{
		{map[string]string{}, map[string]string{"name": "required"}},
		{map[string]string{"name": "  "}, map[string]string{"name": "required"}},
		{map[string]string{"name": "王芳", "shoe_size": "38"}, map[string]string{"shoe_size": "unknown_attribute"}},
		// I7: sealed attributes are answered as if there were none.
		{map[string]string{"name": "王芳", "corrections": "1"}, map[string]string{"corrections": "unknown_attribute"}},
		{map[string]string{"name": "王芳", "mental_disorder": ""}, map[string]string{"mental_disorder": "unknown_attribute"}},
		{map[string]string{"name": "<script>alert(1)</script>"}, map[string]string{"name": "not_a_name"}},
		{map[string]string{"name": "王芳😀"}, map[string]string{"name": "not_a_name"}},
		{map[string]string{"name": "王芳1"}, map[string]string{"name": "not_a_name"}},
		{map[string]string{"name": "不详"}, map[string]string{"name": "placeholder"}},
		{map[string]string{"name": "王\u0007芳"}, map[string]string{"name": "control_char"}},
		{map[string]string{"name": long}, map[string]string{"name": "too_long"}},
		{map[string]string{"name": "王芳", "workplace": "<b>厂</b>"}, map[string]string{"workplace": "markup"}},
		{map[string]string{"name": "王芳", "workplace": long}, map[string]string{"workplace": "too_long"}},
		{map[string]string{"name": "王芳", "hukou_address": long}, map[string]string{"hukou_address": "too_long"}},
		{map[string]string{"name": "王芳", "id_number": wrong}, map[string]string{"id_number": "check_digit"}},
		{map[string]string{"name": "王芳", "id_number": "12345"}, map[string]string{"id_number": "bad_id_number"}},
		{map[string]string{"name": "王芳", "id_number": long}, map[string]string{"id_number": "bad_id_number"}},
		{map[string]string{"name": "王芳", "birth_date": "2026-02-30"}, map[string]string{"birth_date": "bad_date"}},
		{map[string]string{"name": "王芳", "birth_date": "2026-11-24"}, map[string]string{"birth_date": "in_future"}},
		{map[string]string{"name": "王芳", "birth_date": "2027"}, map[string]string{"birth_date": "in_future"}},
		{map[string]string{"name": "王芳", "birth_date": "1980-05-02", "death_date": "1980-05-01"}, map[string]string{"death_date": "before_birth"}},
		{map[string]string{"name": "王芳", "education": "博学"}, map[string]string{"education": "unknown_code"}},
		{map[string]string{"name": "王芳", "phone": "000"}, map[string]string{"phone": "placeholder"}},
		{map[string]string{"name": "王芳", "phone": "138😀"}, map[string]string{"phone": "placeholder"}},
		{map[string]string{"name": "王芳", "birth_order": "很多"}, map[string]string{"birth_order": "unreadable"}},
		{map[string]string{"birth_date": "1980-13-01", "phone": "无"}, map[string]string{"name": "required", "birth_date": "bad_date", "phone": "placeholder"}},
	} {
		r := w.send(422, "POST", "/api/v1/residents", entry(c.values))
		require.Equal(t, "application/problem+json; charset=utf-8", r.header.Get("Content-Type"))
		require.Equal(t, c.want, r.problems(), "%.80v", c.values)
		for _, lang := range []string{"zh", "en"} {
			for _, p := range w.send(422, "POST", "/api/v1/residents?lang="+lang, entry(c.values)).json["problems"].([]any) {
				message := p.(map[string]any)["message"].(string)
				require.NotEmpty(t, message)
				require.NotContains(t, message, "bad.")
				require.NotContains(t, message, "{")
				require.NotContains(t, message, "矫正")
			}
		}
	}
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
	require.Zero(t, w.wakes())
	require.NotContains(t, w.log.String(), "王芳")

	sealed := w.send(422, "POST", "/api/v1/residents", entry(map[string]string{"name": "王芳", "corrections": "1"})).text
	misspelt := w.send(422, "POST", "/api/v1/residents", entry(map[string]string{"name": "王芳", "correctionz": "1"})).text
	require.Equal(t, strings.ReplaceAll(misspelt, "correctionz", "corrections"), sealed)
}

func TestOddButRight(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, kept string }{
		{"𠮷田明", "𠮷田明"}, {"张㛃", "张㛃"}, {"阿卜杜热合曼•买买提", "阿卜杜热合曼·买买提"}, {"\u202e王芳\u200f", "王芳"},
		{"Anna-Maria O'Neill", "Anna-Maria O'Neill"}, {"李娜之女", "李娜之女"},
	} {
		key := uuid.NewString()
		w.send(202, "POST", "/api/v1/residents", entry(map[string]string{"name": c.name}), "Idempotency-Key", key)
		e, err := w.store.EntryState(context.Background(), key)
		require.NoError(t, err)
		require.Equal(t, c.kept, e.Record.Values[schema.Name])
	}
}

func TestFifteenDigitsBecomeEighteen(t *testing.T) {
	w := newWorld(t)
	full := number(t, "1955-03-09", 12)
	w.send(202, "POST", "/api/v1/residents", entry(map[string]string{"name": "陈秀英", "id_number": full[:6] + full[8:17], "sex": ""}), "Idempotency-Key", "k")
	e, err := w.store.EntryState(context.Background(), "k")
	require.NoError(t, err)
	require.Equal(t, full, e.Record.Values[schema.IDNumber])
	require.Equal(t, "2", e.Record.Values[schema.Sex])
	require.Equal(t, "1955-03-09", e.Record.Values[schema.BirthDate])
}
