package lineage_test

import (
	"fmt"
	"time"

	"heji/schema"
	"heji/services/lineage"
)

// A phone number is written to a platform and read back: the platform shows it,
// and its evidence is still its own.
func Example() {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	read := func(minute int, phone string) lineage.Read {
		return lineage.Read{
			AsOf:   noon.Add(time.Duration(minute) * time.Minute),
			Raw:    map[schema.Attribute]string{schema.Phone: phone},
			Values: schema.Values{schema.Phone: phone},
		}
	}
	policy := lineage.Policy{}
	row, _ := lineage.Observe(lineage.Row{}, read(0, "1100001"), policy)

	wanted := lineage.Resident{
		Wanted: map[schema.Attribute]lineage.Wanted{
			schema.Phone: {Value: "1100002", Wire: "1100002", Since: noon.Add(time.Minute), Source: "desk/17"},
		},
		Mode: func(schema.Attribute) schema.Mode { return schema.Overwrite },
		Has:  func(string) bool { return true },
	}
	plan := lineage.Make(row, wanted, policy)
	row, _ = lineage.Begin(row, lineage.Intent{ID: "i1", At: noon.Add(2 * time.Minute), Conditional: true, Due: plan.Due})
	fmt.Println("write", plan.Set(), "where it shows", plan.If())
	row, _ = lineage.Finish(row, lineage.Outcome{Intent: "i1", Status: lineage.Applied, At: noon.Add(3 * time.Minute)})

	row, report := lineage.Observe(row, read(4, "1100002"), policy)
	fmt.Println("settled", report.Settled, "shows", row.Raw[schema.Phone], "says", row.Evidence()[0].Value)
	fmt.Println("still due:", len(lineage.Make(row, wanted, policy).Due))
	// Output:
	// write map[phone:1100002] where it shows map[phone:1100001]
	// settled [phone] shows 1100002 says 1100001
	// still due: 0
}
