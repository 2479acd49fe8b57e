package files

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"heji/services/linkage"
	"heji/services/linkage/comparator"
)

// chunkRecords is how many records are derived at once. A power of two, so that
// finding a record is a shift and a mask.
const (
	chunkBits    = 12
	chunkRecords = 1 << chunkBits
)

// Records are many records as linking needs them, in the order in which they were
// read: features, blocking keys, and what their source calls them. Values are
// not kept. A million residents take some 350 MB.
type Records struct {
	model   *linkage.Model
	sources []string
	chunks  []chunk
	n       int
}

// chunk holds chunkRecords records, the last one perhaps fewer. Each ends slice
// says where a record's part of the slice before it ends.
type chunk struct {
	features    []byte
	featureEnds []uint32
	keys        []int64
	keyEnds     []uint32
	names       []byte
	nameEnds    []uint32
	source      []uint16
	lines       []uint32
}

// Feed hands out records one after the other.
type Feed interface {
	// Sources are the names of all sources.
	Sources() []string
	// Next puts a record's values, in the order of Model.Attributes, into values,
	// and returns its source by index, its key and its line. io.EOF after the last.
	Next(values []string) (Row, error)
	// Clean brings a value of an attribute into the form that is compared. It is
	// called by several goroutines at once.
	Clean(attribute int, text string) string
}

// Row is where a record came from.
type Row struct {
	Source int
	Key    string
	Line   int
}

// Len returns the number of records.
func (r *Records) Len() int { return r.n }

// Model returns the model that derived the features.
func (r *Records) Model() *linkage.Model { return r.model }

// Sources returns the names of the sources.
func (r *Records) Sources() []string { return r.sources }

// Features returns the features of a record. The bytes are shared.
func (r *Records) Features(i int) linkage.Features {
	c, k := &r.chunks[i>>chunkBits], i&(chunkRecords-1)
	return c.features[start(c.featureEnds, k):c.featureEnds[k]]
}

// Source returns the index of a record's source.
func (r *Records) Source(i int) int { return int(r.chunks[i>>chunkBits].source[i&(chunkRecords-1)]) }

// Key returns what its source calls a record.
func (r *Records) Key(i int) string { return string(r.name(uint32(i))) }

// Line returns where a record starts in its file, 0 where it has none.
func (r *Records) Line(i int) int { return int(r.chunks[i>>chunkBits].lines[i&(chunkRecords-1)]) }

func (r *Records) name(i uint32) []byte {
	c, k := &r.chunks[i>>chunkBits], int(i&(chunkRecords-1))
	return c.names[start(c.nameEnds, k):c.nameEnds[k]]
}

func start(ends []uint32, k int) uint32 {
	if k == 0 {
		return 0
	}
	return ends[k-1]
}

// batch is a chunk on its way in.
type batch struct {
	at     int
	values []string // chunkRecords times the number of attributes
	rows   []Row
}

// Derive reads all records of a feed and derives their features and keys, on
// all processors.
func Derive(ctx context.Context, m *linkage.Model, feed Feed) (*Records, error) {
	r := &Records{model: m, sources: feed.Sources()}
	width := len(m.Attributes())
	workers := runtime.GOMAXPROCS(0)
	full, empty := make(chan *batch), make(chan *batch, workers+1)
	for range workers + 1 {
		empty <- &batch{values: make([]string, chunkRecords*width), rows: make([]Row, 0, chunkRecords)}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			d := deriver{model: m, feed: feed, width: width}
			for b := range full {
				c := d.derive(b)
				mu.Lock()
				for len(r.chunks) <= b.at {
					r.chunks = append(r.chunks, chunk{})
				}
				r.chunks[b.at] = c
				mu.Unlock()
				b.rows = b.rows[:0]
				empty <- b
			}
		})
	}
	err := r.read(ctx, feed, width, full, empty)
	close(full)
	all.Wait()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	return r, nil
}

// read fills batches until the feed ends.
func (r *Records) read(ctx context.Context, feed Feed, width int, full chan<- *batch, empty <-chan *batch) error {
	for at := 0; ; at++ {
		b := <-empty
		b.at = at
		var err error
		for err == nil && len(b.rows) < chunkRecords {
			k := len(b.rows) * width
			var row Row
			if row, err = feed.Next(b.values[k : k+width]); err == nil {
				b.rows = append(b.rows, row)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		r.n += len(b.rows)
		if len(b.rows) > 0 {
			full <- b
		}
		if err != nil || ctx.Err() != nil {
			return nil
		}
	}
}

// deriver is one worker's memory.
type deriver struct {
	model    *linkage.Model
	feed     Feed
	width    int
	memo     comparator.Memo
	features []byte
	names    []byte
	keys     []int64
}

func (d *deriver) derive(b *batch) chunk {
	n := len(b.rows)
	c := chunk{featureEnds: make([]uint32, n), keyEnds: make([]uint32, n), nameEnds: make([]uint32, n),
		source: make([]uint16, n), lines: make([]uint32, n)}
	d.features, d.names, d.keys = d.features[:0], d.names[:0], d.keys[:0]
	for i, row := range b.rows {
		values := b.values[i*d.width : (i+1)*d.width]
		for k, v := range values {
			values[k] = d.feed.Clean(k, v)
		}
		from := len(d.features)
		d.features = d.model.AppendFeatures(d.features, values, &d.memo)
		d.keys = d.model.AppendKeys(d.keys, d.features[from:])
		d.names = append(d.names, row.Key...)
		c.featureEnds[i], c.keyEnds[i], c.nameEnds[i] = uint32(len(d.features)), uint32(len(d.keys)), uint32(len(d.names))
		c.source[i], c.lines[i] = uint16(row.Source), uint32(row.Line)
	}
	// Exactly as much as is needed: these stay until the end.
	c.features, c.names, c.keys = exact(d.features), exact(d.names), exact(d.keys)
	return c
}

func exact[T any](s []T) []T {
	out := make([]T, len(s))
	copy(out, s)
	return out
}
