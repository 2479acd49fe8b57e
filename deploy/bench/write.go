package bench

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"heji/services/linkage/files"
)

// source is what files.Derive reads, and what write writes.
type source interface {
	Sources() []string
	Next(values []string) (files.Row, error)
}

// write puts generated records into a folder, for another tool to link:
// records.csv has a line for each record, with its number as key, its register and
// a column for each of fields; truth.csv says who each one is, as `heji score`
// reads it.
func write(folder string, from source, person []uint32) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the folder for the records: %w", err)
	}
	i, values := 0, make([]string, len(fields))
	err := writeCSV(filepath.Join(folder, "records.csv"), append([]string{"key", "register"}, fieldNames()...), func() ([]string, error) {
		row, err := from.Next(values)
		i++
		return append([]string{strconv.Itoa(i), from.Sources()[row.Source]}, values...), err
	})
	if err != nil {
		return err
	}
	i = 0
	return writeCSV(filepath.Join(folder, "truth.csv"), []string{"key", "entity"}, func() ([]string, error) {
		if i == len(person) {
			return nil, io.EOF
		}
		i++
		return []string{strconv.Itoa(i), strconv.Itoa(int(person[i-1]))}, nil
	})
}

func fieldNames() (list []string) {
	for _, a := range fields {
		list = append(list, string(a))
	}
	return list
}

// writeCSV writes lines until there is io.EOF.
func writeCSV(path string, head []string, line func() ([]string, error)) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write records for another tool: %w; give an empty folder", err)
	}
	defer f.Close()
	w := csv.NewWriter(f)
	err = w.Write(head)
	for err == nil {
		var l []string
		if l, err = line(); err == nil {
			err = w.Write(l)
		}
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("write %s: %w", path, err)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}
