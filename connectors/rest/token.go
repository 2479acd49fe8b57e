package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"heji/connectors"
	"heji/connectors/spec"
)

// OAuth2 is access with the client's own credentials (RFC 6749, section 4.4).
type OAuth2 struct {
	TokenURL     string            `yaml:"token_url"`
	ClientID     string            `yaml:"client_id"`
	ClientSecret string            `yaml:"client_secret"`
	Scopes       []string          `yaml:"scopes"`
	In           string            `yaml:"in"`     // where the credentials go: header (default) or body
	Params       map[string]string `yaml:"params"` // further parameters
}

func (o *OAuth2) check(p *spec.Platform) error {
	if o.TokenURL == "" || o.ClientID == "" || o.ClientSecret == "" {
		return p.Errorf("connect.auth.oauth2", "connect.auth.oauth2 needs token_url, client_id and client_secret. Write the secret as ${NAME}, never in the file.")
	}
	if o.In != "" && o.In != "header" && o.In != "body" {
		return p.Errorf("connect.auth.oauth2.in", "connect.auth.oauth2.in must be header or body.")
	}
	return nil
}

// tokens keeps one access token until shortly before it expires.
type tokens struct {
	config clientcredentials.Config
	turn   chan struct{} // holds one: whoever may ask for a new token
	now    func() time.Time
	have   *oauth2.Token
}

// early is how long before its end a token is renewed.
const early = 30 * time.Second

func newTokens(o *OAuth2, now func() time.Time) *tokens {
	c := clientcredentials.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: o.Scopes,
		AuthStyle: oauth2.AuthStyleInHeader, EndpointParams: map[string][]string{}}
	if o.In == "body" {
		c.AuthStyle = oauth2.AuthStyleInParams
	}
	for k, v := range o.Params {
		c.EndpointParams.Set(k, v)
	}
	t := &tokens{config: c, turn: make(chan struct{}, 1), now: now}
	t.turn <- struct{}{}
	return t
}

// get returns a token that is good for a while. Others wait for the one who asks.
func (t *tokens) get(ctx context.Context, client *http.Client) (*oauth2.Token, error) {
	select {
	case <-t.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { t.turn <- struct{}{} }()
	if t.have != nil && (t.have.Expiry.IsZero() || t.now().Add(early).Before(t.have.Expiry)) {
		return t.have, nil
	}
	token, err := t.config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return nil, err
	}
	t.have = token
	return token, nil
}

// drop forgets a token that the platform did not take.
func (t *tokens) drop(token *oauth2.Token) {
	<-t.turn
	if t.have == token {
		t.have = nil
	}
	t.turn <- struct{}{}
}

// tokenTrouble says why there is no token. The library's error quotes the answer.
func (r *reader) tokenTrouble(ctx context.Context, err error) error {
	where := r.platform.ID + ": POST " + r.platform.Redact(pathOf(r.settings.Auth.OAuth2.TokenURL))
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return r.broken(ctx, where, err)
	}
	words := refused.ErrorCode
	if words == "" && refused.Response != nil {
		words = http.StatusText(refused.Response.StatusCode)
		if refused.Response.StatusCode >= 500 {
			return connectors.NewTrouble("own_trouble", "where", where, "status", words)
		}
		if refused.Response.StatusCode >= 300 && refused.Response.StatusCode < 400 {
			return connectors.NewTrouble("login_page", "where", where)
		}
	}
	return connectors.NewTrouble("token_refused", "where", where, "words", connectors.Reason(r.platform.Redact(words)))
}
