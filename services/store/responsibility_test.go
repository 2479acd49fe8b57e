package store_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
	"heji/services/survivorship"
)

const (
	anning = "安宁里社区"
	yongfu = "永福里社区"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func home(community, room string) schema.Address {
	return schema.Address{City: "临江市", Street: "柳营街道", Community: community, Compound: community + "一号院", Building: "3", Unit: "2", Room: room}
}

// lives stores a resident with a residence and a hukou address.
func (v viewed) lives(residence, hukou schema.Address) uuid.UUID {
	v.Helper()
	id := v.resident("王伟", "")
	master, err := json.Marshal(map[schema.Attribute]survivorship.Survivor{
		schema.Residence: {Value: residence.Canonical()}, schema.HukouAddress: {Value: hukou.Canonical()}})
	require.NoError(v, err)
	v.exec(`UPDATE residents SET master = $2 WHERE id = $1`, id, master)
	return id
}

func (v viewed) bodies() {
	v.Helper()
	for _, b := range []store.Body{
		{ID: "street", Name: "柳营街道", Kind: store.BodyStreet},
		{ID: "town", Name: "青河镇", Kind: store.BodyTown},
		{ID: "anning", Name: anning, Kind: store.BodyCommunity, Parent: "street"},
		{ID: "yongfu", Name: yongfu, Kind: store.BodyCommunity, Parent: "street"},
	} {
		require.NoError(v, v.PutBody(context.Background(), b))
	}
}

func (v viewed) put(r store.Responsibility, from string) {
	v.Helper()
	r.From = day(from)
	require.NoError(v, v.PutResponsibility(context.Background(), r))
}

// who answers, as "domain basis: body (because)".
func (v viewed) who(id uuid.UUID, on string) []string {
	v.Helper()
	list, err := v.ResponsibleFor(context.Background(), id, day(on))
	require.NoError(v, err)
	out := []string{}
	for _, r := range list {
		out = append(out, r.Domain+" "+string(r.Basis)+": "+r.Body.Name+" ("+string(r.Because)+")")
	}
	return out
}

func TestDomainsOfOneNeighbourhoodLieWithDifferentBodies(t *testing.T) {
	v := newViewed(t)
	v.bodies()
	v.put(store.Responsibility{Domain: "family_planning", Body: "street", Area: anning}, "2020-01-01")
	v.put(store.Responsibility{Domain: "party", Body: "town", Area: anning}, "2020-01-01")
	id := v.lives(home(anning, "101"), home(anning, "101"))
	require.Equal(t, []string{"party residence: 青河镇 (area)", "family_planning residence: 柳营街道 (area)"}, v.who(id, "2026-11-23"))

	list, err := v.ResponsibleFor(context.Background(), id, day("2026-11-23"))
	require.NoError(t, err)
	require.Equal(t, store.Body{ID: "town", Name: "青河镇", Kind: store.BodyTown}, list[0].Body)

	require.Empty(t, v.who(v.lives(home(yongfu, "101"), home(yongfu, "101")), "2026-11-23"))
	require.Empty(t, v.who(v.lives(schema.Address{}, schema.Address{}), "2026-11-23"), "an unknown address belongs to nobody")
	_, err = v.ResponsibleFor(context.Background(), uuid.New(), day("2026-11-23"))
	require.ErrorIs(t, err, store.ErrNotFound)
}

// 人户分离: the community of residence in one domain, that of hukou in another,
// and in a third both.
func TestApartFromTheHukouBelongsToTwoCommunities(t *testing.T) {
	v := newViewed(t)
	v.bodies()
	for area, body := range map[string]string{anning: "anning", yongfu: "yongfu"} {
		v.put(store.Responsibility{Domain: "governance", Body: body, Area: area}, "2020-01-01")
		v.put(store.Responsibility{Domain: "civil_affairs", Body: body, Area: area, Basis: store.ByHukou}, "2020-01-01")
		v.put(store.Responsibility{Domain: "women", Body: body, Area: area, Basis: store.ByHukou}, "2020-01-01")
		v.put(store.Responsibility{Domain: "women", Body: body, Area: area, Basis: store.ByResidence}, "2020-01-01")
	}
	apart := v.lives(home(anning, "101"), home(yongfu, "502"))
	require.Equal(t, []string{
		"governance residence: 安宁里社区 (area)",
		"civil_affairs hukou: 永福里社区 (area)",
		"women residence: 安宁里社区 (area)",
		"women hukou: 永福里社区 (area)",
	}, v.who(apart, "2026-11-23"))
}

func TestTheNarrowestScopeHolds(t *testing.T) {
	v := newViewed(t)
	v.bodies()
	id := v.lives(home(anning, "101"), home(yongfu, "502"))
	neighbour := v.lives(home(anning, "102"), home(anning, "102"))
	v.put(store.Responsibility{Domain: "disabled", Body: "anning", Area: anning}, "2020-01-01")
	v.put(store.Responsibility{Domain: "disabled", Body: "yongfu", Area: yongfu, Basis: store.ByHukou}, "2020-01-01")
	v.put(store.Responsibility{Domain: "disabled", Body: "street", Dwelling: home(anning, "101").Dwelling()}, "2020-01-01")
	require.Equal(t, []string{"disabled residence: 柳营街道 (dwelling)", "disabled hukou: 永福里社区 (area)"}, v.who(id, "2026-11-23"))
	require.Equal(t, []string{"disabled residence: 安宁里社区 (area)"}, v.who(neighbour, "2026-11-23"))

	v.put(store.Responsibility{Domain: "disabled", Body: "town", Resident: id}, "2021-01-01")
	require.Equal(t, []string{"disabled residence: 青河镇 (resident)", "disabled hukou: 永福里社区 (area)"}, v.who(id, "2026-11-23"),
		"each basis by itself")
	require.Equal(t, []string{"disabled residence: 柳营街道 (dwelling)", "disabled hukou: 永福里社区 (area)"}, v.who(id, "2020-12-31"))
}

func TestLaterResponsibilityEndsTheEarlier(t *testing.T) {
	v := newViewed(t)
	v.bodies()
	ctx := context.Background()
	id := v.lives(home(anning, "101"), schema.Address{})
	r := store.Responsibility{Domain: "party", Body: "anning", Area: anning}
	v.put(r, "2020-01-01")
	v.put(r, "2020-01-01") // the same again
	v.put(store.Responsibility{Domain: "party", Body: "yongfu", Area: yongfu}, "2020-01-01")
	v.put(store.Responsibility{Domain: "party", Body: "street", Area: anning, Basis: store.ByHukou}, "2020-01-01")
	v.put(store.Responsibility{Domain: "party", Body: "town", Area: anning}, "2024-07-01")

	require.Empty(t, v.who(id, "2019-12-31"))
	for _, on := range []string{"2020-01-01", "2024-06-30"} {
		require.Equal(t, []string{"party residence: 安宁里社区 (area)"}, v.who(id, on), on)
	}
	require.Equal(t, []string{"party residence: 青河镇 (area)"}, v.who(id, "2024-07-01"))
	var open, all int
	require.NoError(t, v.db.QueryRow(ctx, `SELECT count(*) FILTER (WHERE valid_to IS NULL), count(*) FROM responsibilities`).Scan(&open, &all))
	require.Equal(t, []int{3, 4}, []int{open, all}, "the earlier one is kept, and only that one has ended")

	// What stands from a later day on is not overruled, nor another body's same day.
	r.From = day("2022-01-01")
	require.ErrorContains(t, v.PutResponsibility(ctx, r), `from 2024-07-01 on it is "town" already`)
	r.From = day("2024-07-01")
	require.ErrorContains(t, v.PutResponsibility(ctx, r), `from 2024-07-01 on it is "town" already`)
	require.Equal(t, []string{"party residence: 安宁里社区 (area)"}, v.who(id, "2022-01-01"), "a refusal changes nothing")

	// A time between ends what it overlaps; the last day belongs to it. It can be
	// set later.
	end := day("2022-12-31")
	v.put(store.Responsibility{Domain: "party", Body: "street", Area: anning, To: &end}, "2022-01-01")
	require.Equal(t, []string{"party residence: 安宁里社区 (area)"}, v.who(id, "2021-12-31"))
	require.Equal(t, []string{"party residence: 柳营街道 (area)"}, v.who(id, "2022-12-31"))
	require.Empty(t, v.who(id, "2023-01-01"))
	end = day("2026-06-30")
	v.put(store.Responsibility{Domain: "party", Body: "town", Area: anning, To: &end}, "2024-07-01")
	require.Empty(t, v.who(id, "2026-07-01"))
}

// The day is the one of the caller's own zone.
func TestResponsibilityGoesByTheLocalDay(t *testing.T) {
	v := newViewed(t)
	v.bodies()
	id := v.lives(home(anning, "101"), schema.Address{})
	v.put(store.Responsibility{Domain: "party", Body: "anning", Area: anning}, "2024-07-01")
	at := time.Date(2024, 7, 1, 0, 30, 0, 0, time.FixedZone("CST", 8*3600)) // still June in UTC
	list, err := v.ResponsibleFor(context.Background(), id, at)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestResponsibilityFollowsMergedResidents(t *testing.T) {
	v := newViewed(t)
	v.bodies()
	id := v.lives(home(anning, "101"), schema.Address{})
	old, older := v.resident("", ""), v.resident("", "")
	v.put(store.Responsibility{Domain: "veterans", Body: "street", Resident: older}, "2020-01-01")
	v.put(store.Responsibility{Domain: "party", Body: "anning", Area: anning}, "2020-01-01")
	v.exec(`UPDATE residents SET redirect_to = $1 WHERE id = $2`, old, older)
	v.exec(`UPDATE residents SET redirect_to = $1 WHERE id = $2`, id, old)
	want := []string{"party residence: 安宁里社区 (area)", "veterans residence: 柳营街道 (resident)"}
	require.Equal(t, want, v.who(id, "2026-11-23"), "what was given for a former id holds")
	require.Equal(t, want, v.who(older, "2026-11-23"), "a former id leads on")

	v.put(store.Responsibility{Domain: "veterans", Body: "town", Resident: older}, "2025-01-01")
	require.Equal(t, []string{"party residence: 安宁里社区 (area)", "veterans residence: 青河镇 (resident)"}, v.who(id, "2026-11-23"))
	require.Equal(t, want, v.who(id, "2024-12-31"))
}

func TestResponsibilitiesThatAreRefused(t *testing.T) {
	v := newViewed(t)
	v.bodies()
	ctx := context.Background()
	id := v.lives(home(anning, "101"), schema.Address{})
	from, before := day("2024-01-01"), day("2023-12-31")
	dwelling := home(anning, "101").Dwelling()
	for said, r := range map[string]store.Responsibility{
		"has no such code":                    {Domain: "党建", Body: "anning", Area: anning, From: from},
		"neither residence nor hukou":         {Domain: "party", Body: "anning", Area: anning, From: from, Basis: "work"},
		"0 are given":                         {Domain: "party", Body: "anning", From: from},
		"2 are given":                         {Domain: "party", Body: "anning", From: from, Resident: id, Area: anning},
		"is written":                          {Domain: "party", Body: "anning", From: from, Dwelling: "3号楼101"},
		"the name of a community alone":       {Domain: "party", Body: "anning", From: from, Area: home(anning, "").Canonical()},
		"from which day on":                   {Domain: "party", Body: "anning", Area: anning},
		"2023-12-31 is before its first":      {Domain: "party", Body: "anning", Area: anning, From: from, To: &before},
		"register it first":                   {Domain: "party", Body: "nobody", Area: anning, From: from},
		"resident: not found":                 {Domain: "party", Body: "anning", Resident: uuid.New(), From: from},
		"would tell everybody about them: gi": {Domain: "justice", Body: "anning", Dwelling: dwelling, From: from},
	} {
		err := v.PutResponsibility(ctx, r)
		require.ErrorContains(t, err, said)
		require.NotContains(t, err.Error(), dwelling, "I9")
	}
	require.ErrorContains(t, v.PutResponsibility(ctx, store.Responsibility{Domain: "justice", Body: "anning", Resident: id, From: from}), "give an area")

	for said, b := range map[string]store.Body{
		"an id and a name":  {ID: "x", Kind: store.BodyTown},
		"is none of":        {ID: "x", Name: "某组", Kind: "team"},
		"is not registered": {ID: "x", Name: "某镇", Kind: store.BodyTown, Parent: "nowhere"},
		"stands below it":   {ID: "street", Name: "柳营街道", Kind: store.BodyStreet, Parent: "anning"},
	} {
		require.ErrorContains(t, v.PutBody(ctx, b), said)
	}
	require.ErrorContains(t, v.PutBody(ctx, store.Body{ID: "x", Name: "某镇", Kind: store.BodyTown, Parent: "x"}), "stands below it")
	require.NoError(t, v.PutBody(ctx, store.Body{ID: "street", Name: "柳营街道办事处", Kind: store.BodyStreet}))
	v.put(store.Responsibility{Domain: "party", Body: "street", Area: anning}, "2024-01-01")
	require.Equal(t, []string{"party residence: 柳营街道办事处 (area)"}, v.who(id, "2024-01-01"))
}
