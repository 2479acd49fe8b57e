package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"heji/services/crypt"
)

// Note is one thing that happened.
type Note struct {
	At       time.Time // in microseconds
	Who      string    // an account, a name that was given, or Hub
	Did      string    // what: "read", "entry", "platform.step", …
	What     string    // to what: kind/id
	Platform string
	Why      string
	Detail   string // JSON: ids and counts
}

// Row is a note in its place of the chain.
type Row struct {
	Note
	Seq    int64
	NoteID int64  // the id that the note had
	Hash   string // the algorithm
	Sum    []byte
}

// long runs of digits are numbers of people more often than anything else.
var digits = regexp.MustCompile(`[0-9０-９]{6,}[Xx]?`)

// Reason makes a reason fit to be kept: in one line, of bounded length, without
// numbers that could be somebody's.
func Reason(text string) string {
	text = digits.ReplaceAllString(strings.Join(strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")), " "), "…")
	if r := []rune(text); len(r) > 500 {
		text = string(r[:500])
	}
	return text
}

// content is what is hashed: every field with its length, so that no text can move
// from one into the next.
func (r Row) content() []byte {
	var b []byte
	for _, f := range []string{r.Hash, strconv.FormatInt(r.Seq, 10), strconv.FormatInt(r.NoteID, 10),
		r.At.UTC().Format("2006-01-02T15:04:05.000000Z"), r.Who, r.Did, r.What, r.Platform, r.Why, r.Detail} {
		b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
	}
	return b
}

// Link computes the hash of a row behind the one whose hash is before.
func (r Row) Link(before []byte) ([]byte, error) {
	b := append(binary.AppendUvarint(nil, uint64(len(before))), before...)
	return crypt.Sum(r.Hash, append(b, r.content()...))
}

// Head is where a chain ended at some time. Noted where whoever could change the
// chain cannot change it, it proves everything up to it.
type Head struct {
	Seq int64
	Sum []byte
}

// String writes a head as ParseHead reads it.
func (h Head) String() string {
	return strconv.FormatInt(h.Seq, 10) + ":" + base64.RawURLEncoding.EncodeToString(h.Sum)
}

// ParseHead reads number:hash.
func ParseHead(text string) (Head, error) {
	seq, sum, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	raw, bad := base64.RawURLEncoding.Strict().DecodeString(sum)
	if !ok || err != nil || bad != nil || n < 0 || len(raw) == 0 {
		return Head{}, fmt.Errorf("%q is no head of an audit chain: it is a number, a colon and a hash, as heji audit verify prints it", text)
	}
	return Head{n, raw}, nil
}

// Broken says where a chain is not what it was.
type Broken struct {
	Seq  int64
	Says string
}

func (b *Broken) Error() string {
	return fmt.Sprintf("the audit chain is broken at row %d: %s", b.Seq, b.Says)
}

// Walk checks rows as they come, from the first that is kept.
type Walk struct {
	end    Head
	heads  map[int64][]byte
	latest int64
}

// NewWalk begins behind a head (the zero one where nothing was ever closed) and
// compares with heads that were noted.
func NewWalk(behind Head, noted []Head) (*Walk, error) {
	w := &Walk{end: behind, heads: map[int64][]byte{}}
	for _, h := range noted {
		if was, ok := w.heads[h.Seq]; ok && !bytes.Equal(was, h.Sum) {
			return nil, &Broken{h.Seq, "two noted heads of this number differ"}
		}
		w.heads[h.Seq], w.latest = h.Sum, max(w.latest, h.Seq)
	}
	return w, w.compare()
}

func (w *Walk) compare() error {
	if sum, ok := w.heads[w.end.Seq]; ok && !bytes.Equal(sum, w.end.Sum) {
		return &Broken{w.end.Seq, "its hash is not the one that was noted: this row, or one before it, was written anew"}
	}
	return nil
}

// Next checks one row.
func (w *Walk) Next(r Row) error {
	if r.Seq != w.end.Seq+1 {
		return &Broken{w.end.Seq + 1, fmt.Sprintf("it is missing: row %d comes next", r.Seq)}
	}
	sum, err := r.Link(w.end.Sum)
	if err != nil {
		return &Broken{r.Seq, err.Error()}
	}
	if !bytes.Equal(sum, r.Sum) {
		return &Broken{r.Seq, "its content does not fit its hash: it was changed, or what was before it was"}
	}
	w.end = Head{r.Seq, r.Sum}
	return w.compare()
}

// End is called behind the last row, and returns the chain's head.
func (w *Walk) End() (Head, error) {
	if w.latest > w.end.Seq {
		return w.end, &Broken{w.end.Seq + 1, fmt.Sprintf("it is missing with all that followed: the chain had reached row %d", w.latest)}
	}
	return w.end, nil
}
