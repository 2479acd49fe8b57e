package contracts

import _ "embed"

// The published JSON Schemas (draft 2020-12).
var (
	// Record is a message on the RECORDS stream: what one platform says about one
	// person.
	//
	//go:embed record.schema.json
	Record []byte
	// Change is a message on the CHANGES stream: look at this target now.
	//
	//go:embed change.schema.json
	Change []byte
	// Agreement says what may be brought to a platform, and how.
	//
	//go:embed agreement.schema.json
	Agreement []byte
)
