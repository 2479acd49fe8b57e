package connectors_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
)

// sorts are the sentinels that say of what sort the trouble with a platform is.
var sorts = map[string]error{"ErrUnreachable": connectors.ErrUnreachable, "ErrCredentials": connectors.ErrCredentials, "ErrLayout": connectors.ErrLayout,
	"ErrReadOnly": connectors.ErrReadOnly, "ErrThrottled": connectors.ErrThrottled, "ErrOtherRow": connectors.ErrOtherRow}

// answers are errors that the desk's pages answer a person with, in words of
// their own; no trouble of a platform.
var answers = map[string]bool{"ErrNoParcel": true, "ErrNoDocument": true, "ErrNoReceipt": true, "ErrForeign": true, "ErrHeld": true,
	"ErrFile": true, "ErrHalted": true, "ErrNoHook": true, "ErrSignature": true, "ErrReplay": true}

// Whatever error of a kind reaches the platform's page can be said in both
// languages: it has a code of its own, or that of its sort.
func TestEveryErrorOfAKindHasASort(t *testing.T) {
	named := regexp.MustCompile(`connectors\.(Err[A-Z][A-Za-z]*)`)
	found := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			_, sort := sorts[m[1]]
			require.True(t, sort || answers[m[1]], "%s: %s is no sort of trouble that a person could be told of in Chinese", path, m[1])
			found[m[1]] = true
		}
		return err
	}))
	listed := map[string]bool{}
	for _, code := range connectors.TroubleCodes() {
		listed[code] = true
	}
	for name, err := range sorts {
		require.True(t, found[name], name)
		code := connectors.PlainCode(err)
		require.True(t, listed[code], "%s has the code %q", name, code)
		require.ErrorIs(t, connectors.NewTrouble(code, "words", "x"), err)
	}
}
