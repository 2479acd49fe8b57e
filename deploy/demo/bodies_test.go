package demo

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/deploy/demo/population"
	"heji/services/embedded"
	"heji/services/hub"
	"heji/services/store"
)

// Whoever lives in one community with the hukou in the other belongs to both,
// with 计生 at the street and 党建 at the town; a second start adds nothing.
func TestBodiesOfTheDistrict(t *testing.T) {
	require.NoError(t, withEngines(tempFolder(t), func(ctx context.Context, e *embedded.Engines) error {
		require.NoError(t, e.Postgres.CreateDatabase(ctx, "bodies", "", ""))
		st, err := store.Open(ctx, e.Postgres.DSN("bodies"), 2)
		require.NoError(t, err)
		defer st.Close()
		d := &demo{hub: &hub.Hub{Store: st}, people: population.Generate(testResidents, testSeed)}
		for range 2 {
			require.NoError(t, d.bodies(ctx))
		}
		conn, err := pgx.Connect(ctx, e.Postgres.DSN("bodies"))
		require.NoError(t, err)
		defer conn.Close(ctx)
		var bodies, given int
		require.NoError(t, conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM bodies), (SELECT count(*) FROM responsibilities)`).Scan(&bodies, &given))
		require.Equal(t, []int{5, 2 * len(shares)}, []int{bodies, given}, "the county, the town, the street and two communities")

		id := uuid.New()
		_, err = conn.Exec(ctx, `INSERT INTO residents (id, master) VALUES ($1, '{"residence": {"v": "||||安宁里社区||||||"}, "hukou_address": {"v": "||||永福里社区||||||"}}')`, id)
		require.NoError(t, err)
		list, err := st.ResponsibleFor(ctx, id, time.Now())
		require.NoError(t, err)
		got := map[string]string{}
		for _, r := range list {
			got[r.Domain] = r.Body.Name
		}
		require.Equal(t, map[string]string{"party": oldTown, "family_planning": "柳营街道", "governance": "安宁里社区",
			"social_security": "安宁里社区", "civil_affairs": "永福里社区", "disabled": "永福里社区"}, got)
		return nil
	}))
}
