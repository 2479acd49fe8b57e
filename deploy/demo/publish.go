package demo

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"heji/connectors/platforms"
)

// publish writes the platforms' files and the simulators' addresses into the
// data folder, so that heji platform reaches the running demo like any district:
// its folder of files, and the .env beside them.
func publish(dir string, env map[string]string) (string, error) {
	to := filepath.Join(dir, "platforms")
	if err := os.MkdirAll(to, 0o700); err != nil {
		return "", fmt.Errorf("write the platforms' files: %w", err)
	}
	files, err := platforms.FS.ReadDir(".")
	if err != nil {
		return "", err
	}
	for _, f := range files {
		data, err := platforms.FS.ReadFile(f.Name())
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), data, 0o600)
		}
		if err != nil {
			return "", fmt.Errorf("write the platforms' files: %w", err)
		}
	}
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&lines, "%s=%s\n", name, env[name])
	}
	if err := os.WriteFile(filepath.Join(to, ".env"), []byte(lines.String()), 0o600); err != nil {
		return "", fmt.Errorf("write the simulators' addresses: %w", err)
	}
	return to, nil
}
