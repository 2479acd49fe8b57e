package district

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/text/encoding/simplifiedchinese"

	p "heji/deploy/demo/population"
)

// post sends a document and returns status and text of the answer.
func post(t *testing.T, url, contentType string, body []byte, user, password string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func envelope(header, body string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header>` + header +
		`</e:Header><e:Body>` + body + `</e:Body></e:Envelope>`)
}

func TestFloatingSpeaksSOAP(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl := d.Platform(p.Floating)
	url, _, _ := strings.Cut(d.Env()["FLOATING_WSDL"], "?")
	key, row := anyRow(t, pl)
	who := "<user>heji</user><password>floating-demo-password</password>"
	ask := func(body string) (int, string) { return post(t, url, "text/xml", envelope(who, body), "", "") }

	status, text := ask(`<x:getPerson xmlns:x="http://ldrk.example/"><DJBH>` + key + `</DJBH></x:getPerson>`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>`+
		`<ns:getPersonResponse xmlns:ns="http://ldrk.example/"><person>`+xmlRow(row, LayoutOf(p.Floating).Columns)+`<YXBZ>1</YXBZ></person></ns:getPersonResponse>`+
		`</soapenv:Body></soapenv:Envelope>`, text)

	change := func(id, phone string) (int, string) {
		return ask(`<updatePerson><requestId>` + id + `</requestId><person><DJBH>` + key + `</DJBH><LXDH>` + phone + `</LXDH></person></updatePerson>`)
	}
	status, text = change("r1", "15400009999")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "<LXDH>15400009999</LXDH>")
	status, text = change("r2", "12")
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, text, `<soapenv:Fault><faultcode>soapenv:Client</faultcode><faultstring>手机号码应为11位数字</faultstring><detail><code>REFUSED</code><field>LXDH</field></detail></soapenv:Fault>`)
	_, again := change("r1", "15400009999")
	require.Contains(t, again, "<LXDH>15400009999</LXDH>")
	j := journal(t, pl)
	require.Len(t, j, 3)
	require.True(t, j[0].Applied && j[2].Replay && !j[1].Applied)

	_, text = post(t, url, "text/xml", envelope("<user>heji</user><password>wrong</password>", "<getPerson/>"), "", "")
	require.Contains(t, text, "<code>DENIED</code>")
	_, text = ask("<dropTables/>")
	require.Contains(t, text, "<code>NOOP</code>")
	_, text = post(t, url, "text/xml", []byte("no XML"), "", "")
	require.Contains(t, text, "<code>FORMAT</code>")
	resp, err := http.Get(d.Env()["FLOATING_WSDL"])
	require.NoError(t, err)
	wsdl, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, string(wsdl), `<operation name="registerPerson">`)
}

func TestJobsSpeaksSOAPInGBK(t *testing.T) {
	t.Parallel()
	d := running(t)
	url, _, _ := strings.Cut(d.Env()["JOBS_WSDL"], "?")
	key, row := anyRow(t, d.Platform(p.Jobs))
	header := `<w:Security xmlns:w="x"><w:UsernameToken><w:Username>heji</w:Username><w:Password>jobs-demo-password</w:Password></w:UsernameToken></w:Security>`
	body, err := simplifiedchinese.GBK.NewEncoder().Bytes(bytes.Replace(envelope(header, `<cx_ry><aac001>`+key+`</aac001></cx_ry>`), []byte("UTF-8"), []byte("GBK"), 1))
	require.NoError(t, err)
	status, raw := post(t, url, "text/xml; charset=GBK", body, "", "")
	require.Equal(t, http.StatusOK, status)
	text, err := simplifiedchinese.GBK.NewDecoder().String(raw)
	require.NoError(t, err)
	require.Contains(t, text, `<?xml version="1.0" encoding="GBK"?>`)
	require.Contains(t, text, tag("aac003", strings.NewReplacer("𠮷", "？", "㛃", "？").Replace(row["aac003"])))
	_, raw = post(t, url, "text/xml", envelope(header, `<cx_ry/>`), "", "")
	require.Contains(t, raw, "FORMAT", "UTF-8 is none of its languages")
}

func TestXMLBytes(t *testing.T) {
	t.Parallel()
	require.Equal(t, "3c3f786d6c2076657273696f6e3d22312e302220656e636f64696e673d2247424b223f3e0a3c613ed5c53c2f613e", hex.EncodeToString(xmlDocument(tag("a", "张"), true)))
	require.Equal(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>&lt;张&gt; &amp;</a>", string(xmlDocument(tag("a", "<张> &"), false)))
}

func TestHealthFilesSpeakXMLAndCloseOnce(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl := d.Platform(p.HealthFiles)
	key, _ := anyRow(t, pl)
	base := d.Env()["HEALTHFILES_URL"] + "/phis"
	ask := func(path, body string) (int, string) {
		return post(t, base+path, "application/xml", []byte(body), healthUser, healthPassword)
	}
	_, text := ask("/save", "<request><messageId>m1</messageId><record><archivePk>"+key+"</archivePk><tel> 15400009999 </tel></record></request>")
	require.Contains(t, text, "<code>0</code>")
	require.Contains(t, text, "<tel>15400009999</tel>", "it trims")
	_, text = ask("/save", "<request><messageId>m2</messageId><record><archivePk>"+key+"</archivePk><tel>1</tel></record></request>")
	require.Contains(t, text, "<code>422</code><message>手机号码应为11位数字</message><field>tel</field>")
	status, _ := post(t, base+"/query", "application/xml", []byte("<query/>"), healthUser, "wrong")
	require.Equal(t, http.StatusUnauthorized, status)
	closed := 0
	for range healthOpenFor + 5 {
		if status, _ := ask("/get", "<query><archivePk>"+key+"</archivePk></query>"); status == http.StatusServiceUnavailable {
			closed++
		}
	}
	require.Positive(t, closed, "it is maintained after a while")
	within(t, "the end of the maintenance", func() bool {
		status, _ := ask("/get", "<query><archivePk>"+key+"</archivePk></query>")
		return status == http.StatusOK
	})
	require.Len(t, journal(t, pl), 2)
}

func TestImportPagesTakeTheirOwnSheetsOnly(t *testing.T) {
	t.Parallel()
	d := running(t)
	for _, id := range []string{p.Rewards, p.Children, p.Party} {
		page := d.Platform(id).(*importPage)
		key, before := anyRow(t, page)
		phone, _ := LayoutOf(id).Field(p.Phone)
		line := func(phoneText, remark string) []string {
			cells := make([]string, len(page.form.columns))
			for i, c := range page.form.columns {
				switch c {
				case page.layout.Key:
					cells[i] = key
				case phone.Columns[0]:
					cells[i] = phoneText
				case page.form.remark:
					cells[i] = remark
				}
			}
			return append(cells, remark)
		}
		book, err := mergedSheet{name: "导入", title: page.form.title, rows: page.form.headers}.write(
			[][]string{append(append([]string{}, page.form.columns...), "批次标识"), line("15400009999", "b1-1"), line("12", "b1-2")})
		require.NoError(t, err)
		_, answer, err := page.Upload("batch_b1.xlsx", book)
		require.NoError(t, err, id)
		require.NotEmpty(t, answer)
		_, _, err = page.Upload("batch_b1.xlsx", book)
		require.NoError(t, err, "uploaded twice")
		j := journal(t, page)
		require.Len(t, j, 4, id)
		require.True(t, j[0].Applied && !j[0].Repeated && !j[1].Applied && j[2].Replay && j[3].Replay, id)
		after := snapshot(t, page)[key]
		require.Equal(t, "15400009999", phone.Value(after))
		name, _ := LayoutOf(id).Field(p.Name)
		require.Equal(t, name.Value(before), name.Value(after), "an empty cell leaves the field alone")
		other, err := mergedSheet{name: "导入", title: "另一张表", rows: page.form.headers}.write([][]string{page.form.columns})
		require.NoError(t, err)
		_, _, err = page.Upload("x.xlsx", other)
		require.ErrorContains(t, err, "不是本系统的导入模板")
		file, content, err := page.Exported()
		require.NoError(t, err)
		require.NotEmpty(t, content)
		require.True(t, strings.HasPrefix(file, id+"_"))
	}
}

func TestMergedHeadings(t *testing.T) {
	t.Parallel()
	m := mergedSheet{name: "s", title: "标题", rows: 2}
	lines := [][]string{{"基本/编号", "基本/姓名", "联系/手机", "备注"}, {"1", "张", "2", "x"}}
	b, err := m.write(lines)
	require.NoError(t, err)
	back, err := m.read(b)
	require.NoError(t, err)
	require.Equal(t, []string{"基本/编号", "基本/姓名", "联系/手机"}, back[0][:3])
	require.Equal(t, lines[1], back[1])
}

func TestTheFormTakesWhatIsTyped(t *testing.T) {
	t.Parallel()
	d := running(t)
	form := d.Platform(p.WomensHome).(*webForm)
	key, row := anyRow(t, form)
	card := []Line{{Label: "编号", Text: key, Find: true}, {Label: "姓名", Text: row["姓名"], Find: true}, {Label: "手机号", Text: "15400009999"}}
	require.NoError(t, form.Type("c1", card))
	require.NoError(t, form.Type("c1", card), "typed already")
	card[2].Text = "12"
	require.ErrorContains(t, form.Type("c2", card), "手机号：手机号码应为11位数字")
	require.ErrorContains(t, form.Type("c3", []Line{{Label: "编号", Text: "nobody", Find: true}}), "查到 0 人")
	require.ErrorContains(t, form.Type("c4", []Line{{Label: "收入", Text: "1"}}), "没有“收入”一栏")
	require.Equal(t, "15400009999", snapshot(t, form)[key]["手机号"])
	require.Len(t, journal(t, form), 3)
}

func TestTheBoardIsToldNumbers(t *testing.T) {
	t.Parallel()
	o := options(t)
	d := begin(t, o)
	b := d.Platform(p.Supervision).(*board)
	require.NoError(t, b.Report("c1", "2026-11", []Line{{Label: "常住人口", Text: "12"}}))
	require.NoError(t, b.Report("c1", "2026-11", []Line{{Label: "常住人口", Text: "12"}}))
	require.NoError(t, d.Close())
	o.Population = p.Generate(testResidents, 1)
	d = begin(t, o)
	require.Equal(t, map[string]Row{"2026-11": {"常住人口": "12"}}, snapshot(t, d.Platform(p.Supervision)))
	j := journal(t, d.Platform(p.Supervision))
	require.Len(t, j, 2)
	require.True(t, j[0].Applied && j[1].Replay)
	require.NoError(t, d.Close())
}

func TestTheDoorOpensWithTheRightPassword(t *testing.T) {
	t.Parallel()
	d := running(t)
	env := d.Env()
	dial := func(password string) (*ssh.Client, error) {
		var shown string
		c, err := ssh.Dial("tcp", env["NOTICES_SFTP"], &ssh.ClientConfig{User: "heji", Auth: []ssh.AuthMethod{ssh.Password(password)},
			HostKeyCallback: ssh.FixedHostKey(d.Platform(p.Notices).(*office).door.host.PublicKey())})
		if err == nil {
			shown = d.Platform(p.Notices).(*office).door.fingerprint()
			require.Equal(t, env["NOTICES_HOST_KEY"], shown)
		}
		return c, err
	}
	_, err := dial("wrong")
	require.ErrorContains(t, err, "unable to authenticate")
	c, err := dial(env["NOTICES_PASSWORD"])
	require.NoError(t, err)
	files, err := sftp.NewClient(c)
	require.NoError(t, err)
	list, err := files.ReadDir(exportFolder)
	require.NoError(t, err)
	require.NotEmpty(t, list)
	require.Regexp(t, `^notices_\d{17}\.csv$`, list[0].Name())
	require.NoError(t, files.Close())
	require.NoError(t, c.Close())
}
