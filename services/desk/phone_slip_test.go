package desk

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// A mobile number with a digit too few or too many is asked about; others are not.
func TestSlipInAMobileNumber(t *testing.T) {
	for phone, odd := range map[string]bool{"1381234567": true, "138123456789": true, "13812345678": false, "01012345678": false, "1234567890": false, "62345678": false, "": false} {
		list := oddities(Chinese, schema.Values{schema.Phone: phone}, schema.Values{})
		require.Equal(t, odd, len(list) == 1 && list[0].Warning == "phone_length", phone)
	}
}
