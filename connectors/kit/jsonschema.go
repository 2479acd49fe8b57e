package kit

import (
	_ "embed"
	"errors"
)

// platformSchema is generated from the Go types of the file and of every kind's
// settings, their comments as descriptions; a test holds it equal to them.
//
//go:embed platform.schema.json
var platformSchema []byte

// Schema is the JSON Schema (draft 2020-12) of a platform's file, by which an
// editor completes and checks it.
func Schema() ([]byte, error) {
	if len(platformSchema) == 0 {
		return nil, errors.New("this program was built without the schema of the platforms' files")
	}
	return platformSchema, nil
}
