package files

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"heji/services/linkage"
)

// WriteLinks writes who is who, in the order of the input:
//
//	source,key,entity,probability
//
// The entity is called after the first of its records, by source and key, as
// "source/key": the same whatever the order of files and rows. The probability
// is that of the record's strongest pair within its entity; a record that stands
// alone has no pair, and the field is empty.
func WriteLinks(w io.Writer, r *Records, result *Result) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"source", "key", "entity", "probability"}); err != nil {
		return err
	}
	row := make([]string, 4)
	for i := range r.Len() {
		row[0], row[1], row[2], row[3] = r.sources[r.Source(i)], r.Key(i), r.Label(int(result.First[i])), ""
		if w, ok := result.Tie(i); ok {
			row[3] = probability(r.model, w)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// Label is how people write a record: source/key.
func (r *Records) Label(i int) string { return r.sources[r.Source(i)] + "/" + r.Key(i) }

func probability(m *linkage.Model, weight int) string {
	const digits = 6
	return strconv.FormatFloat(m.Probability(weight), 'f', digits, 64)
}

// WriteReview writes the pairs that are worth a person's look, the heaviest
// first: both records, the weight in bits, the probability, why they are not one
// entity, and the level of each comparison, a column for each; empty where one of
// the two says nothing.
func WriteReview(w io.Writer, r *Records, pairs []Pair) error {
	out := csv.NewWriter(w)
	compared := r.model.Comparisons()
	row := []string{"source_a", "key_a", "source_b", "key_b", "weight", "probability", "reason"}
	for _, c := range compared {
		row = append(row, c.Name)
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for _, p := range pairs {
		row = append(row[:0], r.sources[r.Source(p.A)], r.Key(p.A), r.sources[r.Source(p.B)], r.Key(p.B),
			inBits(p.Weight), probability(r.model, p.Weight), string(p.Reason))
		c := r.model.Compare(r.Features(p.A), r.Features(p.B))
		for i := range compared {
			level := ""
			if at := c.Level(i); at != linkage.Missing {
				level = compared[i].Levels[at].Name
			}
			row = append(row, level)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// inBits writes hundredths of a bit without floating point.
func inBits(weight int) string {
	sign := ""
	if weight < 0 {
		sign, weight = "-", -weight
	}
	return fmt.Sprintf("%s%d.%02d", sign, weight/100, weight%100)
}

// WriteFile writes a file as a whole or not at all: under another name first,
// which becomes the right one when everything is on disk. It is readable by its
// owner alone. What is no file but a device or a pipe is written as it comes.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return fill(f, write)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	if err := fill(f, write); err != nil {
		os.Remove(f.Name())
		return err
	}
	return os.Rename(f.Name(), path)
}

func fill(f *os.File, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, blockSize)
	err := errors.Join(write(w), w.Flush())
	if info, statErr := f.Stat(); err == nil && statErr == nil && info.Mode().IsRegular() {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
