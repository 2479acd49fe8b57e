package access

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDC says where people may log in instead of here (OpenID Connect). Whoever
// comes back is named by one claim, which is the login of an account here. Roles
// and whom somebody sees are this account's: nothing of the token gives any.
type OIDC struct {
	Issuer string // such as https://login.example
	Client string // the id under which the desk is registered there
	Secret string // its secret; empty where the desk is registered without one
	Claim  string // which claim holds the login; empty: DefaultClaim
}

// DefaultClaim is what most servers call the name that somebody logs in with.
const DefaultClaim = "preferred_username"

// ReadOIDC checks settings; nil where nothing is set. The secret comes from a
// file or the environment, never from the command line, which everybody on the
// machine can read.
func ReadOIDC(issuer, client, secretFile, claim string) (*OIDC, error) {
	if issuer == "" && client == "" {
		return nil, nil
	}
	o := &OIDC{Issuer: issuer, Client: client, Secret: os.Getenv("HEJI_OIDC_SECRET"), Claim: claim}
	if secretFile != "" {
		raw, err := os.ReadFile(secretFile)
		if err != nil {
			return nil, fmt.Errorf("--oidc-secret-file: %w", err)
		}
		if o.Secret = strings.TrimSpace(string(raw)); o.Secret == "" {
			return nil, fmt.Errorf("--oidc-secret-file %s is empty: write the client's secret into it", secretFile)
		}
	}
	if o.Claim == "" {
		o.Claim = DefaultClaim
	}
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("--oidc-issuer %q: give the address that the login server calls itself, such as https://login.example", issuer)
	}
	if client == "" {
		return nil, errors.New("--oidc-issuer needs --oidc-client: the id under which the desk is registered there")
	}
	return o, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Why a login by OpenID Connect came to nothing.
var (
	ErrOIDCDown  = errors.New("the login server cannot be reached, or answers what is no OpenID Connect")
	ErrOIDCToken = errors.New("what the login server sent does not show who has logged in")
)

// OIDCClient speaks to the login server. It asks for the server's addresses when
// somebody wants to log in, so that one that is down stops nobody else.
type OIDCClient struct {
	o    OIDC
	http *http.Client
	mu   sync.Mutex
	at   *oidc.Provider
	down time.Time // when it last could not be reached
}

// downFor is how long a server that could not be reached is not asked again: each
// asking may take as long as the client waits, and the next people wait for it.
const downFor = 5 * time.Second

// NewOIDCClient makes a client; it asks nobody yet.
func NewOIDCClient(o OIDC) *OIDCClient {
	if o.Claim == "" {
		o.Claim = DefaultClaim
	}
	return &OIDCClient{o: o, http: &http.Client{Timeout: 10 * time.Second}}
}

func (c *OIDCClient) provider(ctx context.Context) (*oidc.Provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != nil {
		return c.at, nil
	}
	if time.Since(c.down) < downFor {
		return nil, ErrOIDCDown
	}
	// Its keys are fetched for longer than this request lives.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), c.http), c.o.Issuer)
	if err != nil {
		c.down = time.Now()
		return nil, fmt.Errorf("%w: %w", ErrOIDCDown, err)
	}
	c.at = p
	return p, nil
}

func (c *OIDCClient) config(p *oidc.Provider, back string) *oauth2.Config {
	return &oauth2.Config{ClientID: c.o.Client, ClientSecret: c.o.Secret, Endpoint: p.Endpoint(), RedirectURL: back,
		Scopes: []string{oidc.ScopeOpenID, "profile"}}
}

// part makes what one login needs from its secret, which only the browser holds:
// another value for each use, none of which tells the secret or another.
func part(secret, use string) string {
	h := sha256.Sum256([]byte("oidc " + use + "\x00" + secret))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// OIDCState is the state of the login that a secret belongs to.
func OIDCState(secret string) string { return part(secret, "state") }

// Begin is the address at which somebody logs in. back is where they return to.
func (c *OIDCClient) Begin(ctx context.Context, secret, back string) (string, error) {
	p, err := c.provider(ctx)
	if err != nil {
		return "", err
	}
	return c.config(p, back).AuthCodeURL(OIDCState(secret), oidc.Nonce(part(secret, "nonce")),
		oauth2.S256ChallengeOption(part(secret, "verifier"))), nil
}

// End trades the code for the token, and returns the login that the token names.
func (c *OIDCClient) End(ctx context.Context, secret, code, back string) (login string, err error) {
	p, err := c.provider(ctx)
	if err != nil {
		return "", err
	}
	ctx = oidc.ClientContext(ctx, c.http)
	tokens, err := c.config(p, back).Exchange(ctx, code, oauth2.VerifierOption(part(secret, "verifier")))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < 500:
		// Not its text: I9, nobody knows what it holds.
		return "", fmt.Errorf("%w: the code was refused: status %d, error %q", ErrOIDCToken, refused.Response.StatusCode, refused.ErrorCode)
	case refused != nil:
		return "", fmt.Errorf("%w: status %d for a code", ErrOIDCDown, refused.Response.StatusCode)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrOIDCDown, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return "", fmt.Errorf("%w: there is no id_token", ErrOIDCToken)
	}
	token, err := p.VerifierContext(ctx, &oidc.Config{ClientID: c.o.Client}).Verify(ctx, raw)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOIDCToken, err)
	}
	if !Same(token.Nonce, part(secret, "nonce")) {
		return "", fmt.Errorf("%w: the nonce is another login's", ErrOIDCToken)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return "", fmt.Errorf("%w: its claims are not readable", ErrOIDCToken)
	}
	login, _ = claims[c.o.Claim].(string)
	if login = strings.ToLower(strings.TrimSpace(login)); login == "" {
		return "", fmt.Errorf("%w: there is no text in the claim %q: name another one with --oidc-claim", ErrOIDCToken, c.o.Claim)
	}
	return login, nil
}

// Out is the address at which somebody logs out of the server itself; empty where
// it has none.
func (c *OIDCClient) Out(ctx context.Context, back string) (string, error) {
	p, err := c.provider(ctx)
	if err != nil {
		return "", err
	}
	var more struct {
		End string `json:"end_session_endpoint"`
	}
	if err := p.Claims(&more); err != nil || more.End == "" {
		return "", err
	}
	u, err := url.Parse(more.End)
	if err != nil {
		return "", fmt.Errorf("%w: end_session_endpoint: %w", ErrOIDCDown, err)
	}
	q := u.Query()
	q.Set("client_id", c.o.Client)
	q.Set("post_logout_redirect_uri", back)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
