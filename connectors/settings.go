package connectors

var settings = map[string]any{}

// RegisterSettings says what the connect section of a kind holds: a zero value
// of the struct that it is decoded into. Editors complete the file by it.
func RegisterSettings(kind string, zero any) {
	if _, ok := settings[kind]; ok {
		panic("connectors: settings registered twice: " + kind)
	}
	settings[kind] = zero
}

// SettingsOf returns what RegisterSettings was given.
func SettingsOf(kind string) (any, bool) {
	s, ok := settings[kind]
	return s, ok
}
