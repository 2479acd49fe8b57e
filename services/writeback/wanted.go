package writeback

import "strings"

// fromDesk reports whether a value was entered by staff.
func fromDesk(source string) bool { return strings.HasPrefix(source, "desk/") }
