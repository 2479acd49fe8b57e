package soap

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors/conformance"
)

// form is one of the ways in which departments build their services.
type form int

const (
	documentGBK form = iota // SOAP 1.1, document/literal, qualified, GBK, UsernameToken with digest, codes inside an answer
	rpcInner                // SOAP 1.2, rpc/literal, a token in a header, answers as a text of XML, faults
)

// bureau is a platform that speaks SOAP. It shares no code with the connector:
// its envelopes are written by hand.
type bureau struct {
	form   form
	server *httptest.Server

	mu     sync.Mutex
	rows   map[string]map[string]string
	clock  int64
	writes int
	last   int
	nonces map[string]bool
	seen   []byte // the last request
	hook   func(w http.ResponseWriter, r *http.Request) bool
}

func newBureau(t testing.TB, f form) *bureau {
	b := &bureau{form: f, rows: map[string]map[string]string{}, nonces: map[string]bool{}, clock: 1_780_000_000_000}
	b.server = httptest.NewServer(b)
	t.Cleanup(b.server.Close)
	return b
}

func env(name string) (string, bool) { return conformance.Secret, name == "TOKEN" }

func (b *bureau) yaml() string {
	head := "platform: bureau\nname: 流动人口\nkind: soap\nclass: B\ncadence: 1m\nnatural: [id_number]\nchange_column: updated\nchange_format: unix_ms\nkey: [id]\nconnect:\n  wsdl: " + b.server.URL + "/service?wsdl\n"
	tail := "fields:\n  name: {column: xm, required: true}\n  phone: {column: sjhm}\n  id_number: {column: sfzh}\n" +
		"agreement:\n  receives: {phone: overwrite, name: overwrite, id_number: overwrite}\n  creates: true\n"
	if b.form == documentGBK {
		return head + `  encoding: gbk
  security: {username: heji, password: "${TOKEN}", digest: yes}
  list:
    operation: QueryPersons
    paging: page
    items: persons.person
    total: total
    size: 7
    request: <from>{{.Since}}</from><size>{{.Size}}</size><page>{{.Page}}</page>
  deletes: {field: deleted, value: "1"}
  get: {operation: GetPerson, item: person, request: "<id>{{.Key}}</id>"}
  find: {operation: FindPersons, items: persons.person, request: "<idno>{{.Natural.sfzh}}</idno>"}
  update: {operation: SavePerson, request: "<requestId>{{.Intent}}</requestId><person><id>{{.Key}}</id>{{elements .Set}}</person>"}
  create: {operation: AddPerson, key: id, request: "<requestId>{{.Intent}}</requestId><person>{{elements .Set}}</person>"}
  error: {code: code, ok: ["0"], exists: ["7"], gone: ["4"], message: message, column: field}
` + tail
	}
	return head + `  values: {token: "${TOKEN}"}
  security: {header: "<t:Token xmlns:t=\"urn:bureau\">{{.Values.token}}</t:Token>"}
  inner: return
  list:
    operation: query
    paging: time
    items: rows.row
    size: 7
    request: <from>{{.Since}}</from><size>{{.Size}}</size><page>{{.Page}}</page>
  deletes: {field: deleted, value: "1"}
  get: {operation: get, item: row, request: "<id>{{.Key}}</id>"}
  find: {operation: find, items: rows.row, request: "<idno>{{.Natural.sfzh}}</idno>"}
  update: {operation: save, request: "<id>{{.Key}}</id><data><![CDATA[<d>{{elements .Set}}</d>]]></data>"}
  create: {operation: add, key: id, request: "<data><![CDATA[<d>{{elements .Set}}</d>]]></data>"}
  error: {code: errorCode, exists: ["E7"], gone: ["E4"], refused: ["E9"], message: errorText, column: errorField}
` + tail
}

// The back door.

func (b *bureau) Insert(_ testing.TB, rows ...map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock += 10
	for _, r := range rows {
		r = maps.Clone(r)
		r["updated"] = strconv.FormatInt(b.clock, 10)
		b.rows[r["id"]] = r
	}
}

// InsertLate inserts rows whose change time lies back.
func (b *bureau) InsertLate(t testing.TB, back time.Duration, rows ...map[string]string) {
	b.Insert(t, rows...)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range rows {
		b.rows[r["id"]]["updated"] = strconv.FormatInt(b.clock-back.Milliseconds(), 10)
	}
}

// Stall keeps every request waiting.
func (b *bureau) Stall(testing.TB) (waiting <-chan struct{}, release func()) {
	gone, came := make(chan struct{}), make(chan struct{}, 100)
	b.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		came <- struct{}{}
		select {
		case <-gone:
		case <-r.Context().Done():
		}
		return true
	})
	return came, func() { close(gone); b.answer(nil) }
}

func (b *bureau) Update(t testing.TB, rows ...map[string]string) { b.Insert(t, rows...) }

func (b *bureau) Delete(_ testing.TB, ids ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock += 10
	for _, id := range ids {
		b.rows[id]["deleted"], b.rows[id]["updated"] = "1", strconv.FormatInt(b.clock, 10)
	}
}

func (b *bureau) Row(_ testing.TB, id string) (map[string]string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.rows[id]
	if !ok || r["deleted"] == "1" {
		return nil, false
	}
	return maps.Clone(r), true
}

func (b *bureau) Publish(testing.TB) {}
func (b *bureau) Process(testing.TB) {}

func (b *bureau) Writes(testing.TB) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.writes
}

func (b *bureau) answer(hook func(w http.ResponseWriter, r *http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hook = hook
}

// node is any element.
type node struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
	Nodes   []node `xml:",any"`
}

func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for i := range n.Nodes {
		if n.Nodes[i].XMLName.Local == name {
			return &n.Nodes[i]
		}
	}
	return nil
}

func (n *node) text(name string) string {
	if c := n.child(name); c != nil {
		return c.Text
	}
	return ""
}

func readNode(data []byte) *node {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	n := &node{}
	if err := d.Decode(n); err != nil {
		return nil
	}
	return n
}

// The front door.

func (b *bureau) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	hook := b.hook
	b.mu.Unlock()
	if hook != nil && hook(w, r) {
		return
	}
	if r.Method == http.MethodGet {
		fmt.Fprint(w, b.wsdl(r.URL.Query().Has("xsd")))
		return
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = data
	if b.form == documentGBK {
		if data, err = simplifiedchinese.GBK.NewDecoder().Bytes(data); err != nil {
			panic(err)
		}
	}
	envelope := readNode(data)
	body := envelope.child("Body")
	if body == nil || len(body.Nodes) != 1 || b.badManners(r, envelope, &body.Nodes[0]) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	call := &body.Nodes[0]
	if !b.knows(envelope.child("Header")) {
		b.say(w, 500, b.faultOf("FailedAuthentication", "身份验证失败", ""))
		return
	}
	switch call.XMLName.Local {
	case "QueryPersons", "query":
		b.list(w, call)
	case "FindPersons", "find":
		var found []map[string]string
		for _, row := range b.rows {
			if row["sfzh"] == call.text("idno") && row["deleted"] == "" {
				found = append(found, row)
			}
		}
		b.reply(w, call, b.many(found), len(found))
	case "GetPerson", "get":
		b.get(w, call, call.text("id"))
	default:
		b.write(w, call)
	}
}

// badManners: the action, the media type and the namespaces are those of the WSDL.
func (b *bureau) badManners(r *http.Request, envelope, call *node) bool {
	kind := r.Header.Get("Content-Type")
	inside := ""
	if len(call.Nodes) > 0 {
		inside = call.Nodes[0].XMLName.Space
	}
	if b.form == documentGBK {
		return envelope.XMLName.Space != "http://schemas.xmlsoap.org/soap/envelope/" || !strings.HasPrefix(kind, "text/xml; charset=gbk") ||
			r.Header.Get("SOAPAction") != `"urn:bureau/`+call.XMLName.Local+`"` || call.XMLName.Space != "urn:bureau:types" || inside != "urn:bureau:types"
	}
	return envelope.XMLName.Space != "http://www.w3.org/2003/05/soap-envelope" || !strings.Contains(kind, `application/soap+xml; charset=utf-8; action="do-`+call.XMLName.Local+`"`) ||
		call.XMLName.Space != "urn:bureau:rpc" || inside != ""
}

func (b *bureau) knows(header *node) bool {
	if b.form == rpcInner {
		return header.text("Token") == conformance.Secret
	}
	token := header.child("Security").child("UsernameToken")
	nonce, err := base64.StdEncoding.DecodeString(token.text("Nonce"))
	created, timeErr := time.Parse(time.RFC3339, token.text("Created"))
	if err != nil || timeErr != nil || time.Since(created).Abs() > 5*time.Minute || b.nonces[string(nonce)] {
		return false
	}
	b.nonces[string(nonce)] = true
	sum := sha1.Sum([]byte(string(nonce) + token.text("Created") + conformance.Secret))
	return token.text("Username") == "heji" && token.text("Password") == base64.StdEncoding.EncodeToString(sum[:])
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func (b *bureau) one(row map[string]string) string {
	name := "person"
	if b.form == rpcInner {
		name = "row"
	}
	out := "<" + name + ">"
	for _, k := range []string{"id", "xm", "sjhm", "sfzh", "updated", "deleted"} {
		out += "<" + k + ">" + escape(row[k]) + "</" + k + ">"
	}
	return out + "</" + name + ">"
}

func (b *bureau) many(rows []map[string]string) string {
	name := "persons"
	if b.form == rpcInner {
		name = "rows"
	}
	out := "<" + name + ">"
	for _, r := range rows {
		out += b.one(r)
	}
	return out + "</" + name + ">"
}

// reply wraps an answer.
func (b *bureau) reply(w http.ResponseWriter, call *node, inside string, total int) {
	if b.form == documentGBK {
		b.say(w, 200, fmt.Sprintf(`<ns2:%sResponse xmlns:ns2="urn:bureau:types"><code>0</code><total>%d</total>%s</ns2:%sResponse>`, call.XMLName.Local, total, inside, call.XMLName.Local))
		return
	}
	b.say(w, 200, `<m:`+call.XMLName.Local+`Response xmlns:m="urn:bureau:rpc"><return>`+escape(`<?xml version="1.0" encoding="UTF-8"?><result>`+inside+`</result>`)+`</return></m:`+call.XMLName.Local+`Response>`)
}

// no is a business error: inside an answer, or a fault.
func (b *bureau) no(w http.ResponseWriter, call *node, code, words, field string) {
	if b.form == documentGBK {
		b.say(w, 200, fmt.Sprintf(`<ns2:R xmlns:ns2="urn:bureau:types"><code>%s</code><message>%s</message><field>%s</field></ns2:R>`, code, escape(words), field))
		return
	}
	b.say(w, 500, b.faultOf("Receiver", "业务异常", fmt.Sprintf(`<x:BusinessException xmlns:x="urn:x"><errorCode>E%s</errorCode><errorText>%s</errorText><errorField>%s</errorField></x:BusinessException>`, code, escape(words), field)))
}

func (b *bureau) faultOf(code, words, detail string) string {
	if b.form == documentGBK {
		return `<S:Fault><faultcode>wsse:` + code + `</faultcode><faultstring>` + words + `</faultstring><detail>` + detail + `</detail></S:Fault>`
	}
	if code == "FailedAuthentication" {
		return `<S:Fault><S:Code><S:Value>S:Sender</S:Value><S:Subcode><S:Value>wsse:` + code + `</S:Value></S:Subcode></S:Code><S:Reason><S:Text xml:lang="zh">` + words + `</S:Text></S:Reason></S:Fault>`
	}
	return `<S:Fault><S:Code><S:Value>S:` + code + `</S:Value></S:Code><S:Reason><S:Text xml:lang="zh">` + words + `</S:Text></S:Reason><S:Detail>` + detail + `</S:Detail></S:Fault>`
}

func (b *bureau) say(w http.ResponseWriter, status int, inside string) {
	space, kind, encoding := "http://www.w3.org/2003/05/soap-envelope", "application/soap+xml; charset=utf-8", "UTF-8"
	if b.form == documentGBK {
		space, kind, encoding = "http://schemas.xmlsoap.org/soap/envelope/", "text/xml;charset=GBK", "GBK"
	}
	text := `<?xml version="1.0" encoding="` + encoding + `"?><S:Envelope xmlns:S="` + space + `" xmlns:wsse="urn:wsse"><S:Header/><S:Body>` + inside + `</S:Body></S:Envelope>`
	if b.form == documentGBK {
		var err error
		if text, err = simplifiedchinese.GBK.NewEncoder().String(text); err != nil {
			panic(err)
		}
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

func (b *bureau) list(w http.ResponseWriter, call *node) {
	from, _ := strconv.ParseInt(call.text("from"), 10, 64)
	size, _ := strconv.Atoi(call.text("size"))
	page, _ := strconv.Atoi(call.text("page"))
	var all []map[string]string
	for _, r := range b.rows {
		if at, _ := strconv.ParseInt(r["updated"], 10, 64); at >= from {
			all = append(all, r)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i]["updated"] != all[j]["updated"] {
			return all[i]["updated"] < all[j]["updated"]
		}
		return all[i]["id"] < all[j]["id"]
	})
	start := min((page-1)*size, len(all))
	b.reply(w, call, b.many(all[start:min(start+size, len(all))]), len(all))
}

func (b *bureau) get(w http.ResponseWriter, call *node, id string) {
	row, ok := b.rows[id]
	if !ok || row["deleted"] == "1" {
		b.no(w, call, "4", "没有这个人", "")
		return
	}
	b.reply(w, call, b.one(row), 1)
}

func (b *bureau) write(w http.ResponseWriter, call *node) {
	create := call.XMLName.Local == "AddPerson" || call.XMLName.Local == "add"
	data, id := call.child("person"), call.text("id")
	if b.form == rpcInner {
		data = readNode([]byte(call.text("data")))
	} else {
		id = data.text("id")
	}
	row := b.rows[id]
	if !create && (row == nil || row["deleted"] == "1") {
		b.no(w, call, "4", "没有这个人", "")
		return
	}
	if name := data.child("xm"); name != nil && (len([]rune(name.Text)) > 20 || name.Text == "") {
		b.no(w, call, "9", "姓名“"+name.Text+"”过长", "xm")
		return
	}
	if create {
		for _, r := range b.rows {
			if r["sfzh"] == data.text("sfzh") {
				b.no(w, call, "7", "已存在", "")
				return
			}
		}
		b.last++
		row = map[string]string{"id": fmt.Sprintf("C%04d", b.last)}
		b.rows[row["id"]] = row
	}
	for _, k := range []string{"xm", "sjhm", "sfzh"} {
		if n := data.child(k); n != nil {
			row[k] = n.Text
		}
	}
	b.clock += 10
	row["updated"] = strconv.FormatInt(b.clock, 10)
	b.writes++
	b.reply(w, call, "<id>"+row["id"]+"</id>", 1)
}

func (b *bureau) wsdl(types bool) string {
	const open = `<?xml version="1.0" encoding="UTF-8"?>`
	if b.form == rpcInner {
		out := open + `<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:s12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:tns="urn:bureau:rpc" xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:bureau:rpc">`
		port, bind := `<wsdl:portType name="P">`, `<wsdl:binding name="B" type="tns:P"><s12:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>`
		for _, op := range []struct{ name, parts string }{{"query", "from size page"}, {"get", "id"}, {"find", "idno"}, {"save", "id data"}, {"add", "data"}} {
			out += `<wsdl:message name="` + op.name + `In">`
			for _, p := range strings.Fields(op.parts) {
				out += `<wsdl:part name="` + p + `" type="xsd:string"/>`
			}
			out += `</wsdl:message>`
			port += `<wsdl:operation name="` + op.name + `"><wsdl:input message="tns:` + op.name + `In"/></wsdl:operation>`
			bind += `<wsdl:operation name="` + op.name + `"><s12:operation soapAction="do-` + op.name + `"/><wsdl:input><s12:body use="literal" namespace="urn:bureau:rpc"/></wsdl:input></wsdl:operation>`
		}
		return out + port + `</wsdl:portType>` + bind + `</wsdl:binding><wsdl:service name="S"><wsdl:port name="Q" binding="tns:B"><s12:address location="` + b.server.URL + `/service"/></wsdl:port></wsdl:service></wsdl:definitions>`
	}
	elements := [][2]string{{"QueryPersons", "from size page"}, {"GetPerson", "id"}, {"FindPersons", "idno"}, {"SavePerson", "requestId person"}, {"AddPerson", "requestId person"}}
	if types {
		out := open + `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:bureau:types" elementFormDefault="qualified">`
		for _, e := range elements {
			out += `<xs:element name="` + e[0] + `"><xs:complexType><xs:sequence>`
			for _, p := range strings.Fields(e[1]) {
				out += `<xs:element name="` + p + `"/>`
			}
			out += `</xs:sequence></xs:complexType></xs:element>`
		}
		return out + `</xs:schema>`
	}
	out := open + `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:tns="urn:bureau" xmlns:t="urn:bureau:types" xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:bureau">
<types><xs:schema><xs:import namespace="urn:bureau:types" schemaLocation="/service?xsd"/></xs:schema></types>`
	port, bind := `<portType name="P">`, `<binding name="B" type="tns:P"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>`
	for _, e := range elements {
		out += `<message name="` + e[0] + `In"><part name="parameters" element="t:` + e[0] + `"/></message>`
		port += `<operation name="` + e[0] + `"><input message="tns:` + e[0] + `In"/></operation>`
		bind += `<operation name="` + e[0] + `"><soap:operation soapAction="urn:bureau/` + e[0] + `"/><input><soap:body use="literal"/></input></operation>`
	}
	return out + port + `</portType>` + bind + `</binding><service name="S"><port name="Q" binding="tns:B"><soap:address location="` + b.server.URL + `/service"/></port></service></definitions>`
}
