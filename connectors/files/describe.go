package files

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"heji/connectors"
)

// Below the row of names so many rows are looked at, and a row has so many
// different texts, before the row of names is taken for a title.
const titlesLooked, namesNeeded = 9, 3

// title reports whether the row of names holds one text at most, as the title of
// an office's list does, also where it is merged over all columns.
func title(columns []connectors.Column) bool {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return distinct(names) <= 1
}

// distinct counts the different texts that are not blank.
func distinct(cells []string) int {
	seen := map[string]bool{}
	for _, cell := range cells {
		if cell = squeeze(cell); cell != "" {
			seen[cell] = true
		}
	}
	return len(seen)
}

// others are a few of the files of the folder, whatever they are called: for a
// person at a terminal, who sees at once what the pattern should be.
func (r *reader) others(ctx context.Context) (string, error) {
	const most = 5
	infos, err := r.drive.list(ctx, r.settings.Dir)
	if err != nil {
		return "", because(err)
	}
	var names []string
	for _, info := range infos {
		if info.IsDir() {
			continue
		}
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, info.Name())
	}
	if len(names) == 0 {
		return "–", nil
	}
	return strings.Join(names, ", "), nil
}

// Describe reads the header and the first rows of the newest waiting file.
func (r *reader) Describe(ctx context.Context, limit int) ([]connectors.Column, error) {
	found, err := r.waiting(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	if len(found) == 0 {
		there, err := r.others(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.platform.Source, err)
		}
		return nil, fmt.Errorf("%s: %w", r.platform.Source,
			connectors.NewTrouble("file_none", "folder", r.settings.Dir, "pattern", r.settings.Pattern, "there", there))
	}
	newest := found[len(found)-1].identity
	name := newest.Name
	src, err := r.open(ctx, r.settings.Dir, newest, r.settings.Shape, r.counting())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	defer src.close()
	var columns []connectors.Column
	for n, rows := 1, 0; rows < limit; n++ {
		rec, err := src.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.platform.Source, refused(name, "line %d: %s", rec.line, err))
		}
		switch {
		case n < r.settings.HeaderRow:
		case n == r.settings.HeaderRow:
			for _, cell := range rec.cells {
				columns = append(columns, connectors.Column{Name: squeeze(cell)})
			}
		case r.nobody(rec) || rec.unreadable || r.counts(rec):
		default:
			if rows < titlesLooked && distinct(rec.cells) >= namesNeeded && title(columns) {
				return nil, fmt.Errorf("%s: %w", r.platform.Source, connectors.NewTrouble("file_title", "file", name,
					"line", strconv.Itoa(r.settings.HeaderRow), "header", strconv.Itoa(n)))
			}
			rows++
			for i := range columns {
				text := ""
				if i < len(rec.cells) {
					text = rec.cells[i]
				}
				columns[i].Samples = append(columns[i].Samples, text)
			}
		}
	}
	return columns, nil
}
