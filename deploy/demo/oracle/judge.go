package oracle

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"heji/deploy/demo/district"
	p "heji/deploy/demo/population"
)

// Check counts one phase, for each of the platforms that one hub connects.
func Check(ph Phase, platforms []string) map[string]Result {
	out := map[string]Result{}
	for _, platform := range platforms {
		if platform == p.Supervision {
			out[platform] = counted(ph)
			continue
		}
		j := &judgement{ph: ph, platform: platform, layout: district.LayoutOf(platform), deal: deals[platform],
			needed: map[string]bool{}, creates: map[string]bool{}}
		out[platform] = j.run()
	}
	return out
}

type judgement struct {
	ph       Phase
	platform string
	layout   *district.Layout
	deal     deal
	res      Result
	needed   map[string]bool // keys of rows that needed a write
	creates  map[string]bool // residents who needed a row
}

func (j *judgement) run() Result {
	// What the platform would show had the hub written nothing in this phase:
	// the rows before it, with its clerks' edits. A field that only the hub ever
	// filled is still empty in the department's eyes.
	rows, own := maps.Clone(j.ph.Before.Platforms[j.platform]), maps.Clone(j.ph.Before.Own[j.platform])
	if rows == nil {
		rows = map[string]district.Row{}
	}
	if own == nil {
		own = map[string]district.Row{}
	}
	for _, e := range j.ph.Edits[j.platform] {
		e.Replay(rows)
		e.Replay(own)
	}
	live := j.ph.Hub.Live[j.platform]
	if live {
		for key, row := range rows {
			if master, ok := j.master(key); ok && j.differs(key, row, own[key], master, false) > 0 {
				j.needed[key] = true
			}
		}
		j.needCreates()
	}
	j.received()
	j.compare(own, live)
	j.res.WritesNeeded = len(j.needed) + len(j.creates)
	j.res.Records = len(j.ph.After.Platforms[j.platform])
	slices.Sort(j.res.Missing)
	slices.Sort(j.res.Unneeded)
	slices.Sort(j.res.Different)
	return j.res
}

// master returns what the hub holds about the resident of a row.
func (j *judgement) master(key string) (map[string]string, bool) {
	resident, ok := j.ph.Hub.Rows[Ref{j.platform, key}]
	if !ok {
		return nil, false
	}
	m, ok := j.ph.Hub.Residents[resident]
	return m, ok
}

// differs counts the fields of a row that do not show what is demanded. note:
// they are named and held ones are counted, for the final comparison.
func (j *judgement) differs(key string, row, own district.Row, master map[string]string, note bool) int {
	if !j.deal.scope(master, j.ph.Today) {
		return 0
	}
	n := 0
	for _, f := range j.layout.Fields {
		how := j.deal.modes[f.Fact]
		if how == never || how == propose {
			continue
		}
		want, ok := demanded(f, master[f.Fact])
		if master[f.Fact] == "" && f.Value(row) != f.Value(own) {
			want, ok = f.Value(own), true // nobody says any more what the hub wrote: it is taken back
		}
		if note && ok && (how == overwrite || f.Blank(own)) {
			j.res.Fields++
		}
		if !ok || how == fillEmpty && !f.Blank(own) || f.Value(row) == want {
			continue
		}
		if why, held := j.ph.Hub.Held[FieldRef{j.platform, key, f.Fact}]; held && (note || why != Refused) {
			if note {
				j.res.Held++
			}
			continue
		}
		n++
		if note {
			j.res.Different = append(j.res.Different, key+" "+strings.Join(f.Columns, "+"))
		}
	}
	return n
}

// Refused is the word in Hub.Held for a field that the platform would not take:
// the write was needed, but the field need not show it.
const Refused = "refused"

// demanded is a master value as far as this platform can say it: written in its
// own spelling and read back. false: nothing is known, or the platform has no
// way to say it.
func demanded(f district.Field, canonical string) (string, bool) {
	if canonical == "" {
		return "", false
	}
	texts, ok := f.Encode(canonical)
	if !ok {
		return "", false
	}
	back := f.Decode(texts)
	return back, back != ""
}

// needCreates finds the residents who should have a row and have none.
func (j *judgement) needCreates() {
	if !j.deal.creates {
		return
	}
	old := j.before()
	for resident, master := range j.ph.Hub.Residents {
		if old[resident] || j.ph.Hub.NoCreate[j.platform][resident] || !j.deal.scope(master, j.ph.Today) {
			continue
		}
		if slices.ContainsFunc(j.deal.natural, func(a string) bool { return master[a] == "" }) {
			continue
		}
		if slices.ContainsFunc(j.layout.Fields, func(f district.Field) bool { return f.Required && master[f.Fact] == "" }) {
			continue // the platform would refuse the row
		}
		j.creates[resident] = true
	}
}

// before returns the residents who have or had a row here that the hub did not
// make in this phase: a row that vanished is not made again without a person.
func (j *judgement) before() map[string]bool {
	now := map[string]bool{}
	for _, w := range j.ph.Writes[j.platform] {
		if w.Create && w.Applied {
			now[w.Key] = true
		}
	}
	old := map[string]bool{}
	for ref, resident := range j.ph.Hub.Rows {
		if ref.Platform == j.platform && !now[ref.Key] {
			old[resident] = true
		}
	}
	return old
}

// received counts the journal of the phase and sets it against what was needed.
func (j *judgement) received() {
	updates := map[string]int{}
	for _, w := range j.ph.Writes[j.platform] {
		if w.Replay {
			continue
		}
		j.res.WritesReceived++
		switch {
		case !w.Applied:
			j.res.Refused++
			updates[w.Key]++
		case w.Create:
			resident := j.ph.Hub.Rows[Ref{j.platform, w.Key}]
			if !j.creates[resident] {
				j.res.Unneeded = append(j.res.Unneeded, w.Key)
			}
		default:
			updates[w.Key]++
		}
		if w.Repeated {
			j.res.WritesRepeated++
		}
	}
	for key, n := range updates {
		if n > 1 || !j.needed[key] {
			j.res.Unneeded = append(j.res.Unneeded, key)
		}
	}
	for key := range j.needed {
		if updates[key] == 0 {
			j.res.Missing = append(j.res.Missing, key)
		}
	}
	made := map[string]bool{}
	for _, w := range j.ph.Writes[j.platform] {
		if w.Create && w.Applied {
			made[j.ph.Hub.Rows[Ref{j.platform, w.Key}]] = true
		}
	}
	for resident := range j.creates {
		if !made[resident] {
			j.res.Missing = append(j.res.Missing, "new row of resident "+resident)
		}
	}
}

// compare sets what the platform shows at the end against what is demanded.
func (j *judgement) compare(own map[string]district.Row, live bool) {
	if !live {
		return
	}
	after := j.ph.After.Platforms[j.platform]
	has := map[string]bool{}
	for _, key := range slices.SortedFunc(maps.Keys(after), cmp.Compare[string]) {
		if resident, ok := j.ph.Hub.Rows[Ref{j.platform, key}]; ok {
			has[resident] = true
		}
		if master, ok := j.master(key); ok {
			j.res.Differs += j.differs(key, after[key], own[key], master, true)
		}
	}
	for resident := range j.creates {
		if !has[resident] {
			j.res.Differs++
			j.res.Different = append(j.res.Different, "new row of resident "+resident)
		}
	}
}
