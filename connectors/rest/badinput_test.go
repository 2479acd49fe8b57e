package rest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/mapping"
	"heji/connectors/spec"
	"heji/schema"
)

// certificate makes a certificate for the loopback that ends at a time.
func certificate(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "platform"},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// code is the code of an error's trouble.
func code(t *testing.T, err error) string {
	t.Helper()
	trouble := connectors.AsTrouble(err)
	require.NotNil(t, trouble, "%v has no code, so nobody can say it in Chinese", err)
	require.NotContains(t, err.Error(), conformance.Secret)
	return trouble.Code
}

func TestCertificates(t *testing.T) {
	for _, test := range []struct {
		name, code string
		until      time.Time
		trusted    bool
	}{
		{"expired", "certificate_expired", time.Now().Add(-time.Hour), true},
		{"of nobody we know", "certificate_unknown", time.Now().Add(time.Hour), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClinic(t, cursors)
			server := httptest.NewUnstartedServer(c)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			cert := certificate(t, test.until)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			server.StartTLS()
			t.Cleanup(server.Close)
			got := connect(t, strings.Replace(c.yaml(), c.server.URL, server.URL, 1))
			if test.trusted {
				parsed, err := x509.ParseCertificate(cert.Certificate[0])
				require.NoError(t, err)
				pool := x509.NewCertPool()
				pool.AddCert(parsed)
				got.(*writer).transport.TLSClientConfig.RootCAs = pool
			}
			err := got.Pull(context.Background(), nil, nothing)
			require.ErrorIs(t, err, connectors.ErrUnreachable)
			require.Equal(t, test.code, code(t, err))
			out, err := got.(connectors.Writer).Push(context.Background(), []connectors.Write{write("i")})
			require.NoError(t, err)
			require.Equal(t, connectors.Busy, out[0].Status, "nothing was sent")
			require.Equal(t, test.code, out[0].Trouble.Code)
		})
	}
}

func TestBadAnswersHaveCodes(t *testing.T) {
	for _, test := range []struct {
		name, code string
		style      style
		give       func(w http.ResponseWriter)
	}{
		{"wrong password", "credentials", cursors, func(w http.ResponseWriter) { w.WriteHeader(401) }},
		{"cut off on the way", "truncated", cursors, func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"data":`)
		}},
		{"cut off by the platform", "truncated", cursors, func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":{"items":[{"id":"P1"`) }},
		{"redirect to a login page", "login_page", cursors, func(w http.ResponseWriter) {
			w.Header().Set("Location", "/login")
			w.WriteHeader(302)
		}},
		{"a login page", "login_page", cursors, func(w http.ResponseWriter) { fmt.Fprint(w, "\n<!DOCTYPE html><html>请登录</html>") }},
		{"an error inside a 200", "gateway", times, func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"code":"500","msg":"系统繁忙 `+conformance.Secret+`"}`)
		}},
		{"no JSON", "no_format", cursors, func(w http.ResponseWriter) { fmt.Fprint(w, "ok") }},
		{"empty", "empty", cursors, func(http.ResponseWriter) {}},
		{"in trouble", "own_trouble", cursors, func(w http.ResponseWriter) { w.WriteHeader(502) }},
		{"too many", "throttled", cursors, func(w http.ResponseWriter) { w.WriteHeader(429) }},
		{"another list", "no_list", cursors, func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":{}}`) }},
		{"a list elsewhere", "no_list_but", cursors, func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"data":{"rows":[{"a":1}],"290101198003070018":[{"a":1}]}}`)
		}},
		{"another path", "status", cursors, func(w http.ResponseWriter) { w.WriteHeader(404) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClinic(t, test.style)
			c.answers(true, test.give)
			err := connect(t, c.yaml()).Pull(context.Background(), nil, nothing)
			require.Equal(t, test.code, code(t, err))
			if test.code == "no_list_but" {
				require.Contains(t, err.Error(), `but at "data.rows". Correct`, "and no key that may be a person's number")
			}
			if test.code == "gateway" {
				require.Contains(t, err.Error(), "500: 系统繁忙 ***")
			}
		})
	}
}

// A platform that gives another person's row for our key: it is said, and
// nothing of it is used, whichever way we asked; nothing is written after it.
func TestAnotherPersonsRow(t *testing.T) {
	ctx := context.Background()
	for _, s := range []style{cursors, pages, times} {
		c := newClinic(t, s)
		c.Insert(t, row(1), row(2))
		other := map[style]string{cursors: `{"id":"P002","xm":"另一个","sfzh":"N2"}`,
			pages: `{"row":{"id":"P002","xm":"另一个","sfzh":"N2"},"rows":[{"id":"P002","sfzh":"N2"}]}`,
			times: `{"code":"0","row":{"id":"P002","xm":"另一个","sfzh":"N2"},"rows":[{"id":"P002","sfzh":"N2"}]}`}[s]
		got := connect(t, c.yaml())
		c.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet {
				return false
			}
			if strings.HasSuffix(r.URL.Path, "/search") {
				fmt.Fprint(w, `{"data":{"items":[`+other+`]}}`)
				return true
			}
			fmt.Fprint(w, other)
			return true
		})
		for _, q := range []connectors.Query{{Key: "P001"}, {Natural: map[string]string{"sfzh": "N1"}}} {
			rows, err := got.(connectors.Looker).Look(ctx, q)
			require.Empty(t, rows)
			require.ErrorIs(t, err, connectors.ErrOtherRow)
			require.Equal(t, "other_row", code(t, err))
			require.NotContains(t, err.Error(), "N1", "I9")
		}
		w := write("i")
		w.Set["xm"] = "改"
		out, err := got.(connectors.Writer).Push(ctx, []connectors.Write{w, {Intent: "c", Natural: map[string]string{"sfzh": "N1"}, Set: map[string]string{"xm": "新"}}})
		require.NoError(t, err)
		require.Equal(t, connectors.Refused, out[0].Status)
		require.Contains(t, out[0].Reason, "another person's row")
		require.Equal(t, connectors.Busy, out[1].Status, "nobody can say that nobody is there")
		require.Zero(t, c.Writes(t))
	}
	c := newClinic(t, pages) // a search that finds more than it was asked for is declared
	c.Insert(t, row(2))
	c.answer(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, `{"rows":[{"id":"P002","sfzh":"N2"}]}`)
		return true
	})
	rows, err := connect(t, strings.Replace(c.yaml(), "find: {", "find: {loose: true, ", 1)).(connectors.Looker).Look(ctx, connectors.Query{Natural: map[string]string{"sfzh": "N1"}})
	require.NoError(t, err)
	require.Empty(t, rows)
}

// What goes over the wire, byte for byte: GBK by the standard's own table.
func TestGBKOverTheWire(t *testing.T) {
	var got []byte
	var kind string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		kind = r.Header.Get("Content-Type")
		if strings.HasSuffix(r.URL.Path, "/get") {
			// <r><p><id>1</id><xm>王伟</xm></p></r>
			data, _ := hex.DecodeString("3c723e3c703e3c69643e313c2f69643e3c786d3ecdf5ceb03c2f786d3e3c2f703e3c2f723e")
			w.Header().Set("Content-Type", "text/xml; charset=GBK")
			_, _ = w.Write(data)
			return
		}
		fmt.Fprint(w, `<r><ok>1</ok></r>`)
	}))
	defer server.Close()
	c := connect(t, `platform: health
name: 健康档案
kind: rest
cadence: 1h
key: [id]
connect:
  base_url: `+server.URL+`
  format: xml
  encoding: gbk
  list: {path: /list, items: p}
  get: {path: /get, item: p}
  update: {method: POST, path: /save, request: "<p><id>{{.Key}}</id>{{elements .Set}}</p>"}
fields:
  name: {column: xm}
agreement: {receives: {name: overwrite}}
`)
	rows, err := c.(connectors.Looker).Look(context.Background(), connectors.Query{Key: "1"})
	require.NoError(t, err)
	require.Equal(t, "王伟", rows[0].Columns["xm"])
	out, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{{Intent: "i", Key: "1", Set: map[string]string{"xm": "欧阳<沐>"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
	want := hex.EncodeToString([]byte(`<?xml version="1.0" encoding="GBK"?><p><id>1</id><xm>`)) + "c5b7d1f4" + hex.EncodeToString([]byte("&lt;")) + "e3e5" + hex.EncodeToString([]byte("&gt;</xm></p>"))
	require.Equal(t, want, hex.EncodeToString(got))
	require.Equal(t, "application/xml; charset=gbk", kind)
	// 㛃 and 䶮 have no place in GBK that everybody reads alike.
	for _, rare := range []string{"㛃", "䶮", "𬱖"} {
		got = nil
		out, err = c.(connectors.Writer).Push(context.Background(), []connectors.Write{{Intent: "i", Key: "1", Set: map[string]string{"xm": "王" + rare}}})
		require.NoError(t, err)
		require.Equal(t, connectors.Refused, out[0].Status)
		require.Equal(t, "xm", out[0].Column)
		require.Empty(t, got, "nothing was sent")
	}
}

// Columns are paths into the items, both ways.
func TestNestedColumns(t *testing.T) {
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			data, _ := io.ReadAll(r.Body)
			body = string(data)
		}
		fmt.Fprint(w, `{"list":[{"id":7,"data":{"person":{"name":"王伟","tel":["13900000001"]}}}]}`)
	}))
	defer server.Close()
	text := `platform: nested
name: 嵌套
kind: rest
cadence: 1h
key: [id]
connect:
  base_url: ` + server.URL + `
  list: {path: /list, items: list}
  get: {path: "/list?id={key}", item: list.0}
  update: {method: PATCH, path: "/p/{key}"}
fields:
  name: {column: data.person.name}
  phone: {column: data.person.tel.0, read_only: true}
agreement: {receives: {name: overwrite}}
`
	c := connect(t, text)
	var rows []connectors.Row
	require.NoError(t, c.Pull(context.Background(), nil, func(b connectors.Batch) error {
		rows = append(rows, b.Rows...)
		return nil
	}))
	p, err := spec.Parse("platform.yaml", []byte(text), env)
	require.NoError(t, err)
	m, err := mapping.New(p)
	require.NoError(t, err)
	values, _, problems := m.Read(rows[0])
	require.Empty(t, problems)
	require.Equal(t, schema.Values{schema.Attribute("name"): "王伟", schema.Attribute("phone"): "13900000001"}, values)
	out, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{{Intent: "i", Key: "7", Set: map[string]string{"data.person.name": "李强"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
	require.JSONEq(t, `{"data":{"person":{"name":"李强"}}}`, body)
}

func TestParseXML(t *testing.T) {
	tree, root, err := ParseXML([]byte(`<?xml version="1.0"?><!-- x --><a:r xmlns:a="u" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
		<a:p code="1"> 甲 </a:p><a:p xsi:nil="true"/><a:q/><s><t>a<![CDATA[<b>]]></t></s></a:r>`))
	require.NoError(t, err)
	require.Equal(t, "r", root)
	require.Equal(t, map[string]any{"p": []any{map[string]any{"@code": "1", textName: " 甲 "}, nil}, "q": "", "s": map[string]any{"t": "a<b>"}}, tree)
	require.Equal(t, " 甲 ", TextAt(tree, "p.0"))
	require.Equal(t, "1", TextAt(tree, "p.0.@code"))
	for text, says := range map[string]string{
		"<a><b>": "unexpected EOF", "": "unexpected EOF", "<a/><b/>": "more than one root", "<a>&secret;</a>": "entity",
		strings.Repeat("<a>", 300): "too deep", "<a></b>": "element <a> closed by </b>",
	} {
		_, _, err := ParseXML([]byte(text))
		require.ErrorContains(t, err, says, text)
	}
}

func FuzzParseXML(f *testing.F) {
	f.Add([]byte(`<a b="c"><d/>x<d>1</d></a>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, root, err := ParseXML(data)
		require.True(t, err != nil || root != "")
		if err == nil {
			fingerprint(tree)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("<a>&\x00]]>")
	f.Fuzz(func(t *testing.T, text string) {
		tree, _, err := ParseXML([]byte("<a>" + Text(text).String() + "</a>"))
		require.NoError(t, err)
		_, plain := tree.(string)
		require.True(t, plain, "no value makes an element")
	})
}
