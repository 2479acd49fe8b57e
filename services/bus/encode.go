package bus

import (
	"encoding/json"
	"slices"
	"time"

	"heji/schema"
	"heji/schema/jsontext"
)

// Every row of every platform passes here, twice: written by the pull, read by
// the merge. So records have an encoder of their own for what rows are made of.
// What it does not know goes through encoding/json, whose JSON it writes.

// appendRecord appends a record as JSON, in one line.
func appendRecord(dst []byte, r *schema.Record) ([]byte, error) {
	if len(r.Cursor) > 0 || r.WholeFrom != nil || !plainTime(r.AsOf) || r.ChangedAt != nil && !plainTime(*r.ChangedAt) {
		data, err := json.Marshal(r) // a mark; or a time that JSON cannot say
		return append(dst, data...), err
	}
	o := jsontext.Begin(dst)
	text := func(key, value string) {
		if value != "" {
			o.String(key, value)
		}
	}
	o.String("platform", r.Platform)
	text("key", r.Key)
	o.String("op", string(r.Op))
	o.Key("version")
	v := jsontext.Begin(o.Bytes())
	v.Int("fence", r.Version.Fence)
	v.Int("position", r.Version.Position)
	o.Set(v.End())
	o.Time("as_of", r.AsOf)
	if r.ChangedAt != nil {
		o.Time("changed_at", *r.ChangedAt)
	}
	text("row_version", r.RowVersion)
	text("token", r.Token)
	texts(&o, "values", r.Values)
	texts(&o, "raw", r.Raw)
	if len(r.Flags) > 0 {
		list(&o, "flags", r.Flags, func(o *jsontext.Object, f schema.ValueProblem) {
			o.String("attribute", string(f.Attribute))
			o.String("problem", string(f.Problem))
		})
	}
	if len(r.Anchors) > 0 {
		list(&o, "anchors", r.Anchors, func(o *jsontext.Object, a schema.RecordRef) {
			o.String("platform", a.Platform)
			o.String("key", a.Key)
		})
	}
	text("problem", string(r.Problem))
	text("place", r.Place)
	if r.Judged {
		o.True("judged")
	}
	if r.Complete {
		o.True("complete")
	}
	return o.End(), nil
}

func plainTime(t time.Time) bool { return t.Year() >= 0 && t.Year() <= 9999 }

func texts(o *jsontext.Object, key string, m map[schema.Attribute]string) {
	if len(m) == 0 {
		return
	}
	attributes := make([]schema.Attribute, 0, len(m))
	for a := range m {
		attributes = append(attributes, a)
	}
	slices.Sort(attributes)
	o.Key(key)
	in := jsontext.Begin(o.Bytes())
	for _, a := range attributes {
		in.String(string(a), m[a])
	}
	o.Set(in.End())
}

func list[T any](o *jsontext.Object, key string, items []T, write func(*jsontext.Object, T)) {
	o.Key(key)
	b := append(o.Bytes(), '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		in := jsontext.Begin(b)
		write(&in, item)
		b = in.End()
	}
	o.Set(append(b, ']'))
}

// decodeRecord reads what appendRecord wrote. ok is false where the text is not
// of the form that rows have: encoding/json says then what it is.
func decodeRecord(data []byte) (r schema.Record, ok bool) {
	ok = true
	in := jsontext.NewReader(string(data))
	other := func() {
		ok = false
		in.Raw()
	}
	in.Object(func(key string) {
		switch key {
		case "platform":
			r.Platform = in.String()
		case "key":
			r.Key = in.String()
		case "op":
			r.Op = schema.Op(in.String())
		case "version":
			in.Object(func(key string) {
				switch key {
				case "fence":
					r.Version.Fence = in.Int()
				case "position":
					r.Version.Position = in.Int()
				default:
					other()
				}
			})
		case "as_of":
			r.AsOf = in.Time()
		case "changed_at":
			at := in.Time()
			r.ChangedAt = &at
		case "row_version":
			r.RowVersion = in.String()
		case "token":
			r.Token = in.String()
		case "values":
			if r.Values == nil {
				r.Values = schema.Values{}
			}
			in.Object(func(a string) { r.Values[schema.Attribute(a)] = in.String() })
		case "raw":
			if r.Raw == nil {
				r.Raw = map[schema.Attribute]string{}
			}
			in.Object(func(a string) { r.Raw[schema.Attribute(a)] = in.String() })
		case "flags":
			r.Flags = nil
			in.Array(func() {
				var f schema.ValueProblem
				in.Object(func(key string) {
					switch key {
					case "attribute":
						f.Attribute = schema.Attribute(in.String())
					case "problem":
						f.Problem = schema.Problem(in.String())
					default:
						other()
					}
				})
				r.Flags = append(r.Flags, f)
			})
		case "anchors":
			r.Anchors = nil
			in.Array(func() {
				var a schema.RecordRef
				in.Object(func(key string) {
					switch key {
					case "platform":
						a.Platform = in.String()
					case "key":
						a.Key = in.String()
					default:
						other()
					}
				})
				r.Anchors = append(r.Anchors, a)
			})
		case "problem":
			r.Problem = schema.Problem(in.String())
		case "place":
			r.Place = in.String()
		case "judged":
			r.Judged = in.Bool()
		case "complete":
			r.Complete = in.Bool()
		default:
			other()
		}
	})
	return r, ok && in.Err() == nil
}
