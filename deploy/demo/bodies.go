package demo

import (
	"context"
	"fmt"
	"time"

	"heji/deploy/demo/population"
	"heji/services/store"
)

// oldTown kept 党建 when the street was set up, as happens in life: it stands in
// nobody's address.
const oldTown = "青河镇"

// shares say who answers for the street's communities: 计生 lies with the street,
// 党建 with the town, the rest with each community, for those who live there or
// for those whose hukou is there.
var shares = []struct {
	domain string
	basis  store.Basis
	body   func(a population.Address) string
}{
	{"party", store.ByResidence, func(population.Address) string { return oldTown }},
	{"family_planning", store.ByResidence, func(a population.Address) string { return a.Street }},
	{"governance", store.ByResidence, func(a population.Address) string { return a.Community }},
	{"social_security", store.ByResidence, func(a population.Address) string { return a.Community }},
	{"civil_affairs", store.ByHukou, func(a population.Address) string { return a.Community }},
	{"disabled", store.ByHukou, func(a population.Address) string { return a.Community }},
}

// bodies registers the street, the town and the communities, and what each
// answers for. A second run finds it done.
func (d *demo) bodies(ctx context.Context) error {
	communities := map[string]population.Address{}
	for _, home := range d.people.Dwellings {
		communities[home.Address.Community] = home.Address
	}
	since := time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	for name, a := range communities {
		// A body goes by its name here: the invented street has no two of one name.
		for _, b := range []store.Body{
			{ID: a.County, Name: a.County, Kind: store.BodyCounty},
			{ID: oldTown, Name: oldTown, Kind: store.BodyTown, Parent: a.County},
			{ID: a.Street, Name: a.Street, Kind: store.BodyStreet, Parent: a.County},
			{ID: name, Name: name, Kind: store.BodyCommunity, Parent: a.Street},
		} {
			if err := d.hub.Store.PutBody(ctx, b); err != nil {
				return err
			}
		}
		for _, s := range shares {
			if err := d.hub.Store.PutResponsibility(ctx, store.Responsibility{Domain: s.domain, Body: s.body(a), Area: name, Basis: s.basis, From: since}); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}
