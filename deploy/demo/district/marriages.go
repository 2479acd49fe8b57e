package district

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	p "heji/deploy/demo/population"
)

// marriages is 婚姻登记: XML in GBK, one question about one person by name and
// number, so many a day. It lists nobody and takes nothing.
type marriages struct {
	service
	day   string // of the questions that were counted, in China's time; guarded by mu
	asked int
}

const (
	marriagesKey = "marriages-demo-key"
	// marriagesPerDay is what the platform gives; the YAML file asks for less.
	marriagesPerDay = 1000
)

func newMarriages(l *ledger) *marriages {
	return &marriages{service: service{ledger: l, id: p.Marriages}}
}

func (m *marriages) start(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hydj/query", m.query)
	return m.serve(ctx, mux, func(r *http.Request) bool {
		return subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Auth-Token")), []byte(marriagesKey)) == 1
	}, func(w http.ResponseWriter, status int, message string) {
		marriagesReply(w, status, strconv.Itoa(status), message, "")
	})
}

func marriagesReply(w http.ResponseWriter, status int, code, message, more string) {
	w.Header().Set("Content-Type", "text/xml; charset=GBK")
	w.WriteHeader(status)
	// An error here means that the client has gone: nobody is left to tell.
	_, _ = w.Write(xmlDocument("<result>"+tag("code", code)+tag("message", message)+more+"</result>", true))
}

func (m *marriages) query(w http.ResponseWriter, r *http.Request) {
	q, err := readXML(r.Body, true)
	if err != nil {
		marriagesReply(w, http.StatusOK, "400", err.Error(), "")
		return
	}
	name, number := q.text("XM"), q.text("GMSFHM")
	if name == "" || number == "" {
		marriagesReply(w, http.StatusOK, "400", "姓名和证件号必须同时提供", "")
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if today := m.now().In(china).Format("20060102"); today != m.day {
		m.day, m.asked = today, 0
	}
	if m.asked >= marriagesPerDay {
		marriagesReply(w, http.StatusOK, "429", fmt.Sprintf("今日查询次数已满 %d 次", marriagesPerDay), "")
		return
	}
	m.asked++
	var b strings.Builder
	for _, s := range m.byKey() {
		if s.Row["GMSFHM"] == number && inGBK(s.Row["XM"]) == name {
			b.WriteString("<record>" + xmlRow(s.Row, m.layout.Columns) + "</record>")
		}
	}
	marriagesReply(w, http.StatusOK, "0", "查询成功", "<records>"+b.String()+"</records>")
}

// inGBK is what a text becomes on the way to somebody who only knows GBK.
func inGBK(s string) string {
	var b strings.Builder
	for _, c := range s {
		if string(toGBK(string(c))) == "\xa3\xbf" {
			c = '？'
		}
		b.WriteRune(c)
	}
	return b.String()
}
