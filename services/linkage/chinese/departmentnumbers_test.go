package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/linkage/comparator"
)

func TestDepartmentNumberLevels(t *testing.T) {
	t.Parallel()
	requireLevels(t, kindOf(t, "department_numbers", 3), []pair{
		{"identical", v("M1901", "", ""), v("M1901", "", ""), "identical"},
		{"identical in one department, different in another", v("M1901", "P7", ""), v("M1902", "P7", ""), "identical"},
		{"different", v("M1901", "", ""), v("M1902", "", ""), "different"},
		{"one number of two departments says nothing", v("M1901", "", ""), v("", "M1901", ""), "missing"},
		{"blank", v("M1901", "", ""), v("", "", ""), "missing"},
		{"placeholder", v("无", "000000", ""), v("无", "000000", ""), "missing"},
	})
}

func TestDepartmentNumberKeys(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "department_numbers", 3)
	require.Equal(t, v("\x00M1901", "\x02H7"), keysOf(c, "number", "M1901", "无", "H7"))
	require.NotEqual(t, keysOf(c, "number", "M1901"), keysOf(c, "number", "", "M1901"))
	_, err := Kinds.New("department_numbers", comparator.Options{})
	require.ErrorContains(t, err, "attributes are missing")
	_, err = Kinds.New("department_numbers", comparator.Options{Attributes: make([]string, 256)})
	require.ErrorContains(t, err, "at most 255")
}
