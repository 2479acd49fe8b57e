package desk

import (
	"net/http"

	"heji/schema"
)

// DeadRecord is one row that was set aside, with its reason.
type DeadRecord struct {
	ID           int64          `json:"id"`
	Platform     string         `json:"platform"`
	PlatformName string         `json:"platform_name"`
	Stage        string         `json:"stage"`
	Key          string         `json:"key,omitempty"`
	Place        string         `json:"place,omitempty"`
	Problem      schema.Problem `json:"problem"`
	Message      string         `json:"message"`
	Times        int            `json:"times"`
	At           string         `json:"at"`
}

// deadLimit is how many dead records one answer holds.
const deadLimit = 200

// getDead answers GET /api/v1/dead?platform=.
func (d *Desk) getDead(r *http.Request, l Lang) (answer, error) {
	platforms, err := d.o.Store.Platforms(r.Context())
	if err != nil {
		return answer{}, err
	}
	list, err := d.o.Store.DeadRecords(r.Context(), r.URL.Query().Get("platform"), deadLimit)
	if err != nil {
		return answer{}, err
	}
	out := []DeadRecord{}
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
		out = append(out, DeadRecord{ID: x.ID, Platform: x.Platform, PlatformName: name, Stage: x.Stage, Key: x.Key, Place: x.Place,
			Problem: x.Problem, Message: l.problem(x.Problem), Times: x.Times, At: x.At.Format("2006-01-02T15:04:05Z07:00")})
	}
	return answer{status: http.StatusOK, body: map[string]any{"dead": out}}, nil
}
