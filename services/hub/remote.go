package hub

import (
	"errors"

	"github.com/nats-io/nats.go"

	"heji/connectors"
	"heji/connectors/remote"
	"heji/connectors/spec"
	"heji/services/bus"
	"heji/services/embedded"
)

// Programs are the connectors that run as programs of their own, as users of the
// embedded NATS. Each may speak on the subjects of its platform and on no others.
func Programs(specs []*spec.Platform) []embedded.NATSUser {
	users := []embedded.NATSUser{}
	for _, p := range specs {
		if p.Kind != remote.Kind {
			continue
		}
		s, err := remote.Load(p)
		if err != nil || s.Token == "" {
			continue // a file that is wrong is told by the registry; without a token nobody may come
		}
		prefix := remote.Prefix(p.ID) + "."
		users = append(users, embedded.NATSUser{Name: p.ID, Password: s.Token, Publish: []string{prefix + remote.OpBeat}, Subscribe: []string{prefix + "*"}, Replies: true})
	}
	return users
}

// messages gives connectors the hub's own NATS.
func (h *Hub) messages(o bus.Options) func(platform string, env *connectors.Environment) {
	return func(_ string, env *connectors.Environment) {
		env.NATS = func() (*nats.Conn, error) {
			options := []nats.Option{nats.Name("heji remote"), nats.MaxReconnects(-1)}
			if o.InProcess != nil {
				options = append(options, nats.InProcessServer(o.InProcess))
				if x, ok := o.InProcess.(interface{ Login() nats.Option }); ok {
					options = append(options, x.Login())
				}
			} else if o.URL == "" {
				return nil, errors.New("there is no NATS")
			}
			return nats.Connect(o.URL, options...)
		}
	}
}

// ProgramsURL is where programs connect to the embedded NATS, empty where it
// does not listen.
func (h *Hub) ProgramsURL() string {
	for _, e := range []*embedded.Engines{h.engines, h.c.Engines} {
		if e != nil && e.NATS != nil {
			return e.NATS.URL()
		}
	}
	return ""
}
