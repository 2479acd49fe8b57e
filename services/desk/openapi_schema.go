package desk

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
)

// object is a JSON object of the document.
type object = map[string]any

// schemas describes Go types as JSON Schema (the dialect of OpenAPI 3.1), by the
// rules of encoding/json, so that the description is of what is really written.
type schemas struct {
	defs map[string]any // by name, for components/schemas
	// asked: bodies that we read. What is left out has its zero value there, so
	// that nothing is required; a misspelt key is refused in both directions.
	asked bool
}

var (
	timeType = reflect.TypeFor[time.Time]()
	uuidType = reflect.TypeFor[uuid.UUID]()
	rawType  = reflect.TypeFor[json.RawMessage]()
	textType = reflect.TypeFor[encoding.TextMarshaler]()
	ownType  = reflect.TypeFor[json.Marshaler]()
)

// of describes one type; named structs are described once and referred to.
func (s schemas) of(t reflect.Type) any {
	switch {
	case t == timeType:
		return object{"type": "string", "format": "date-time"}
	case t == uuidType:
		return object{"type": "string", "format": "uuid"}
	case t == rawType || t.Kind() == reflect.Interface:
		return true
	case t.Kind() == reflect.Pointer:
		return orNull(s.of(t.Elem()))
	case t.Implements(ownType):
		panic("desk: how " + t.String() + " is written as JSON is not known to the description of the API")
	case t.Implements(textType):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": []any{"array", "null"}, "items": s.of(t.Elem())} // nil is null
	case reflect.Array:
		return object{"type": "array", "items": s.of(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Map:
		return object{"type": []any{"object", "null"}, "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		if t.Name() == "" {
			return s.structure(t)
		}
		name := s.name(t)
		if _, described := s.defs[name]; !described {
			s.defs[name] = nil // it may hold itself
			s.defs[name] = s.structure(t)
		}
		return object{"$ref": "#/components/schemas/" + name}
	}
	panic("desk: " + t.String() + " cannot be described")
}

// name is what the document calls a type: the store's and the schema's keep the
// name of their package, so that no two types share a name.
func (s schemas) name(t reflect.Type) string {
	name := []rune(cmp.Or(strings.TrimSuffix(t.Name(), "Body"), t.Name()))
	name[0] = unicode.ToUpper(name[0])
	out := string(name)
	if pkg := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]; pkg != "desk" {
		out = strings.ToUpper(pkg[:1]) + pkg[1:] + out
	}
	if s.asked {
		out += "Request"
	}
	return out
}

func (s schemas) structure(t reflect.Type) object {
	properties, required := object{}, []any{}
	s.fields(t, properties, &required)
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 && !s.asked {
		out["required"] = required
	}
	if text := textOf(t, ""); text != "" {
		out["description"] = text
	}
	return out
}

func (s schemas) fields(t reflect.Type, properties object, required *[]any) {
	for f := range fieldsOf(t) {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct {
			s.fields(f.Type, properties, required)
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		described := s.of(f.Type)
		if o, ok := described.(object); ok && optional && !s.asked {
			described = notNull(o)
		}
		if o, ok := described.(object); ok {
			if text := textOf(t, f.Name); text != "" {
				o["description"] = text
			}
		}
		properties[tag] = described
		if !optional {
			*required = append(*required, tag)
		}
	}
}

func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// orNull is a description that null fits as well.
func orNull(described any) any {
	o, ok := described.(object)
	if !ok {
		return described
	}
	if kind, ok := o["type"].(string); ok {
		o["type"] = []any{kind, "null"}
		return o
	}
	if _, ref := o["$ref"]; ref {
		return object{"anyOf": []any{o, object{"type": "null"}}}
	}
	return o
}

// notNull takes null away where a field is left out instead.
func notNull(o object) object {
	if kinds, ok := o["type"].([]any); ok {
		o["type"] = kinds[0]
	}
	if either, ok := o["anyOf"].([]any); ok {
		return either[0].(object)
	}
	return o
}
