package spec

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"heji/connectors/internal/charset"
	"heji/schema"
)

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// deskID is the platform of the staff's own entries: no file may take it.
const deskID = "desk"

// validate checks what no single key can show by itself.
// A draft may lack what only a look at the platform tells.
func validate(d *decoder, p *Platform, draft bool) {
	missing := func(empty bool, key, what string) {
		if empty {
			d.add(0, "%s is missing: %s.", key, what)
		}
	}
	missing(p.ID == "", "platform", "the short name of the platform, in lower case letters")
	missing(p.Name == "", "name", "what staff call the platform")
	missing(p.Kind == "", "kind", "how the platform is reached, such as table, files or rest")
	switch {
	case draft:
	case p.Counts != nil:
		validateCounts(d, p)
		validateCadence(d, p)
	default:
		missing(len(p.Key) == 0, "key", "the columns of the platform's own row id")
		missing(len(p.Fields) == 0, "fields", "which column holds which attribute")
		validateCadence(d, p)
	}
	if p.ID != "" && !idForm.MatchString(p.ID) {
		d.add(p.Line("platform"), "platform: %q must begin with a lower case letter and hold only lower case letters, digits and _.", p.ID)
	}
	if p.ID == deskID {
		d.add(p.Line("platform"), "platform: %q is the name of the staff's own entries. Choose another one.", p.ID)
	}
	if p.ClockTrusted && p.ChangeColumn == "" {
		d.add(p.Line("clock_trusted"), "clock_trusted: there is no change_column whose clock could be trusted.")
	}
	for i, column := range p.Key {
		if column == "" {
			d.add(p.Line(fmt.Sprintf("key.%d", i)), "key: a column has no name.")
		}
	}
	for _, a := range p.Natural {
		if _, ok := p.Fields[a]; !ok {
			d.add(p.Line("natural"), "natural: %s is not in fields, so nobody could be found by it.", a)
		}
	}
	if p.Limits.RowsPerSecond < 0 || p.Limits.Concurrency < 0 || p.Limits.Batch < 0 || p.Limits.Failures < 0 || p.Limits.QuestionsPerDay < 0 {
		d.add(p.Line("limits"), "limits: no limit can be below 0. 0 means none.")
	}
	validateBrake(d, p)
	validatePace(d, p)
	validateCharset(d, p)
	for _, a := range attributes(p.Fields) {
		validateField(d, p, a, p.Fields[a])
	}
	validateAgreement(d, p)
}

// validateCadence: without a pause between two reads the platform would be read
// without end.
func validateCadence(d *decoder, p *Platform) {
	const example = "how often to read, or how often an extract is expected. Write for example cadence: 5m, or cadence: 24h for a daily file."
	line, written := p.lines["cadence"]
	switch {
	case p.Cadence > 0 || d.reported(line):
	case written:
		d.add(line, "cadence must be above 0: %s", example)
	default:
		d.add(max(1, p.Line("platform")), "cadence is missing: %s", example)
	}
}

func validateField(d *decoder, p *Platform, a schema.Attribute, f Field) {
	path := "fields." + string(a)
	def, _ := schema.Lookup(a)
	switch {
	case f.Column == "" && len(f.Columns) == 0:
		d.add(p.Line(path), "%s: column is missing: the platform's name for this field.", path)
	case f.Column != "" && len(f.Columns) > 0:
		d.add(p.Line(path), "%s: give either column or columns, not both.", path)
	case len(f.Columns) == 1:
		d.add(p.Line(path), "%s: columns has one column only. Write it as column.", path)
	}
	if def.Kind != schema.KindCode {
		if f.Codes != "" {
			d.add(p.Line(path+".codes"), "%s: codes is for coded attributes, and %s is %s.", path, a, def.Kind)
		}
		if f.Map.Kind != 0 {
			d.add(p.Line(path+".map"), "%s: map is for coded attributes, and %s is %s.", path, a, def.Kind)
		}
	}
	if f.Format != "" && def.Kind != schema.KindDate && def.Kind != schema.KindAddress && !(def.Kind == schema.KindName && len(f.Columns) > 1) {
		d.add(p.Line(path+".format"), "%s: format is for dates, addresses and names in several columns, and %s is %s.", path, a, def.Kind)
	}
	if w := f.When; w != nil && (w.Column == "" || len(w.Is) == 0) {
		d.add(p.Line(path+".when"), "%s: when needs column and is: the column that says what this one means, and its texts, such as when: {column: zjlx, is: [\"1\", \"01\"]}.", path)
	}
	if f.Max < 0 || f.Pad < 0 {
		d.add(p.Line(path), "%s: max and pad cannot be below 0.", path)
	}
	if f.Max > 0 && f.Pad > f.Max {
		d.add(p.Line(path+".pad"), "%s: pad is longer than max.", path)
	}
	if f.Map.Kind != 0 {
		validateMap(d, path, &f.Map)
	}
}

func validateCharset(d *decoder, p *Platform) {
	c := p.Charset
	switch {
	case c.Encoding == "" && c.Fallback != "":
		d.add(p.Line("charset.fallback"), "charset: fallback without encoding: say what the platform can hold, such as encoding: gbk.")
	case c.Encoding != "" && !charset.Known(c.Encoding):
		d.add(p.Line("charset.encoding"), "charset.encoding: %q is none of %s.%s", c.Encoding, strings.Join(charset.Names(), ", "), suggestion(c.Encoding, charset.Names()))
	case c.Encoding != "" && c.Fallback != "" && c.Fallback != FallbackRefuse && c.Fallback != FallbackPinyin && !charset.Holds(c.Encoding, c.Fallback):
		d.add(p.Line("charset.fallback"), "charset.fallback: the platform cannot hold %q either. Write refuse, pinyin, or a text of its own characters such as ？.", c.Fallback)
	}
}

func validateMap(d *decoder, path string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, path+".map", "the platform's texts with our codes")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind != yaml.ScalarNode || n.Content[i+1].Kind != yaml.ScalarNode {
			d.add(n.Content[i].Line, "%s.map: each line gives one text of the platform and one code of ours.", path)
		}
	}
}

// validateAgreement repeats the checks of schema.Agreement.Validate where a
// line can be named, adds what only the whole file shows, and asks Validate
// last, so that a rule added there is never missed here.
func validateAgreement(d *decoder, p *Platform) {
	before := len(d.list)
	g := p.Agreement
	for _, a := range modes(g.Receives) {
		path := "agreement.receives." + string(a)
		def, known := schema.Lookup(a)
		if !known || g.Receives[a] == schema.Never {
			continue
		}
		f, mapped := p.Fields[a]
		switch {
		case def.Class == schema.ClassD: // I7
			d.add(p.Line(path), "%s: a sealed attribute never leaves its owner. Take this line out.", path)
		case isIn(g.Authority, a):
			d.add(p.Line(path), "%s: the platform is the authority for %s and cannot receive it. Take it out of receives or of authority.", path, a)
		case !mapped:
			d.add(p.Line(path), "%s: %s is not in fields, so there is no column to write it to.%s", path, a, suggestion(string(a), names(attributes(p.Fields))))
		case f.ReadOnly:
			d.add(p.Line(path), "%s: fields.%s is read_only, so it cannot be received.", path, a)
		}
	}
	for _, list := range []struct {
		key  string
		what []schema.Attribute
	}{{"authority", g.Authority}, {"mirrors", g.Mirrors}, {"withdraw", slices.Collect(maps.Keys(g.Withdraw))}} {
		for _, a := range list.what {
			if _, mapped := p.Fields[a]; !mapped && known(a) {
				d.add(p.Line("agreement."+list.key), "agreement.%s: %s is not in fields.", list.key, a)
			}
		}
	}
	for _, day := range []struct{ key, text string }{{"from", g.From}, {"until", g.Until}} {
		if day.text == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, day.text); err != nil {
			d.add(p.Line("agreement."+day.key), "agreement.%s: %q is not a day. Write it as 2026-01-31.", day.key, day.text)
		}
	}
	if g.Resend != "" && g.Resend != schema.ResendUpsert {
		d.add(p.Line("agreement.resend"), "agreement.resend: %q is not upsert. Write upsert where the platform takes the same message twice as once; else take it out.", g.Resend)
	}
	if g.Creates && len(p.Natural) == 0 {
		// RULES C. A token recognises a row that we made; it says nothing about one
		// that the platform has had before.
		d.add(p.Line("agreement.creates"), "agreement.creates: rows can be created only where natural is given: without it nobody could tell whether the person is there already. token_column alone is not enough. Write for example natural: [id_number], or take creates out.")
	}
	if len(d.list) == before {
		if err := g.Validate(); err != nil {
			d.add(p.Line("agreement"), "agreement: %s.", strings.TrimSuffix(err.Error(), "."))
		}
	}
}

// MapEntry is one line of a field's map.
type MapEntry struct {
	Local string // the platform's text
	Code  string // our canonical code
	Line  int
}

// MapEntries returns a field's map in the order of the file: for each code the
// first local text is the one written.
func (f Field) MapEntries() []MapEntry {
	var out []MapEntry
	for i := 0; i+1 < len(f.Map.Content); i += 2 {
		out = append(out, MapEntry{Local: f.Map.Content[i].Value, Code: f.Map.Content[i+1].Value, Line: f.Map.Content[i].Line})
	}
	return out
}

// ColumnNames returns the field's columns, one or several.
func (f Field) ColumnNames() []string {
	if len(f.Columns) > 0 {
		return f.Columns
	}
	return []string{f.Column}
}

// Columns returns every column that the file names, without the tombstones and
// the like that only the kind knows, sorted and each once.
func (p *Platform) Columns() []string {
	set := map[string]bool{}
	for _, c := range p.Key {
		set[c] = true
	}
	for _, c := range []string{p.TokenColumn, p.ChangeColumn, p.VersionColumn} {
		set[c] = true
	}
	for _, f := range p.Fields {
		for _, c := range f.ColumnNames() {
			set[c] = true
		}
	}
	delete(set, "")
	out := make([]string, 0, len(set))
	for c := range set {
		out = append(out, c)
	}
	sort.Strings(out)
	return out
}

// attributes are the fields that exist, in order; misspelt ones were reported.
func attributes(m map[schema.Attribute]Field) []schema.Attribute {
	out := make([]schema.Attribute, 0, len(m))
	for a := range m {
		if known(a) {
			out = append(out, a)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

func modes(m map[schema.Attribute]schema.Mode) []schema.Attribute {
	out := make([]schema.Attribute, 0, len(m))
	for a := range m {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

func names(list []schema.Attribute) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = string(a)
	}
	return out
}

func known(a schema.Attribute) bool {
	_, ok := schema.Lookup(a)
	return ok
}

func isIn(list []schema.Attribute, a schema.Attribute) bool {
	for _, x := range list {
		if x == a {
			return true
		}
	}
	return false
}
