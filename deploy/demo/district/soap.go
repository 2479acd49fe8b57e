package district

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	p "heji/deploy/demo/population"
)

// soapService is a platform that speaks SOAP 1.1: four operations, faults with a
// code and the field, a WSDL for whoever asks. 流动人口, 就业失业 and 社区矫正 do,
// each with its own names, the second in GBK.
type soapService struct {
	service
	names soapNames
	gbk   bool
}

// soapNames are one platform's words.
type soapNames struct {
	path, namespace, user, password string
	query, get, change, register    string // operations; register "" where none makes rows
	since, page, size               string // parameters of query
	list, item                      string
	valid, gone                     string // the column and value of a row that was taken out
	stamp                           string // Go layout of since
	double                          string // column by which a new row is one that is there
	token                           bool   // who asks stands in a WS-Security token; else in two elements of its own
}

var soapPlatforms = map[string]soapNames{
	p.Floating: {path: "/services/LdrkService", namespace: "http://ldrk.example/", user: "heji", password: "floating-demo-password",
		query: "queryPersons", get: "getPerson", change: "updatePerson", register: "registerPerson", since: "gxsjBegin", page: "pageNo", size: "pageSize",
		list: "persons", item: "person", valid: "YXBZ", gone: "0", stamp: "20060102150405", double: "GMSFHM"},
	p.Jobs: {path: "/ws/jyfw", namespace: "http://jy.example/ws", user: "heji", password: "jobs-demo-password", token: true,
		query: "cx_ryxx", get: "cx_ry", change: "bc_ryxx", since: "aae036", page: "ys", size: "hs",
		list: "rows", item: "row", valid: "aae100", gone: "0", stamp: "20060102150405", double: "aac002"},
	p.Correction: {path: "/sqjz/service", namespace: "http://sqjz.example/", user: "heji", password: "correction-demo-password", token: true,
		query: "queryList", get: "queryOne", change: "modify", since: "begin", page: "page", size: "rows",
		list: "list", item: "person", valid: "jzzt", gone: "9", stamp: "20060102150405", double: "sfzh"},
}

func newSOAP(l *ledger) *soapService {
	id := l.layout.Platform
	return &soapService{service: service{ledger: l, id: id}, names: soapPlatforms[id], gbk: id == p.Jobs}
}

func (s *soapService) start(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+s.names.path, s.call)
	mux.HandleFunc("GET "+s.names.path, s.wsdl)
	return s.serve(ctx, mux, func(*http.Request) bool { return true }, func(w http.ResponseWriter, status int, message string) {
		if status == http.StatusTooManyRequests {
			s.fault(w, status, "Server", "BUSY", message, "")
			return
		}
		s.fault(w, status, "Client", "DENIED", message, "")
	})
}

func (s *soapService) envelope(w http.ResponseWriter, status int, body string) {
	charset := "utf-8"
	if s.gbk {
		charset = "GBK"
	}
	w.Header().Set("Content-Type", "text/xml; charset="+charset)
	w.WriteHeader(status)
	// An error here means that the client has gone: nobody is left to tell.
	_, _ = w.Write(xmlDocument(`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>`+body+
		`</soapenv:Body></soapenv:Envelope>`, s.gbk))
}

func (s *soapService) fault(w http.ResponseWriter, status int, side, code, message, field string) {
	s.envelope(w, status, "<soapenv:Fault>"+tag("faultcode", "soapenv:"+side)+tag("faultstring", message)+"<detail>"+
		tag("code", code)+tag("field", field)+"</detail></soapenv:Fault>")
}

// answer is the response element of an operation.
func (s *soapService) answer(w http.ResponseWriter, operation, body string) {
	s.envelope(w, http.StatusOK, fmt.Sprintf(`<ns:%sResponse xmlns:ns="%s">%s</ns:%sResponse>`, operation, s.names.namespace, body, operation))
}

func (s *soapService) call(w http.ResponseWriter, r *http.Request) {
	e, err := readXML(r.Body, s.gbk)
	if err != nil {
		s.fault(w, http.StatusInternalServerError, "Client", "FORMAT", err.Error(), "")
		return
	}
	who := e.child("Header")
	user, password := who.text("user"), who.text("password")
	if s.names.token {
		token := who.child("Security", "UsernameToken")
		user, password = token.text("Username"), token.text("Password")
	}
	if user != s.names.user || password != s.names.password {
		s.fault(w, http.StatusInternalServerError, "Client", "DENIED", "用户名或密码错误", "")
		return
	}
	body := e.child("Body")
	if len(body.Children) != 1 {
		s.fault(w, http.StatusInternalServerError, "Client", "FORMAT", "消息体应有一个操作", "")
		return
	}
	operation := body.Children[0]
	switch operation.XMLName.Local {
	case s.names.query:
		s.list(w, operation)
	case s.names.get:
		s.one(w, operation)
	case s.names.change:
		s.write(w, operation, false)
	case s.names.register:
		s.write(w, operation, true)
	default:
		s.fault(w, http.StatusInternalServerError, "Client", "NOOP", "没有这个操作", "")
	}
}

func (s *soapService) show(row *stored) string {
	valid := "1"
	if row.Deleted {
		valid = s.names.gone
	}
	return "<" + s.names.item + ">" + xmlRow(row.Row, s.layout.Columns) + tag(s.names.valid, valid) + "</" + s.names.item + ">"
}

func (s *soapService) list(w http.ResponseWriter, q element) {
	var since time.Time
	if text := q.text(s.names.since); text != "" {
		var err error
		if since, err = time.ParseInLocation(s.names.stamp, text, china); err != nil {
			s.fault(w, http.StatusInternalServerError, "Client", "FORMAT", "时间格式不正确", s.names.since)
			return
		}
	}
	size, page := pageSize(q.text(s.names.size), 50, 500), pageSize(q.text(s.names.page), 1, 1<<30)
	s.mu.Lock()
	defer s.mu.Unlock()
	var hits []*stored
	number := q.text(s.names.double)
	for _, row := range s.since(0, since) {
		if number == "" || !row.Deleted && row.Row[s.names.double] == number {
			hits = append(hits, row)
		}
	}
	var b strings.Builder
	for i := (page - 1) * size; i < min(page*size, len(hits)); i++ {
		b.WriteString(s.show(hits[i]))
	}
	s.answer(w, s.names.query, tag("total", fmt.Sprint(len(hits)))+"<"+s.names.list+">"+b.String()+"</"+s.names.list+">")
}

func (s *soapService) one(w http.ResponseWriter, q element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.live(q.text(s.layout.Key))
	if !ok {
		s.fault(w, http.StatusInternalServerError, "Client", "GONE", "没有该人员", "")
		return
	}
	s.answer(w, s.names.get, s.show(row))
}

func (s *soapService) write(w http.ResponseWriter, q element, create bool) {
	set := q.child(s.names.item).row()
	key, token := set[s.layout.Key], q.text("requestId")
	delete(set, s.layout.Key)
	delete(set, s.layout.Changed)
	ask := request{Write: Write{Intent: token, Key: key, Create: create, Set: set}, token: token}
	ask.reply = func(row *stored) json.RawMessage { return mustJSON(s.show(row)) }
	if number := set[s.names.double]; create {
		ask.double = func(row *stored) bool { return number != "" && row.Row[s.names.double] == number }
	}
	out, err := s.accept(ask)
	switch {
	case err != nil:
		s.fault(w, http.StatusInternalServerError, "Server", "BROKEN", "系统错误", "")
	case out.replay != nil:
		var shown string
		if err := json.Unmarshal(out.replay, &shown); err != nil {
			s.fault(w, http.StatusInternalServerError, "Server", "BROKEN", "系统错误", "")
			return
		}
		s.answer(w, q.XMLName.Local, shown)
	case out.gone:
		s.fault(w, http.StatusInternalServerError, "Client", "GONE", "没有该人员", "")
	case out.exists != "":
		s.fault(w, http.StatusInternalServerError, "Client", "EXISTS", "该证件号码已登记", "")
	case out.reason != "":
		s.fault(w, http.StatusInternalServerError, "Client", "REFUSED", out.reason, out.column)
	default:
		s.answer(w, q.XMLName.Local, s.show(out.row))
	}
}

// wsdl is what a developer of the other side would import.
func (s *soapService) wsdl(w http.ResponseWriter, r *http.Request) {
	if _, ok := r.URL.Query()["wsdl"]; !ok {
		s.fault(w, http.StatusInternalServerError, "Client", "FORMAT", "只接受 POST", "")
		return
	}
	n := s.names
	var messages, port, binding strings.Builder
	for _, op := range []string{n.query, n.get, n.change, n.register} {
		if op == "" {
			continue
		}
		fmt.Fprintf(&messages, `<message name="%[1]s"><part name="parameters" element="tns:%[1]s"/></message><message name="%[1]sResponse"><part name="parameters" element="tns:%[1]sResponse"/></message>`, op)
		fmt.Fprintf(&port, `<operation name="%[1]s"><input message="tns:%[1]s"/><output message="tns:%[1]sResponse"/></operation>`, op)
		fmt.Fprintf(&binding, `<operation name="%s"><soap:operation soapAction=""/><input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation>`, op)
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	// An error here means that the client has gone: nobody is left to tell.
	_, _ = w.Write(xmlDocument(fmt.Sprintf(`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:tns="%[1]s" targetNamespace="%[1]s" name="%[2]s">%[3]s<portType name="%[2]s">%[4]s</portType><binding name="%[2]s" type="tns:%[2]s"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>%[5]s</binding><service name="%[2]s"><port name="%[2]s" binding="tns:%[2]s"><soap:address location="%[6]s"/></port></service></definitions>`,
		n.namespace, s.id, messages.String(), port.String(), binding.String(), "http://"+r.Host+n.path), false)) // wherever its reader came through
}
