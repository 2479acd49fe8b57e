package spec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"heji/schema"
)

// Environment gives the value of an environment variable, as os.LookupEnv.
type Environment = func(name string) (string, bool)

// Load reads one platform's file. The error names everything that is wrong
// with it, each with file, line and what to write instead.
func Load(file string, env Environment) (*Platform, error) { return load(file, env, Parse) }

func load(file string, env Environment, parse reading) (*Platform, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the platform's file cannot be read: %w", err)
	}
	return parse(file, data, env)
}

// reading is Parse or ParseSealed.
type reading = func(name string, data []byte, env Environment) (*Platform, error)

// LoadDir reads every *.yaml and *.yml file of a folder, in the order of their
// names. Files that are right are returned even when others are wrong, so that
// one platform's mistake is its own (I10); the error names every mistake.
func LoadDir(dir string, env Environment) ([]*Platform, error) { return loadDir(dir, env, Parse) }

// LoadSealedDir is LoadDir for a folder of sealed platforms (class D), which
// holds no other.
func LoadSealedDir(dir string, env Environment) ([]*Platform, error) {
	return loadDir(dir, env, ParseSealed)
}

func loadDir(dir string, env Environment, parse reading) ([]*Platform, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder of platforms cannot be read: %w", err)
	}
	var platforms []*Platform
	var errs []error
	from := map[string]string{}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		p, err := load(filepath.Join(dir, e.Name()), env, parse)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if other, ok := from[p.ID]; ok {
			errs = append(errs, p.Errorf("platform", "the platform %q is already described in %s.", p.ID, other))
			continue
		}
		if err := rival(p, platforms); err != nil {
			errs = append(errs, err)
			continue
		}
		from[p.ID] = p.Source
		platforms = append(platforms, p)
	}
	return platforms, errors.Join(errs...)
}

// Drafts are the files of a folder that are not finished but tell already how their
// platform is reached. Platforms that are loaded are no drafts.
func Drafts(dir string, env Environment, loaded []*Platform) []*Platform {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // LoadDir has said so
	}
	known := map[string]bool{}
	for _, p := range loaded {
		known[p.ID] = true
	}
	var drafts []*Platform
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		p, err := load(filepath.Join(dir, e.Name()), env, ParseDraft)
		if err != nil || known[p.ID] {
			continue
		}
		known[p.ID] = true
		drafts = append(drafts, p)
	}
	return drafts
}

// rival reports by an error a platform that would have the last word on what
// another one has the last word on already.
func rival(p *Platform, others []*Platform) error {
	for _, o := range others {
		if both := p.Agreement.Overlap(o.Agreement); len(both) > 0 {
			return p.Errorf("agreement.authority", "agreement.authority: %s has the last word on %s already (%s), for the same residents. Agree who has it, and take it out of the other file, or give both a scope that keeps them apart.",
				o.ID, strings.Join(names(both), ", "), o.Source)
		}
	}
	return nil
}

// Parse reads a platform's file from memory. name stands for the file in
// errors. A sealed platform's file is refused: ParseSealed reads it.
func Parse(name string, data []byte, env Environment) (*Platform, error) {
	return parseAs(name, data, env, complete)
}

// ParseDraft reads a file that is not finished: key, fields and cadence may be
// missing. It is for finding out what they should be; what is there is read as
// strictly as ever.
func ParseDraft(name string, data []byte, env Environment) (*Platform, error) {
	return parseAs(name, data, env, draft)
}

// ParseSealed is Parse for sealed platforms (class D), and refuses all others.
func ParseSealed(name string, data []byte, env Environment) (*Platform, error) {
	return parseAs(name, data, env, satellite)
}

// purpose is what a file is read for.
type purpose int

const (
	complete purpose = iota
	draft
	satellite
)

func parseAs(name string, data []byte, env Environment, as purpose) (*Platform, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		if as != satellite && sealed.Match(data) {
			return nil, wrong(name, 0, sealedPlatform) // I7: the library quotes what it could not read
		}
		return nil, syntaxError(name, err)
	}
	if len(doc.Content) == 0 {
		return nil, wrong(name, 0, "the file is empty. It must describe one platform.")
	}
	if line, text := sealedAt(doc.Content[0]); text != "" && as != satellite {
		return nil, wrong(name, line, text)
	}
	p := &Platform{Source: name, lines: map[string]int{}}
	d := &decoder{problems: problems{file: name}, lines: p.lines}
	d.decode(doc.Content[0], reflect.ValueOf(p).Elem(), "")
	expand(d, p, &p.Connect, env)
	if p.Class == "" {
		p.Class = schema.ClassB
	}
	validate(d, p, as == draft)
	if as == satellite {
		validateSealed(d, p)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// DecodeConnect fills a kind's own settings from the connect section, as
// strictly as the rest of the file. to points to a struct with yaml tags. Its
// errors never repeat a value.
func DecodeConnect(p *Platform, to any) error {
	d := &decoder{problems: problems{file: p.Source}, quiet: true}
	if p.Connect.Kind == 0 {
		return wrong(p.Source, 0, "connect is missing. The kind %q needs it to reach the platform.", p.Kind)
	}
	d.decode(&p.Connect, reflect.ValueOf(to).Elem(), "connect")
	return d.err()
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// syntaxError gives the library's syntax error the form of all others.
func syntaxError(name string, err error) error {
	e := wrong(name, 0, "the file is not YAML: %s.", strings.TrimPrefix(err.Error(), "yaml: "))
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		if _, scanErr := fmt.Sscan(m[1], &e.Line); scanErr == nil {
			e.Text = "the file is not YAML: " + m[2] + "."
		}
	}
	return e
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} below connect. What it put there is remembered for
// Redact, so that a secret cannot come back in an error text (I9).
func expand(d *decoder, p *Platform, n *yaml.Node, env Environment) {
	for _, child := range n.Content {
		expand(d, p, child, env)
	}
	if n.Kind != yaml.ScalarNode {
		return
	}
	n.Value = variable.ReplaceAllStringFunc(n.Value, func(ref string) string {
		name := ref[2 : len(ref)-1]
		if !variableName.MatchString(name) {
			d.add(n.Line, "connect: ${…} must hold the name of an environment variable: letters, digits and _.")
			return ""
		}
		var value string
		ok := false
		if env != nil {
			value, ok = env(name)
		}
		if !ok || value == "" {
			d.add(n.Line, "connect: the environment variable %s is not set. Write %s=… into the file .env beside this one (mode 0600), or set it before the start; or take ${%s} out.", name, name, name)
			return ""
		}
		// Short values ("5", "on") are no secrets, and taking every "5" out of
		// an error would only make it unreadable.
		if len(value) >= 4 {
			p.secrets = append(p.secrets, value)
		}
		n.Tag = "!!str"
		return value
	})
	sort.Slice(p.secrets, func(i, j int) bool { return len(p.secrets[i]) > len(p.secrets[j]) })
}
