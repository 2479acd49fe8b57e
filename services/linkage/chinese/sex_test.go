package chinese

import "testing"

func TestSexLevels(t *testing.T) {
	t.Parallel()
	man, woman := idOf(t, "1984-03-07", 121), idOf(t, "1984-03-07", 122)
	requireLevels(t, kindOf(t, "sex", 4), []pair{
		{"identical", v("1"), v("1"), "identical"},
		{"identical to the one of a valid number", v("", man), v("1"), "identical"},
		{"identical to the one of a newborn's name", v("", "", "苏晚晴之女"), v("2"), "identical"},
		{"identical to the one of a disability card", v("", "", "", woman+"43"), v("2"), "identical"},
		{"its own word before the number's", v("2", man), v("2"), "identical"},
		{"different", v("1"), v("2"), "different"},
		{"different numbers", v("", man), v("", woman), "different"},
		{"blank", v("1"), v(""), "missing"},
		{"not stated", v("9"), v("1"), "missing"},
		{"read out of one number in both", v("", man), v("", man), "missing"},
		{"read out of the number that the other shows, too", v("", man), v("2", wrongCheck(man)), "missing"},
		{"one number, both say it themselves", v("1", man), v("2", man), "different"},
		{"an invalid number proves no sex", v("", slip(man, 4)), v("1"), "missing"},
	})
}
