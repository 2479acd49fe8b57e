package demo

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors/conformance/live"
)

// verifyEnv makes the test binary the IT clerk who verifies every platform of a
// folder, in a process of its own: one of the checks is that nothing goes on in
// the background.
const verifyEnv = "HEJI_DEMO_VERIFY"

// verified are the platforms of the running reference demo that passed.
type verified struct {
	passed []string
	said   string
	err    error
}

func (u *undisturbed) verify() {
	self, err := os.Executable()
	if err != nil {
		u.verified.err = err
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), verifyEnv+"="+filepath.Join(u.dir, "platforms"))
	out, err := cmd.CombinedOutput()
	u.verified.said, u.verified.err = string(out), err
	for _, line := range strings.Split(u.verified.said, "\n") {
		if id, ok := strings.CutPrefix(line, "passed "); ok {
			u.verified.passed = append(u.verified.passed, id)
		}
	}
}

// verifyFolder is the whole life of that clerk.
func verifyFolder(folder string) int {
	code := 0
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines, err := os.ReadFile(filepath.Join(filepath.Dir(path), ".env"))
		if err != nil {
			return err
		}
		values := map[string]string{}
		for _, line := range strings.Split(string(lines), "\n") {
			name, value, _ := strings.Cut(line, "=")
			values[name] = value
		}
		dir, err := os.MkdirTemp("", "hv")
		if err != nil {
			return err
		}
		r := live.Run(context.Background(), live.Subject{Name: path, File: text, Dir: dir, Sealed: filepath.Base(filepath.Dir(path)) == "sealed",
			Environment: func(name string) (string, bool) { v, ok := values[name]; return v, ok }}, nil)
		if r.OK() {
			fmt.Println("passed", r.Platform)
		} else {
			code = 1
			for _, x := range r.Results {
				if x.Outcome == live.Failed {
					fmt.Println("failed", r.Platform, x.Name, x.Note.En)
				}
			}
		}
		return os.RemoveAll(dir)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return code
}

// TestVerifyAll: every platform of a running demo passes the conformance suite
// that an IT clerk runs against a live one.
func TestVerifyAll(t *testing.T) {
	reference.get(t)
	v := reference.verified
	require.NoError(t, v.err, v.said)
	require.Len(t, v.passed, 24, v.said)
}
