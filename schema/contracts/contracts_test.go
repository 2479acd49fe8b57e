package contracts

import (
	"bytes"
	"encoding/json"
	"flag"
	"testing"
	"time"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"heji/schema"
)

var update = flag.Bool("update", false, "write the schema files from the Go types")

// published are the contracts: their files and the types they come from.
var published = []struct {
	name string
	of   any
	text []byte
}{
	{"record", schema.Record{}, Record},
	{"change", schema.Change{}, Change},
	{"agreement", schema.Agreement{}, Agreement},
}

func TestFilesAgreeWithTheTypes(t *testing.T) {
	for _, p := range published {
		want := generate(t, p.name, p.of)
		if *update {
			write(t, p.name+".schema.json", want)
			continue
		}
		require.Equal(t, string(want), string(p.text),
			"%s.schema.json and schema.%T differ: if the change is meant, run go test ./schema/contracts -update", p.name, p.of)
	}
}

func compile(t *testing.T, text []byte) *validator.Schema {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := validator.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("contract.json", doc))
	s, err := c.Compile("contract.json")
	require.NoError(t, err)
	return s
}

func validate(t *testing.T, s *validator.Schema, message string) error {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader([]byte(message)))
	require.NoError(t, err)
	return s.Validate(doc)
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func TestRecordMessages(t *testing.T) {
	s := compile(t, Record)
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	put := schema.Record{
		Platform: "canlian", Key: "17", Op: schema.OpPut, Version: schema.Version{Fence: 3, Position: 12}, AsOf: at, ChangedAt: &at,
		RowVersion: `"7"`, Token: "t", Values: schema.Values{schema.Name: "张伟", schema.Sex: "", schema.Disability: "4-2"},
		Raw:     map[schema.Attribute]string{schema.Name: "张　伟", schema.BirthDate: "1990-02-30"},
		Flags:   []schema.ValueProblem{{Attribute: schema.BirthDate, Problem: schema.ProblemDate}},
		Anchors: []schema.RecordRef{{Platform: "gongan", Key: "9"}},
	}
	for name, r := range map[string]schema.Record{
		"put":    put,
		"delete": {Platform: "canlian", Key: "17", Op: schema.OpDelete, AsOf: at},
		"dead":   {Platform: "canlian", Op: schema.OpDead, AsOf: at, Problem: schema.ProblemColumns, Place: "a.csv:17"},
		"mark":   {Platform: "canlian", Op: schema.OpMark, AsOf: at, Cursor: json.RawMessage(`{"file":"a.csv"}`), Complete: true},
	} {
		require.NoError(t, validate(t, s, marshal(t, r)), name)
	}
	for name, broken := range map[string]string{
		"empty":               `{}`,
		"no version":          `{"platform":"p","key":"1","op":"delete","as_of":"2026-11-01T08:00:00Z"}`,
		"an op of its own":    `{"platform":"p","key":"1","op":"upsert","version":{"fence":1,"position":1},"as_of":"2026-11-01T08:00:00Z"}`,
		"put without key":     `{"platform":"p","op":"put","version":{"fence":1,"position":1},"as_of":"2026-11-01T08:00:00Z","values":{"name":"x"}}`,
		"put without values":  `{"platform":"p","key":"1","op":"put","version":{"fence":1,"position":1},"as_of":"2026-11-01T08:00:00Z"}`,
		"dead without reason": `{"platform":"p","op":"dead","version":{"fence":1,"position":1},"as_of":"2026-11-01T08:00:00Z"}`,
		"unknown attribute":   `{"platform":"p","key":"1","op":"put","version":{"fence":1,"position":1},"as_of":"2026-11-01T08:00:00Z","values":{"shoe_size":"43"}}`,
		"a number as a value": `{"platform":"p","key":"1","op":"put","version":{"fence":1,"position":1},"as_of":"2026-11-01T08:00:00Z","values":{"sex":1}}`,
		"not a time":          `{"platform":"p","key":"1","op":"delete","version":{"fence":1,"position":1},"as_of":"yesterday"}`,
		"unknown property":    `{"platform":"p","key":"1","op":"delete","version":{"fence":1,"position":1},"as_of":"2026-11-01T08:00:00Z","extra":1}`,
		"unknown problem":     `{"platform":"p","op":"dead","version":{"fence":1,"position":1},"as_of":"2026-11-01T08:00:00Z","problem":"odd","place":"x"}`,
	} {
		require.Error(t, validate(t, s, broken), name)
	}
}

func TestChangeMessages(t *testing.T) {
	s := compile(t, Change)
	require.NoError(t, validate(t, s, marshal(t, schema.Change{Platform: "canlian", Target: 7})))
	for _, broken := range []string{`{}`, `{"platform":"p"}`, `{"platform":"p","target":"7"}`, `{"platform":"p","target":7,"values":{}}`} {
		require.Error(t, validate(t, s, broken), broken)
	}
}

func TestAgreements(t *testing.T) {
	s := compile(t, Agreement)
	yes := true
	good := schema.Agreement{
		LegalBasis: "准入", Purpose: "参保核对", From: "2026-01-01", Creates: true,
		Receives:  map[schema.Attribute]schema.Mode{schema.Phone: schema.Overwrite, schema.Residence: schema.FillEmpty},
		Scope:     []schema.Condition{{Attribute: schema.BirthDate, OlderThan: 60}, {Attribute: schema.Disability, Present: &yes}},
		Authority: []schema.Attribute{schema.PensionStatus}, Mirrors: []schema.Attribute{schema.Name},
	}
	require.NoError(t, good.Validate())
	require.NoError(t, validate(t, s, marshal(t, good)))
	require.NoError(t, validate(t, s, `{}`), "an agreement that gives nothing is one")
	for _, broken := range []string{`{"receives":{"phone":"sometimes"}}`, `{"receives":{"shoe_size":"overwrite"}}`, `{"creates":"yes"}`,
		`{"scope":[{"in":["1"]}]}`, `{"authority":["shoe_size"]}`, `{"recieves":{}}`} {
		require.Error(t, validate(t, s, broken), broken)
	}
}
