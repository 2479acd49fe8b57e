package spec

import (
	"slices"
	"strings"
	"time"
)

// Window says when the platform may be written to. Reading goes on at all times.
type Window struct {
	// Days: mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri. Default:
	// every day.
	Days []string `yaml:"days"`
	// Hours such as 08:30-12:00. What goes over midnight, such as 22:00-06:00, counts
	// to the day on which it begins. Default: the whole day.
	Hours []string `yaml:"hours"`
	// Zone is the time zone of the hours. Default Asia/Shanghai.
	Zone string `yaml:"zone"`
}

// Always reports whether no window is set.
func (w Window) Always() bool { return len(w.Days) == 0 && len(w.Hours) == 0 }

// Next is when the platform may be written to: now itself where it may.
func (w Window) Next(now time.Time) time.Time {
	if w.Always() {
		return now
	}
	days, hours, zone, err := w.parse()
	if err != nil {
		return now // never of a file that was checked
	}
	y, m, d := now.In(zone).Date()
	var next time.Time
	for day := -1; day <= 7; day++ { // yesterday's may go on over midnight
		if !days[time.Date(y, m, d+day, 12, 0, 0, 0, zone).Weekday()] {
			continue
		}
		for _, h := range hours {
			from, to := time.Date(y, m, d+day, 0, h.from, 0, 0, zone), time.Date(y, m, d+day, 0, h.to, 0, 0, zone)
			if !to.After(now) {
				continue
			}
			if !from.After(now) {
				return now
			}
			if next.IsZero() || from.Before(next) {
				next = from
			}
		}
	}
	return next
}

// span is a part of a day, in minutes after its midnight.
type span struct{ from, to int }

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parse reads the window; its error is a sentence.
func (w Window) parse() (days [7]bool, hours []span, zone *time.Location, err error) {
	for _, text := range w.Days {
		first, last, ranged := strings.Cut(text, "-")
		a, b := slices.Index(dayNames, first), slices.Index(dayNames, last)
		if !ranged {
			b = a
		}
		if a < 0 || b < 0 {
			return days, nil, nil, say("days: %q is no day. Write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri", text)
		}
		for i := a; ; i = (i + 1) % 7 {
			days[i] = true
			if i == b {
				break
			}
		}
	}
	if len(w.Days) == 0 {
		days = [7]bool{true, true, true, true, true, true, true}
	}
	for _, text := range w.Hours {
		from, to, ranged := strings.Cut(text, "-")
		a, okA := minutes(from)
		b, okB := minutes(to)
		if !ranged || !okA || !okB || a == b || a == 24*60 {
			return days, nil, nil, say("hours: %q is no part of a day. Write it such as \"08:30-17:30\", and \"22:00-06:00\" for a night", text)
		}
		if b < a {
			b += 24 * 60
		}
		hours = append(hours, span{a, b})
	}
	if len(hours) == 0 {
		hours = []span{{0, 24 * 60}}
	}
	name := w.Zone
	if name == "" {
		name = "Asia/Shanghai"
	}
	if zone, err = time.LoadLocation(name); err != nil {
		return days, nil, nil, say("zone: %q is no time zone. Write it such as Asia/Shanghai or Asia/Urumqi", name)
	}
	return days, hours, zone, nil
}

// minutes reads a time of day; 24:00 is its end.
func minutes(text string) (int, bool) {
	if text == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil
}

func validatePace(d *decoder, p *Platform) {
	if p.Settle > Duration(24*time.Hour) {
		d.add(p.Line("settle"), "settle is between 0s and 24h, such as 2m: for so long quick changes of one row are gathered into one write.")
	}
	w := p.Window
	if w.Always() && w.Zone != "" {
		d.add(p.Line("window.zone"), "window: zone without days or hours says nothing. Write for example window: {days: [mon-fri], hours: [\"08:30-17:30\"]}, or take it out.")
	}
	if _, _, _, err := w.parse(); err != nil {
		d.add(p.Line("window"), "window.%s.", err)
	}
}
