package desk_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

// A resident who lives apart from the hukou (人户分离): the page and the API name
// the body of each domain.
func TestResponsibleBodies(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	lives := schema.Address{Street: "柳营街道", Community: "安宁里社区", Compound: "槐荫小区", Building: "3", Unit: "2", Room: "501"}
	hukou := schema.Address{Street: "柳营街道", Community: "永福里社区"}
	id := w.resident(rec{platform: "pension", key: "P1", values: schema.Values{"name": "王建国",
		schema.Residence: lives.Canonical(), schema.HukouAddress: hukou.Canonical()}})
	path := "/residents/" + id.String()
	require.Equal(t, []any{}, w.get("/api/v1" + path).json["responsible"])
	require.NotContains(t, w.get(path).text, "责任单位", "nothing is registered yet")

	for _, b := range []store.Body{{ID: "street", Name: "柳营街道办事处", Kind: store.BodyStreet}, {ID: "town", Name: "青河镇", Kind: store.BodyTown},
		{ID: "yongfu", Name: "永福里居委会", Kind: store.BodyCommunity, Parent: "street"}} {
		require.NoError(t, w.store.PutBody(ctx, b))
	}
	tomorrow := today.AddDate(0, 0, 1)
	for _, r := range []store.Responsibility{
		{Domain: "family_planning", Body: "street", Area: "安宁里社区", From: today},
		{Domain: "party", Body: "town", Area: "安宁里社区", From: today},
		{Domain: "party", Body: "street", Area: "安宁里社区", From: tomorrow},
		{Domain: "civil_affairs", Body: "yongfu", Area: "永福里社区", Basis: store.ByHukou, From: today},
		{Domain: "social_security", Body: "town", Dwelling: lives.Dwelling(), From: today},
		{Domain: "veterans", Body: "street", Resident: id, From: today},
	} {
		require.NoError(t, w.store.PutResponsibility(ctx, r))
	}
	list := w.get("/api/v1" + path).json["responsible"].([]any)
	require.Len(t, list, 5)
	require.Equal(t, map[string]any{"domain": "party", "domain_text": "党建", "body": "town", "body_name": "青河镇", "body_kind": "town",
		"basis": "residence", "because": "area", "text": "按居住地，所在社区"}, list[0])
	require.Equal(t, "永福里居委会", list[1].(map[string]any)["body_name"])

	zh, en := w.get(path).text, w.get(path+"?lang=en").text
	for _, said := range []string{"责任单位", "计生", "柳营街道办事处", "民政", "按户籍地，所在社区", "按居住地，为这一户指定", "按居住地，为本人指定"} {
		require.Contains(t, zh, said)
	}
	for _, said := range []string{"Who is responsible", "family planning", "柳营街道办事处", "by hukou, for the community", "named for this dwelling"} {
		require.Contains(t, en, said)
	}
}
