package lineage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"heji/schema"
	"heji/schema/jsontext"
)

// A row is stored as JSON: raw holds what each field shows, own only those own
// values that differ from it, none the fields without a value of their own. Most
// values are what is shown, and a store keeps millions of rows.

// MarshalJSON implements json.Marshaler.
func (r Row) MarshalJSON() ([]byte, error) { return r.Append(nil) }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Row) UnmarshalJSON(b []byte) (err error) {
	*r, err = Decode(b)
	return err
}

// Append appends the row as JSON.
func (r Row) Append(dst []byte) ([]byte, error) {
	o := jsontext.Begin(dst)
	if !r.Seen.IsZero() {
		o.Time("seen", r.Seen)
	}
	if !r.After.IsZero() {
		o.Time("after", r.After)
	}
	if !r.Upto.IsZero() {
		o.Time("upto", r.Upto)
	}
	if r.Version != "" {
		o.String("version", r.Version)
	}
	if r.Deleted {
		o.True("deleted")
	}
	if len(r.Raw) > 0 {
		appendTexts(&o, "raw", r.Raw, func(a schema.Attribute) bool { return true })
	}
	differs := func(a schema.Attribute) bool { raw, ok := r.Raw[a]; return !ok || raw != r.Own[a] }
	none := 0
	for a := range r.Raw {
		if _, ok := r.Own[a]; !ok {
			none++
		}
	}
	if none+len(r.Own) > len(r.Raw) || slices.ContainsFunc(sortedKeys(r.Own), differs) {
		appendTexts(&o, "own", r.Own, differs)
	}
	if none > 0 {
		o.Key("none")
		b := append(o.Bytes(), '[')
		for _, a := range sortedKeys(r.Raw) {
			if _, ok := r.Own[a]; !ok {
				b = append(jsontext.AppendString(b, string(a)), ',')
			}
		}
		b[len(b)-1] = ']'
		o.Set(b)
	}
	if !r.Lineage.IsZero() {
		raw, err := json.Marshal(r.Lineage)
		if err != nil {
			return nil, fmt.Errorf("encode a row's lineage: %w", err)
		}
		o.Raw("lineage", raw)
	}
	return o.End(), nil
}

func appendTexts(o *jsontext.Object, key string, m map[schema.Attribute]string, keep func(schema.Attribute) bool) {
	o.Key(key)
	in := jsontext.Begin(o.Bytes())
	for _, a := range sortedKeys(m) {
		if keep(a) {
			in.String(string(a), m[a])
		}
	}
	o.Set(in.End())
}

// Exceptional reports whether an encoded row may have a Lineage that is not empty.
// In a JSON text no value can hold what it looks for.
func Exceptional(state []byte) bool { return bytes.Contains(state, []byte(`"lineage":`)) }

// Decode reads what Append wrote.
func Decode(b []byte) (Row, error) {
	raw := map[schema.Attribute]string{}
	r, err := decode(b, func(a schema.Attribute, s string) { raw[a] = s })
	if len(raw) > 0 {
		r.Raw = raw
	}
	return r, err
}

// DecodeEvidence reads only as much as Evidence tells: Raw is left out.
func DecodeEvidence(b []byte) (Row, error) { return decode(b, func(schema.Attribute, string) {}) }

func decode(b []byte, shown func(schema.Attribute, string)) (Row, error) {
	r := Row{Own: schema.Values{}}
	var differ schema.Values
	var none []schema.Attribute
	var exceptional string
	in := jsontext.NewReader(string(b))
	in.Object(func(key string) {
		switch key {
		case "seen":
			r.Seen = in.Time()
		case "after":
			r.After = in.Time()
		case "upto":
			r.Upto = in.Time()
		case "version":
			r.Version = in.String()
		case "deleted":
			r.Deleted = in.Bool()
		case "raw":
			in.Object(func(a string) {
				s := in.String()
				r.Own[schema.Attribute(a)] = s
				shown(schema.Attribute(a), s)
			})
		case "own":
			differ = schema.Values{}
			in.Object(func(a string) { differ[schema.Attribute(a)] = in.String() })
		case "none":
			in.Array(func() { none = append(none, schema.Attribute(in.String())) })
		case "lineage":
			exceptional = in.Raw()
		default:
			in.Raw()
		}
	})
	if err := in.Err(); err != nil {
		return Row{}, fmt.Errorf("read a row's state: %w", err)
	}
	for a, s := range differ {
		r.Own[a] = s
	}
	for _, a := range none {
		delete(r.Own, a)
	}
	if len(r.Own) == 0 {
		r.Own = nil
	}
	if exceptional != "" {
		if err := json.Unmarshal([]byte(exceptional), &r.Lineage); err != nil {
			return Row{}, fmt.Errorf("read a row's lineage: %w", err)
		}
	}
	return r, nil
}
