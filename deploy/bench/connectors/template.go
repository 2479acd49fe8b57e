package connectors

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/xuri/excelize/v2"

	contract "heji/connectors"
	_ "heji/connectors/template" // the kind
)

func init() { register(Case{Name: "template/XLSX", Open: openTemplate}) }

const templateYAML = `
platform: bench
name: 测速
kind: template
connect:
  rows: 5000
  columns: [{column: id}, {column: xm}, {column: sfzh}, {column: sjhm}, {column: bz}]
  token: {column: bz}
  receipt: {token_column: bz, status_column: jg, ok: [ok]}
  export: {dir: "${BENCH_DIR}/in", pattern: "full_{date}.csv"}
` + fields

// openTemplate is a department with an import page and an export. What staff do
// (download, upload, bring the receipt) is part of the push.
func openTemplate(_ context.Context, rows int, dir string) (*Platform, error) {
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		return nil, err
	}
	table := [][]string{Columns}
	for _, p := range people(rows) {
		table = append(table, p.Texts())
	}
	file := filepath.Join(dir, "in", "full_20260101.csv")
	if err := writeCSV(file, table); err != nil {
		return nil, err
	}
	return &Platform{
		YAML: templateYAML, Env: map[string]string{"BENCH_DIR": dir},
		Pull: func(context.Context) (int, error) { return readCSV(file) },
		Push: func(_ context.Context, changed []Changed) error {
			book := excelize.NewFile()
			for i, x := range changed {
				if err := book.SetSheetRow("Sheet1", "A"+strconv.Itoa(i+2), &[]any{x.ID, "", "", x.Phone, ""}); err != nil {
					return err
				}
			}
			return errors.Join(book.Write(io.Discard), book.Close())
		},
		Carry: carryBatches,
		Close: func() error { return nil },
	}, nil
}

// carryBatches downloads every batch, reads it as the platform would, and brings
// a receipt that says yes to every row.
func carryBatches(ctx context.Context, c contract.Courier) error {
	parcels, err := c.Parcels(ctx)
	if err != nil {
		return err
	}
	for _, p := range parcels {
		doc, err := c.Document(ctx, p.ID)
		if err != nil {
			return err
		}
		book, err := excelize.OpenReader(bytes.NewReader(doc.Content))
		if err != nil {
			return err
		}
		lines, err := book.GetRows(book.GetSheetName(0))
		if err := errors.Join(err, book.Close()); err != nil {
			return err
		}
		answers := [][]string{{"bz", "jg"}}
		for _, l := range lines[1:] {
			answers = append(answers, []string{l[4], "ok"})
		}
		var receipt bytes.Buffer
		if err := csv.NewWriter(&receipt).WriteAll(answers); err != nil {
			return err
		}
		if _, err := c.Receive(ctx, "receipt.csv", receipt.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
