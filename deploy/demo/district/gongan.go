package district

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	p "heji/deploy/demo/population"
)

// gongan is 公安常住人口: a full CSV in GBK once a month, with its cut-off date
// in the name, a last row that counts the rows, and an empty .ok file that says
// it is complete. It takes nothing from outside.
type gongan struct {
	*ledger
	dir   string
	today time.Time
}

func newGongan(l *ledger, dir string, opts Options) *gongan {
	return &gongan{ledger: l, dir: dir, today: opts.Now()}
}

func (g *gongan) ID() string { return p.Gongan }

// firstCutOff and nextCutOff are days before the district was started.
const (
	firstCutOff = -31
	nextCutOff  = -1
)

// start puts out the first extract where there is none.
func (g *gongan) start() error {
	if err := os.MkdirAll(filepath.Join(g.dir, exportFolder), 0o755); err != nil {
		return err
	}
	return g.extract(0)
}

// extract puts out the n-th extract unless it was put out before. The cut-off
// days are counted from the first start, which the first extract remembers.
func (g *gongan) extract(n int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n < len(g.exports) {
		return nil
	}
	cutOff := g.today.In(china).AddDate(0, 0, firstCutOff)
	if n > 0 {
		cutOff = g.exports[0].AsOf.AddDate(0, 0, nextCutOff-firstCutOff)
	}
	lines := [][]string{g.layout.Columns}
	for _, s := range g.byKey() {
		lines = append(lines, cells(s.Row, g.layout.Columns))
	}
	trailer := make([]string, len(g.layout.Columns))
	trailer[0], trailer[1] = "合计", fmt.Sprint(len(lines)-1)
	b, err := gbkSheet{}.write(append(lines, trailer))
	if err != nil {
		return err
	}
	name := "CZRK_" + cutOff.In(china).Format("20060102") + ".csv"
	path := filepath.Join(g.dir, exportFolder, name)
	if err := writeFile(path, b); err != nil {
		return err
	}
	if err := writeFile(path+".ok", nil); err != nil {
		return err
	}
	return g.record(event{Export: &exported{Name: name, AsOf: cutOff, Seq: g.seq}})
}
