package chinese

import (
	"fmt"
	"strings"

	"heji/services/linkage/comparator"
)

// Kinds are the comparators of this package by the name that models use.
var Kinds = comparator.Kinds{
	"id_number":          newIDNumber,
	"chinese_name":       newName,
	"birth_date":         newBirthDate,
	"sex":                newSex,
	"phone":              newPhone,
	"dwelling":           newDwelling,
	"household":          newHousehold,
	"mother":             newMother,
	"birth_order":        newBirthOrder,
	"department_numbers": newDepartmentNumbers,
}

// settings are what a model may say about the comparators that take a list of
// values that many strangers share: dummy phones, 不详 in the place of a name.
type settings struct {
	Shared []string `yaml:"shared"`
}

// plain checks the options of a comparator without settings. roles are what its
// attributes stand for, in order; a model may leave the last ones out.
func plain(o comparator.Options, levels []string, roles ...string) error {
	if err := checkShape(o, levels, roles); err != nil {
		return err
	}
	return o.Decode(&struct{}{})
}

// withShared is plain for a comparator that takes a list of shared values.
func withShared(o comparator.Options, levels []string, roles ...string) (map[string]bool, error) {
	if err := checkShape(o, levels, roles); err != nil {
		return nil, err
	}
	var s settings
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	shared := make(map[string]bool, len(s.Shared))
	for _, v := range s.Shared {
		shared[v] = true
	}
	return shared, nil
}

func checkShape(o comparator.Options, levels, roles []string) error {
	switch {
	case len(o.Attributes) == 0:
		return fmt.Errorf("attributes are missing; they are, in this order: %s", strings.Join(roles, ", "))
	case len(o.Attributes) > len(roles):
		return fmt.Errorf("there are %d attributes; at most %d have a meaning, in this order: %s",
			len(o.Attributes), len(roles), strings.Join(roles, ", "))
	}
	return comparator.Fixed(o.Levels, levels)
}

// value returns the value of the attribute at a place, empty where the model
// leaves it out.
func value(r *comparator.Record, at int) string {
	if at >= len(r.Values) {
		return ""
	}
	return bounded(r.Values[at])
}

// maxValue bounds a value, in bytes: no real one is longer, and features must
// stay small.
const maxValue = 1000

func bounded(s string) string {
	if len(s) > maxValue {
		return s[:maxValue]
	}
	return s
}
