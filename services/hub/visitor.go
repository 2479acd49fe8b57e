package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"

	"heji/connectors"
	"heji/connectors/remote"
	"heji/services/embedded"
)

// The commands for IT clerks run beside the hub, in processes of their own. The
// programs of departments connect to the hub's NATS and to nothing else, so the
// commands ask them there. What opens it lies in the data folder while the hub
// runs, for whoever owns that folder.

// ProgramsFile holds the address of the hub's NATS, with the password of a visitor.
const ProgramsFile = "programs.nats"

// visitorUser is the visitor's name; no platform can have it. Its replies come
// below an inbox of its own, so that it hears nothing of the hub's.
const (
	visitorUser  = "heji-visitor"
	visitorInbox = "_INBOX.visitor"
)

// visitorAs may ask programs what the hub asks them, and nothing else.
func visitorAs(password string) embedded.NATSUser {
	all := remote.Prefix("*") + "."
	u := embedded.NATSUser{Name: visitorUser, Password: password, Subscribe: []string{all + remote.OpBeat, visitorInbox + ".>"}}
	for _, op := range remote.Asked {
		u.Publish = append(u.Publish, all+op)
	}
	return u
}

// invite says in the data folder where the programs can be asked.
func (h *Hub) invite() error {
	server := h.engines.NATS.URL()
	if server == "" {
		return h.disinvite()
	}
	u, err := url.Parse(server)
	if err != nil {
		return err
	}
	u.User = url.UserPassword(visitorUser, h.visitor)
	path := filepath.Join(h.c.Dir, ProgramsFile)
	if err := h.disinvite(); err != nil { // what a killed hub has left may be open to others
		return err
	}
	if err := os.WriteFile(path, []byte(u.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("the address for heji platform discover and its like: %w", err)
	}
	return nil
}

func (h *Hub) disinvite() error {
	if err := os.Remove(filepath.Join(h.c.Dir, ProgramsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Visit gives connectors the NATS of the hub whose data folder this is, or the one
// at address, where there is one. It is asked only once a connector needs it.
func Visit(dir, address string) func() (*nats.Conn, error) {
	return func() (*nats.Conn, error) {
		name := nats.Name("heji platform")
		if address != "" {
			return nats.Connect(address, name)
		}
		path := filepath.Join(dir, ProgramsFile)
		text, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, connectors.NewTrouble("remote_no_hub", "folder", dir)
		case errors.Is(err, fs.ErrPermission):
			return nil, connectors.NewTrouble("remote_not_yours", "file", path)
		case err != nil:
			return nil, err
		}
		conn, err := nats.Connect(strings.TrimSpace(string(text)), name, nats.CustomInboxPrefix(visitorInbox))
		if errors.Is(err, nats.ErrNoServers) {
			return nil, connectors.NewTrouble("remote_no_hub", "folder", dir) // a hub that was killed has left it
		}
		return conn, err
	}
}
