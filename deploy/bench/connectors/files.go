package connectors

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	_ "heji/connectors/files" // the kind
)

func init() { register(Case{Name: "files/CSV", Open: openFiles}) }

const filesYAML = `
platform: bench
name: 测速
kind: files
connect:
  dir: ${BENCH_DIR}/in
  pattern: full_{date}.csv
  done_marker: .ok
  outbox: {dir: "${BENCH_DIR}/out", prefix: heji_, columns: [nr, op, id, sjhm], id_column: nr, operation_column: op}
  acks: {dir: "${BENCH_DIR}/acks", pattern: "ack_*.csv", id_column: nr, status_column: jg, ok: [ok]}
` + fields

func openFiles(_ context.Context, rows int, dir string) (*Platform, error) {
	for _, d := range []string{"in", "out", "acks"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	table := [][]string{Columns}
	for _, p := range people(rows) {
		table = append(table, p.Texts())
	}
	file := filepath.Join(dir, "in", "full_20260101.csv")
	if err := errors.Join(writeCSV(file, table), os.WriteFile(file+".ok", nil, 0o644)); err != nil {
		return nil, err
	}
	return &Platform{
		YAML: filesYAML, Env: map[string]string{"BENCH_DIR": dir},
		Pull: func(context.Context) (int, error) { return readCSV(file) },
		Push: func(_ context.Context, changed []Changed) error {
			table := [][]string{{"nr", "op", "id", "sjhm"}}
			for _, x := range changed {
				table = append(table, []string{x.ID, "U", x.ID, x.Phone})
			}
			return writeCSV(filepath.Join(dir, "bare.csv"), table)
		},
		Settle: func(context.Context) error { return acknowledge(dir) },
		Close:  func() error { return nil },
	}, nil
}

// readCSV reads every cell of a file and counts its rows.
func readCSV(file string) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	return countCSV(f)
}

func countCSV(r io.Reader) (int, error) {
	in := csv.NewReader(r)
	for n := -1; ; n++ { // the header is no row
		if _, err := in.Read(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// writeCSV writes a file and forces it to the disk, as whoever hands it over must.
func writeCSV(path string, table [][]string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(csv.NewWriter(f).WriteAll(table), f.Sync(), f.Close())
}

// acknowledge says yes to every line of every batch.
func acknowledge(dir string) error {
	batches, err := filepath.Glob(filepath.Join(dir, "out", "heji_*.csv"))
	if err != nil {
		return err
	}
	for _, batch := range batches {
		f, err := os.Open(batch)
		if err != nil {
			return err
		}
		lines, err := csv.NewReader(f).ReadAll()
		if err := errors.Join(err, f.Close(), os.Remove(batch)); err != nil {
			return err
		}
		answers := [][]string{{"nr", "jg"}}
		for _, l := range lines[1:] {
			answers = append(answers, []string{l[0], "ok"})
		}
		name := strings.TrimPrefix(filepath.Base(batch), "heji_")
		part := filepath.Join(dir, "acks", "."+name)
		if err := errors.Join(writeCSV(part, answers), os.Rename(part, filepath.Join(dir, "acks", "ack_"+name))); err != nil {
			return err
		}
	}
	return nil
}
