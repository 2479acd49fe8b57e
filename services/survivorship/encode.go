package survivorship

import (
	"fmt"
	"slices"

	"heji/schema"
	"heji/schema/jsontext"
)

// A master record is read for each of a resident's rows whenever one of them is
// looked at, and written whenever a value changes: so it has an encoder of its
// own, which writes what encoding/json would.

// Append appends a master record as JSON.
func Append(dst []byte, master map[schema.Attribute]Survivor) []byte {
	attributes := make([]schema.Attribute, 0, len(master))
	for a := range master {
		attributes = append(attributes, a)
	}
	slices.Sort(attributes)
	all := jsontext.Begin(dst)
	for _, a := range attributes {
		s := master[a]
		all.Key(string(a))
		o := jsontext.Begin(all.Bytes())
		o.String("v", s.Value)
		if s.Source != (schema.RecordRef{}) {
			o.Key("s")
			ref := jsontext.Begin(o.Bytes())
			ref.String("platform", s.Source.Platform)
			ref.String("key", s.Source.Key)
			o.Set(ref.End())
		}
		if !s.Upto.IsZero() {
			o.Time("u", s.Upto)
		}
		o.String("r", string(s.Rule))
		if s.Decision != 0 {
			o.Int("d", s.Decision)
		}
		if s.Disputed {
			o.True("x")
		}
		if s.Losers != 0 {
			o.Int("l", int64(s.Losers))
		}
		all.Set(o.End())
	}
	return all.End()
}

// Decode reads what Append wrote.
func Decode(b []byte) (map[schema.Attribute]Survivor, error) {
	master := make(map[schema.Attribute]Survivor, 16)
	in := jsontext.NewReader(string(b))
	in.Object(func(a string) {
		var s Survivor
		in.Object(func(key string) {
			switch key {
			case "v":
				s.Value = in.String()
			case "s":
				in.Object(func(key string) {
					switch key {
					case "platform":
						s.Source.Platform = in.String()
					case "key":
						s.Source.Key = in.String()
					default:
						in.Raw()
					}
				})
			case "u":
				s.Upto = in.Time()
			case "r":
				s.Rule = Test(in.String())
			case "d":
				s.Decision = in.Int()
			case "x":
				s.Disputed = in.Bool()
			case "l":
				s.Losers = int(in.Int())
			default:
				in.Raw()
			}
		})
		master[schema.Attribute(a)] = s
	})
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read a master record: %w", err)
	}
	return master, nil
}
