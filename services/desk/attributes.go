package desk

import (
	"net/http"

	"heji/schema"
	"heji/schema/codes"
)

// AttributeInfo describes one attribute that may be entered.
type AttributeInfo struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	Kind      schema.Kind      `json:"kind"`
	Class     schema.Class     `json:"class"`
	Risky     bool             `json:"risky,omitempty"`
	Codes     []Code           `json:"codes,omitempty"`
}

// Code is one code of an attribute's table.
type Code struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// getAttributes answers GET /api/v1/attributes: what may be entered, and how it
// is called.
func (d *Desk) getAttributes(_ *http.Request, l Lang) (answer, error) {
	out := make([]AttributeInfo, 0, len(visible))
	for _, def := range visible {
		info := AttributeInfo{Attribute: def.Name, Label: l.Attribute(def.Name), Kind: def.Kind, Class: def.Class, Risky: def.Risky}
		if table, ok := codes.LookupTable(def.Codes); ok {
			for _, e := range table.Entries() {
				info.Codes = append(info.Codes, Code{Code: e.Code, Text: table.Label(e.Code, string(l))})
			}
		}
		out = append(out, info)
	}
	return answer{status: http.StatusOK, body: AttributesReply{out}}, nil
}
