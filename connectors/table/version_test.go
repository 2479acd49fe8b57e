package table

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
)

// A write's version is the one that the next read shows while nobody else has
// written, also where the platform makes something else of the value; and
// another one as soon as somebody has. Renditions are learnt from that alone.
func TestVersionOfAWriteIsTheNextReadsVersion(t *testing.T) {
	const bump = "CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.bb := coalesce(OLD.bb, 0) + 1; RETURN NEW; END $$;" +
		"CREATE TRIGGER bump BEFORE UPDATE ON persons FOR EACH ROW EXECUTE FUNCTION bump()"
	const after = "CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE persons SET bb = coalesce(bb, 0) + 1 WHERE id = NEW.id; RETURN NULL; END $$;" +
		"CREATE TRIGGER bump AFTER INSERT OR UPDATE ON persons FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION bump()"
	for _, test := range []struct{ name, more, trigger string }{
		{"xmin", "", ""},
		{"xmin_changed_again_after", "", after},
		{"column_counted_before", "version_column: bb", bump},
		{"column_counted_after", "version_column: bb", after},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := context.Background()
			p, c := openTable(t, "timestamptz NOT NULL", "clock_timestamp()", "  touch: true", test.more)
			p.exec(t, `ALTER TABLE persons ADD COLUMN bb bigint;
				CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.sjhm := left(NEW.sjhm, 5); RETURN NEW; END $$;
				CREATE TRIGGER cut BEFORE INSERT OR UPDATE ON persons FOR EACH ROW EXECUTE FUNCTION cut()`)
			if test.trigger != "" {
				p.exec(t, test.trigger)
			}
			p.Insert(t, person(1))
			require.True(t, connectors.Connector(c).(interface{ Conditional() bool }).Conditional())

			pulled := func(key string) string {
				t.Helper()
				version := ""
				require.NoError(t, c.Pull(ctx, nil, func(b connectors.Batch) error {
					for _, row := range b.Rows {
						if row.Key == key {
							version = row.RowVersion
						}
					}
					return nil
				}))
				return version
			}
			same := func(o connectors.Outcome) {
				t.Helper()
				require.Equal(t, connectors.Applied, o.Status, o.Reason)
				require.NotEmpty(t, o.RowVersion)
				require.Equal(t, o.RowVersion, pulled(o.Key))
				rows, err := c.Look(ctx, connectors.Query{Key: o.Key})
				require.NoError(t, err)
				require.Len(t, rows, 1)
				require.Equal(t, o.RowVersion, rows[0].RowVersion)
				require.Equal(t, rows[0].Columns, o.Shown)
			}
			before := pulled("P0001")
			out, err := c.Push(ctx, []connectors.Write{
				{Intent: "u", Key: "P0001", Set: map[string]string{"sjhm": "13912345678"}, If: map[string]string{"sjhm": "1"}, RowVersion: before},
			})
			require.NoError(t, err)
			same(out[0])
			require.Equal(t, "13912", out[0].Shown["sjhm"])
			require.NotEqual(t, before, out[0].RowVersion)
			p.exec(t, "UPDATE persons SET sjhm = '7', gxsj = clock_timestamp() WHERE id = 'P0001'")
			require.NotEqual(t, out[0].RowVersion, pulled("P0001"), "a clerk's change is another version")

			if test.trigger == bump {
				return // this platform counts changes only
			}
			out, err = c.Push(ctx, []connectors.Write{{Intent: "c", Set: map[string]string{"xm": "新", "sjhm": "13912345679"}, Natural: map[string]string{"sfzh": "N9"}}})
			require.NoError(t, err)
			same(out[0])
		})
	}
}
