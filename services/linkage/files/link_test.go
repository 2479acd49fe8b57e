package files

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
	"heji/services/linkage"
)

// handed is a Feed of records in memory.
type handed struct {
	sources []string
	rows    []Row
	values  [][]string
	next    int
}

func (h *handed) Sources() []string               { return h.sources }
func (h *handed) Clean(_ int, text string) string { return text }

func (h *handed) Next(values []string) (Row, error) {
	if h.next == len(h.rows) {
		return Row{}, io.EOF
	}
	copy(values, h.values[h.next])
	h.next++
	return h.rows[h.next-1], nil
}

// people is a model for tests: a number that only one person has, a name, a
// town.
func people(t require.TestingT, mode string, hot int) *linkage.Model {
	text := fmt.Sprintf(`
version: people-1
mode: %s
files: {key: [id], optional: [town]%s}
prior: 0.001
thresholds: {link: 1000, review: 400, group: 300}
limits: {hot_key: %d}
exclusive: number
comparisons:
  - name: number
    comparator: identifier
    attributes: [number]
    levels: {identical: 1500, different: -400}
  - name: name
    comparator: text
    attributes: [name]
    levels: {identical: 700, levenshtein <= 1: 350, different: -500}
  - name: town
    comparator: exact
    attributes: [town]
    levels: {identical: 400, different: -200}
blocking:
  - number.value
  - name.value
  - town.value
`, mode, map[string]string{"dedupe": "", "link_only": "", "link_only_lifted": ", duplicates_within_sources: true"}[mode], hot)
	m, err := linkage.Load(strings.NewReader(strings.Replace(text, "link_only_lifted", "link_only", 1)))
	require.NoError(t, err)
	return m
}

// TestLinkIsBatch: I2. Over random small sets, with every mode and with keys
// that are hot, linking files gives exactly what one Batch over all gives.
func TestLinkIsBatch(t *testing.T) {
	t.Parallel()
	joined, refused, hot := 0, map[linkage.Reason]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]string{"dedupe", "link_only", "link_only_lifted"}).Draw(t, "mode")
		m := people(t, mode, rapid.SampledFrom([]int{3, 5, 60}).Draw(t, "hot"))
		h := &handed{sources: []string{"b", "a", "c"}}
		word := rapid.SampledFrom([]string{"anna", "anne", "ann", "bert", "", "berta"})
		for i := range rapid.IntRange(1, 40).Draw(t, "records") {
			h.rows = append(h.rows, Row{Source: rapid.IntRange(0, 2).Draw(t, "source"), Key: fmt.Sprint(97 * i % 41), Line: i})
			h.values = append(h.values, []string{
				rapid.SampledFrom([]string{"", "", "1", "2", "3"}).Draw(t, "number"), word.Draw(t, "name"),
				rapid.SampledFrom([]string{"", "ulm", "bonn", "kiel"}).Draw(t, "town")})
		}
		want, keys := atOnce(m, h)
		r, err := Derive(context.Background(), m, h)
		require.NoError(t, err)
		require.Equal(t, len(h.rows), r.Len())
		got, err := r.Link(context.Background(), nil)
		require.NoError(t, err)

		groups := map[uint32][]schema.RecordRef{}
		for i, f := range got.First {
			groups[f] = append(groups[f], h.ref(i))
		}
		var list [][]schema.RecordRef
		for f, g := range groups {
			slices.SortFunc(g, linkage.CompareRefs)
			require.Equal(t, g[0], h.ref(int(f)), "an entity is called by its first record")
			list = append(list, g)
		}
		slices.SortFunc(list, func(x, y []schema.RecordRef) int { return linkage.CompareRefs(x[0], y[0]) })
		require.Equal(t, want.Groups, list)

		var edges []linkage.Edge
		for _, p := range got.Review {
			edges = append(edges, linkage.Edge{A: h.ref(p.A), B: h.ref(p.B), Weight: p.Weight, Reason: p.Reason})
			refused[p.Reason]++
		}
		slices.SortFunc(edges, func(x, y linkage.Edge) int {
			if c := linkage.CompareRefs(x.A, y.A); c != 0 {
				return c
			}
			return linkage.CompareRefs(x.B, y.B)
		})
		require.Equal(t, want.Edges, edges)
		require.Equal(t, keys, got.Stats.Keys)
		require.Equal(t, len(list), got.Stats.Entities)
		ties(t, r, got)
		joined += len(h.rows) - len(list)
		hot += got.Stats.HotKeys
	})
	require.Positive(t, joined)
	require.Positive(t, hot)
	for _, why := range []linkage.Reason{linkage.BelowLink, linkage.TwoIDs, linkage.OneSource, linkage.GroupRule} {
		require.Positive(t, refused[why], "the sets show pairs that stay apart for this reason: %s", why)
	}
}

func (h *handed) ref(i int) schema.RecordRef {
	return schema.RecordRef{Platform: h.sources[h.rows[i].Source], Key: h.rows[i].Key}
}

// atOnce is the definition.
func atOnce(m *linkage.Model, h *handed) (linkage.Result, int) {
	var items []linkage.Item
	distinct := map[int64]bool{}
	for i := range h.rows {
		it := linkage.Item{Ref: h.ref(i), F: m.AppendFeatures(nil, h.values[i], nil)}
		it.Keys = m.AppendKeys(nil, it.F)
		for _, k := range it.Keys {
			distinct[k] = true
		}
		items = append(items, it)
	}
	return linkage.Batch(m, items, nil, linkage.HotKeys(m.Limits().HotKey, items)), len(distinct)
}

// ties checks the strongest pair of each record against all pairs of its entity.
// Pairs without a common key are not known to the linker, so a tie may be less
// than the best, and is never more.
func ties(t *rapid.T, r *Records, got *Result) {
	for i, f := range got.First {
		best, mates := none, 0
		for j, g := range got.First {
			if g == f && i != j {
				mates++
				best = max(best, r.Model().Weigh(r.Features(i), r.Features(j)).Total)
			}
		}
		tie, ok := got.Tie(i)
		require.Equal(t, mates > 0, ok)
		if ok {
			require.GreaterOrEqual(t, tie, r.Model().Limits().Link, "who joined had a link")
			require.LessOrEqual(t, tie, best)
		}
	}
}

// TestManyRecordsOfManyChunks: what crosses the borders of chunks, buckets and
// blocks is what Batch says.
func TestManyRecordsOfManyChunks(t *testing.T) {
	t.Parallel()
	m := people(t, "dedupe", 60)
	h := &handed{sources: []string{"s"}}
	const n = 3*chunkRecords + 17
	for i := range n {
		person := i * 7919 % (n / 3)
		h.rows = append(h.rows, Row{Key: fmt.Sprint(i), Line: i})
		h.values = append(h.values, []string{fmt.Sprint(person), fmt.Sprint("name", person%1000), fmt.Sprint("town", person%30)})
	}
	want, keys := atOnce(m, h)
	r, err := Derive(t.Context(), m, h)
	require.NoError(t, err)
	got, err := r.Link(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, want.Groups, got.Stats.Entities)
	require.Equal(t, keys, got.Stats.Keys)
	require.Positive(t, got.Stats.HotKeys, "a town of hundreds")
	first := map[string]string{}
	for _, g := range want.Groups {
		for _, ref := range g {
			first[ref.Key] = g[0].Key
		}
	}
	for i := range n {
		require.Equal(t, first[r.Key(i)], r.Key(int(got.First[i])))
	}
}

func TestLinkStopsWhenTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	h := &handed{sources: []string{"s"}, rows: []Row{{Key: "1"}, {Key: "2"}}, values: [][]string{{"1", "a"}, {"1", "a"}}}
	m := people(t, "dedupe", 60)
	r, err := Derive(ctx, m, h)
	require.NoError(t, err)
	cancel()
	_, err = r.Link(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
	h.next = 0
	_, err = Derive(ctx, m, h)
	require.ErrorIs(t, err, context.Canceled)
}

func TestSeen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s seen
		s.round = ^uint32(0) - 2 // soon comes round
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			s.forget()
			want := map[uint32]bool{}
			for _, x := range rapid.SliceOfN(rapid.Uint32Range(0, 300), 0, 400).Draw(t, "records") {
				require.Equal(t, !want[x], s.add(x))
				want[x] = true
			}
		}
	})
}

// FuzzRecords: two files of any bytes, read with the model for residents and
// linked, or an error that names one of them.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("id,name,birth_date\n1,张伟,1984-03-07\n2,张偉,19840307\n"), []byte("编号,姓名,身份证号\nx,王某之女,190101198403071211\n"))
	f.Add([]byte("id,name\n1,\xff\n"), []byte("id,phone,residence\n1,+86,3-1-501\n"))
	f.Add([]byte(""), []byte("id\n"))
	f.Fuzz(func(t *testing.T, one, other []byte) {
		dir := t.TempDir()
		paths := []string{filepath.Join(dir, "one.csv"), filepath.Join(dir, "other.csv")}
		require.NoError(t, os.WriteFile(paths[0], one, 0o600))
		require.NoError(t, os.WriteFile(paths[1], other, 0o600))
		in, err := OpenInput(linkage.Default(), paths, Auto)
		if err != nil {
			require.Regexp(t, `one\.csv|other\.csv`, err.Error())
			return
		}
		records, err := in.Records(t.Context())
		if err != nil {
			require.Regexp(t, `one\.csv|other\.csv`, err.Error())
			return
		}
		result, err := records.Link(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, result.First, records.Len())
		var links bytes.Buffer
		require.NoError(t, WriteLinks(&links, records, result))
		require.NoError(t, WriteReview(io.Discard, records, result.Review))
	})
}
