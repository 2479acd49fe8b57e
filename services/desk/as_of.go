package desk

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
	"heji/services/survivorship"
)

// AsOf is what was known of a resident at the end of a day, worked out from
// today's values and what has changed since.
type AsOf struct {
	Day    string      `json:"day"`
	Known  bool        `json:"known"` // false: there was no such resident yet
	Values []PastValue `json:"values"`
}

// PastValue is one value of that day, and why it was the one.
type PastValue struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	Value     string           `json:"value"`
	Text      string           `json:"text"`
	Origin
	Rule     survivorship.Test `json:"rule"`
	RuleText string            `json:"rule_text"`
	Decision int64             `json:"decision,omitempty"`
	Changed  bool              `json:"changed"` // it is another today:
	Now      string            `json:"now,omitempty"`
}

// asOf answers ?as_of=2026-10-01; nil where nothing was asked. What whoever asks
// may not see of today is not there for another day either.
func (d *Desk) asOf(r *http.Request, l Lang, p Person) (*AsOf, error) {
	text := r.URL.Query().Get("as_of")
	if text == "" {
		return nil, nil
	}
	now := d.o.Today()
	day, err := time.ParseInLocation(time.DateOnly, text, now.Location())
	if err != nil || day.After(now) {
		return nil, fail(http.StatusBadRequest, "as_of")
	}
	out, end := &AsOf{Day: text, Values: []PastValue{}}, day.AddDate(0, 0, 1)
	if out.Known = p.CreatedAt.Before(end); !out.Known {
		return out, nil
	}
	id, err := uuid.Parse(p.ID)
	if err != nil {
		return nil, store.ErrNotFound
	}
	changes, hidden, err := d.o.Store.ChangedSince(r.Context(), id, end)
	if err != nil {
		return nil, err
	}
	living, err := d.o.Store.ResidentsByID(r.Context(), []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	v, err := d.veilOf(r.Context(), id)
	if err != nil {
		return nil, err
	}
	platforms, _, err := d.platforms(r.Context())
	if err != nil {
		return nil, err
	}
	t := teller{lang: l, platforms: map[string]store.Platform{}}
	for _, x := range platforms {
		if open(x) || x.ID == deskPlatform {
			t.platforms[x.ID] = x
		}
	}
	then := map[schema.Attribute]PastValue{}
	for a, x := range p.Values {
		then[a] = pastValue(x)
	}
	for _, e := range changes {
		var old survivorship.Survivor
		if _, ok := known(e.Attribute); !ok || len(e.Old) > 0 && json.Unmarshal(e.Old, &old) != nil {
			delete(then, e.Attribute) // written by a version that this one does not know
			continue
		}
		delete(then, e.Attribute)
		_, isOpen := t.platforms[old.Source.Platform]
		if old.Value == "" || v.hides(e.Attribute) || old.Source.Platform != "" && !isOpen {
			continue
		}
		x, today := pastValue(t.value(e.Attribute, old)), p.Values[e.Attribute]
		x.Key = "" // a key may be a number of the person
		if x.Changed = old.Value != living[id].Master[e.Attribute].Value; x.Changed {
			x.Now = today.Text
		}
		then[e.Attribute] = x
	}
	for _, a := range hidden {
		delete(then, a)
	}
	for _, g := range formGroups {
		for _, a := range g.list {
			if x, ok := then[a]; ok && !slices.ContainsFunc(out.Values, func(y PastValue) bool { return y.Attribute == a }) {
				out.Values = append(out.Values, x)
			}
		}
	}
	return out, nil
}

func pastValue(v Value) PastValue {
	return PastValue{Attribute: v.Attribute, Label: v.Label, Value: v.Value, Text: v.Text, Origin: v.Origin, Rule: v.Rule, RuleText: v.RuleText, Decision: v.Decision}
}
