package registry

import (
	"heji/connectors"
	"heji/services/store"
)

// Trouble is what of an error is stored with its platform: the sentence, which
// the caller has made fit for it, and the code where it has one.
func Trouble(err error, sentence string) store.Trouble {
	t := store.Trouble{Sentence: sentence}
	if coded := connectors.AsTrouble(err); coded != nil && sentence != "" {
		t.Code, t.Args = coded.Code, coded.Args
	} else if code := connectors.PlainCode(err); code != "" && sentence != "" {
		t.Code, t.Args = code, map[string]string{"words": sentence}
	}
	return t
}
