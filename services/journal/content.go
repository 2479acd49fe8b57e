package journal

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/crypt"
	"heji/services/lineage"
)

// Content is what is personal about a write; it is kept encrypted only.
type Content struct {
	Key string `json:"key,omitempty"` // of the row; "": a create
	// Anchor names the record that a row is created for.
	Anchor  *schema.RecordRef `json:"anchor,omitempty"`
	Written []lineage.Written `json:"written"`
}

// Line is one line of the journal: a write that is about to be made, or the
// outcome of one.
type Line struct {
	Intent   uuid.UUID `json:"intent"`
	Platform string    `json:"platform"`
	At       time.Time `json:"at"`
	Fence    int64     `json:"fence,omitempty"` // writes: of the write lease
	// Ended is the outcome, as it stands in the store; "": the write itself.
	Ended string `json:"ended,omitempty"`
	// Sealed is the Content of a write; of an outcome, the key of the row that a
	// create made.
	Sealed string `json:"sealed,omitempty"`
}

// Seal encrypts the content of a write. The same text is stored with the intent
// and written to the journal.
func Seal(ring *crypt.Ring, intent uuid.UUID, c Content) (string, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode a write for the journal: %w", err)
	}
	return ring.Seal(raw, "write "+intent.String())
}

// Open decrypts the content of a write.
func Open(ring *crypt.Ring, intent uuid.UUID, sealed string) (Content, error) {
	var c Content
	raw, err := ring.Open(sealed, "write "+intent.String())
	if err != nil {
		return c, fmt.Errorf("write %s: %w", intent, err)
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("write %s: what was kept of it is not readable: %w", intent, err)
	}
	return c, nil
}

// sealKey and openKey do the same for the key of a row that was created.
func sealKey(ring *crypt.Ring, intent uuid.UUID, key string) (string, error) {
	if key == "" {
		return "", nil
	}
	return ring.Seal([]byte(key), "key "+intent.String())
}

func openKey(ring *crypt.Ring, intent uuid.UUID, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	raw, err := ring.Open(sealed, "key "+intent.String())
	if err != nil {
		return "", fmt.Errorf("write %s: the key of the row that it made: %w", intent, err)
	}
	return string(raw), nil
}
