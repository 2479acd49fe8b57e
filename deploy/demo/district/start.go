package district

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	p "heji/deploy/demo/population"
)

// identity is what makes a folder the same district again.
type identity struct {
	Seed      int64     `json:"seed"`
	Residents int       `json:"residents"`
	Today     time.Time `json:"today"`
}

// Start opens the platforms, filling them from the population the first
// time. The context bounds the start; Close ends the district.
func Start(ctx context.Context, opts Options) (*District, error) {
	if opts.Echoes == nil {
		opts.Echoes = Echoes
	}
	if opts.Listen == nil {
		opts.Listen = net.Listen
	}
	if opts.Poll <= 0 {
		opts.Poll = 100 * time.Millisecond
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Platforms == nil {
		opts.Platforms = p.Platforms
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Population == nil || opts.Dir == "" || opts.Database == nil {
		return nil, errors.New("district: Dir, Database and Population are all needed")
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("district: %w", err)
	}
	opts.Dir = dir
	if err := recognise(opts); err != nil {
		return nil, err
	}
	d := &District{opts: opts, first: opts.Population.Clone(), byID: map[string]Platform{}, env: map[string]string{}}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := d.recallTruth(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// recognise refuses a folder that was filled from another population.
func recognise(opts Options) error {
	mine := identity{Seed: opts.Population.Seed, Residents: len(opts.Population.Persons), Today: opts.Population.Today}
	path := filepath.Join(opts.Dir, "district.json")
	var was identity
	err := readJSON(path, &was)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeJSON(path, mine)
	case err != nil:
		return fmt.Errorf("district: %s: %w", path, err)
	case was.Seed != mine.Seed || was.Residents != mine.Residents || !was.Today.Equal(mine.Today):
		return fmt.Errorf("district: %s holds a district of %d residents, seed %d, day %s; start it with the same, or use another folder",
			opts.Dir, was.Residents, was.Seed, was.Today.Format(time.DateOnly))
	}
	return nil
}

// Identity returns the seed, size and day of the district in a folder, so that
// a restart can make the same population. The error wraps fs.ErrNotExist when
// there is none.
func Identity(dir string) (seed int64, residents int, today time.Time, err error) {
	var was identity
	err = readJSON(filepath.Join(dir, "district.json"), &was)
	return was.Seed, was.Residents, was.Today, err
}

func (d *District) open(ctx context.Context) error {
	add := func(pl Platform) {
		d.platforms = append(d.platforms, pl)
		d.byID[pl.ID()] = pl
	}
	for _, id := range slices.Concat(d.opts.Platforms, d.opts.Sealed) {
		layout := LayoutOf(id)
		seed := func() ([]stored, error) { return d.seed(layout), nil }
		if _, ok := databases[id]; ok {
			dsn, err := d.opts.Database(ctx, id)
			if err != nil {
				return err
			}
			t, err := openDatabase(ctx, id, dsn, seed)
			if err != nil {
				return err
			}
			add(t)
			d.env[strings.ToUpper(id)+"_DSN"] = dsn
			continue
		}
		dir := filepath.Join(d.opts.Dir, id)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if id == p.Supervision {
			b, err := openBoard(dir, d.opts.Now)
			if err != nil {
				return err
			}
			add(b)
			continue
		}
		l, err := openLedger(filepath.Join(dir, "ledger.jsonl"), layout, d.opts.Now, seed)
		if err != nil {
			return err
		}
		if d.opts.Tamper != nil {
			l.tamper = func(w *Write) string { return d.opts.Tamper(id, w) }
		}
		pl, err := d.run(ctx, id, dir, l)
		if err != nil {
			return errors.Join(err, l.close())
		}
		add(pl)
	}
	return nil
}

// run puts a platform's way in and out before its ledger.
func (d *District) run(ctx context.Context, id, dir string, l *ledger) (Platform, error) {
	switch id {
	case p.Mental:
		s := newMental(l)
		err := s.start(ctx)
		d.env["MENTAL_URL"], d.env["MENTAL_KEY"] = s.url, mentalKey
		return s, err
	case p.Floating, p.Jobs, p.Correction:
		s := newSOAP(l)
		err := s.start(ctx)
		name := strings.ToUpper(id)
		d.env[name+"_WSDL"], d.env[name+"_PASSWORD"] = s.url+s.names.path+"?wsdl", s.names.password
		return s, err
	case p.Volunteers:
		s := newVolunteers(l)
		err := s.start(ctx)
		d.env["VOLUNTEERS_URL"], d.env["VOLUNTEERS_SECRET"] = s.url, s.tokens.secret
		return s, err
	case p.Safety:
		s := newSafety(l, dir, d.opts)
		if err := s.start(ctx); err != nil {
			return s, err
		}
		d.env["SAFETY_BROKER"], d.env["SAFETY_PASSWORD"] = s.broker(), safetyPassword
		return s, nil
	case p.Marriages:
		s := newMarriages(l)
		err := s.start(ctx)
		d.env["MARRIAGES_URL"], d.env["MARRIAGES_KEY"] = s.url, marriagesKey
		return s, err
	case p.HealthFiles:
		s := newHealthFiles(l)
		err := s.start(ctx)
		d.env["HEALTHFILES_URL"], d.env["HEALTHFILES_PASSWORD"] = s.url, healthPassword
		return s, err
	case p.OldAge:
		s := newOldAge(l)
		err := s.start(ctx)
		d.env["OLDAGE_URL"], d.env["OLDAGE_KEY"] = s.url, oldAgeKey
		return s, err
	case p.Maternal:
		s := newMaternal(l)
		err := s.start(ctx)
		d.env["MATERNAL_URL"], d.env["MATERNAL_KEY"] = s.url, maternalKey
		return s, err
	case p.Medical:
		s := newMedical(l)
		err := s.start(ctx)
		d.env["MEDICAL_URL"], d.env["MEDICAL_SECRET"] = s.url, medicalSecret
		return s, err
	case p.Gongan:
		s := newGongan(l, dir, d.opts)
		d.env["GONGAN_DIR"] = s.dir
		return s, s.start()
	case p.Disabled, p.Notices:
		s := newOffice(l, dir, gbkSheet{}, d.opts)
		if err := s.start(); err != nil {
			return s, err
		}
		name, password := strings.ToUpper(id), id+"-demo-password"
		var err error
		if s.door, err = openSFTP(dir, password); err != nil {
			return s, err
		}
		d.env[name+"_SFTP"], d.env[name+"_PASSWORD"], d.env[name+"_HOST_KEY"] = s.door.address(), password, s.door.fingerprint()
		return s, nil
	case p.Rewards, p.Children, p.Party:
		s := newImportPage(l, dir, importForms[id].sheet, importForms[id].form, d.opts)
		d.env[strings.ToUpper(id)+"_DIR"] = s.dir
		return s, s.start()
	case p.WomensHome:
		s := newWebForm(l, dir, d.opts)
		d.env["WOMENSHOME_DIR"] = s.dir
		return s, s.start()
	case p.LowIncomes:
		s := newOffice(l, dir, xlsxSheet{name: "低保人员"}, d.opts)
		d.env["LOWINCOME_DIR"] = s.dir
		return s, s.start()
	case p.Veterans:
		s := newOffice(l, dir, xlsxSheet{name: "优抚对象"}, d.opts)
		d.env["VETERANS_DIR"] = s.dir
		return s, s.start()
	}
	return nil, fmt.Errorf("district: no platform is called %s", id)
}

// importForms are the sheets of the pages that take Excel files.
var importForms = map[string]struct {
	sheet sheet // of the exports
	form  importForm
}{
	p.Rewards: {mergedSheet{name: "扶助对象", title: "计划生育家庭扶助对象信息表", rows: 2}, importForm{title: "计划生育家庭扶助对象信息导入表", headers: 2,
		columns: []string{"基本信息/人员编号", "基本信息/姓名", "基本信息/身份证号", "婚育情况/婚姻状况", "婚育情况/配偶姓名", "联系方式/手机", "联系方式/现住址",
			"状态/人员状态", "状态/死亡日期", "备注"}, remark: "备注", answer: remarks}},
	p.Children: {gbkSheet{}, importForm{title: "困境儿童信息批量更新", headers: 1,
		columns: []string{"儿童编号", "儿童姓名", "身份证号", "民族", "监护人电话", "居住地址", "居住类型", "儿童状态", "死亡日期"}, answer: failures}},
	p.Party: {xlsxSheet{name: "党员信息"}, importForm{title: "党员信息采集表", headers: 1,
		columns: []string{"A0000", "A0101", "A0184", "A0117", "A0801", "A0192", "A3707", "A3711", "A0163", "A0164"}, hidden: true, answer: sameBook}},
}

// seed makes a platform's first rows. Keys follow the order in which people
// were entered, changes the times at which their rows were last touched.
func (d *District) seed(layout *Layout) []stored {
	observed := d.first.Observe(layout.Platform)
	rows := make([]stored, len(observed))
	for i, o := range observed {
		at := o.ChangedAt.UTC().Truncate(time.Millisecond)
		key := layout.key(i + 1)
		row := layout.Row(key, o.Facts, at)
		if _, ok := row["psn_cert_type"]; ok && i%7 == 0 {
			row["psn_cert_type"] = "1" // both spellings are in use there
		}
		rows[i] = stored{Key: key, Row: row, At: at, Person: o.Person}
	}
	slices.SortStableFunc(rows, func(a, b stored) int { return a.At.Compare(b.At) })
	for i := range rows {
		rows[i].Seq = int64(i + 1)
	}
	return rows
}

// Close stops the platforms. Their state stays.
func (d *District) Close() error {
	var errs error
	for _, pl := range d.platforms {
		if err := pl.close(); err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s: %w", pl.ID(), err))
		}
	}
	d.platforms = nil
	return errs
}
