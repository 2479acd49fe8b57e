package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"heji/connectors"
)

// Describe lists the paths of the items on the first page.
func (r *reader) Describe(ctx context.Context, limit int) ([]connectors.Column, error) {
	first, err := (&walk{reader: r}).page(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	items := first.items[:min(limit, len(first.items))]
	rows, types := make([]map[string]string, len(items)), map[string]string{}
	for i, item := range items {
		rows[i] = map[string]string{}
		flatten("", item, rows[i], types)
	}
	var out []connectors.Column
	for _, path := range slices.Sorted(maps.Keys(types)) {
		c := connectors.Column{Name: path, Type: types[path]}
		for _, row := range rows {
			c.Samples = append(c.Samples, row[path])
		}
		out = append(out, c)
	}
	return out, nil
}

// flatten notes the text and the type of every single value below v by its path.
func flatten(path string, v any, into, types map[string]string) {
	switch x := v.(type) {
	case map[string]any:
		for name, below := range x {
			flatten(strings.TrimPrefix(path+"."+name, "."), below, into, types)
		}
	case []any: // a list of things is no column
	default:
		s, _ := text(x)
		into[path] = s
		switch {
		case x == nil:
			if types[path] == "" {
				types[path] = "null"
			}
		default:
			types[path] = map[bool]string{true: "number", false: "text"}[isNumber(x)]
		}
	}
}

func isNumber(v any) bool {
	_, ok := v.(json.Number)
	return ok
}
