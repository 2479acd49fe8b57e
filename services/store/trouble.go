package store

import "encoding/json"

// Trouble is how a pass or a push ended: nothing, or a sentence, with a code
// where it has one.
type Trouble struct {
	Sentence string            `json:"-"`
	Code     string            `json:"code"`
	Args     map[string]string `json:"args,omitempty"`
}

// stored is what of a trouble goes beside its sentence.
func (t Trouble) stored() any {
	if t.Code == "" {
		return nil
	}
	raw, err := json.Marshal(t)
	if err != nil {
		panic("store: a trouble of texts cannot fail to encode: " + err.Error())
	}
	return string(raw)
}

// readTrouble reads it back.
func readTrouble(sentence string, raw []byte) (t Trouble, err error) {
	if len(raw) > 0 {
		err = json.Unmarshal(raw, &t)
	}
	t.Sentence = sentence
	return t, err
}
