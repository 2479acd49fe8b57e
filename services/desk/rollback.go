package desk

import (
	"errors"
	"net/http"
	"time"

	"heji/services/crypt"
	"heji/services/store"
)

// rollbackBody is what POST /api/v1/platforms/{id}/rollback takes.
type rollbackBody struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Dry  bool      `json:"dry_run"`
	Who  string    `json:"who"`
	Why  string    `json:"why"`
}

// RollbackReply is store.Rollback in words.
type RollbackReply struct {
	store.Rollback
	Platform string         `json:"platform"`
	Dry      bool           `json:"dry_run"`
	Waits    string         `json:"waits,omitempty"` // why nothing leaves yet
	Said     []RollbackSaid `json:"said"`
}

// RollbackSaid is one line of it.
type RollbackSaid struct {
	Label string  `json:"label"`
	Word  string  `json:"word"`
	Count int64   `json:"count"`
	Rows  []int64 `json:"rows"`
}

// postRollback answers POST /api/v1/platforms/{id}/rollback: what was written to
// the platform in a time is taken back where it is still shown.
func (d *Desk) postRollback(r *http.Request, l Lang) (answer, error) {
	var b rollbackBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	p, err := d.openPlatform(r.Context(), r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	who, ok := named(b.Who)
	switch {
	case !ok:
		return answer{}, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	case b.Why == "" || len(b.Why) > 1500:
		return answer{}, fail(http.StatusUnprocessableEntity, "rollback_why")
	case b.From.IsZero() || b.To.IsZero() || !b.From.Before(b.To):
		return answer{}, fail(http.StatusUnprocessableEntity, "rollback_time")
	case !p.Writable:
		return answer{}, fail(http.StatusConflict, "not_writable", "platform", p.Name)
	case d.o.Kept == nil:
		return answer{}, errors.New("this process has not been given the keys of what is kept of writes")
	}
	stopped, err := d.o.Store.WritesStopped(r.Context())
	if err != nil {
		return answer{}, err
	}
	report, err := d.o.Store.RollBack(r.Context(), store.RollbackWish{Platform: p.ID, From: b.From, To: b.To, Who: who, Why: b.Why, Dry: b.Dry}, d.o.Kept)
	if errors.Is(err, crypt.ErrSealed) {
		return answer{}, fail(http.StatusConflict, "rollback_keys")
	}
	if err != nil {
		return answer{}, err
	}
	reply := RollbackReply{Rollback: report, Platform: p.ID, Dry: b.Dry, Said: []RollbackSaid{}}
	for _, x := range report.Lines {
		said := RollbackSaid{Label: l.T("rollback.row"), Word: l.T("rollback.back"), Count: x.Count, Rows: x.Rows}
		if x.Attribute != "" {
			said.Label = l.Attribute(x.Attribute)
		}
		if x.Left != "" {
			said.Word = l.T("rollback.left." + string(x.Left))
		}
		reply.Said = append(reply.Said, said)
	}
	switch {
	case stopped:
		reply.Waits = l.T("rollback.waits.stopped")
	case p.Paused:
		reply.Waits = l.T("rollback.waits.paused")
	case !p.Stage.Writes():
		reply.Waits = l.T("rollback.waits.stage")
	}
	return answer{status: http.StatusOK, body: reply}, nil
}
