package soap

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
)

func swap(from, to string) func(string) string {
	return func(y string) string { return strings.Replace(y, from, to, 1) }
}

func TestConformance(t *testing.T) {
	dead := func(y string) string {
		i := strings.Index(y, "wsdl: ")
		return y[:i] + "wsdl: http://127.0.0.1:1/?wsdl" + y[i+strings.Index(y[i:], "\n"):]
	}
	for _, test := range []struct {
		name string
		form form
		h    conformance.Harness
		bad  []conformance.Bad
	}{
		{"DocumentInGBK", documentGBK, conformance.Harness{}, []conformance.Bad{
			{Name: "Operation", YAML: swap("operation: GetPerson", "operation: ReadPerson"), Says: "no operation ReadPerson. It has AddPerson, FindPersons, GetPerson, QueryPersons, SavePerson"},
			{Name: "Part", YAML: swap("<from>{{.Since}}</from>", "<begin>{{.Since}}</begin>"), Says: "the operation QueryPersons has no begin. It has from, size, page"},
			{Name: "Digest", YAML: swap("digest: yes", "digest: no"), Says: "Check connect.auth"},
			{Name: "NoRequest", YAML: swap(`, request: "<id>{{.Key}}</id>"`, ""), Says: "connect.get.request is missing"},
			{Name: "Version", YAML: swap("encoding: gbk", "encoding: gbk\n  version: \"1.2\""), Says: "no such SOAP port. It has S.Q"},
			{Name: "NoWSDL", YAML: swap("?wsdl", "?xsd"), Says: "there is no WSDL there any more"},
			{Name: "NoPage", YAML: swap("<page>{{.Page}}</page>", ""), Says: "does not use {{.Page}}"},
		}},
		{"RPCInnerXML", rpcInner, conformance.Harness{MidCursors: true}, []conformance.Bad{
			{Name: "WrongToken", YAML: swap("${TOKEN}", "wrong"), Says: "Check connect.auth"},
			{Name: "Part", YAML: swap("<idno>", "<sfzh>"), Says: "no well-formed XML"},
			{Name: "NoItems", YAML: swap("items: rows.row", "items: nowhere.row"), Says: "has no list at"},
		}},
	} {
		h := test.h
		h.Incremental, h.Vanishing, h.Conditional, h.Refuses, h.Paced, h.Env = true, true, true, true, true, env
		h.Bad = append(test.bad,
			conformance.Bad{Name: "NoVariable", YAML: swap("${TOKEN}", "${TOKENS}"), Says: "is not set"},
			conformance.Bad{Name: "Unreachable", YAML: dead, Says: "cannot be reached"},
			conformance.Bad{Name: "UnknownKey", YAML: swap("operation:", "operaton:"), Says: `Did you mean "operation"?`},
		)
		h.New = func(t *testing.T) (conformance.Platform, string) {
			b := newBureau(t, test.form)
			return b, b.yaml()
		}
		t.Run(test.name, func(t *testing.T) { conformance.Run(t, h) })
	}
}

func connect(t *testing.T, yaml string) connectors.Connector {
	t.Helper()
	p, err := spec.Parse("platform.yaml", []byte(yaml), env)
	require.NoError(t, err)
	c, err := Open(context.Background(), p, connectors.Environment{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func nothing(connectors.Batch) error { return nil }

func row(n int) map[string]string {
	return map[string]string{"id": fmt.Sprintf("P%03d", n), "xm": "测试", "sjhm": "1", "sfzh": fmt.Sprintf("N%d", n)}
}

func code(t *testing.T, err error) string {
	t.Helper()
	trouble := connectors.AsTrouble(err)
	require.NotNil(t, trouble, "%v has no code, so nobody can say it in Chinese", err)
	require.NotContains(t, err.Error(), conformance.Secret)
	return trouble.Code
}

func TestBadAnswersHaveCodes(t *testing.T) {
	fault := `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault><faultcode>S:%s</faultcode><faultstring>%s</faultstring></S:Fault></S:Body></S:Envelope>`
	for _, test := range []struct {
		name, code, says string
		wsdl             bool // it happens to the WSDL
		give             func(w http.ResponseWriter)
	}{
		{"wrong password", "credentials", "wsse", false, func(w http.ResponseWriter) { fmt.Fprintf(w, fault, "wsse.FailedAuthentication", "密码错误") }},
		{"a fault", "fault", "系统繁忙", false, func(w http.ResponseWriter) {
			w.WriteHeader(500)
			fmt.Fprintf(w, fault, "Server", "系统繁忙 "+conformance.Secret+" 13912345678")
		}},
		{"an error inside a 200", "gateway", "9: 业务异常", false, func(w http.ResponseWriter) {
			fmt.Fprint(w, `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><r><code>9</code><message>业务异常</message></r></S:Body></S:Envelope>`)
		}},
		{"cut off", "truncated", "ends in the middle", false, func(w http.ResponseWriter) {
			fmt.Fprint(w, `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><r><code>0</code><persons>`)
		}},
		{"redirect to a login page", "login_page", "login page", false, func(w http.ResponseWriter) {
			w.Header().Set("Location", "/login")
			w.WriteHeader(302)
		}},
		{"a login page", "login_page", "login page", false, func(w http.ResponseWriter) {
			fmt.Fprint(w, `<!DOCTYPE html><html><body>请登录</body></html>`)
		}},
		{"no envelope", "no_format", "no SOAP", false, func(w http.ResponseWriter) { fmt.Fprint(w, `<r/>`) }},
		{"the WSDL is gone", "wsdl_gone", "404", true, func(w http.ResponseWriter) { w.WriteHeader(404) }},
		{"the WSDL is a page", "wsdl_gone", "web page", true, func(w http.ResponseWriter) { fmt.Fprint(w, `<html>维护中</html>`) }},
		{"the WSDL is something else", "wsdl_gone", "no WSDL", true, func(w http.ResponseWriter) { fmt.Fprint(w, `<xml/>`) }},
		{"the WSDL's server is in trouble", "own_trouble", "503", true, func(w http.ResponseWriter) { w.WriteHeader(503) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBureau(t, documentGBK)
			b.answer(func(w http.ResponseWriter, r *http.Request) bool {
				if (r.Method == http.MethodGet) != test.wsdl {
					return false
				}
				test.give(w)
				return true
			})
			c := connect(t, b.yaml())
			err := c.Pull(context.Background(), nil, nothing)
			require.Equal(t, test.code, code(t, err))
			require.Contains(t, err.Error(), test.says)
			require.NotContains(t, err.Error(), "13912345678")
			if test.wsdl { // nothing can have been written
				out, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P001", Set: map[string]string{"xm": "王"}}})
				require.NoError(t, err)
				require.Equal(t, connectors.Busy, out[0].Status)
			}
			b.answer(nil)
			require.NoError(t, c.Pull(context.Background(), nil, nothing), "the same connector goes on when the trouble is over")
		})
	}
}

// What a fault in answer to a write means.
func TestFaultsOfWrites(t *testing.T) {
	const open = `<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body><S:Fault><S:Code><S:Value>S:`
	for _, test := range []struct {
		name, fault    string
		update, create connectors.Status
		column         string
	}{
		{"the sender is to blame", `Sender</S:Value></S:Code><S:Reason><S:Text>参数 13912345678 不合法</S:Text></S:Reason>`, connectors.Refused, connectors.Refused, ""},
		{"something broke there", `Receiver</S:Value></S:Code><S:Reason><S:Text>参数 13912345678 不合法</S:Text></S:Reason>`, connectors.Refused, connectors.Doubt, ""},
		{"a declared code", `Receiver</S:Value></S:Code><S:Reason><S:Text>x</S:Text></S:Reason><S:Detail><e><errorCode>E9</errorCode><errorText>参数不合法</errorText><errorField>sjhm</errorField></e></S:Detail>`, connectors.Refused, connectors.Refused, "sjhm"},
		{"gone", `Receiver</S:Value></S:Code><S:Reason><S:Text>x</S:Text></S:Reason><S:Detail><e><errorCode>E4</errorCode></e></S:Detail>`, connectors.Gone, connectors.Refused, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBureau(t, rpcInner)
			b.Insert(t, row(1))
			c := connect(t, b.yaml())
			b.answer(func(w http.ResponseWriter, r *http.Request) bool {
				kind := r.Header.Get("Content-Type")
				if !strings.Contains(kind, "do-save") && !strings.Contains(kind, "do-add") {
					return false
				}
				w.WriteHeader(500)
				fmt.Fprint(w, open+test.fault+`</S:Fault></S:Body></S:Envelope>`)
				return true
			})
			out, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{
				{Intent: "i", Key: "P001", Set: map[string]string{"sjhm": "13912345678"}},
				{Intent: "c", Natural: map[string]string{"sfzh": "N9"}, Set: map[string]string{"sjhm": "13912345678"}}})
			require.NoError(t, err)
			require.Equal(t, test.update, out[0].Status, out[0].Reason)
			require.Equal(t, test.create, out[1].Status, out[1].Reason)
			require.NotContains(t, out[0].Reason, "13912345678", "I9")
			if test.update == connectors.Refused {
				require.Contains(t, out[0].Reason, "不合法")
			}
			require.Equal(t, test.column, out[0].Column)
		})
	}
}

func TestAnotherPersonsRow(t *testing.T) {
	b := newBureau(t, documentGBK)
	b.Insert(t, row(1), row(2))
	b.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			return false
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		inside := b.one(b.rows["P002"])
		if strings.Contains(r.Header.Get("SOAPAction"), "Find") {
			inside = b.many([]map[string]string{b.rows["P002"]})
		}
		b.reply(w, &node{}, inside, 1)
		return true
	})
	c := connect(t, b.yaml())
	for _, q := range []connectors.Query{{Key: "P001"}, {Natural: map[string]string{"sfzh": "N1"}}} {
		rows, err := c.(connectors.Looker).Look(context.Background(), q)
		require.Empty(t, rows)
		require.Equal(t, "other_row", code(t, err))
	}
	out, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{{Intent: "i", Key: "P001", Set: map[string]string{"xm": "王"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Refused, out[0].Status)
	require.Zero(t, b.Writes(t))
}

// What goes over the wire, byte for byte: the envelope in GBK.
func TestGBKOverTheWire(t *testing.T) {
	b := newBureau(t, documentGBK)
	b.Insert(t, row(1))
	c := connect(t, b.yaml())
	out, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{{Intent: "i1", Key: "P001", Set: map[string]string{"xm": "欧阳<沐>"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, out[0].Status, out[0].Reason)
	got := hex.EncodeToString(b.seen)
	require.True(t, strings.HasPrefix(got, hex.EncodeToString([]byte(`<?xml version="1.0" encoding="GBK"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header><wsse:Security`))))
	want := hex.EncodeToString([]byte(`<soap:Body><SavePerson xmlns="urn:bureau:types"><requestId>i1</requestId><person><id>P001</id><xm>`)) +
		"c5b7d1f4" + hex.EncodeToString([]byte("&lt;")) + "e3e5" + hex.EncodeToString([]byte(`&gt;</xm></person></SavePerson></soap:Body></soap:Envelope>`))
	require.True(t, strings.HasSuffix(got, want), string(b.seen))
	kept, _ := b.Row(t, "P001")
	require.Equal(t, "欧阳<沐>", kept["xm"])
	out, err = c.(connectors.Writer).Push(context.Background(), []connectors.Write{{Intent: "i2", Key: "P001", Set: map[string]string{"xm": "㛃"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Refused, out[0].Status)
	require.Equal(t, "xm", out[0].Column)
}

const digestGolden = "yBRnJijrD0nv/S07UD0p9nQf7Ks="

// UsernameToken Profile 1.0: Base64(SHA-1(nonce + created + password)).
func TestDigest(t *testing.T) {
	// Computed with: printf 'nonce-122026-01-02T03:04:05Zpw' | openssl sha1 -binary | base64
	require.Equal(t, digestGolden, digest([]byte("nonce-12"), "2026-01-02T03:04:05Z", "pw"))
}

// A WSDL can be a file, where the platform shows none; the endpoint in the
// platform's file counts more than a machine of the department's own network.
func TestWSDLFromAFile(t *testing.T) {
	b := newBureau(t, rpcInner)
	b.Insert(t, row(1))
	name := filepath.Join(t.TempDir(), "bureau.wsdl")
	require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(b.wsdl(false), b.server.URL, "http://10.0.0.1:9")), 0o600))
	yaml := strings.Replace(b.yaml(), "wsdl: "+b.server.URL+"/service?wsdl", "wsdl: "+name+"\n  endpoint: "+b.server.URL+"/service", 1)
	c := connect(t, yaml)
	require.NoError(t, c.Check(context.Background()))
	require.NoError(t, os.Remove(name))
	require.Equal(t, "wsdl_gone", code(t, connect(t, yaml).Pull(context.Background(), nil, nothing)))
}

// Documents are fetched from the WSDL's own host only: our credentials go
// nowhere else.
func TestImportsStayOnTheHost(t *testing.T) {
	asked := []string{}
	_, err := readWSDL(context.Background(), "http://a.example/x?wsdl", func(_ context.Context, at string) ([]byte, error) {
		asked = append(asked, at)
		return []byte(`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><import location="http://b.example/y"/><import location="z.wsdl"/>
			<import location="file:///etc/passwd"/><types><schema xmlns="http://www.w3.org/2001/XMLSchema"><include schemaLocation="http://a.example/x?wsdl"/></schema></types></definitions>`), nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"http://a.example/x?wsdl", "http://a.example/z.wsdl"}, asked)
}

func FuzzWSDL(f *testing.F) {
	f.Add([]byte(`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><service name="S"/></definitions>`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		d, err := readWSDL(context.Background(), "http://a.example/", func(context.Context, string) ([]byte, error) { return data, nil })
		if err == nil {
			_, _ = d.contract("", "", "")
		}
	})
}
