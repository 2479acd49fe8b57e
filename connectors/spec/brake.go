package spec

import "time"

// Brake says how much of a platform may change at once before a person has
// looked. Shares are of its rows; 0 means the default, 1 never.
type Brake struct {
	// Rows: fewer rows are no mass. Default 30.
	Rows int `yaml:"rows"`
	// Of a read of everything: rows that are gone (default 0.2), fields that
	// became blank (0.2), that went back to an earlier value (0.2), that changed
	// to one and the same value (0.3).
	Gone  float64 `yaml:"gone"`
	Blank float64 `yaml:"blank"`
	Back  float64 `yaml:"back"`
	Same  float64 `yaml:"same"`
	// Written: rows that are written to the platform within Window, campaigns that
	// were approved left out. Default 0.2 of its rows, and at least WrittenRows
	// (100), in 24 hours.
	Written     float64  `yaml:"written"`
	WrittenRows int      `yaml:"written_rows"`
	Window      Duration `yaml:"window"`
}

// Braking is the platform's brake with its defaults.
func (p *Platform) Braking() Brake {
	b := p.Brake
	fill(&b.Rows, 30)
	fill(&b.Gone, 0.2)
	fill(&b.Blank, 0.2)
	fill(&b.Back, 0.2)
	fill(&b.Same, 0.3)
	fill(&b.Written, 0.2)
	fill(&b.WrittenRows, 100)
	fill(&b.Window, Duration(24*time.Hour))
	return b
}

// Most is how many of so many rows may be written within the window before a person
// has looked.
func (b Brake) Most(rows int64) int64 {
	return max(int64(b.WrittenRows), int64(b.Written*float64(rows)))
}

func fill[T int | float64 | Duration](v *T, unset T) {
	if *v == 0 {
		*v = unset
	}
}

func validateBrake(d *decoder, p *Platform) {
	b := p.Brake
	for name, share := range map[string]float64{"gone": b.Gone, "blank": b.Blank, "back": b.Back, "same": b.Same, "written": b.Written} {
		if share < 0 || share > 1 {
			d.add(p.Line("brake."+name), "brake: %s is a share of the platform's rows between 0 and 1, such as 0.2. 1 means never.", name)
		}
	}
	if b.Rows < 0 || b.WrittenRows < 0 {
		d.add(p.Line("brake"), "brake: rows and written_rows cannot be below 0.")
	}
	if b.Window < 0 || b.Window > 0 && b.Window < Duration(time.Hour) || b.Window > Duration(31*24*time.Hour) {
		d.add(p.Line("brake.window"), "brake: window is between 1h and 744h, such as 24h.")
	}
}
