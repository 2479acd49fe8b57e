package chinese

import "testing"

func TestBirthOrderLevels(t *testing.T) {
	t.Parallel()
	requireLevels(t, kindOf(t, "birth_order", 2), []pair{
		{"identical", v("2", "苏晚晴之女"), v("2", "林一诺"), "identical"},
		{"identical rank", v("", "苏晚晴之次女"), v("", "苏晚晴之女2"), "identical"},
		{"a second child and one that does not say", v("2", "苏晚晴之女"), v("", "林一诺"), "unclear"},
		{"a newborn that does not say and a second child", v("", "苏晚晴之女"), v("2", "林一诺"), "unclear"},
		{"twins", v("1", "苏晚晴之女"), v("2", "苏晚晴之女"), "different"},
		{"twins by rank", v("", "苏晚晴之长女"), v("", "苏晚晴之次女"), "different"},
		{"an only child", v("1", "苏晚晴之女"), v("", "林一诺"), "missing"},
		{"two named children", v("2", "林一诺"), v("", "林一言"), "missing"},
		{"grown-ups", v("", "林一诺"), v("", "林一诺"), "missing"},
		{"not a number", v("x", "林一诺"), v("1", "林一诺"), "missing"},
	})
}
