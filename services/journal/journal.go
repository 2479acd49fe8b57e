package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"heji/services/crypt"
)

// Journal is the folder of an installation's journal.
type Journal struct {
	dir  string
	ring *crypt.Ring

	mu   sync.Mutex
	name string
	file *os.File // of the month in name
}

// New returns the journal of a folder, which is made with the first line.
func New(dir string, ring *crypt.Ring) *Journal { return &Journal{dir: dir, ring: ring} }

// Ring is the keys that the journal is encrypted with.
func (j *Journal) Ring() *crypt.Ring { return j.ring }

// Close gives the file back.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file, j.name = nil, ""
	return err
}

// Begin adds writes that are about to be made. They are on the disk when it
// returns nil; otherwise nothing may be called (I5).
func (j *Journal) Begin(lines []Line) error { return j.add(lines, true) }

// End is one outcome.
type End struct {
	Intent   uuid.UUID
	Platform string
	Status   string
	Key      string // of the row that a create made
}

// End adds outcomes. They are not waited for: a write whose outcome a power cut
// takes along is in doubt after a restore, which is what a doubt is for.
func (j *Journal) End(list []End) error {
	lines := make([]Line, len(list))
	for i, e := range list {
		sealed, err := sealKey(j.ring, e.Intent, e.Key)
		if err != nil {
			return err
		}
		lines[i] = Line{Intent: e.Intent, Platform: e.Platform, Ended: e.Status, Sealed: sealed}
	}
	return j.add(lines, false)
}

func (j *Journal) add(lines []Line, sync bool) error {
	if len(lines) == 0 {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.addLocked(lines, sync); err != nil {
		return fmt.Errorf("the journal in %s cannot be written, so nothing is: %w", j.dir, err)
	}
	return nil
}

func (j *Journal) addLocked(lines []Line, sync bool) error {
	now := time.Now().UTC()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	for _, l := range lines {
		if l.At.IsZero() {
			l.At = now
		}
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	if err := j.open(now.Format("2006-01") + ".log"); err != nil {
		return err
	}
	// Of all processes that write here, one at a time.
	if err := unix.Flock(int(j.file.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	defer unix.Flock(int(j.file.Fd()), unix.LOCK_UN) //nolint:errcheck // given back with the file at the latest
	if err := cutTorn(j.file); err != nil {
		return err
	}
	if _, err := j.file.Write(text.Bytes()); err != nil {
		return err
	}
	if !sync {
		return nil
	}
	return j.file.Sync()
}

// open makes a month's file the one that is written to.
func (j *Journal) open(name string) error {
	if j.name == name {
		return nil
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(j.dir, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	dir, err := os.Open(j.dir)
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close()) // the name is as durable as the lines
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if j.file != nil {
		if err := errors.Join(j.file.Sync(), j.file.Close()); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	j.file, j.name = f, name
	return nil
}

// cutTorn takes away a last line without its end: its writer crashed before it
// was promised.
func cutTorn(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	end := info.Size()
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, end-1); err != nil {
		return err
	}
	if last[0] == '\n' {
		return nil
	}
	chunk := make([]byte, 64<<10)
	for at := end; at > 0; {
		n := min(int64(len(chunk)), at)
		at -= n
		if _, err := f.ReadAt(chunk[:n], at); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(chunk[:n], '\n'); i >= 0 {
			return f.Truncate(at + int64(i) + 1)
		}
	}
	return f.Truncate(0)
}

// Key is the key of the row that a create made, as the line of its outcome has it;
// "" where it is none.
func (j *Journal) Key(l Line) (string, error) { return openKey(j.ring, l.Intent, l.Sealed) }

var monthName = regexp.MustCompile(`^\d{4}-\d{2}\.log$`)

// months are the files there are, the oldest first.
func (j *Journal) months() ([]string, error) {
	list, err := os.ReadDir(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	var names []string
	for _, e := range list {
		if monthName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Read hands every line to f, in order. A torn last line is left out; any other
// one that cannot be read is an error that names it.
func (j *Journal) Read(f func(Line) error) error {
	names, err := j.months()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := readFile(filepath.Join(j.dir, name), f); err != nil {
			return err
		}
	}
	return nil
}

func readFile(path string, f func(Line) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	r := bufio.NewReaderSize(file, 1<<20)
	for n := 1; ; n++ {
		raw, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what has no end is torn
		}
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		l, err := parse(raw)
		if err != nil {
			return fmt.Errorf("%s line %d: %w: the file was damaged or changed; bring it back from a backup", path, n, err)
		}
		if err := f(l); err != nil {
			return err
		}
	}
}

func parse(raw []byte) (Line, error) {
	var l Line
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, errors.New("this is no line of a journal")
	}
	if l.Intent == uuid.Nil || l.Platform == "" || l.At.IsZero() {
		return l, errors.New("a write without its number, platform or time")
	}
	return l, nil
}

// Last returns the last writes of the journal, at most n, the oldest first.
func (j *Journal) Last(n int) ([]Line, error) {
	names, err := j.months()
	if err != nil {
		return nil, err
	}
	var list []Line
	for _, name := range slices.Backward(names) {
		found, err := lastOf(filepath.Join(j.dir, name), n-len(list))
		if err != nil {
			return nil, err
		}
		list = append(found, list...)
		if len(list) >= n {
			break
		}
	}
	return list, nil
}

// lastOf reads a file from its end, in growing pieces.
func lastOf(path string, n int) ([]Line, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	for piece := int64(256 << 10); ; piece *= 8 {
		from := max(0, info.Size()-piece)
		raw := make([]byte, info.Size()-from)
		if _, err := f.ReadAt(raw, from); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		if from > 0 {
			raw = raw[bytes.IndexByte(raw, '\n')+1:] // a piece of a line
		}
		var list []Line
		for text := range bytes.Lines(raw) {
			if text[len(text)-1] != '\n' {
				break
			}
			l, err := parse(text)
			if err != nil {
				return nil, fmt.Errorf("the end of %s: %w: the file was damaged or changed; bring it back from a backup", path, err)
			}
			if l.Ended == "" {
				list = append(list, l)
			}
		}
		if len(list) >= n || from == 0 {
			return list[max(0, len(list)-n):], nil
		}
	}
}

// Drop removes the files of months that ended before a time.
func (j *Journal) Drop(before time.Time) (int, error) {
	names, err := j.months()
	if err != nil {
		return 0, err
	}
	dropped := 0
	for _, name := range names {
		month, err := time.Parse("2006-01.log", name)
		if err != nil || month.AddDate(0, 1, 0).After(before) {
			continue
		}
		if err := os.Remove(filepath.Join(j.dir, name)); err != nil {
			return dropped, fmt.Errorf("remove what was kept long enough: %w", err)
		}
		dropped++
	}
	return dropped, nil
}
