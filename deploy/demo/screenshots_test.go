package demo

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// pictures are the main pages, as docs/images shows them; phone: as wide as one.
var pictures = []struct {
	name, login string
	phone       bool
	open        func(s *studio)
}{
	{"start", "li", false, func(s *studio) { s.open("/") }},
	{"form", "li", false, func(s *studio) {
		s.open("/residents/" + s.resident + "/edit")
		s.run(`document.querySelector("[name=phone]").value = "15412345678"; document.querySelector(".bar button").click()`)
		s.until(`document.querySelector("button[value=back]") !== null`)
	}},
	{"resident", "li", false, func(s *studio) { s.open("/residents/" + s.resident) }},
	{"review", "zhao", false, func(s *studio) { s.open(s.pair) }},
	{"chart", "li", false, func(s *studio) { s.open("/buildings/chart?" + s.building) }},
	{"platforms", "ops", false, func(s *studio) { s.open("/platforms") }},
	{"phone", "li", true, func(s *studio) {
		s.open("/residents/new")
		s.run(`for (const [k, v] of Object.entries({name: "欧阳小满", birth_date: "2026-11-02"})) document.querySelector("[name=" + k + "]").value = v`)
	}},
}

const (
	pictureFolder = "../../docs/images"
	pictureLimit  = 150_000 // bytes
)

// Every picture of the documentation is there, is one, and is small. With
// HEJI_SCREENSHOTS=1 they are made first, from a demo of their own:
//
//	HEJI_SCREENSHOTS=1 go test ./deploy/demo -run TestScreenshots -timeout 20m
func TestScreenshots(t *testing.T) {
	if os.Getenv("HEJI_SCREENSHOTS") != "" {
		takePictures(t)
	}
	for _, p := range pictures {
		raw, err := os.ReadFile(filepath.Join(pictureFolder, p.name+".png"))
		require.NoError(t, err)
		require.Less(t, len(raw), pictureLimit, p.name)
		img, err := png.Decode(bytes.NewReader(raw))
		require.NoError(t, err, p.name)
		want := 1280
		if p.phone {
			want = 2 * 390 // a phone has finer points
		}
		require.Equal(t, want, img.Bounds().Dx(), p.name)
		// A page that did not load is of one colour.
		seen := map[color.Color]bool{}
		for y := range img.Bounds().Dy() {
			seen[img.At(img.Bounds().Dx()/5, y)] = true
		}
		require.Greater(t, len(seen), 4, p.name)
	}
}

// studio is a demo that serves, and a browser before it.
type studio struct {
	*testing.T
	ctx                      context.Context
	at                       string
	passwords                map[string]string
	resident, pair, building string
}

func (s *studio) run(expression string) {
	s.Helper()
	_, err := chromedp.Run(s.ctx, chromedp.Evaluate[bool](expression+"; true"))
	require.NoError(s, err)
}

func (s *studio) until(expression string) {
	s.Helper()
	require.Eventually(s, func() bool {
		yes, err := chromedp.Run(s.ctx, chromedp.Evaluate[bool](expression))
		return err == nil && yes
	}, time.Minute, 50*time.Millisecond, expression)
}

func (s *studio) open(path string) {
	s.Helper()
	require.NoError(s, chromedp.Do(s.ctx, chromedp.Navigate(s.at+path)))
	s.until(`document.readyState === "complete" && document.querySelector("h1, .search") !== null`)
}

// enter logs somebody in; the first password is changed at once.
func (s *studio) enter(login string) {
	s.Helper()
	const own = "Kuai-le 2026"
	_, err := chromedp.Call(s.ctx, network.ClearBrowserCookies, cdp.Empty{})
	require.NoError(s, err)
	s.open("/login?lang=zh")
	require.NoError(s, chromedp.Do(s.ctx, chromedp.SetValue(chromedp.CSS(`[name=login]`), login),
		chromedp.SendKeys(chromedp.CSS(`[name=password]`), s.passwords[login]+"\r")))
	s.until(`document.querySelector(".me") !== null`)
	if s.passwords[login] != own {
		s.until(`document.querySelector("[name=again]") !== null`)
		require.NoError(s, chromedp.Do(s.ctx, chromedp.SetValue(chromedp.CSS(`[name=old]`), s.passwords[login]),
			chromedp.SetValue(chromedp.CSS(`[name=new]`), own), chromedp.SendKeys(chromedp.CSS(`[name=again]`), own+"\r")))
		s.until(`document.querySelector("[name=again]") === null || document.querySelector(".notice.good") !== null`)
		s.passwords[login] = own
	}
}

// said collects what a demo prints.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func takePictures(t *testing.T) {
	o := options(tempFolder(t), 1, 400)
	out := &said{}
	o.Headless, o.Residents, o.Out, o.Report, o.Patience = false, 900, out, "", 10*time.Minute
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	desk := regexp.MustCompile(`the desk: (http://[^/]+)/`)
	deadline := time.After(15 * time.Minute)
	for desk.FindStringSubmatch(out.String()) == nil {
		select {
		case err := <-ended:
			ended <- err
			require.FailNow(t, "the demo ended before it served", "%v\n%s", err, out)
		case <-deadline:
			require.FailNow(t, "the demo does not serve", out.String())
		case <-time.After(200 * time.Millisecond):
		}
	}
	s := &studio{T: t, at: desk.FindStringSubmatch(out.String())[1], passwords: map[string]string{}}
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+)\s+([a-z0-9]{5}(?:-[a-z0-9]{5}){3})`).FindAllStringSubmatch(out.String(), -1) {
		s.passwords[m[1]] = m[2]
	}
	s.choose(o.Dir)

	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "zh-CN"))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), flags...)
	defer stopAlloc()
	browser, stopBrowser := chromedp.NewContext(alloc)
	defer stopBrowser()
	defer func() { _ = chromedp.Cancel(browser) }() // waits until it is gone
	s.ctx = browser
	in := ""
	for _, p := range pictures {
		require.NoError(t, chromedp.Do(s.ctx, chromedp.EmulateViewport(1280, 800)))
		if p.login != in {
			in = p.login
			s.enter(in)
		}
		if p.phone {
			require.NoError(t, chromedp.Do(s.ctx, chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile, chromedp.EmulateScale(2))))
		}
		p.open(s)
		s.run(`document.activeElement.blur(); scrollTo(0, 0)`)
		raw, err := chromedp.Run(s.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(pictureFolder, p.name+".png"), fewer(t, raw), 0o644))
	}
}

// choose finds whom the pictures show: the resident of 李红's community whom most
// platforms know, the pair with most evidence, the building with most people.
func (s *studio) choose(dir string) {
	s.Helper()
	ctx := s.Context()
	conn, err := pgx.Connect(ctx, dsn(dir, "heji"))
	require.NoError(s, err)
	defer func() { require.NoError(s, conn.Close(context.Background())) }()
	const mine = `FROM residents res WHERE res.redirect_to IS NULL AND res.ended_at IS NULL AND res.home_area IN
		(SELECT area FROM responsibilities WHERE body = ANY((SELECT bodies FROM accounts WHERE login = 'li')::text[]))`
	require.NoError(s, conn.QueryRow(ctx, `SELECT res.id::text `+mine+` AND res.master->'life_status'->>'v' = 'alive' AND res.master->'phone'->>'v' <> ''
		ORDER BY (SELECT count(*) FROM targets t WHERE t.resident_id = res.id) DESC, res.id LIMIT 1`).Scan(&s.resident))
	require.NoError(s, conn.QueryRow(ctx, `SELECT '/reviews/' || least(a.resident_id, b.resident_id) || '/' || greatest(a.resident_id, b.resident_id)
		FROM edges e JOIN records a ON a.id = e.a JOIN records b ON b.id = e.b WHERE e.reason <> 'decision' AND a.resident_id <> b.resident_id
		AND NOT a.deleted AND NOT b.deleted ORDER BY e.weight DESC, e.a LIMIT 1`).Scan(&s.pair))
	var community, compound, building string
	require.NoError(s, conn.QueryRow(ctx, `SELECT home_area, split_part(home_dwelling, '|', 1), split_part(home_dwelling, '|', 2) `+mine+`
		AND home_dwelling IS NOT NULL GROUP BY 1, 2, 3 ORDER BY count(*) DESC, 1, 2, 3 LIMIT 1`).Scan(&community, &compound, &building))
	s.building = url.Values{"community": {community}, "compound": {compound}, "building": {building}}.Encode()
}

// fewer writes a picture with its 256 most frequent colours: a page has few, and
// the edges of letters the rest.
func fewer(t *testing.T, raw []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(raw))
	require.NoError(t, err)
	count := map[color.RGBA]int{}
	b := img.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) }
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	var colours []color.RGBA
	for c := range count {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(x, y color.RGBA) int {
		if count[x] != count[y] {
			return count[y] - count[x]
		}
		return strings.Compare(fmt.Sprint(x), fmt.Sprint(y))
	})
	var palette color.Palette
	for _, c := range colours[:min(len(colours), 256)] {
		palette = append(palette, c)
	}
	nearest := map[color.RGBA]uint8{}
	out := image.NewPaletted(b, palette)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := at(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(palette.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var w bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&w, out))
	return w.Bytes()
}
