package desk

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// HeldField is a field of a platform's row that waits for a person: what the
// platform shows, and what was sent to it. Both are in the platform's own
// spelling, numbers masked.
type HeldField struct {
	Attribute schema.Attribute  `json:"attribute"`
	Kind      lineage.FlagKind  `json:"kind"` // contested, not_taken, refused, rolled_back
	Message   string            `json:"message"`
	Shown     string            `json:"shown"`
	Sent      string            `json:"sent,omitempty"`
	Words     string            `json:"words,omitempty"` // the platform's own, where it refused
	Verdicts  []lineage.Verdict `json:"verdicts"`        // what can be said of it
}

// heldFields lists what waits for a person in a row, in display order.
func (l Lang) heldFields(row lineage.Row) []HeldField {
	out := []HeldField{}
	flags := row.Flags()
	for _, d := range visible {
		f, ok := flags[d.Name]
		if !ok {
			continue
		}
		h := HeldField{Attribute: d.Name, Kind: f.Kind, Message: l.T("held."+string(f.Kind), "attribute", l.Attribute(d.Name)), Words: f.Words,
			Shown: veiled(d.Name, row.Raw[d.Name])}
		if sent := row.Lineage.Fields[d.Name].Sent; sent != nil {
			h.Sent = veiled(d.Name, sent.Raw)
		}
		for _, v := range []lineage.Verdict{lineage.AsRendition, lineage.AsTheirs, lineage.WriteAgain} {
			if _, _, err := lineage.Resolve(row, d.Name, v); err == nil {
				h.Verdicts = append(h.Verdicts, v)
			}
		}
		out = append(out, h)
	}
	return out
}

// verdictBody is what POST /api/v1/targets/{platform}/{key}/fields/{attribute} takes.
type verdictBody struct {
	Verdict lineage.Verdict `json:"verdict"`
	// Column says a rendition of every row of the platform that waits with the same
	// two texts.
	Column bool   `json:"column,omitempty"`
	Who    string `json:"who"`
	Why    string `json:"why"`
}

// postVerdict answers POST /api/v1/targets/{platform}/{key}/fields/{attribute}: a
// person says what a contested, refused or not taken field is.
func (d *Desk) postVerdict(r *http.Request, _ Lang) (answer, error) {
	var b verdictBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	reply, err := d.verdict(r.Context(), schema.RecordRef{Platform: r.PathValue("platform"), Key: r.PathValue("key")}, schema.Attribute(r.PathValue("attribute")), b)
	return answer{status: http.StatusOK, body: reply}, err
}

func (d *Desk) verdict(ctx context.Context, of schema.RecordRef, a schema.Attribute, b verdictBody) (reply VerdictReply, err error) {
	if _, err := d.openPlatform(ctx, of.Platform); err != nil {
		return reply, err
	}
	who, ok := named(b.Who)
	if !ok {
		return reply, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	c := store.Choice{A: of, Attribute: a, Value: string(b.Verdict), Who: who, Why: b.Why}
	reply.Rows = 1
	if b.Column && b.Verdict == lineage.AsRendition {
		reply.ID, reply.Rows, err = d.o.Store.ColumnVerdict(ctx, c, d.o.Keys)
	} else {
		reply.ID, err = d.o.Store.FieldVerdict(ctx, c, d.o.Keys)
	}
	if errors.Is(err, lineage.ErrNotFlagged) || errors.Is(err, lineage.ErrVerdict) {
		return reply, fail(http.StatusConflict, "not_flagged")
	}
	return reply, err
}

// verdictForm answers POST /residents/{id}/fields, the buttons of a resident's
// page. The row is named by its place in the store, not by its key: that may be an
// ID number.
func (d *Desk) verdictForm(r *http.Request, _ Lang) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return store.ErrNotFound
	}
	view, err := d.livingView(r.Context(), id)
	if err != nil {
		return err
	}
	record, err := strconv.ParseInt(r.PostForm.Get("record"), 10, 64)
	if err != nil {
		return fail(http.StatusConflict, "not_flagged")
	}
	for _, rec := range view.Records {
		if rec.ID == record {
			_, err := d.verdict(r.Context(), rec.Ref, schema.Attribute(r.PostForm.Get("attribute")), verdictBody{Verdict: lineage.Verdict(r.PostForm.Get("verdict")),
				Column: r.PostForm.Get("column") != "", Who: r.PostForm.Get("who"), Why: r.PostForm.Get("why")})
			return err
		}
	}
	return fail(http.StatusConflict, "not_flagged")
}
