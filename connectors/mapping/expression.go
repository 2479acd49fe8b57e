package mapping

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"golang.org/x/text/width"

	"heji/connectors/spec"
)

// expression is one small program of a platform's file: text in, text out. It
// sees nothing but the text, so that a mapping stays a function: no clock, no
// environment, no other column.
type expression struct{ program *vm.Program }

// scope is what an expression can name.
type scope struct {
	Value string `expr:"value"`
}

// maxMemory bounds what an expression may build: these are one-liners.
const maxMemory = 100_000

func compile(p *spec.Platform, key, source string) (*expression, error) {
	if source == "" {
		return nil, nil
	}
	program, err := expr.Compile(source, expr.Env(scope{}), expr.AsKind(reflect.String),
		expr.DisableBuiltin("now"), expr.DisableBuiltin("date"), expr.DisableBuiltin("timezone"),
		expr.Function("half", func(args ...any) (any, error) { return width.Fold.String(args[0].(string)), nil }, new(func(string) string)),
	)
	if err != nil {
		return nil, p.Errorf(key, "%s: the expression is not right: %s", key, err)
	}
	return &expression{program}, nil
}

// run returns false where the expression cannot be worked out for this text: an
// index that is not there, a number that is none.
func (e *expression) run(text string) (string, bool) {
	if e == nil {
		return text, true
	}
	machine := vm.VM{MemoryBudget: maxMemory}
	out, err := machine.Run(e.program, scope{Value: text})
	if err != nil {
		return "", false
	}
	s, ok := out.(string)
	return s, ok
}

// expressions prepares both directions of a field.
func (f *field) expressions(p *spec.Platform, path string) (err error) {
	if f.read, err = compile(p, path+".read", f.spec.Read); err != nil {
		return err
	}
	f.write, err = compile(p, path+".write", f.spec.Write)
	return err
}

// bothWays checks that a field that is received and read through an expression
// has the way back, and that the two undo one another for the values that this
// kind of attribute takes.
func (f *field) bothWays(p *spec.Platform) error {
	path := "fields." + string(f.attribute)
	if (f.read == nil) != (f.write == nil) {
		have, lack := "read", "write"
		if f.read == nil {
			have, lack = lack, have
		}
		f.writable = false
		return p.Errorf(path+"."+have, "%s: the platform receives it, but the mapping cannot be reversed: there is %s and no %s. Add %s, make it read_only, or do not let it be received.", path, have, lack, lack)
	}
	written, refused := 0, error(nil)
	for _, sample := range f.samples() {
		wire, err := f.wire(sample)
		if err != nil {
			refused = err
			continue // the platform has no text for it: said when it comes up
		}
		written++
		if back, _ := f.value(wire); back != sample {
			if again, err := f.wire(back); back != "" && err == nil && again == wire {
				continue // a coarser table, a cut text: what it becomes stays what it is
			}
			f.writable = false
			return p.Errorf(path+"."+f.culprit(), "%s: the platform receives it, but the mapping cannot be reversed: %s is not read back as the same. Let read undo what write does.", path, fmt.Sprintf("the value %q, written as %q,", sample, wire))
		}
	}
	if written == 0 && refused != nil {
		f.writable = false
		return p.Errorf(path+"."+f.culprit(), "%s: the platform receives it, but the mapping cannot be reversed: no ordinary value can be written: %s. Correct it, make the field read_only, or do not let it be received.",
			path, strings.TrimPrefix(refused.Error(), string(f.attribute)+": "))
	}
	return nil
}

// culprit is the setting of the field that most likely stands in the way.
func (f *field) culprit() string {
	switch {
	case f.write != nil:
		return "write"
	case f.spec.Max > 0:
		return "max"
	case f.spec.When != nil:
		return "when"
	case len(f.columns) > 1:
		return "columns"
	}
	return "column"
}
