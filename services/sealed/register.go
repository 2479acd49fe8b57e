package sealed

import (
	"fmt"
	"strings"

	"heji/connectors/spec"
	"heji/schema"
)

// Register is the platform that the hub's residents are in a satellite.
const Register = "register"

// view is what the role of a satellite may read: the residents that live, with
// the values on which nobody disagrees. Sensitive attributes (class C) are not in
// it, and those of class D do not exist there.
const view = Schema + ".register"

// registered are the attributes that a satellite sees of a resident.
func registered() []schema.Definition {
	var out []schema.Definition
	for _, d := range schema.Attributes() {
		if d.Class == schema.ClassA || d.Class == schema.ClassB {
			out = append(out, d)
		}
	}
	return out
}

// viewSQL makes the view. residents is the hub's table, with its schema.
func viewSQL(residents string) string {
	var s strings.Builder
	s.WriteString("CREATE VIEW " + view + " AS SELECT id::text AS id, updated_at, (redirect_to IS NOT NULL OR ended_at IS NOT NULL)::text AS gone")
	for _, d := range registered() {
		fmt.Fprintf(&s, ",\n\tCASE WHEN (master->'%[1]s'->>'x')::bool THEN '' ELSE coalesce(master->'%[1]s'->>'v', '') END AS %[1]s", d.Name)
	}
	s.WriteString("\nFROM " + residents)
	return s.String()
}

// registerFile is the platform file of the register: it has the last word on
// everything that it holds, and nothing is ever written to it.
func registerFile() string {
	var fields, authority strings.Builder
	for i, d := range registered() {
		fmt.Fprintf(&fields, "  %s: {column: %[1]s}\n", d.Name)
		if i > 0 {
			authority.WriteString(", ")
		}
		authority.WriteString(string(d.Name))
	}
	return `platform: ` + Register + `
name: 居民总册
name_en: register of residents
department: 合籍
kind: table
class: B
connect:
  dsn: ${HEJI_REGISTER}
  table: ` + view + `
  deletes: tombstone
  tombstone: {column: gone, value: "true"}
  overlap: 2m
  read_only: true
key: [id]
change_column: updated_at
clock_trusted: true
cadence: 1s
lag: 0s
fields:
` + fields.String() + `agreement:
  authority: [` + authority.String() + "]\n"
}

// register is the platform itself, reached with the role's own rights.
func register(dsn string) (*spec.Platform, error) {
	p, err := spec.Parse("register.yaml", []byte(registerFile()), func(name string) (string, bool) {
		return dsn, name == "HEJI_REGISTER"
	})
	if err != nil {
		return nil, fmt.Errorf("the register of residents: %w", err)
	}
	return p, nil
}
