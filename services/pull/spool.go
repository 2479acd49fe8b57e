package pull

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"heji/schema"
)

// spoolInMemory is how many messages are held in memory; more go to a file.
const spoolInMemory = 5000

// spool holds the messages of a read until it was looked at as a whole. Its file
// has no name: it goes with the process, and nobody else can open it.
type spool struct {
	list   []schema.Record
	file   *os.File
	out    *bufio.Writer
	digest hash.Hash
	n      int
}

func (s *spool) add(list []schema.Record) error {
	if s.digest == nil {
		s.digest = sha256.New()
	}
	for _, m := range list {
		// What the platform shows, and not when it was asked.
		raw, err := json.Marshal([]any{m.Key, m.Op, m.Raw, m.Place})
		if err != nil {
			return fmt.Errorf("hold a read: %w", err)
		}
		s.digest.Write(append(raw, '\n'))
	}
	s.n += len(list)
	if s.file == nil {
		s.list = append(s.list, list...)
		if len(s.list) <= spoolInMemory {
			return nil
		}
		if err := s.open(); err != nil {
			return fmt.Errorf("hold a read: %w", err)
		}
		list, s.list = s.list, nil
	}
	for _, m := range list {
		raw, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("hold a read: %w", err)
		}
		if _, err := s.out.Write(append(raw, '\n')); err != nil {
			return fmt.Errorf("hold a read: %w", err)
		}
	}
	return nil
}

func (s *spool) open() (err error) {
	if s.file, err = os.CreateTemp("", "heji-read-*"); err != nil {
		return err
	}
	s.out = bufio.NewWriterSize(s.file, 1<<18)
	return os.Remove(s.file.Name())
}

// each hands out the messages in their order, some at a time, as often as it is
// asked.
func (s *spool) each(f func([]schema.Record) error) error {
	if s.file == nil {
		for i := 0; i < len(s.list); i += chunk {
			if err := f(s.list[i:min(i+chunk, len(s.list))]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("hold a read: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("hold a read: %w", err)
	}
	err := lines(s.file, f)
	if _, seek := s.file.Seek(0, io.SeekEnd); err == nil {
		err = seek
	}
	return err
}

// chunk is how many messages are looked at, or published, together.
const chunk = 500

// lines reads messages, one a line.
func lines(in io.Reader, f func([]schema.Record) error) error {
	d := json.NewDecoder(bufio.NewReaderSize(in, 1<<18))
	var list []schema.Record
	for {
		var m schema.Record
		err := d.Decode(&m)
		if err == nil {
			list = append(list, m)
		} else if !errors.Is(err, io.EOF) {
			return fmt.Errorf("read what was held: %w", err)
		}
		if len(list) > 0 && (err != nil || len(list) == chunk) {
			if err := f(list); err != nil {
				return err
			}
			list = nil
		}
		if err != nil {
			return nil
		}
	}
}

// name is the same for the same content.
func (s *spool) name() string { return hex.EncodeToString(s.digest.Sum(nil)) }

func (s *spool) close() {
	if s.file != nil {
		s.file.Close() //nolint:errcheck // it has no name any more
	}
}

// packed is a list of messages as it is kept.
func packed(list []schema.Record) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	e := json.NewEncoder(z)
	for _, m := range list {
		if err := e.Encode(m); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}

func unpacked(rows []byte, f func([]schema.Record) error) error {
	z, err := gzip.NewReader(bytes.NewReader(rows))
	if err != nil {
		return fmt.Errorf("read what was held: %w", err)
	}
	return lines(z, f)
}
