package crypt_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/services/crypt"
)

// The examples of FIPS 180-4 and of GB/T 32905-2016, annex A.
func TestHashesAreTheStandards(t *testing.T) {
	for suite, want := range map[crypt.Suite]string{
		crypt.International: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		crypt.SM:            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
	} {
		sum, err := crypt.Sum(suite.Hash(), []byte("abc"))
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(sum), suite)
	}
	_, err := crypt.Sum("md5", nil)
	require.ErrorContains(t, err, `no hash "md5"`)
}

func TestParseSuite(t *testing.T) {
	for text, want := range map[string]crypt.Suite{"": crypt.International, "international": crypt.International, "sm": crypt.SM} {
		got, err := crypt.ParseSuite(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := crypt.ParseSuite("SM2")
	require.ErrorContains(t, err, `neither "international"`)
}

// What was sealed is read after a restart, after rotating and after a change of
// algorithms; changed, or in another's place, it is refused.
func TestRingKeepsOldReadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "keys.json")
	ring, err := crypt.OpenRing(path, crypt.International)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	first, err := ring.Seal([]byte("青岚里七弄四号"), "field 1")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(first, "aes256gcm."))
	require.NotContains(t, first, "青岚里")
	require.NoError(t, ring.Rotate())
	second, err := ring.Seal([]byte("二"), "field 2")
	require.NoError(t, err)
	require.NotEqual(t, strings.Split(first, ".")[1], strings.Split(second, ".")[1])

	ring, err = crypt.OpenRing(path, crypt.SM)
	require.NoError(t, err)
	require.Equal(t, 3, ring.Keys(), "a key of the other suite is made")
	third, err := ring.Seal([]byte("三"), "field 3")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(third, "sm4gcm."))
	again, err := crypt.OpenRing(path, crypt.SM)
	require.NoError(t, err)
	require.Equal(t, 3, again.Keys(), "and only once")
	for sealed, about := range map[string]string{first: "field 1", second: "field 2", third: "field 3"} {
		_, err := again.Open(sealed, about)
		require.NoError(t, err)
		_, err = again.Open(sealed, "elsewhere")
		require.ErrorIs(t, err, crypt.ErrSealed)
	}

	other, err := crypt.OpenRing(filepath.Join(t.TempDir(), "keys.json"), crypt.SM)
	require.NoError(t, err)
	_, err = other.Open(third, "field 3")
	require.ErrorIs(t, err, crypt.ErrSealed)
	require.ErrorContains(t, err, "is not in")

	require.NoError(t, os.Chmod(path, 0o644))
	_, err = crypt.OpenRing(path, crypt.SM)
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("[]"), 0o600))
	_, err = crypt.OpenRing(path, crypt.SM)
	require.ErrorContains(t, err, "holds no keys")
}

func TestSealedIsReadAsItWas(t *testing.T) {
	for _, suite := range []crypt.Suite{crypt.International, crypt.SM} {
		ring, err := crypt.OpenRing(filepath.Join(t.TempDir(), "keys.json"), suite)
		require.NoError(t, err)
		rapid.Check(t, func(t *rapid.T) {
			plain, about := rapid.SliceOf(rapid.Byte()).Draw(t, "plain"), rapid.String().Draw(t, "about")
			sealed, err := ring.Seal(plain, about)
			require.NoError(t, err)
			got, err := ring.Open(sealed, about)
			require.NoError(t, err)
			require.Equal(t, string(plain), string(got))
			// One changed character anywhere is noticed.
			at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
			changed := []byte(sealed)
			changed[at] = map[bool]byte{true: 'B', false: 'A'}[changed[at] == 'A']
			_, err = ring.Open(string(changed), about)
			require.Error(t, err)
		})
	}
}

func FuzzOpen(f *testing.F) {
	ring, err := crypt.OpenRing(filepath.Join(f.TempDir(), "keys.json"), crypt.SM)
	require.NoError(f, err)
	id, name := ring.Current()
	f.Add("")
	f.Add("..")
	f.Add(name + "." + id + ".AAAA")
	f.Fuzz(func(t *testing.T, sealed string) {
		_, err := ring.Open(sealed, "x")
		require.ErrorIs(t, err, crypt.ErrSealed)
	})
}

// Processes that start at once on a new folder end up with the same key.
func TestRingIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	rings := make([]*crypt.Ring, 8)
	var all sync.WaitGroup
	for i := range rings {
		all.Go(func() {
			var err error
			rings[i], err = crypt.OpenRing(path, crypt.International)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	id, _ := rings[0].Current()
	for _, r := range rings {
		got, _ := r.Current()
		require.Equal(t, id, got)
	}
}
