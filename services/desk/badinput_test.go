package desk_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// Whatever is typed into any field of the form: it is answered with a page, what
// was typed comes back as text, and nothing is saved unseen.
func TestEveryFieldWithBadInput(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	for _, bad := range []string{`"><script>alert(1)</script>`, strings.Repeat("长", 10_000), "😀👨‍👩‍👧", "\u202e\u200f王\u2066", "a\x00b", "{{.Body}}", "' OR 1=1 --", "\xff\xfe"} {
		for _, path := range []string{"/residents/new", "/residents/" + id.String() + "/edit", "/residents/alike"} {
			form := url.Values{"request": {"k"}, "who": {"李老师"}, "step": {"next"}, "paste": {bad}, "name": {"王建国"}}
			for _, d := range schema.Attributes() {
				if d.Name != schema.Name {
					form.Set(string(d.Name), bad)
				}
			}
			for _, part := range []string{"community", "compound", "building", "unit", "room", "rest"} {
				form.Set("residence."+part, bad)
			}
			if len(bad) > 1000 {
				continue // all at once are more than a request may hold; one by one below
			}
			r := w.form(path, form)
			require.Contains(t, []int{200, 422}, r.status, "%s with %.20q", path, bad)
			require.NotContains(t, r.text, "<script>alert")
			require.NotContains(t, r.text, "\x00")
		}
		for _, d := range schema.Attributes() {
			form := url.Values{"request": {"k"}, "who": {"李老师"}, "step": {"next"}, "name": {"王建国"}}
			form.Set(string(d.Name), bad)
			r := w.form("/residents/new", form)
			require.Contains(t, []int{200, 422}, r.status, "%s with %.20q", d.Name, bad)
			require.NotContains(t, r.text, "<script>alert", d.Name)
		}
		for _, path := range []string{"/?q=", "/hits?q=", "/dwellings/pick?q=", "/dwellings?household=", "/dwellings?at=", "/buildings?community=", "/buildings/chart?community=a&compound=b&building="} {
			r := w.get(path + url.QueryEscape(bad))
			require.Contains(t, []int{200, 400, 404}, r.status, "%s with %.20q", path, bad)
			require.NotContains(t, r.text, "<script>alert", path)
		}
	}
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))

	// Rare characters are kept as they are, marks that nobody sees are dropped.
	for typed, kept := range map[string]string{"𠮷㛃": "𠮷㛃", "𬱖䶮": "𬱖䶮", "\u202e张\u200f三\u2066": "张三", "张　三": "张三", "阿卜杜・买买提": "阿卜杜·买买提"} {
		r := w.form("/residents/new", url.Values{"request": {"k"}, "who": {"李老师"}, "step": {"next"}, "name": {typed}})
		require.Equal(t, 200, r.status, "%q", typed)
		require.Equal(t, kept, filledForm(r.text).Get("set.name"))
	}
	r := w.form("/residents/new", url.Values{"request": {"k"}, "who": {"李老师"}, "step": {"next"}, "name": {"王😀"}})
	require.Equal(t, 422, r.status)
	require.Contains(t, r.text, "只能有文字和间隔号")
}
