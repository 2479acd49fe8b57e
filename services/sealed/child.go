package sealed

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Password returns the secret of the satellite's role, made at the first start
// and kept in the satellite's folder, for the embedded PostgreSQL.
func Password(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("the folder of the satellite: %w", err)
	}
	file := filepath.Join(dir, "password")
	text, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("the password of the satellite: %w", err)
	}
	secret := make([]byte, 24)
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("the password of the satellite: %w", err)
	}
	password := hex.EncodeToString(secret)
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("the password of the satellite: %w", err)
	}
	return password, nil
}

// LogFile is where a satellite writes what went wrong: nowhere else is it told.
func LogFile(dir string) string { return filepath.Join(dir, "heji.log") }

// maxLog is the size, in bytes, from which a log is put aside at the next start.
const maxLog = 16 << 20

// Keep runs the satellite's process, and starts it again when it ends, until ctx
// ends. command makes it; it must end when its standard input does (UntilEOF).
// Whatever happens is written to the satellite's own log and returned to nobody:
// who watches the hub is not to learn that there is one.
func Keep(ctx context.Context, dir string, command func() *exec.Cmd) {
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		began := time.Now()
		if err := once(ctx, dir, command()); err != nil && ctx.Err() == nil {
			note(dir, err)
		}
		if time.Since(began) > 5*time.Minute {
			wait = time.Second
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

func once(ctx context.Context, dir string, cmd *exec.Cmd) error {
	if info, err := os.Stat(LogFile(dir)); err == nil && info.Size() > maxLog {
		if err := os.Rename(LogFile(dir), LogFile(dir)+".1"); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(LogFile(dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // written by the child
	cmd.Stdout, cmd.Stderr = log, log
	hold, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return fmt.Errorf("the satellite ended: %w; it is started again", err)
	case <-ctx.Done():
	}
	if err := hold.Close(); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(30 * time.Second):
		if err := cmd.Process.Kill(); err != nil {
			return err
		}
		return <-ended
	}
}

// note adds a line to the satellite's log. A log that cannot be written has no
// other place to say so.
func note(dir string, err error) {
	f, openErr := os.OpenFile(LogFile(dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if openErr != nil {
		return
	}
	defer f.Close() //nolint:errcheck // the line is out, or cannot be
	slog.New(slog.NewTextHandler(f, nil)).Error("the satellite is in trouble", "error", err)
}

// UntilEOF returns a context that ends with r: whoever holds the other end of a
// process's standard input takes it along, however it ends itself.
func UntilEOF(ctx context.Context, r io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, r) // ends for whatever reason: the holder is gone
		cancel()
	}()
	return ctx, cancel
}
