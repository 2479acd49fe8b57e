package store

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/schema/idnum"
	"heji/services/lineage"
)

// member is one record of a resident that a judgement is about.
type member struct {
	id       int64
	ref      schema.RecordRef
	rev      int64
	deleted  bool
	anchors  []int64
	resident uuid.UUID // zero: none yet
	number   string    // of its own evidence, where it is a valid one
}

// company are the records of all residents that a judgement is about, by id.
// Tombstones are among them: a decision outlives delete and return.
type company []member

// companyOf reads everybody that shares a resident with one of the records, and
// with planner.lock holds them. I7: records of sealed platforms join nothing, so
// nothing is decided about them.
func companyOf(p planner, refs []schema.RecordRef) (company, error) {
	list, err := readCompany(p, refs)
	for try := 0; err == nil && p.lock && try < 5; try++ {
		if _, err := p.q.Exec(p.ctx, `SELECT FROM records WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, idsOf(list)); err != nil {
			return nil, fmt.Errorf("lock the residents' records: %w", err)
		}
		// RULES D: read again under the lock, until nobody has come or gone.
		again, err := readCompany(p, refs)
		if err != nil {
			return nil, err
		}
		if slices.Equal(idsOf(list), idsOf(again)) {
			return again, nil
		}
		list = again
	}
	if err == nil && p.lock {
		err = ErrMoved
	}
	return list, err
}

func readCompany(p planner, refs []schema.RecordRef) (company, error) {
	platforms, keys := refColumns(refs)
	rows, err := p.q.Query(p.ctx, `WITH w AS (SELECT DISTINCT platform, key FROM unnest($1::text[], $2::text[]) AS w(platform, key)),
			named AS (SELECT r.id, r.resident_id FROM w JOIN records r USING (platform, key)),
			ids AS (SELECT id FROM named
				UNION SELECT r.id FROM records r WHERE r.resident_id IN (SELECT resident_id FROM named))
		SELECT r.id, r.platform, r.key, r.rev, r.deleted, r.anchors,
			coalesce(r.resident_id, '00000000-0000-0000-0000-000000000000'), r.state
		FROM records r JOIN ids USING (id) JOIN platforms p ON p.id = r.platform
		WHERE p.class <> 'D' ORDER BY r.id`, platforms, keys)
	if err != nil {
		return nil, fmt.Errorf("read the residents' records: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (member, error) {
		var m member
		var state []byte
		if err := row.Scan(&m.id, &m.ref.Platform, &m.ref.Key, &m.rev, &m.deleted, &m.anchors, &m.resident, &state); err != nil {
			return m, err
		}
		says, err := lineage.DecodeEvidence(state)
		m.number = validNumber(says.Own[schema.IDNumber]) // I6: own evidence only
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the residents' records: %w", err)
	}
	return list, nil
}

// validNumber returns a number that I3 counts, in its long form; else nothing.
func validNumber(text string) string {
	n := idnum.Parse(text)
	if n.Type == idnum.Resident15 {
		long, _ := idnum.Upgrade15(n.Text)
		n = idnum.Parse(long)
	}
	if !n.Valid {
		return ""
	}
	return n.Text
}

func (c company) find(ref schema.RecordRef) *member {
	for i := range c {
		if c[i].ref == ref {
			return &c[i]
		}
	}
	return nil
}

// side returns the records that stand for themselves beside ref: those of its
// resident, or it alone while it has none. Anchored ones follow these.
func (c company) side(ref schema.RecordRef) []member {
	of := c.find(ref)
	if of == nil {
		return nil
	}
	var out []member
	for _, m := range c {
		if m.id == of.id || m.resident == of.resident && of.resident != uuid.Nil && len(m.anchors) == 0 {
			out = append(out, m)
		}
	}
	return out
}

// leader follows an anchored record to the record that it belongs to: its first
// living anchor, which may be anchored itself.
func (c company) leader(m member) *member {
	seen := map[int64]bool{}
	for len(m.anchors) > 0 && !seen[m.id] {
		seen[m.id] = true
		i := slices.IndexFunc(m.anchors, func(id int64) bool {
			return slices.ContainsFunc(c, func(o member) bool { return o.id == id && !o.deleted })
		})
		if i < 0 {
			return nil
		}
		next := slices.IndexFunc(c, func(o member) bool { return o.id == m.anchors[i] })
		m = c[next]
	}
	return c.find(m.ref)
}

// state names what the residents consist of, and every version of it: another
// one means that the person who decides has not seen what is there now.
func (c company) state() string {
	h := fnv.New64a()
	for _, m := range c {
		fmt.Fprintf(h, "%d/%d/%s/%t;", m.id, m.rev, m.resident, m.deleted)
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// twoNumbers returns the valid ID numbers of both sides where a join would make
// aliases of them (I3); nothing where one side has none, or they share one.
func twoNumbers(x, y []member) []string {
	numbers := func(side []member) (keys, texts []string) {
		for _, m := range side {
			// The check character adds nothing.
			if key := m.number[:min(len(m.number), 17)]; key != "" && !m.deleted && !slices.Contains(keys, key) {
				keys, texts = append(keys, key), append(texts, m.number)
			}
		}
		return keys, texts
	}
	a, atexts := numbers(x)
	b, btexts := numbers(y)
	if len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) }) {
		return nil
	}
	out := slices.Concat(atexts, btexts)
	slices.Sort(out)
	return out
}

func refsOf(list []member) []schema.RecordRef {
	out := make([]schema.RecordRef, len(list))
	for i, m := range list {
		out[i] = m.ref
	}
	return out
}

func idsOf(list []member) []int64 {
	out := make([]int64, len(list))
	for i, m := range list {
		out[i] = m.id
	}
	return out
}
