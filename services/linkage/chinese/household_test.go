package chinese

import "testing"

func TestHouseholdLevels(t *testing.T) {
	t.Parallel()
	requireLevels(t, kindOf(t, "household", 2), []pair{
		{"the head in both", v("190101005512", "02"), v("190101005512", "01"), "same_role"},
		{"a child in both", v("190101005512", "20"), v("190101005512", "30"), "same_role"},
		{"relation not given", v("190101005512", "02"), v("190101005512", ""), "same_household"},
		{"a relation that says nothing", v("190101005512", "02"), v("190101005512", "97"), "same_household"},
		{"two children without relations", v("190101005512"), v("190101005512"), "same_household"},
		{"head and child", v("190101005512", "02"), v("190101005512", "20"), "other_role"},
		{"spouse and parent", v("190101005512", "12"), v("190101005512", "52"), "other_role"},
		{"another household", v("190101005512", "02"), v("190101005513", "02"), "different"},
		{"blank", v("190101005512", "02"), v("", "02"), "missing"},
		{"placeholder", v("0000", "02"), v("0000", "02"), "missing"},
	})
}
