package spec

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"heji/schema"
)

// decoder fills Go values from YAML nodes. Unlike the library's own decoder it
// reports every problem at once, each with its line and the nearest right key,
// and inside connect it never repeats what was written: that may be a secret.
type decoder struct {
	problems
	lines map[string]int
	quiet bool // do not repeat values
}

var (
	nodeType      = reflect.TypeOf(yaml.Node{})
	durationType  = reflect.TypeOf(Duration(0))
	attributeType = reflect.TypeOf(schema.Attribute(""))
	modeType      = reflect.TypeOf(schema.Mode(""))
	classType     = reflect.TypeOf(schema.Class(""))
	unmarshaler   = reflect.TypeOf((*yaml.Unmarshaler)(nil)).Elem()
)

// decode fills v from n. path is the dotted key of n, "" for the whole file.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" && v.Type() != nodeType {
		return // "key:" without a value is the same as no key
	}
	switch {
	case v.Type() == nodeType:
		v.Set(reflect.ValueOf(*n))
		d.note(n, path)
		return
	case v.Type() == durationType:
		d.duration(n, v, path)
		return
	case v.Kind() != reflect.Pointer && v.CanAddr() && v.Addr().Type().Implements(unmarshaler):
		d.note(n, path)
		if err := v.Addr().Interface().(yaml.Unmarshaler).UnmarshalYAML(n); err != nil {
			d.add(n.Line, "%s", strings.TrimSpace(err.Error()))
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path)
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		if n.Kind == yaml.ScalarNode && v.Type().Elem().Kind() == reflect.String {
			// One text stands for a list of one.
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			d.decode(n, v.Index(0), path)
			return
		}
		if n.Kind != yaml.SequenceNode {
			d.wrongType(n, path, "a list")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			d.decode(item, v.Index(i), fmt.Sprintf("%s.%d", path, i))
		}
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, path, "a list of keys and values")
		return
	}
	fields := map[string]reflect.Value{}
	collectFields(v, fields)
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, kv := range d.pairs(n, path) {
		field, ok := fields[kv.key.Value]
		if !ok {
			d.add(kv.key.Line, "%sthere is no key %q.%s", under(path), kv.key.Value, didYouMean(kv.key.Value, names))
			continue
		}
		d.decode(kv.value, field, join(path, kv.key.Value))
	}
}

// collectFields gives the fields of a struct by their YAML names; the fields of
// an inline struct count as its own.
func collectFields(v reflect.Value, into map[string]reflect.Value) {
	for i := 0; i < v.NumField(); i++ {
		f := v.Type().Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case option == "inline":
			collectFields(v.Field(i), into)
		case name != "":
			into[name] = v.Field(i)
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, path, "a list of keys and values")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, kv := range d.pairs(n, path) {
		key := reflect.New(v.Type().Key()).Elem()
		d.scalar(kv.key, key, path)
		value := reflect.New(v.Type().Elem()).Elem()
		d.decode(kv.value, value, join(path, kv.key.Value))
		v.SetMapIndex(key, value)
	}
}

type pair struct{ key, value *yaml.Node }

// pairs returns the keys of a mapping with their values, remembers their lines
// and reports a key that is there twice.
func (d *decoder) pairs(n *yaml.Node, path string) []pair {
	seen := map[string]int{}
	var out []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if first, ok := seen[k.Value]; ok {
			d.add(k.Line, "%sthe key %q is already given in line %d.", under(path), k.Value, first)
			continue
		}
		seen[k.Value] = k.Line
		if d.lines != nil {
			d.lines[join(path, k.Value)] = k.Line
		}
		out = append(out, pair{k, v})
	}
	return out
}

// note remembers the lines below a node that is kept undecoded.
func (d *decoder) note(n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		for _, kv := range d.pairs(n, path) {
			d.note(kv.value, join(path, kv.key.Value))
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if d.lines != nil {
				d.lines[fmt.Sprintf("%s.%d", path, i)] = item.Line
			}
			d.note(item, fmt.Sprintf("%s.%d", path, i))
		}
	}
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.wrongType(n, path, "a single value")
		return
	}
	switch v.Kind() {
	case reflect.String:
		d.text(n, v, path)
	case reflect.Bool:
		b, err := strconv.ParseBool(n.Value)
		switch n.Value {
		case "yes":
			b, err = true, nil
		case "no":
			b, err = false, nil
		}
		if err != nil {
			d.wrongType(n, path, "yes or no")
			return
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil {
			d.wrongType(n, path, "a whole number")
			return
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			d.wrongType(n, path, "a number")
			return
		}
		v.SetFloat(f)
	default:
		panic("spec: no decoder for " + v.Type().String())
	}
}

// text sets a string. Names of attributes, modes and classes are checked here,
// where the line is known.
func (d *decoder) text(n *yaml.Node, v reflect.Value, path string) {
	v.SetString(n.Value)
	switch v.Type() {
	case attributeType:
		if _, ok := schema.Lookup(schema.Attribute(n.Value)); !ok {
			var names []string
			for _, def := range schema.Attributes() {
				if def.Class != schema.ClassD { // I7: no file may name it
					names = append(names, string(def.Name))
				}
			}
			d.add(n.Line, "%sno attribute is called %q.%s", under(path), n.Value, didYouMean(n.Value, names))
		}
	case modeType:
		d.oneOf(n, path, string(schema.FillEmpty), string(schema.Overwrite), string(schema.Propose), string(schema.Never))
	case classType:
		d.oneOf(n, path, string(schema.ClassA), string(schema.ClassB), string(schema.ClassC), string(schema.ClassD))
	}
}

func (d *decoder) oneOf(n *yaml.Node, path string, allowed ...string) {
	for _, a := range allowed {
		if n.Value == a {
			return
		}
	}
	d.add(n.Line, "%s: %q is none of %s.%s", path, n.Value, strings.Join(allowed, ", "), suggestion(n.Value, allowed))
}

func (d *decoder) duration(n *yaml.Node, v reflect.Value, path string) {
	t, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || t < 0 {
		d.wrongType(n, path, "a duration such as 2s, 15m, 24h or 720h")
		return
	}
	v.SetInt(int64(t))
}

func (d *decoder) wrongType(n *yaml.Node, path, want string) {
	var got any = ""
	switch {
	case n.Kind == yaml.MappingNode:
		got = ", not keys and values"
	case n.Kind == yaml.SequenceNode:
		got = ", not a list"
	case !d.quiet:
		got = say(", not %q", n.Value)
	}
	if path == "" {
		path = "the file"
	}
	d.add(n.Line, "%s must be %s%s.", path, want, got)
}

func suggestion(written string, allowed []string) any {
	if s := nearest(written, allowed); s != "" {
		return say(" Did you mean %q?", s)
	}
	return ""
}

func under(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
