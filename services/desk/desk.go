package desk

import (
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/access"
	"heji/services/lineage"
	"heji/services/linkage"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/survivorship"
	"heji/services/telemetry"
)

// Options say what the desk works with.
type Options struct {
	Store    *store.Store
	Registry *registry.Registry
	Metrics  *telemetry.Metrics // nil: requests are not measured
	Logger   *slog.Logger
	Wake     func(platform string) // asks pull for the desk's entries now; nil: its sweep finds them
	Today    func() time.Time      // nil: time.Now; its zone is the one of the pages
	Model    *linkage.Model        // nil: linkage.Default
	// Keys makes the blocking keys of own values that a verdict has changed.
	Keys func(schema.Values) []int64
	// Kept reads what is kept, encrypted, of a write.
	Kept  func(intent uuid.UUID, sealed string) ([]lineage.Written, error)
	Rules survivorship.Rules // zero: survivorship.DefaultRules
	// Ring keeps the secrets of second factors; nil: none can be set up.
	Ring Sealer
	// OIDC is where people may log in as well; nil: with a password here only.
	OIDC *access.OIDC
	// Public is the address that people open, where it is not this machine; nil:
	// the desk answers on loopback names only.
	Public *url.URL
	// Proxies are those whose word about where a request comes from is believed.
	Proxies []netip.Prefix
}

// Sealer encrypts what is kept: about says what it belongs to, and Open needs the
// same.
type Sealer interface {
	Seal(plain []byte, about string) (string, error)
	Open(sealed, about string) ([]byte, error)
}

// Desk serves staff: the JSON API and the pages.
type Desk struct {
	o      Options
	pages  map[string]*template.Template
	oidc   *access.OIDCClient // nil: nobody logs in elsewhere
	closed atomic.Bool        // there are accounts: everybody logs in

	imports chan struct{} // something is to be entered
	retried recently      // rows that were asked for once more
	lately  lately        // what the audit trail has of this minute's reading
	tally   tally         // the figures of the whole store
}

// New prepares a desk. It starts nothing.
func New(o Options) (*Desk, error) {
	if o.Store == nil || o.Registry == nil || o.Logger == nil {
		return nil, errors.New("the desk needs a store, a registry and a logger")
	}
	if o.Today == nil {
		o.Today = time.Now
	}
	if o.Model == nil {
		o.Model = linkage.Default()
	}
	if o.Rules.Version == 0 {
		o.Rules = survivorship.DefaultRules()
	}
	pages, err := parsePages()
	if err != nil {
		return nil, fmt.Errorf("prepare the desk's pages: %w", err)
	}
	d := &Desk{o: o, pages: pages, imports: make(chan struct{}, 1)}
	if o.OIDC != nil {
		d.oidc = access.NewOIDCClient(*o.OIDC)
	}
	return d, nil
}

// Handler serves everything of the desk. While there is no account it answers
// on this machine only.
func (d *Desk) Handler() http.Handler {
	mux := http.NewServeMux()
	d.routeLogin(mux)
	d.routeAPI(mux)
	d.routeOpenAPI(mux)
	d.routeHomes(mux)
	d.routeStart(mux)
	d.routePlatform(mux)
	d.routeRelink(mux)
	d.routeParcels(mux)
	d.routeKit(mux)
	d.routeRisks(mux)
	d.routeVeil(mux)
	d.routeHandovers(mux)
	d.routeStaff(mux)
	d.routeAccounts(mux)
	d.routeImports(mux)
	d.routeAudit(mux)
	d.routeLadder(mux)
	d.routeStatement(mux)
	d.routePages(mux)
	d.routeBrakes(mux)
	d.routeDrafts(mux)
	d.routeRetry(mux)
	d.routeProposals(mux)
	return d.guard(mux)
}

func (d *Desk) routeAPI(mux *http.ServeMux) {
	for route, f := range map[string]func(*http.Request, Lang) (answer, error){
		"GET /api/v1/attributes":                                   d.getAttributes,
		"GET /api/v1/residents":                                    d.searchResidents,
		"POST /api/v1/residents":                                   d.createResident,
		"PATCH /api/v1/residents/{id}":                             d.changeResident,
		"GET /api/v1/residents/{id}/targets":                       d.getTargets,
		"GET /api/v1/entries/{request}":                            d.getEntry,
		"GET /api/v1/platforms":                                    d.getPlatforms,
		"POST /api/v1/platforms/{id}/stage":                        d.postStage,
		"POST /api/v1/platforms/{id}/agreement":                    d.postAgreement,
		"POST /api/v1/targets/{platform}/{key}/fields/{attribute}": d.postVerdict,
		"POST /api/v1/platforms/{id}/pause":                        d.postPause(true),
		"POST /api/v1/platforms/{id}/resume":                       d.postPause(false),
		"POST /api/v1/writes/stop":                                 d.postWrites(true),
		"POST /api/v1/writes/resume":                               d.postWrites(false),
		"GET /api/v1/reviews":                                      d.getReviews,
		"GET /api/v1/reviews/{x}/{y}":                              d.getPair,
		"GET /api/v1/reviews/{x}/{y}/effect":                       d.getPairEffect,
		"GET /api/v1/reviews/{x}/{y}/actions":                      d.getPairActions,
		"GET /api/v1/residents/{id}/merges":                        d.getMerges,
		"GET /api/v1/residents/{id}/actions":                       d.getResidentActions,
		"GET /api/v1/residents/{id}/effect":                        d.getResidentEffect,
		"POST /api/v1/residents/{id}/split":                        d.postSplit,
		"POST /api/v1/residents/{id}/unmerge":                      d.postUnmerge,
		"GET /api/v1/actions/{id}":                                 d.getAction,
		"GET /api/v1/actions/{id}/effect":                          d.getActionEffect,
		"POST /api/v1/actions/{id}/undo":                           d.postUndo,
		"POST /api/v1/decisions":                                   d.postDecision,
		"DELETE /api/v1/decisions/{id}":                            d.deleteDecision,
		"GET /api/v1/dead":                                         d.getDead,
	} {
		mux.HandleFunc(route, d.api(f))
	}
	mux.HandleFunc("GET /api/v1/residents/{id}", d.getResident)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) { d.refuse(w, r, http.StatusNotFound, "no_route") })
}

func (d *Desk) routePages(mux *http.ServeMux) {
	for route, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":                   d.homePage,
		"GET /hits":                  d.hitsPart,
		"GET /buildings":             d.buildingsPage,
		"GET /buildings/chart":       d.chartPage,
		"GET /dwellings":             d.dwellingPage,
		"GET /dwellings/pick":        d.picksPart,
		"GET /residents/new":         d.newPage,
		"POST /residents/new":        d.newPost,
		"POST /residents/alike":      d.alikePart,
		"GET /residents/{id}":        d.residentPage,
		"GET /residents/{id}/edit":   d.editPage,
		"POST /residents/{id}/edit":  d.editPost,
		"GET /entries/{request}":     d.entryPage,
		"GET /platforms":             d.platformsPage,
		"GET /reviews":               d.reviewsPage,
		"GET /reviews/next":          d.nextReview,
		"GET /reviews/{x}/{y}":       d.pairPage,
		"POST /reviews/{x}/{y}":      d.pairPost,
		"GET /residents/{id}/split":  d.splitPage,
		"POST /residents/{id}/split": d.splitPost,
		"GET /actions/{id}":          d.actionPage,
		"POST /actions/{id}/undo":    d.undoPost,
	} {
		mux.HandleFunc(route, d.html(f))
	}
	for route, do := range map[string]func(*http.Request, Lang) error{
		"POST /platforms/{id}/stage": func(r *http.Request, _ Lang) error {
			b, err := stepForm(r)
			if err != nil {
				return err
			}
			_, err = d.step(r.Context(), r.PathValue("id"), b)
			return err
		},
		"POST /platforms/{id}/open":   d.openForm,
		"POST /platforms/{id}/pause":  func(r *http.Request, _ Lang) error { return d.pause(r.Context(), r.PathValue("id"), true) },
		"POST /platforms/{id}/resume": func(r *http.Request, _ Lang) error { return d.pause(r.Context(), r.PathValue("id"), false) },
		"POST /writes/stop":           func(r *http.Request, _ Lang) error { return d.stopWrites(r.Context(), true) },
		"POST /writes/resume":         func(r *http.Request, _ Lang) error { return d.stopWrites(r.Context(), false) },
		"POST /residents/{id}/fields": d.verdictForm,
		"POST /decisions": func(r *http.Request, l Lang) error {
			b := decisionForm(r)
			j, err := d.judgement(r.Context(), l, b)
			if err != nil {
				return err
			}
			_, _, err = d.decide(r.Context(), l, j, b.Who, b.Why)
			return err
		},
		"POST /decisions/{id}/revoke": func(r *http.Request, _ Lang) error {
			_, _, err := d.revoke(r.Context(), r.PathValue("id"), r.PostForm.Get("who"))
			return err
		},
	} {
		mux.HandleFunc(route, d.act(do))
	}
	static := http.FileServerFS(staticFiles)
	mux.HandleFunc("GET /static/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300") // no personal data in these
		static.ServeHTTP(w, r)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { d.refuse(w, r, http.StatusNotFound, "no_route") })
}
