package district

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	p "heji/deploy/demo/population"
)

func TestPensionJournalsWhatComesFromOutside(t *testing.T) {
	t.Parallel()
	d := begin(t, options(t))
	pl := d.Platform(p.Pension)
	key, before := anyRow(t, pl)
	conn, err := pgx.Connect(t.Context(), d.Env()["PENSION_DSN"])
	require.NoError(t, err)
	exec := func(sql string, args ...any) error {
		_, err := conn.Exec(t.Context(), sql, args...)
		return err
	}
	require.NoError(t, exec(`UPDATE cbry SET aae005 = '15400009999', aac017 = aac017 WHERE aac001 = $1`, key))
	require.NoError(t, exec(`UPDATE cbry SET aae005 = '15400009999' WHERE aac001 = $1`, key))
	require.NoError(t, exec(`UPDATE cbry SET aae005 = '15400008888' WHERE aac001 = $1 AND aae005 = 'another'`, key), "a missed condition is no write")
	var refused *pgconn.PgError
	require.True(t, errors.As(exec(`UPDATE cbry SET aae005 = '12' WHERE aac001 = $1`, key), &refused))
	require.Equal(t, "aae005", refused.ColumnName)
	_, err = pl.Clerk(t.Context(), Edit{ID: "c1", Op: EditUpdate, Key: key, Set: Row{"aae006": "柳岸路"}})
	require.NoError(t, err)

	j := journal(t, pl)
	require.Len(t, j, 2, "clerks, misses and refusals are not in it")
	require.Equal(t, Row{"aae005": "15400009999"}, j[0].Set)
	require.False(t, j[0].Repeated)
	require.True(t, j[1].Repeated)
	after := snapshot(t, pl)[key]
	require.Equal(t, "15400009999", after["aae005"])
	require.Equal(t, "柳岸路", after["aae006"])
	require.Greater(t, after["aae036"], before["aae036"], "the trigger moves the change time")
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, d.Close())
}

func TestPensionClerksInsertAndStrikeOut(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl := d.Platform(p.Pension)
	n := len(snapshot(t, pl))
	e, err := pl.Clerk(t.Context(), Edit{ID: "c1", Op: EditInsert, Person: 5, Set: Row{"aac003": "钱远航", "aae005": "15400009999"}})
	require.NoError(t, err)
	require.NotEmpty(t, e.Key)
	again, err := pl.Clerk(t.Context(), Edit{ID: "c1", Op: EditInsert, Person: 5, Set: Row{"aac003": "钱远航"}})
	require.NoError(t, err)
	require.Equal(t, e.Key, again.Key, "the same edit is done once")
	require.Len(t, snapshot(t, pl), n+1)
	origins, err := pl.Origins(t.Context())
	require.NoError(t, err)
	require.Equal(t, 5, origins[e.Key])
	_, err = pl.Clerk(t.Context(), Edit{ID: "c2", Op: EditDelete, Key: e.Key})
	require.NoError(t, err)
	require.Len(t, snapshot(t, pl), n)
	_, err = pl.Clerk(t.Context(), Edit{ID: "c3", Op: EditUpdate, Key: e.Key, Set: Row{"aae005": ""}})
	require.ErrorContains(t, err, "no such row")
	edits, err := pl.Edits(t.Context())
	require.NoError(t, err)
	require.Len(t, edits, 2)
}
