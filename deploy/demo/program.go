package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"time"

	"heji/connectors/platforms"
	"heji/connectors/remote"
	"heji/connectors/spec"
	"heji/deploy/demo/gateway"
	"heji/deploy/demo/population"
	"heji/services/embedded"
	"heji/services/hub"
)

// The volunteers' platform is reached as departments do for which no kind fits:
// a program of their own asks the interface and answers Heji over NATS. The
// program is a process of its own, started with the demo, and ends with it.

// gatewayEnv names what the program is told. It is told in the environment, so
// that no list of processes shows a secret.
const (
	gatewayNATS   = "HEJI_GATEWAY_NATS"
	gatewayURL    = "HEJI_GATEWAY_URL"
	gatewaySecret = "HEJI_GATEWAY_SECRET"
)

// Gateway is the whole life of that program: it ends with its standard input,
// which whoever has started it holds.
func Gateway(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends for whatever reason: the demo is gone
		stop()
	}()
	return gateway.Run(ctx, gateway.Config{NATS: os.Getenv(gatewayNATS), URL: os.Getenv(gatewayURL), Secret: os.Getenv(gatewaySecret)})
}

// programs are what programs of departments need: who may connect, with what.
type programs struct {
	spec   []byte
	name   string
	env    map[string]string // beside that of the district
	tokens map[string]string // user → password
}

// clerkAtNATS is who verifies such platforms beside the running hub.
const clerkAtNATS = "verify"

func newPrograms() (*programs, error) {
	x := &programs{name: population.Volunteers + ".yaml", env: map[string]string{}, tokens: map[string]string{population.Volunteers: rand.Text(), clerkAtNATS: rand.Text()}}
	var err error
	x.spec, err = platforms.Programs.ReadFile("programs/" + x.name)
	return x, err
}

// users may connect to the embedded NATS: the program, and whoever verifies it,
// who may ask what the hub asks and nothing else.
func (x *programs) users() ([]embedded.NATSUser, error) {
	p, err := spec.Parse(x.name, x.spec, func(name string) (string, bool) { return x.tokens[population.Volunteers], true })
	if err != nil {
		return nil, err
	}
	prefix := remote.Prefix(p.ID) + "."
	return append(hub.Programs([]*spec.Platform{p}), embedded.NATSUser{Name: clerkAtNATS, Password: x.tokens[clerkAtNATS],
		Publish: []string{prefix + "*"}, Subscribe: []string{prefix + remote.OpBeat, "_INBOX.>"}}), nil
}

// address is where one of them connects.
func (x *programs) address(server, user string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword(user, x.tokens[user])
	return u.String(), nil
}

// started tells the platform's file where the hub's NATS is.
func (x *programs) started(server string) error {
	address, err := x.address(server, clerkAtNATS)
	x.env["VOLUNTEERS_NATS"], x.env["VOLUNTEERS_TOKEN"] = address, x.tokens[population.Volunteers]
	return err
}

// serve runs the program until ctx ends.
func (x *programs) serve(ctx context.Context, server string, env map[string]string, command func() *exec.Cmd) error {
	address, err := x.address(server, population.Volunteers)
	if err != nil {
		return err
	}
	if command == nil {
		return gateway.Run(ctx, gateway.Config{NATS: address, URL: env["VOLUNTEERS_URL"], Secret: env["VOLUNTEERS_SECRET"]})
	}
	cmd := command()
	cmd.Env = append(os.Environ(), append(cmd.Env, gatewayNATS+"="+address, gatewayURL+"="+env["VOLUNTEERS_URL"], gatewaySecret+"="+env["VOLUNTEERS_SECRET"])...)
	var said bytes.Buffer
	cmd.Stderr = &said
	hold, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the program of %s: %w", population.Volunteers, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return fmt.Errorf("the program of %s ended: %w: %s", population.Volunteers, err, said.String())
	case <-ctx.Done():
	}
	if err := hold.Close(); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		return errors.Join(cmd.Process.Kill(), <-ended)
	}
}
