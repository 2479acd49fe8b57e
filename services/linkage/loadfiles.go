package linkage

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (m *Model) readFiles(n *yaml.Node) error {
	const where = "files"
	keys, err := block(n, where, "key", "columns", "optional", "clean", "missing", "duplicates_within_sources")
	if err != nil {
		return err
	}
	if v := keys["key"]; v != nil {
		if m.files.Key, err = texts(v, under(where, "key")); err != nil {
			return err
		}
	}
	if v := keys["missing"]; v != nil {
		if m.files.Missing, err = texts(v, under(where, "missing")); err != nil {
			return err
		}
	}
	if v := keys["optional"]; v != nil {
		if err := m.readOptional(v, under(where, "optional")); err != nil {
			return err
		}
	}
	if v := keys["clean"]; v != nil {
		if m.files.Clean = v.Value; v.Value != CleanPlain && v.Value != CleanCanonical {
			return wrong(v, under(where, "clean"), "it is %s or %s", CleanPlain, CleanCanonical)
		}
	}
	if v := keys["duplicates_within_sources"]; v != nil {
		lift, err := flag(v, under(where, "duplicates_within_sources"))
		if err != nil {
			return err
		}
		m.limits.OnePerSource = m.limits.LinkOnly && !lift
	}
	if v := keys["columns"]; v != nil {
		return m.readColumns(v, under(where, "columns"))
	}
	return nil
}

// readOptional takes a list of attributes, or the word all.
func (m *Model) readOptional(n *yaml.Node, where string) error {
	list, err := texts(n, where)
	if err != nil {
		return err
	}
	if slices.Equal(list, []string{"all"}) {
		m.files.Optional = slices.Clone(m.attributes)
		return nil
	}
	for _, a := range list {
		if !slices.Contains(m.attributes, a) {
			return wrong(n, where, "no comparison reads an attribute %q; they read %s", a, strings.Join(m.attributes, ", "))
		}
	}
	m.files.Optional = list
	return nil
}

func (m *Model) readColumns(n *yaml.Node, where string) error {
	list, err := entries(n, where)
	if err != nil {
		return err
	}
	m.files.Columns = make(map[string][]string, len(list))
	for _, e := range list {
		if !slices.Contains(m.attributes, e.key) {
			return wrongAt(e.line, where, fmt.Sprintf("no comparison reads an attribute %q; they read %s", e.key, strings.Join(m.attributes, ", ")))
		}
		if m.files.Columns[e.key], err = texts(e.value, under(where, e.key)); err != nil {
			return err
		}
	}
	return nil
}
