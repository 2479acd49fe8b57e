package connectors

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/encoding/simplifiedchinese"

	_ "heji/connectors/soap" // the kind
)

func init() { register(Case{Name: "soap/GBK", Open: openSOAP}) }

const soapYAML = `
platform: bench
name: 测速
kind: soap
connect:
  wsdl: ${BENCH_URL}
  encoding: gbk
  list: {operation: Query, paging: page, items: p, total: total, size: 500, request: "<page>{{.Page}}</page><size>{{.Size}}</size>"}
  get: {operation: Get, item: p, request: "<id>{{.Key}}</id>"}
  update: {operation: Save, request: "<id>{{.Key}}</id>{{elements .Set}}"}
lag: 0s
` + fields

// bureau is a platform over SOAP on this machine's loopback.
type bureau struct {
	mu   sync.Mutex
	rows []Person
	at   map[string]int
	url  string
}

// soapCall is what its three operations take.
type soapCall struct {
	Page  int    `xml:"page"`
	Size  int    `xml:"size"`
	ID    string `xml:"id"`
	Phone string `xml:"sjhm"`
}

type soapAnswer struct {
	Total int `xml:"Body>R>total"`
	P     []struct {
		ID      string `xml:"id"`
		Name    string `xml:"xm"`
		Phone   string `xml:"sjhm"`
		IDNo    string `xml:"sfzh"`
		Changed string `xml:"gxsj"`
	} `xml:"Body>R>p"`
}

func openSOAP(_ context.Context, rows int, _ string) (*Platform, error) {
	b := &bureau{rows: people(rows), at: map[string]int{}}
	for i, p := range b.rows {
		b.at[p.ID] = i
	}
	server := httptest.NewServer(b)
	b.url = server.URL
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: four}}
	return &Platform{
		YAML: soapYAML, Env: map[string]string{"BENCH_URL": server.URL},
		Pull: func(ctx context.Context) (int, error) {
			for n, page := 0, 1; ; page++ {
				var a soapAnswer
				if err := envelope(ctx, client, server.URL, "Query", fmt.Sprintf("<page>%d</page><size>500</size>", page), &a); err != nil {
					return n, err
				}
				if n += len(a.P); n >= a.Total || len(a.P) == 0 {
					return n, nil
				}
			}
		},
		Push: func(ctx context.Context, changed []Changed) error {
			return inParallel(changed, func(part []Changed) error {
				for _, x := range part {
					if err := envelope(ctx, client, server.URL, "Save", "<id>"+x.ID+"</id><sjhm>"+x.Phone+"</sjhm>", nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Close: func() error { client.CloseIdleConnections(); server.Close(); return nil },
	}, nil
}

func gbkReader(_ string, in io.Reader) (io.Reader, error) {
	return simplifiedchinese.GBK.NewDecoder().Reader(in), nil
}

// envelope calls an operation, as somebody would who needs no more than that.
func envelope(ctx context.Context, client *http.Client, url, operation, inside string, into any) error {
	text := `<?xml version="1.0" encoding="GBK"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><` + operation + ` xmlns="urn:bench">` + inside + `</` + operation + `></s:Body></s:Envelope>`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/xml; charset=gbk")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the platform answers %d", answer.StatusCode)
	}
	if err != nil || into == nil {
		return err
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = gbkReader
	return d.Decode(into)
}

func (b *bureau) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, b.wsdl()) // a client that has gone needs no answer
		return
	}
	d := xml.NewDecoder(r.Body)
	d.CharsetReader = gbkReader
	var q struct {
		Query *soapCall `xml:"Body>Query"`
		Get   *soapCall `xml:"Body>Get"`
		Save  *soapCall `xml:"Body>Save"`
	}
	if err := d.Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var out strings.Builder
	out.WriteString(`<?xml version="1.0" encoding="GBK"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><R xmlns="urn:bench"><total>` + strconv.Itoa(len(b.rows)) + `</total>`)
	show := func(p Person) {
		out.WriteString("<p>")
		for i, text := range p.Texts() {
			out.WriteString("<" + Columns[i] + ">" + text + "</" + Columns[i] + ">")
		}
		out.WriteString("</p>")
	}
	switch {
	case q.Query != nil:
		start := min((max(q.Query.Page, 1)-1)*q.Query.Size, len(b.rows))
		for _, p := range b.rows[start:min(start+q.Query.Size, len(b.rows))] {
			show(p)
		}
	case q.Save != nil:
		b.rows[b.at[q.Save.ID]].Phone = q.Save.Phone
	case q.Get != nil:
		if i, ok := b.at[q.Get.ID]; ok {
			show(b.rows[i])
		}
	}
	out.WriteString(`</R></s:Body></s:Envelope>`)
	text, err := simplifiedchinese.GBK.NewEncoder().String(out.String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=GBK")
	_, _ = io.WriteString(w, text)
}

func (b *bureau) wsdl() string {
	out := `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:bench" targetNamespace="urn:bench">
<types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:bench" elementFormDefault="qualified">`
	port, bind := `<portType name="P">`, `<binding name="B" type="t:P"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>`
	messages := ""
	for _, name := range []string{"Query", "Get", "Save"} {
		out += `<xs:element name="` + name + `"/>`
		messages += `<message name="` + name + `In"><part name="p" element="t:` + name + `"/></message>`
		port += `<operation name="` + name + `"><input message="t:` + name + `In"/></operation>`
		bind += `<operation name="` + name + `"><soap:operation soapAction="` + name + `"/><input><soap:body use="literal"/></input></operation>`
	}
	return out + `</xs:schema></types>` + messages + port + `</portType>` + bind + `</binding><service name="S"><port name="Q" binding="t:B"><soap:address location="` + b.url + `"/></port></service></definitions>`
}
