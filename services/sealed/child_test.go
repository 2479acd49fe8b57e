package sealed_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/services/sealed"
)

// TestChild is the satellite's process in the test below: it says that it is
// there, and stays until its standard input ends, or ends at once the first time.
func TestChild(t *testing.T) {
	lives := os.Getenv("SEALED_TEST_CHILD")
	if lives == "" {
		return // an ordinary run: there is nobody to be
	}
	f, err := os.OpenFile(lives, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString("+")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	if text, err := os.ReadFile(lives); err == nil && string(text) == "+" {
		os.Exit(3) // the first one fails
	}
	ctx, stop := sealed.UntilEOF(context.Background(), os.Stdin)
	defer stop()
	<-ctx.Done()
	require.NoError(t, os.WriteFile(lives+".ended", nil, 0o600))
}

// A satellite that ends is started again; it goes when the hub does; and what
// went wrong stands in its own log.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	lives := filepath.Join(dir, "lives")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sealed.Keep(ctx, dir, func() *exec.Cmd {
			cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
			cmd.Env = append(os.Environ(), "SEALED_TEST_CHILD="+lives)
			return cmd
		})
	}()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(lives)
		return err == nil && string(text) == "++"
	}, time.Minute, 20*time.Millisecond, "it is started again")
	cancel()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the satellite did not end with the hub")
	}
	require.FileExists(t, lives+".ended")
	log, err := os.ReadFile(sealed.LogFile(dir))
	require.NoError(t, err)
	require.Contains(t, string(log), "exit status 3")
	info, err := os.Stat(sealed.LogFile(dir))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestPasswordIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sealed")
	first, err := sealed.Password(dir)
	require.NoError(t, err)
	require.Len(t, strings.TrimSpace(first), 48)
	again, err := sealed.Password(dir)
	require.NoError(t, err)
	require.Equal(t, first, again)
	info, err := os.Stat(filepath.Join(dir, "password"))
	require.NoError(t, err)
	require.Equal(t, "-rw-------", fmt.Sprint(info.Mode()))
}
