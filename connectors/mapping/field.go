package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/width"

	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/canon"
	"heji/schema/codes"
	"heji/schema/hanzi"
)

// field is one attribute's mapping, prepared for use.
type field struct {
	attribute schema.Attribute
	kind      schema.Kind
	spec      spec.Field
	columns   []string
	join      string
	blank     map[string]bool
	writable  bool // the way back exists

	toCode  map[string]string // overrides: folded local text → code
	walk    *codes.Crosswalk
	toLocal map[string]string // code → local text, overrides first

	parts []string // address parts, one for each column, where there are several
	names []string // surname and given, one for each column, where there are two

	read, write *expression
	charset     spec.Charset
}

// defaultAddress is the pattern of an address field that declares none.
const defaultAddress = "{province}{city}{county}{street}{community}{road}{compound}[{building}幢][{unit}单元][{room}室]{rest}"

// maxRaw is the longest raw text that is kept as it is, in bytes. What is longer
// is no value of a person, and a message must fit JetStream.
const maxRaw = 8 << 10

func newField(p *spec.Platform, a schema.Attribute) (*field, error) {
	def, ok := schema.Lookup(a)
	path := "fields." + string(a)
	if !ok {
		return nil, p.Errorf(path, "%s: no attribute is called %q.", path, a)
	}
	s := p.Fields[a]
	f := &field{
		attribute: a, kind: def.Kind, spec: s, columns: s.ColumnNames(), join: s.Join,
		blank: map[string]bool{"": true}, writable: true, charset: p.Charset,
	}
	for _, b := range s.Blank {
		f.blank[b] = true
	}
	if f.join == "" {
		f.join = "-"
		if def.Kind == schema.KindAddress || def.Kind == schema.KindName {
			f.join = "|"
		}
	}
	if err := f.expressions(p, path); err != nil {
		return nil, err
	}
	switch def.Kind {
	case schema.KindName:
		if err := f.prepareName(p, path); err != nil {
			return nil, err
		}
	case schema.KindCode:
		if err := f.prepareCodes(p, def, path); err != nil {
			return nil, err
		}
	case schema.KindAddress:
		if err := f.prepareAddress(p, path); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// prepareCodes builds both directions. A local text that the overrides use for
// another code is not written for the code that the crosswalk meant: it would
// be read back as something else.
func (f *field) prepareCodes(p *spec.Platform, def schema.Definition, path string) error {
	table, ok := codes.LookupTable(def.Codes)
	if !ok {
		return p.Errorf(path, "%s: there is no code table %q.", path, def.Codes)
	}
	name := f.spec.Codes
	if name == "" {
		name = def.Codes
	}
	walk, ok := codes.LookupCrosswalk(name)
	if !ok {
		return p.Errorf(path+".codes", "%s: there is no code table %q. Known for %s: %s.", path, name, f.attribute, strings.Join(crosswalksOf(def.Codes), ", "))
	}
	if walk.Table != def.Codes {
		return p.Errorf(path+".codes", "%s: the code table %q is one of %s, not of %s.", path, name, walk.Table, def.Codes)
	}
	f.walk = walk
	f.toCode, f.toLocal = map[string]string{}, map[string]string{}
	for _, e := range f.spec.MapEntries() {
		if e.Code != "" && !table.Has(e.Code) {
			return p.Errorf(path+".map."+e.Local, "%s.map: %q is no code of the table %s.", path, e.Code, def.Codes)
		}
		f.toCode[fold(e.Local)] = e.Code
		if _, taken := f.toLocal[e.Code]; !taken && e.Code != "" {
			f.toLocal[e.Code] = e.Local
		}
	}
	for _, code := range table.Codes() {
		if _, ok := f.toLocal[code]; ok {
			continue
		}
		local, ok := walk.FromCanonical(code)
		if !ok {
			continue
		}
		if meant, overridden := f.toCode[fold(local)]; overridden && meant != code && !table.Refines(code, meant) {
			continue
		}
		f.toLocal[code] = local
	}
	return nil
}

func crosswalksOf(table string) []string {
	var out []string
	for _, name := range codes.Crosswalks() {
		if c, ok := codes.LookupCrosswalk(name); ok && c.Table == table {
			out = append(out, name)
		}
	}
	return out
}

var onePart = regexp.MustCompile(`^\{([a-z]+)\}$`)

func (f *field) prepareAddress(p *spec.Platform, path string) error {
	if len(f.columns) > 1 {
		patterns := strings.Split(f.spec.Format, f.join)
		if len(patterns) != len(f.columns) {
			return p.Errorf(path+".format", "%s: format must name one part for each of the %d columns, with %q between them, such as {building}%s{room}.", path, len(f.columns), f.join, f.join)
		}
		for _, pattern := range patterns {
			m := onePart.FindStringSubmatch(pattern)
			if m == nil || addressPart(&schema.Address{}, m[1]) == nil {
				return p.Errorf(path+".format", "%s: %q is no part of an address. Parts: %s.", path, pattern, strings.Join(addressParts, ", "))
			}
			f.parts = append(f.parts, m[1])
		}
		return nil
	}
	if f.spec.Format == "" {
		f.spec.Format = defaultAddress
	}
	if err := canon.CheckPattern(f.spec.Format); err != nil {
		return p.Errorf(path+".format", "%s: %s.", path, err)
	}
	return nil
}

// prepareName: a name in two columns is its surname and its given name.
func (f *field) prepareName(p *spec.Platform, path string) error {
	if len(f.columns) == 1 {
		return nil
	}
	for _, pattern := range strings.Split(f.spec.Format, f.join) {
		m := onePart.FindStringSubmatch(pattern)
		if m != nil {
			f.names = append(f.names, m[1])
		}
	}
	if s := strings.Join(f.names, " "); len(f.columns) != 2 || s != surnamePart+" "+givenPart && s != givenPart+" "+surnamePart {
		return p.Errorf(path+".format", "%s: a name in several columns is a surname and a given name: write two columns and format: \"{surname}%s{given}\", or the other way round.", path, f.join)
	}
	return nil
}

const (
	surnamePart = "surname"
	givenPart   = "given"
)

// reversible checks that what the platform receives can be written and is then
// read back as what was meant.
func (f *field) reversible(p *spec.Platform) error {
	path := "fields." + string(f.attribute)
	switch f.kind {
	case schema.KindCode:
		if len(f.toLocal) == 0 {
			f.writable = false
			return p.Errorf(path, "%s: the platform receives it, but the mapping cannot be reversed: none of our codes has a text of the platform.", path)
		}
	case schema.KindDate:
		const sample = "1999-12-31"
		wire, err := f.wire(sample)
		if back, _ := f.value(wire); err != nil || back != sample {
			f.writable = false
			return p.Errorf(path+".format", "%s: the platform receives it, but the mapping cannot be reversed: a day written as %q is not read back as the same day. Use yyyyMMdd, yyyy-MM-dd or yyyy/MM/dd.", path, f.spec.Format)
		}
	case schema.KindAddress:
		wire, err := f.wire(sampleAddress.Canonical())
		if back, _ := f.value(wire); err != nil || back == "" {
			f.writable = false
			return p.Errorf(path+".format", "%s: the platform receives it, but the mapping cannot be reversed: an address written by the pattern is not read back. Use parts such as {community}{building}幢{unit}单元{room}室.", path)
		}
	}
	return f.bothWays(p)
}

var sampleAddress = schema.Address{Building: "3", Unit: "2", Room: "301", Compound: "幸福小区", Community: "和平社区"}

// samples are values that an attribute takes, to try a mapping with.
func (f *field) samples() []string {
	switch f.kind {
	case schema.KindCode:
		return slices.Sorted(maps.Keys(f.toLocal))
	case schema.KindDate:
		return []string{"1999-12-31", "2008-02-29"}
	case schema.KindIDNumber:
		return []string{"190101199003070018"}
	case schema.KindPhone:
		return []string{"12919030571"}
	case schema.KindNumber:
		return []string{"1", "20"}
	case schema.KindName:
		return []string{"欧阳沐辰", "李磊", "阿依·古丽"}
	case schema.KindText:
		if f.attribute == schema.Disability {
			return []string{"4-2", "1-1"}
		}
		return []string{"测试1号", "A12"}
	}
	return nil // an address has a check of its own
}

// value reads a wire text.
func (f *field) value(wire string) (string, schema.Problem) {
	if f.read != nil && !f.blank[strings.TrimSpace(wire)] {
		said, ok := f.read.run(wire)
		if !ok {
			return "", schema.ProblemUnreadable
		}
		wire = said
	}
	text := strings.TrimSpace(wire)
	if f.blank[text] || f.blank[wire] || len(f.columns) > 1 && strings.Trim(text, f.join+" ") == "" {
		return "", ""
	}
	switch f.kind {
	case schema.KindCode:
		return f.code(text)
	case schema.KindDate:
		return canon.Date(text, f.spec.Format)
	case schema.KindAddress:
		if f.parts != nil {
			return f.addressOf(text)
		}
	case schema.KindName:
		if f.names != nil {
			return canon.Value(f.attribute, f.nameOf(text))
		}
	}
	return canon.Value(f.attribute, wire)
}

func (f *field) code(text string) (string, schema.Problem) {
	if code, ok := f.toCode[fold(text)]; ok {
		return code, ""
	}
	if code, ok := f.walk.ToCanonical(text); ok {
		return code, ""
	}
	// The general reader knows what is wrong beyond an unknown code: too long,
	// control characters, a placeholder.
	if _, problem := canon.Text(text); problem != "" {
		return "", problem
	}
	return "", schema.ProblemCode
}

func (f *field) addressOf(text string) (string, schema.Problem) {
	var addr schema.Address
	for i, s := range strings.SplitN(text, f.join, len(f.parts)) {
		clean, problem := canon.Text(s)
		if problem != "" && clean == "" && problem != schema.ProblemPlaceholder {
			return "", problem
		}
		*addressPart(&addr, f.parts[i]) = strings.ReplaceAll(clean, "|", "")
	}
	return addr.Canonical(), ""
}

// nameOf puts a name together.
func (f *field) nameOf(text string) string {
	first, second, _ := strings.Cut(text, f.join)
	first, second = strings.TrimSpace(first), strings.TrimSpace(second)
	if f.names[0] == givenPart {
		first, second = second, first
	}
	return first + second
}

// nameParts takes it apart. A name without a surname that we know is all given
// name: 阿依·古丽.
func (f *field) nameParts(name string) string {
	surname, given := hanzi.Surname(name)
	if surname+given != name {
		surname, given = "", name
	}
	if f.names[0] == givenPart {
		surname, given = given, surname
	}
	return surname + f.join + given
}

// Errors of wire: for a person, without the value (I9).
var (
	errNoCode   = errors.New("the platform's code table has nothing for this code")
	errDate     = errors.New("the platform needs a full date, and only a part of it is known")
	errAddress  = errors.New("the address holds nothing that the platform's pattern can show")
	errTooLong  = errors.New("it is longer than the platform's column, and cutting it would make it another value")
	errJoin     = errors.New("it does not fit the platform's columns")
	errNotBack  = errors.New("the platform would read it as blank")
	errReadOnly = errors.New("the platform takes no value for it")
	errCharset  = errors.New("it holds a character that the platform's encoding cannot hold")
	errWrite    = errors.New("the platform's expression cannot be worked out for it")
)

// wire writes a canonical value as the platform would.
func (f *field) wire(canonical string) (string, error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("%s: %w", f.attribute, err) }
	if f.spec.ReadOnly {
		return fail(errReadOnly)
	}
	if canonical == "" {
		return f.blankText(), nil
	}
	var text string
	switch f.kind {
	case schema.KindCode:
		local, ok := f.toLocal[canonical]
		if !ok {
			return fail(errNoCode)
		}
		text = local
	case schema.KindDate:
		t, ok := canon.FormatDate(canonical, f.spec.Format)
		if !ok {
			return fail(errDate)
		}
		text = t
	case schema.KindAddress:
		text = f.formatAddress(schema.AddressFromCanonical(canonical))
		if strings.Trim(text, f.join+" ") == "" {
			return fail(errAddress)
		}
	case schema.KindName:
		text = canonical
		if f.names != nil {
			text = f.nameParts(canonical)
		}
	default:
		text = canonical
	}
	text, ok := f.holdable(text)
	if !ok {
		return fail(errCharset)
	}
	if f.write != nil {
		if text, ok = f.write.run(text); !ok {
			return fail(errWrite)
		}
	}
	if f.spec.Max > 0 && utf8.RuneCountInString(text) > f.spec.Max {
		switch f.kind {
		case schema.KindText, schema.KindName, schema.KindAddress:
			text = strings.TrimRight(cut(text, f.spec.Max), " ")
		default:
			return fail(errTooLong)
		}
	}
	if f.spec.Pad > 0 {
		text = pad(text, f.spec.Pad)
	}
	if len(f.columns) > 1 && strings.Count(text, f.join) != len(f.columns)-1 {
		return fail(errJoin)
	}
	if f.blank[strings.TrimSpace(text)] {
		return fail(errNotBack)
	}
	return text, nil
}

// blankText is how a blank is written: nothing, or where the platform insists on
// something, its own word for nothing.
func (f *field) blankText() string {
	switch {
	case f.spec.Required && len(f.spec.Blank) > 0:
		return f.spec.Blank[0]
	case len(f.columns) > 1:
		return strings.Repeat(f.join, len(f.columns)-1)
	}
	return ""
}

func (f *field) formatAddress(addr schema.Address) string {
	if f.parts == nil {
		return canon.FormatAddress(addr, f.spec.Format)
	}
	texts := make([]string, len(f.parts))
	for i, part := range f.parts {
		texts[i] = *addressPart(&addr, part)
	}
	return strings.Join(texts, f.join)
}

// wireOf takes the attribute's wire text out of a row. It is not shown where
// the row has none of its columns.
func (f *field) wireOf(columns map[string]string) (string, bool) {
	if w := f.spec.When; w != nil {
		if text, shown := columns[w.Column]; !shown || !slices.Contains(w.Is, strings.TrimSpace(text)) {
			return "", false // the column means something else in this row
		}
	}
	if len(f.columns) == 1 {
		text, ok := columns[f.columns[0]]
		return text, ok
	}
	texts, any := make([]string, len(f.columns)), false
	for i, c := range f.columns {
		text, ok := columns[c]
		texts[i], any = text, any || ok
	}
	return strings.Join(texts, f.join), any
}

// spread is the inverse of wireOf.
func (f *field) spread(wire string) map[string]string {
	if len(f.columns) == 1 {
		return map[string]string{f.columns[0]: wire}
	}
	out := make(map[string]string, len(f.columns))
	texts := strings.SplitN(wire, f.join, len(f.columns))
	for i, c := range f.columns {
		out[c] = ""
		if i < len(texts) {
			out[c] = texts[i]
		}
	}
	return out
}

// keepable is a raw text in a form that messages and the store can hold: no NUL
// (PostgreSQL has no text with one), no megabytes. Both are replaced in a way
// that still tells two different texts apart.
func keepable(wire string) string {
	if len(wire) > maxRaw {
		sum := sha256.Sum256([]byte(wire))
		wire = fmt.Sprintf("%s… [%d bytes, %s]", cut(wire, 64), len(wire), hex.EncodeToString(sum[:8]))
	}
	return strings.ToValidUTF8(strings.ReplaceAll(wire, "\x00", "␀"), "\uFFFD")
}

// cut returns the first n characters.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func pad(s string, n int) string {
	if have := utf8.RuneCountInString(s); have < n {
		return s + strings.Repeat(" ", n-have)
	}
	return s
}

func fold(s string) string { return strings.ToUpper(strings.TrimSpace(width.Fold.String(s))) }

var addressParts = []string{"province", "city", "county", "street", "community", "road", "compound", "building", "unit", "room", "rest"}

// addressPart returns the part of an address by its name in a pattern, or nil.
func addressPart(a *schema.Address, name string) *string {
	switch name {
	case "province":
		return &a.Province
	case "city":
		return &a.City
	case "county":
		return &a.County
	case "street":
		return &a.Street
	case "community":
		return &a.Community
	case "road":
		return &a.Road
	case "compound":
		return &a.Compound
	case "building":
		return &a.Building
	case "unit":
		return &a.Unit
	case "room":
		return &a.Room
	case "rest":
		return &a.Rest
	}
	return nil
}
