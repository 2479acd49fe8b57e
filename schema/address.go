package schema

import "strings"

// Address is a structured address, from the province down to the room. Empty
// parts are unknown. Types follow GA/T 2000.32-2014 and GB/T 39609-2020.
type Address struct {
	Province  string `json:"province,omitempty"`  // 省
	City      string `json:"city,omitempty"`      // 市
	County    string `json:"county,omitempty"`    // 县、区
	Street    string `json:"street,omitempty"`    // 街道、乡镇
	Community string `json:"community,omitempty"` // 社区、村
	Road      string `json:"road,omitempty"`      // 街路巷 with 门牌
	Compound  string `json:"compound,omitempty"`  // 小区
	Building  string `json:"building,omitempty"`  // 楼栋: the number alone, "3"
	Unit      string `json:"unit,omitempty"`      // 单元: the number alone
	Room      string `json:"room,omitempty"`      // 室: the number alone
	Rest      string `json:"rest,omitempty"`      // what the parser could not place
}

// Canonical returns the one text form of an address: its parts in order,
// separated by "|", trailing empty parts kept. The zero Address is "".
func (a Address) Canonical() string {
	if a == (Address{}) {
		return ""
	}
	return strings.Join([]string{a.Province, a.City, a.County, a.Street, a.Community, a.Road,
		a.Compound, a.Building, a.Unit, a.Room, a.Rest}, "|")
}

// AddressFromCanonical is the inverse of Canonical.
func AddressFromCanonical(s string) Address {
	if s == "" {
		return Address{}
	}
	p := strings.SplitN(s, "|", 11)
	for len(p) < 11 {
		p = append(p, "")
	}
	return Address{p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10]}
}

// Dwelling is the part of an address that names one dwelling within a city:
// community or compound, building, unit and room. Empty when the building or
// the room is unknown: a street is no dwelling.
func (a Address) Dwelling() string {
	if a.Room == "" || a.Building == "" {
		return ""
	}
	where := a.Compound
	if where == "" {
		where = a.Community
	}
	return where + "|" + a.Building + "|" + a.Unit + "|" + a.Room
}
