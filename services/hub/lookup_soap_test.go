package hub_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const marriageSOAPFile = `
platform: marriage
name: 婚姻登记
department: 民政
kind: soap
class: C
connect:
  wsdl: ${MARRIAGE}/service?wsdl
  lookup: {operation: Query, items: record, request: "<XM>{{.Natural.XM}}</XM><GMSFHM>{{.Natural.GMSFHM}}</GMSFHM>"}
key: [DJBH]
natural: [name, id_number]
cadence: 20ms
lag: 0s
limits: {questions_per_day: 2, ask_again: 720h}
fields:
  name: {column: XM}
  id_number: {column: GMSFHM}
  marital_status: {column: HYZK}
agreement: {authority: [marital_status]}
`

const marriageWSDL = `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:tns="urn:m" xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:m">
<types><xs:schema targetNamespace="urn:m" elementFormDefault="qualified"><xs:element name="Query"><xs:complexType><xs:sequence><xs:element name="XM"/><xs:element name="GMSFHM"/></xs:sequence></xs:complexType></xs:element></xs:schema></types>
<message name="In"><part name="parameters" element="tns:Query"/></message><portType name="P"><operation name="Query"><input message="tns:In"/></operation></portType>
<binding name="B" type="tns:P"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/><operation name="Query"><soap:operation soapAction="urn:m/Query"/><input><soap:body use="literal"/></input></operation></binding>
<service name="S"><port name="Q" binding="tns:B"><soap:address location="ADDRESS/service"/></port></service></definitions>`

// newSOAPOffice is the register behind a web service.
func newSOAPOffice(t *testing.T) *office {
	o := &office{known: map[string]string{}}
	o.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		if r.Method == http.MethodGet {
			fmt.Fprint(w, strings.Replace(marriageWSDL, "ADDRESS", o.server.URL, 1))
			return
		}
		var q struct {
			Name string `xml:"Body>Query>XM"`
		}
		if err := xml.NewDecoder(r.Body).Decode(&q); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.asked = append(o.asked, q.Name)
		record := ""
		if known, ok := o.known[q.Name]; ok {
			record = "<record>" + known + "</record>"
		}
		fmt.Fprint(w, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><QueryResponse xmlns="urn:m">`+record+`</QueryResponse></s:Body></s:Envelope>`)
	}))
	t.Cleanup(o.server.Close)
	return o
}

// The same register behind a web service: asked within the day's questions, its
// answers reach the master record.
func TestAskedPersonByPersonOverSOAP(t *testing.T) {
	d, o, db, _ := newRegisterOf(t, marriageSOAPFile, newSOAPOffice(t))
	var rows []string
	for i, name := range []string{"欧阳沐辰", "上官子墨", "诸葛明月"} {
		birth := fmt.Sprintf("19%d-03-07", 70+i)
		rows = append(rows, fmt.Sprintf("S%d,%s,%s,%s,01,1540000000%d", i, name, number(t, birth, 1), birth, i))
		o.set(name, fmt.Sprintf("<DJBH>M%d</DJBH><XM>%s</XM><GMSFHM>%s</GMSFHM><HYZK>20</HYZK>", i, name, number(t, birth, 1)))
	}
	d.drop("rk_20261101.csv", extract(t, rows...))
	d.within("the day's questions are asked", func() bool { return len(o.questions()) == 2 })
	d.passes(db)
	require.Len(t, o.questions(), 2, "no more than agreed")
	d.nextDay(db)
	d.within("the next day asks about the third", func() bool { return len(o.questions()) == 3 })
	d.shows("marriage", "M0", "M1", "M2")
	d.within("the answers are in the master record", func() bool {
		var n int
		require.NoError(t, db.QueryRow(d.ctx, `SELECT count(*) FROM residents WHERE master->'marital_status'->>'v' = '20' AND redirect_to IS NULL`).Scan(&n))
		return n == 3
	})
}
