package writeback

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/lineage"
)

func TestReady(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 27, hour, minute, 0, 0, zone) } // a Friday
	office := spec.Window{Days: []string{"mon-fri"}, Hours: []string{"08:00-18:00"}}
	read := map[schema.Attribute]lineage.Due{schema.Phone: {Source: "clinic/1"}}
	entered := map[schema.Attribute]lineage.Due{schema.Phone: {Source: "desk/1"}, schema.Sex: {Source: "clinic/1"}}
	for _, c := range []struct {
		name    string
		pace    pace
		settles time.Time
		due     map[schema.Attribute]lineage.Due
		now     time.Time
		at      time.Time
		why     string
		until   time.Time
	}{
		{"no pace", pace{}, time.Time{}, read, at(9, 0), at(9, 0), "", at(9, 0)},
		{"the first change", pace{settle: 10 * time.Minute}, time.Time{}, read, at(9, 0), at(9, 10), settling, at(9, 10)},
		{"the next one", pace{settle: 10 * time.Minute}, at(9, 10), read, at(9, 7), at(9, 10), settling, at(9, 10)},
		{"settled", pace{settle: 10 * time.Minute}, at(9, 10), read, at(9, 10), at(9, 10), "", at(9, 10)},
		{"turned away, and tried again", pace{settle: 10 * time.Minute}, at(9, 10), read, at(9, 30), at(9, 30), "", at(9, 10)},
		{"staff wait for it", pace{settle: 10 * time.Minute}, at(9, 10), entered, at(9, 7), at(9, 7), "", at(9, 7)},
		{"the clock was put back", pace{settle: 10 * time.Minute}, at(9, 10), read, at(8, 0), at(8, 10), settling, at(8, 10)},
		{"before the hours", pace{window: office}, time.Time{}, read, at(7, 0), at(8, 0), closed, at(7, 0)},
		{"staff wait for the hours as well", pace{window: office}, time.Time{}, entered, at(7, 0), at(8, 0), closed, at(7, 0)},
		{"settled before the hours", pace{settle: 10 * time.Minute, window: office}, time.Time{}, read, at(7, 0), at(8, 0), closed, at(7, 10)},
		{"settled after the hours", pace{settle: 10 * time.Minute, window: office}, time.Time{}, read, at(17, 55), time.Date(2026, 11, 30, 8, 0, 0, 0, zone), closed, at(18, 5)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, why, until := c.pace.ready(c.settles, c.due, c.now)
			require.Equal(t, c.at.UTC(), got.UTC())
			require.Equal(t, c.why, why)
			require.Equal(t, c.until.UTC(), until.UTC())
		})
	}
}
