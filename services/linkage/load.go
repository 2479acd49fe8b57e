package linkage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"heji/services/linkage/chinese"
	"heji/services/linkage/comparator"
)

// Residents is the path that LoadFile takes for the embedded model.
const Residents = "residents"

// comparators are all that a model can name.
var comparators = union(comparator.All, chinese.Kinds)

func union(sets ...comparator.Kinds) comparator.Kinds {
	all := make(comparator.Kinds)
	for _, set := range sets {
		for name, kind := range set {
			if _, ok := all[name]; ok {
				panic("linkage: two comparators are called " + name)
			}
			all[name] = kind
		}
	}
	return all
}

// LoadFile reads a model from a file; "residents" is the embedded one. Errors
// name file, line and key.
func LoadFile(path string) (*Model, error) {
	if path == Residents {
		return Default(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the linkage model: %w", err)
	}
	m, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Load reads a model. An error says in which line what is wrong, and what may
// stand there.
func Load(r io.Reader) (*Model, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the linkage model: %w", err)
	}
	m, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the linkage model: %w", err)
	}
	return m, nil
}

func parse(text []byte) (*Model, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, errors.New("it is empty")
	} else if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("behind the model stands something else; a file holds one model")
	}
	if err := plain(&doc); err != nil {
		return nil, err
	}
	return build(doc.Content[0])
}

func build(top *yaml.Node) (*Model, error) {
	keys, err := block(top, "", "version", "mode", "register", "files", "prior", "thresholds", "limits", "exclusive", "comparisons",
		"blocking", togetherName, "ambiguous", sharedName, conflictName)
	if err != nil {
		return nil, err
	}
	m := &Model{exclusive: none, files: ColumnMap{Clean: CleanPlain}}
	for _, k := range []struct {
		key    string
		needed string // what is missing where the key is
		read   func(n *yaml.Node) error
	}{
		{"version", "what is stored is marked with it", m.readVersion},
		{"mode", "", m.readMode},
		{"register", "", m.readRegister},
		{"prior", "", m.readPrior},
		{"thresholds", "", m.readThresholds},
		{"limits", "", m.readLimits},
		{"comparisons", "nothing is compared without them", m.readComparisons},
		{"files", "", m.readFiles},
		{"exclusive", "", m.readExclusive},
		{"blocking", "without its rules no two records meet", m.readBlocking},
		{togetherName, "", m.readTogether},
		{"ambiguous", "", m.readAmbiguous},
		{sharedName, "", m.readShared},
		{conflictName, "", m.readConflict},
	} {
		n := keys[k.key]
		switch {
		case n == nil && k.needed != "":
			return nil, wrong(top, "", "%s is missing: %s", k.key, k.needed)
		case n == nil && k.key == "limits":
			n = &yaml.Node{Kind: yaml.MappingNode} // the defaults
		case n == nil:
			continue
		}
		if err := k.read(n); err != nil {
			return nil, err
		}
	}
	m.seal()
	return m, nil
}

func (m *Model) readVersion(n *yaml.Node) (err error) {
	m.version, err = text(n, "version")
	return err
}

// The modes of a model.
const (
	modeDedupe   = "dedupe"
	modeLinkOnly = "link_only"
	modeRegister = "register"
)

func (m *Model) readMode(n *yaml.Node) error {
	switch n.Value {
	case modeDedupe:
	case modeLinkOnly:
		m.limits.LinkOnly, m.limits.OnePerSource = true, true
	case modeRegister:
		m.limits.Register, m.limits.Margin = defaultRegister, registerMargin
	default:
		return wrong(n, "mode", "it is %s (within and between sources), %s (between sources) or %s (everything else to one source)", modeDedupe, modeLinkOnly, modeRegister)
	}
	return nil
}

// defaultRegister is the source that the mode register takes for the register
// where the model names none.
const defaultRegister = "register"

// registerMargin asks for eight times as likely.
const registerMargin = 300

func (m *Model) readRegister(n *yaml.Node) error {
	if m.limits.Register == "" {
		return wrong(n, "register", "it belongs to mode: %s", modeRegister)
	}
	name, err := text(n, "register")
	if err == nil {
		m.limits.Register = name
	}
	return err
}

func (m *Model) readPrior(n *yaml.Node) (err error) {
	if m.prior, err = probability(n, "prior"); err == nil && m.prior == 1 {
		return wrong(n, "prior", "it is below 1, or every two records were the same")
	}
	return err
}

func (m *Model) readThresholds(n *yaml.Node) error {
	const where = "thresholds"
	names := []string{"link", "review", "group"}
	keys, err := block(n, where, names...)
	if err != nil {
		return err
	}
	for i, into := range []*int{&m.limits.Link, &m.limits.Review, &m.limits.Group} {
		v, ok := keys[names[i]]
		if !ok {
			return wrong(n, where, "%s is missing; there are %s", names[i], strings.Join(names, ", "))
		}
		if *into, err = weight(v, under(where, names[i])); err != nil {
			return err
		}
	}
	m.hasThresholds = true
	if err := m.checkThresholds(); err != nil {
		return wrong(n, where, "%s", err)
	}
	return nil
}

func (m *Model) checkThresholds() error {
	switch l := m.limits; {
	case l.Link <= l.Review:
		return fmt.Errorf("link (%d) must be above review (%d)", l.Link, l.Review)
	case l.Group > l.Link:
		return fmt.Errorf("group (%d) must not be above link (%d): no two records could ever join", l.Group, l.Link)
	}
	return nil
}

// Limits where a model gives none.
const (
	defaultHotKey    = 200
	defaultComponent = 400
	defaultKeys      = 32
	mostKeys         = 200
)

func (m *Model) readLimits(n *yaml.Node) error {
	const where = "limits"
	keys, err := block(n, where, "hot_key", "component", "keys")
	if err != nil {
		return err
	}
	for _, l := range []struct {
		key             string
		into            *int
		usual, from, to int
		why             string
	}{
		{"hot_key", &m.limits.HotKey, defaultHotKey, 2, 1 << 30, "a key that one record holds makes no pair"},
		{"component", &m.limits.Component, defaultComponent, 2, 1 << 30, "one record is no component"},
		{"keys", &m.maxKeys, defaultKeys, 1, mostKeys, "without a key a record meets nobody"},
	} {
		*l.into = l.usual
		if v := keys[l.key]; v != nil {
			if *l.into, err = whole(v, under(where, l.key), l.from, l.to); err != nil {
				return wrong(v, where, "%s is a whole number from %d to %d: %s", l.key, l.from, l.to, l.why)
			}
		}
	}
	return nil
}
