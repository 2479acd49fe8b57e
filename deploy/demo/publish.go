package demo

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"heji/connectors/platforms"
	"heji/deploy/demo/population"
)

// publish writes the platforms' files and the simulators' addresses into the
// data folder, so that heji platform reaches the running demo like any district:
// its folder of files, and the .env beside them.
func publish(dir string, env map[string]string) (string, error) {
	to := filepath.Join(dir, "platforms")
	through, err := fs.Sub(platforms.Programs, "programs")
	if err != nil {
		return "", err
	}
	// The sealed ones go into a folder of their own; who is reached through a
	// program has another file than the one that reaches it directly.
	for _, fsys := range []fs.FS{platforms.FS, platforms.Sealed, through} {
		if err := copyFiles(to, fsys); err != nil {
			return "", fmt.Errorf("write the platforms' files: %w", err)
		}
	}
	var open, sealed strings.Builder // who may read the one need not know of the other
	for _, name := range slices.Sorted(maps.Keys(env)) {
		lines := &open
		if slices.ContainsFunc(population.Sealed, func(id string) bool { return strings.HasPrefix(name, strings.ToUpper(id)+"_") }) {
			lines = &sealed
		}
		fmt.Fprintf(lines, "%s=%s\n", name, env[name])
	}
	err = os.WriteFile(filepath.Join(to, ".env"), []byte(open.String()), 0o600)
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "sealed", ".env"), []byte(sealed.String()), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("write the simulators' addresses: %w", err)
	}
	return to, nil
}

func copyFiles(to string, fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	})
}
