package rest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors/conformance"
)

// gate stands before a clinic: it wants another proof of who asks, or speaks
// another language. It shares no code with the connector.
type gate struct {
	*clinic
	server *httptest.Server
	yaml   func(clinicYAML string) string
}

func newGate(t testing.TB, c *clinic, pass func(w http.ResponseWriter, r *http.Request, on http.Handler), yaml func(string) string) *gate {
	g := &gate{clinic: c, yaml: yaml}
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+conformance.Secret) // whoever has passed the gate
		c.ServeHTTP(w, r)
	})
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pass(w, r, inner) }))
	t.Cleanup(g.server.Close)
	return g
}

func (g *gate) file() string {
	return strings.ReplaceAll(g.yaml(g.clinic.yaml()), g.clinic.server.URL, g.server.URL)
}

func swap(from, to string) func(string) string {
	return func(y string) string { return strings.Replace(y, from, to, 1) }
}

// oauth gives tokens that are good for a few requests only.
func oauth(t testing.TB) *gate {
	left := map[string]int{}
	given := 0
	c := newClinic(t, cursors)
	return newGate(t, c, func(w http.ResponseWriter, r *http.Request, on http.Handler) {
		c.mu.Lock()
		if r.URL.Path == "/token" {
			defer c.mu.Unlock()
			id, secret, _ := r.BasicAuth()
			w.Header().Set("Content-Type", "application/json")
			if id != "heji" || secret != conformance.Secret || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "persons" {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprintf(w, `{"error":"invalid_client","error_description":"%s"}`, secret)
				return
			}
			given++
			token := fmt.Sprintf("token-%d", given)
			left[token] = 500
			fmt.Fprintf(w, `{"access_token":"%s","token_type":"Bearer","expires_in":3600}`, token)
			return
		}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		left[token]--
		gone := left[token] < 0
		c.mu.Unlock()
		if gone {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		on.ServeHTTP(w, r)
	}, func(y string) string {
		return strings.Replace(y, `auth: {bearer: "${TOKEN}"}`,
			`auth: {oauth2: {token_url: `+c.server.URL+`/token, client_id: heji, client_secret: "${TOKEN}", scopes: [persons]}}`, 1)
	})
}

// sm3sum is SM3 as GB/T 32905-2016 writes it down.
func sm3sum(message []byte) []byte {
	v := [8]uint32{0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e}
	padded := append(slices.Clone(message), 0x80)
	for len(padded)%64 != 56 {
		padded = append(padded, 0)
	}
	padded = binary.BigEndian.AppendUint64(padded, uint64(len(message))*8)
	p1 := func(x uint32) uint32 { return x ^ bits.RotateLeft32(x, 15) ^ bits.RotateLeft32(x, 23) }
	for ; len(padded) > 0; padded = padded[64:] {
		var w [68]uint32
		for j := range 16 {
			w[j] = binary.BigEndian.Uint32(padded[4*j:])
		}
		for j := 16; j < 68; j++ {
			w[j] = p1(w[j-16]^w[j-9]^bits.RotateLeft32(w[j-3], 15)) ^ bits.RotateLeft32(w[j-13], 7) ^ w[j-6]
		}
		a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
		for j := range 64 {
			constant := uint32(0x7a879d8a)
			if j < 16 {
				constant = 0x79cc4519
			}
			ss1 := bits.RotateLeft32(bits.RotateLeft32(a, 12)+e+bits.RotateLeft32(constant, j%32), 7)
			ss2 := ss1 ^ bits.RotateLeft32(a, 12)
			ff, gg := a^b^c, e^f^g
			if j >= 16 {
				ff, gg = a&b|a&c|b&c, e&f|^e&g
			}
			tt1, tt2 := ff+d+ss2+(w[j]^w[j+4]), gg+h+ss1+w[j]
			a, b, c, d, e, f, g, h = tt1, a, bits.RotateLeft32(b, 9), c, tt2^bits.RotateLeft32(tt2, 9)^bits.RotateLeft32(tt2, 17), e, bits.RotateLeft32(f, 19), g
		}
		for i, x := range [8]uint32{a, b, c, d, e, f, g, h} {
			v[i] ^= x
		}
	}
	var out []byte
	for _, x := range v {
		out = binary.BigEndian.AppendUint32(out, x)
	}
	return out
}

func hmacSM3(key, text []byte) string {
	if len(key) > 64 {
		key = sm3sum(key)
	}
	inner, outer := bytes.Repeat([]byte{0x36}, 64), bytes.Repeat([]byte{0x5c}, 64)
	for i, k := range key {
		inner[i] ^= k
		outer[i] ^= k
	}
	return hex.EncodeToString(sm3sum(append(outer, sm3sum(append(inner, text...))...)))
}

// The two examples in the appendix of the standard.
func TestOurOwnSM3IsSM3(t *testing.T) {
	require.Equal(t, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", hex.EncodeToString(sm3sum([]byte("abc"))))
	require.Equal(t, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732", hex.EncodeToString(sm3sum(bytes.Repeat([]byte("abcd"), 16))))
}

const signLine = `sign: {app_id: heji, secret: "${TOKEN}", algorithm: hmac-sm3, string: "{method}\n{path}\n{params}\n{app_id}\n{timestamp}\n{nonce}\n{body}"}`

// signed wants each request signed with SM3, in time, and with another nonce
// each time.
func signed(t testing.TB) *gate {
	seen := map[string]bool{}
	c := newClinic(t, times)
	return newGate(t, c, func(w http.ResponseWriter, r *http.Request, on http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		query := r.URL.Query()
		var pairs []string
		for name, v := range query {
			pairs = append(pairs, name+"="+v[0])
		}
		slices.Sort(pairs)
		stamp, nonce := r.Header.Get("X-Timestamp"), r.Header.Get("X-Nonce")
		text := r.Method + "\n" + r.URL.Path + "\n" + strings.Join(pairs, "&") + "\nheji\n" + stamp + "\n" + nonce + "\n" + string(body)
		c.mu.Lock()
		bad := seen[nonce] || len(nonce) < 16 || len(stamp) != 13 || r.Header.Get("X-App-Id") != "heji" ||
			r.Header.Get("X-Signature") != hmacSM3([]byte(conformance.Secret), []byte(text))
		seen[nonce] = true
		c.mu.Unlock()
		if bad {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		on.ServeHTTP(w, r)
	}, swap(`auth: {api_key: {header: X-Key, value: "${TOKEN}"}}`, signLine))
}

// node is any XML element.
type node struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
	Nodes   []node `xml:",any"`
}

func (n node) tree() any {
	if len(n.Nodes) == 0 {
		return n.Text
	}
	out := map[string]any{}
	for _, c := range n.Nodes {
		out[c.XMLName.Local] = c.tree()
	}
	return out
}

func writeNode(b *strings.Builder, name string, v any) {
	if list, ok := v.([]any); ok {
		fmt.Fprintf(b, "<ns:%s>", name)
		for _, x := range list {
			writeNode(b, "row", x)
		}
		fmt.Fprintf(b, "</ns:%s>", name)
		return
	}
	fmt.Fprintf(b, "<ns:%s>", name)
	if m, ok := v.(map[string]any); ok {
		for k, x := range m {
			writeNode(b, k, x)
		}
	} else {
		if err := xml.EscapeText(b, []byte(fmt.Sprint(v))); err != nil {
			panic(err)
		}
	}
	fmt.Fprintf(b, "</ns:%s>", name)
}

// gbkXML speaks XML in GBK, with POST for everything.
func gbkXML(t testing.TB) *gate {
	c := newClinic(t, times)
	return newGate(t, c, func(w http.ResponseWriter, r *http.Request, on http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		text, err := simplifiedchinese.GBK.NewDecoder().Bytes(body)
		if err != nil {
			panic(err)
		}
		var n node
		if r.Header.Get("X-Key") != conformance.Secret {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		d := xml.NewDecoder(bytes.NewReader(text))
		d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
		if err := d.Decode(&n); err != nil || !strings.HasPrefix(string(text), `<?xml version="1.0" encoding="GBK"?>`) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		tree, _ := n.tree().(map[string]any)
		inner := httptest.NewRequest(http.MethodGet, r.URL.Path, nil)
		if strings.HasSuffix(r.URL.Path, "/update") || strings.HasSuffix(r.URL.Path, "/create") {
			data, err := json.Marshal(tree)
			if err != nil {
				panic(err)
			}
			inner = httptest.NewRequest(http.MethodPost, r.URL.Path, bytes.NewReader(data))
		} else {
			q := url.Values{}
			for k, v := range tree {
				q.Set(k, fmt.Sprint(v))
			}
			inner.URL.RawQuery = q.Encode()
		}
		rec := httptest.NewRecorder()
		on.ServeHTTP(rec, inner)
		var answer map[string]any
		dec := json.NewDecoder(rec.Body)
		dec.UseNumber()
		if err := dec.Decode(&answer); err != nil {
			panic(err)
		}
		var b strings.Builder
		b.WriteString(`<?xml version="1.0" encoding="GBK"?><ns:response xmlns:ns="http://example.invalid/ns">`)
		for k, v := range answer {
			writeNode(&b, k, v)
		}
		b.WriteString("</ns:response>")
		out, err := simplifiedchinese.GBK.NewEncoder().String(b.String())
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, out)
	}, func(y string) string {
		return strings.NewReplacer(
			"connect:\n", "connect:\n  format: xml\n  encoding: gbk\n",
			`list: {path: /list, paging: time, items: rows, since_param: from, size_param: size, size: 7, page_param: page}`,
			`list: {path: /list, paging: time, items: rows.row, size: 7, request: "<q><from>{{.Since}}</from><size>{{.Size}}</size><page>{{.Page}}</page></q>"}`,
			`get: {path: "/person?id={key}", item: row}`, `get: {path: /person, item: row, request: "<q><id>{{.Key}}</id></q>"}`,
			`find: {path: /find, params: {sfzh: idno}, items: rows}`, `find: {path: /find, items: rows.row, request: "<q><idno>{{.Natural.sfzh}}</idno></q>"}`,
			`update: {method: POST, path: /update, body: wrapped, wrap: person}`, `update: {method: POST, path: /update, request: "<req><person><id>{{.Key}}</id>{{elements .Set}}</person></req>"}`,
			`create: {method: POST, path: /create, body: wrapped, wrap: person, key: row.id}`, `create: {path: /create, key: row.id, request: "<req><person>{{elements .Set}}</person></req>"}`,
		).Replace(y)
	})
}

func TestConformanceBehindGates(t *testing.T) {
	full := conformance.Harness{Incremental: true, Vanishing: true, Conditional: true, Refuses: true, Paced: true, Env: env}
	timed := full
	timed.MidCursors = true
	unreachable := conformance.Bad{Name: "Unreachable", Says: "cannot be reached", YAML: func(y string) string {
		i := strings.Index(y, "base_url: ")
		return y[:i] + "base_url: http://127.0.0.1:1" + y[i+strings.Index(y[i:], "\n"):]
	}}
	for _, test := range []struct {
		name string
		h    conformance.Harness
		make func(testing.TB) *gate
		bad  []conformance.Bad
	}{
		{"OAuth2", full, oauth, []conformance.Bad{unreachable,
			{Name: "WrongSecret", YAML: swap("${TOKEN}", "wrong"), Says: "gives no access token (invalid_client). Check connect.auth.oauth2"},
			{Name: "NoClient", YAML: swap("client_id: heji, ", ""), Says: "needs token_url, client_id and client_secret"},
			{Name: "In", YAML: swap("scopes:", "in: url, scopes:"), Says: "must be header or body"}}},
		{"SignedSM3", timed, signed, []conformance.Bad{unreachable,
			{Name: "WrongSecret", YAML: swap("${TOKEN}", "wrong"), Says: "Check connect.auth"},
			{Name: "Algorithm", YAML: swap("hmac-sm3", "md5"), Says: "must be one of hmac-sha256, hmac-sm3, sha256, sm3"},
			{Name: "Ingredient", YAML: swap("{params}", "{parameters}"), Says: "there is no {parameters}"},
			{Name: "NoNonce", YAML: swap(`{nonce}\n`, ""), Says: "could be sent again"},
			{Name: "Keyless", YAML: swap("hmac-sm3", "sm3"), Says: "anybody could sign"}}},
		{"XMLInGBK", timed, gbkXML, []conformance.Bad{unreachable,
			{Name: "WrongKey", YAML: swap("${TOKEN}", "wrong"), Says: "Check connect.auth"},
			{Name: "NoItems", YAML: swap("items: rows.row", "items: nowhere.row"), Says: "has no list at"},
			{Name: "NoTemplate", YAML: swap("{{.Since}}", "{{.Sins}}"), Says: "can't evaluate field Sins"},
			{Name: "OpenElement", YAML: swap("</from>", ""), Says: "no well-formed XML"},
			{Name: "NothingWritten", YAML: swap("{{elements .Set}}", ""), Says: "does not use what is to be written"},
			{Name: "Encoding", YAML: swap("encoding: gbk", "encoding: big5"), Says: "must be utf-8, gbk"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.h.Bad = test.bad
			test.h.New = func(t *testing.T) (conformance.Platform, string) {
				g := test.make(t)
				return g, g.file()
			}
			conformance.Run(t, test.h)
		})
	}
}
