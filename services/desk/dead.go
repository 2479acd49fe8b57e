package desk

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"heji/schema"
	"heji/services/store"
)

// DeadRecord is one row that was set aside, with its reason.
type DeadRecord struct {
	ID           int64           `json:"id"`
	Platform     string          `json:"platform"`
	PlatformName string          `json:"platform_name"`
	Stage        string          `json:"stage"`
	Key          string          `json:"key,omitempty"`
	Place        string          `json:"place,omitempty"`
	Problem      schema.Problem  `json:"problem"`
	Message      string          `json:"message"`
	Times        int             `json:"times"`
	At           string          `json:"at"`       // when it was last read like this
	FirstAt      string          `json:"first_at"` // and first
	State        store.DeadState `json:"state"`    // open, asked, mended, dropped
	StateWord    string          `json:"state_word"`
	// Shown is the key as a page shows it, and Last is At.
	Shown  string    `json:"-"`
	Last   time.Time `json:"-"`
	DoneAt string    `json:"done_at,omitempty"`
	Who    string    `json:"who,omitempty"`
	Why    string    `json:"why,omitempty"`
}

// manyDigits is what may be a number of a person, right or wrong.
var manyDigits = regexp.MustCompile(`[0-9]{11}`)

// deadLimit is how many dead records one answer holds.
const deadLimit = 200

// getDead answers GET /api/v1/dead?platform=&all=1: what waits, and with all also
// what was mended or dropped.
func (d *Desk) getDead(r *http.Request, l Lang) (answer, error) {
	reply, err := d.dead(r.Context(), l, r.URL.Query().Get("platform"), r.URL.Query().Get("all") != "")
	return answer{status: http.StatusOK, body: reply}, err
}

// dead reads what was set aside at a platform, "" at all of them.
func (d *Desk) dead(ctx context.Context, l Lang, platform string, all bool) (DeadReply, error) {
	platforms, err := d.o.Store.Platforms(ctx)
	if err != nil {
		return DeadReply{}, err
	}
	list, err := d.o.Store.DeadRecords(ctx, platform, all, deadLimit)
	if err != nil {
		return DeadReply{}, err
	}
	counts, err := d.o.Store.DeadCounts(ctx)
	if err != nil {
		return DeadReply{}, err
	}
	out, shown := []DeadRecord{}, map[string]map[store.DeadState]int64{}
	for _, p := range platforms {
		if n := counts[p.ID]; n != nil && (open(p) || p.ID == deskPlatform) { // I7
			shown[p.ID] = n
		}
	}
	for _, x := range list {
		name := ""
		for _, p := range platforms {
			if p.ID == x.Platform && (open(p) || p.ID == deskPlatform) {
				name = l.Platform(p)
			}
		}
		if name == "" {
			continue // I7
		}
		row := DeadRecord{ID: x.ID, Platform: x.Platform, PlatformName: name, Stage: x.Stage, Key: x.Key, Place: x.Place,
			Problem: x.Problem, Message: l.problem(x.Problem), Times: x.Times, At: x.At.Format(time.RFC3339), FirstAt: x.FirstAt.Format(time.RFC3339),
			State: x.State, StateWord: l.T("dead.state." + string(x.State)), Who: x.Who, Why: x.Why}
		row.Shown, row.Last = x.Key, x.At
		if manyDigits.MatchString(x.Key) { // perhaps a number, and perhaps a wrong one
			row.Shown = mask(x.Key)
		}
		if x.DoneAt != nil {
			row.DoneAt = x.DoneAt.Format(time.RFC3339)
		}
		out = append(out, row)
	}
	return DeadReply{out, shown}, nil
}

// personBody names who asks for something, and why.
type personBody struct {
	Who string `json:"who"`
	Why string `json:"why"`
}

// person reads the body of a request that is made in somebody's name.
func person(r *http.Request) (who, why string, err error) {
	var b personBody
	if err := decode(r, &b); err != nil {
		return "", "", err
	}
	who, ok := named(b.Who)
	if !ok {
		return "", "", fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	if len([]rune(b.Why)) > 500 {
		return "", "", fail(http.StatusUnprocessableEntity, "why")
	}
	return who, b.Why, nil
}

// deadOf finds one row that was set aside at a platform that may be seen (I7).
func (d *Desk) deadOf(r *http.Request) (store.DeadRecord, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return store.DeadRecord{}, store.ErrNotFound
	}
	dead, err := d.o.Store.DeadRecord(r.Context(), id)
	if err != nil || dead.Platform == deskPlatform {
		return dead, err
	}
	_, err = d.openPlatform(r.Context(), dead.Platform)
	return dead, err
}

// postDead answers POST /api/v1/dead/{id}/retry and /drop.
func (d *Desk) postDead(drop bool) func(r *http.Request, l Lang) (answer, error) {
	return func(r *http.Request, _ Lang) (answer, error) {
		who, why, err := person(r)
		if err != nil {
			return answer{}, err
		}
		done, err := d.decideDead(r, drop, who, why)
		return answer{status: http.StatusOK, body: done}, err
	}
}

// decideDead has one row read again, or leaves it out for good.
func (d *Desk) decideDead(r *http.Request, drop bool, who, why string) (DeadDone, error) {
	dead, err := d.deadOf(r)
	if err != nil {
		return DeadDone{}, err
	}
	state, whole := store.DeadDropped, []string(nil)
	if drop {
		err = d.o.Store.DropDead(r.Context(), []int64{dead.ID}, who, why)
	} else {
		state = store.DeadAsked
		whole, err = d.o.Store.RetryDead(r.Context(), []int64{dead.ID}, who, why)
		d.pullNow(dead.Platform)
	}
	if errors.Is(err, store.ErrDone) {
		err = fail(http.StatusConflict, "dead_done")
	}
	return DeadDone{dead.ID, dead.Platform, state, len(whole) > 0}, err
}

// postResync answers POST /api/v1/platforms/{id}/resync: the platform is read
// whole again.
func (d *Desk) postResync(r *http.Request, _ Lang) (answer, error) {
	who, why, err := person(r)
	if err != nil {
		return answer{}, err
	}
	reply, err := d.resync(r, who, why)
	return answer{status: http.StatusAccepted, body: reply}, err
}

func (d *Desk) resync(r *http.Request, who, why string) (ResyncReply, error) {
	p, err := d.openPlatform(r.Context(), r.PathValue("id"))
	if err != nil {
		return ResyncReply{}, err
	}
	if err := d.o.Store.Reread(r.Context(), p.ID, who, why); err != nil {
		return ResyncReply{}, err
	}
	d.pullNow(p.ID)
	return ResyncReply{p.ID, true}, nil
}

// pullNow asks pull to look now, where it runs in this process.
func (d *Desk) pullNow(platform string) {
	if d.o.Wake != nil {
		d.o.Wake(platform)
	}
}

// routeKit is the API behind heji platform.
func (d *Desk) routeKit(mux *http.ServeMux) {
	for route, f := range map[string]func(*http.Request, Lang) (answer, error){
		"POST /api/v1/platforms/{id}/resync":   d.postResync,
		"POST /api/v1/platforms/{id}/open":     d.postOpen,
		"POST /api/v1/platforms/{id}/rollback": d.postRollback,
		"POST /api/v1/dead/{id}/retry":         d.postDead(false),
		"POST /api/v1/dead/{id}/drop":          d.postDead(true),
	} {
		mux.HandleFunc(route, d.api(f))
	}
}
