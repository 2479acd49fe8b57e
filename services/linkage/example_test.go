package linkage_test

import (
	"fmt"

	"heji/schema"
	"heji/services/linkage"
)

// Two platforms hold the same person; a third holds somebody of the same name.
func ExampleBatch() {
	model, secret := linkage.Default(), []byte("from the installation's settings")
	records := map[string]schema.Values{
		"pension":    {schema.Name: "欧阳沐辰", schema.BirthDate: "1984-03-07", schema.Phone: "12919030571"},
		"medical":    {schema.Name: "欧陽沐辰", schema.BirthDate: "1984-03-07", schema.Phone: "12919030571", schema.Sex: "1"},
		"disability": {schema.Name: "欧阳沐辰", schema.BirthDate: "1951-11-20", schema.Sex: "1"},
	}
	var items []linkage.Item
	for platform, values := range records {
		f := model.Features(values)
		items = append(items, linkage.Item{
			Ref: schema.RecordRef{Platform: platform, Key: "1"}, F: f, Keys: model.Keys(f, secret),
		})
	}
	result := linkage.Batch(model, items, nil, linkage.HotKeys(model.Limits().HotKey, items))
	for _, resident := range result.Groups {
		fmt.Println(resident)
	}
	// Output:
	// [{disability 1}]
	// [{medical 1} {pension 1}]
}

func ExampleModel_Explain() {
	model := linkage.Default()
	a := model.Features(schema.Values{schema.Name: "王伟", schema.BirthDate: "1984-03-07", schema.Sex: "1"})
	b := model.Features(schema.Values{schema.Name: "王伟", schema.BirthDate: "1984-07-03", schema.Sex: "1"})
	fmt.Print(model.Explain(model.Compare(a, b), linkage.Chinese))
	// Output:
	// 姓名          相同                                   +17.00  ████████
	// 姓名常见程度  已扣减                                  -8.00  ████
	// 出生日期      月日颠倒                                +6.00  ███████
	// 性别          相同                                    +0.90  ███████
	// 合计          需人工核对                             +15.90  比特
}
