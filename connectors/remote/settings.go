package remote

import (
	"slices"
	"strings"
	"time"

	"heji/connectors/spec"
)

// Settings is the connect section of a platform of kind remote.
type Settings struct {
	// Can is what the program is used for: pull, push, look, check, preview. The
	// handshake makes sure that it can.
	Can []string `yaml:"can"`
	// Conditional: the program compares Write.If before it writes.
	Conditional bool `yaml:"conditional"`
	// Token is the program's password at the embedded NATS; its name there is the
	// platform's.
	Token string `yaml:"token"`
	// URL of a NATS server for this platform alone; default the hub's own.
	URL     string        `yaml:"url"`
	Rows    int           `yaml:"rows"`    // most rows of one page; default 500
	Window  int           `yaml:"window"`  // pages that may wait to be published; default what the program says
	Timeout spec.Duration `yaml:"timeout"` // of one request; default request_life
}

var capabilities = []string{OpCheck, OpPull, OpPreview, OpPush, OpLook}

// Load reads the connect section.
func Load(p *spec.Platform) (Settings, error) {
	s := Settings{Rows: 500}
	if err := spec.DecodeConnect(p, &s); err != nil {
		return s, err
	}
	for _, c := range s.Can {
		if !slices.Contains(capabilities, c) {
			return s, p.Errorf("connect.can", "connect.can: %q is none of %s.", c, strings.Join(capabilities, ", "))
		}
	}
	switch {
	case !slices.Contains(s.Can, OpPull):
		return s, p.Errorf("connect.can", "connect.can must name pull: without reading nobody could know what the platform shows.")
	case s.Rows < 1 || s.Rows > 10_000:
		return s, p.Errorf("connect.rows", "connect.rows must be between 1 and 10000.")
	case s.Window < 0 || s.Window > 64:
		return s, p.Errorf("connect.window", "connect.window must be between 1 and 64.")
	case s.Token != "" && len(s.Token) < 16:
		return s, p.Errorf("connect.token", "connect.token must have at least 16 characters: it is all that keeps others from speaking for the platform.")
	}
	if s.Timeout == 0 {
		s.Timeout = spec.Duration(max(p.Life(), time.Second))
	}
	return s, nil
}
