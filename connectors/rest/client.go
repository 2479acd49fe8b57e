package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"heji/connectors"
)

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 64 << 20

// call is one request.
type call struct {
	op           string
	method, path string
	show         string // the path for messages: a pattern, where path holds a key
	query        url.Values
	body         any // nil: none
	values       Values
	header       map[string]string
}

// answer is what came back.
type answer struct {
	status int
	etag   string
	retry  time.Duration
	body   any    // as a tree, nil where there was none
	fault  *Fault // what the platform says instead of an answer
	html   bool   // nothing of the promised format
	page   bool   // a web page
	cut    bool   // it ends in the middle
}

// unsent is an error of a request that certainly never reached the platform.
type unsent = connectors.Unasked

// newTransport makes the connector's own connections. Proxies come from the
// environment, as everywhere.
func newTransport(concurrency int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = concurrency + 1
	t.IdleConnTimeout = 20 * time.Second // before most servers close it under a write
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	return t
}

// send makes one request. The error is about the way there and back; what the
// platform said is in the answer. No error repeats an address's parameters: they
// hold ID numbers (I9).
func (r *reader) send(ctx context.Context, c call) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.settings.Timeout.D())
	defer cancel()
	if err := r.dialect.Prepare(ctx, r.fetch); err != nil {
		return nil, unsent{Err: err}
	}
	now := r.now().In(r.zone)
	c.values.Time, c.values.Day = Text(now.Format("20060102150405")), Text(now.Format("20060102"))
	c.values.Values = texts(r.settings.Values)
	wire, err := r.dialect.Write(Message{Operation: c.op, Method: c.method, Path: c.path, Query: c.query, Body: c.body, Values: c.values})
	if err != nil {
		return nil, unsent{Err: fmt.Errorf("%s: the request cannot be written: %s: %w", r.where(c), r.platform.Redact(err.Error()), connectors.ErrLayout)}
	}
	var began atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { began.Store(true) }})
	var body io.Reader
	if wire.Body != nil {
		body = bytes.NewReader(wire.Body)
	}
	req, err := http.NewRequestWithContext(traced, wire.Method, wire.URL, body)
	if err != nil {
		return nil, unsent{Err: fmt.Errorf("%s is no address: %w", r.where(c), connectors.ErrLayout)}
	}
	// I5: without GetBody the library cannot send a write twice by itself.
	req.GetBody = nil
	token, err := r.dress(ctx, req, c, wire)
	if err != nil {
		return nil, unsent{Err: err}
	}
	resp, err := r.client.Do(req)
	if err != nil {
		err = r.broken(ctx, r.where(c), err)
		if !began.Load() {
			return nil, unsent{Err: err}
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusUnauthorized && token != nil {
		r.tokens.drop(token) // it was withdrawn before its time: the next request gets a new one
	}
	return r.answer(ctx, c, resp)
}

// answer reads what came back.
func (r *reader) answer(ctx context.Context, c call, resp *http.Response) (*answer, error) {
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, r.broken(ctx, r.where(c), err)
	}
	if len(data) > maxAnswer {
		return nil, connectors.NewTrouble("too_long", "where", r.where(c), "limit", strconv.Itoa(maxAnswer>>20))
	}
	a := &answer{status: resp.StatusCode, etag: resp.Header.Get("ETag"), retry: retryAfter(resp.Header, r.now())}
	if len(bytes.TrimSpace(data)) > 0 {
		a.body, a.fault, err = r.dialect.Read(Message{Operation: c.op, Path: c.path}, data, resp.Header.Get("Content-Type"))
		a.html, a.cut, a.page = err != nil, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, ErrWebPage)
	}
	return a, nil
}

// dress adds who we are, and signs last: everything else is part of what is
// signed. It returns the access token that was used, if any.
func (r *reader) dress(ctx context.Context, req *http.Request, c call, wire Wire) (*oauth2.Token, error) {
	req.Header.Set("User-Agent", "heji")
	for k, v := range wire.Header {
		req.Header.Set(k, v)
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	return r.authorise(ctx, req, wire.Body)
}

func (r *reader) authorise(ctx context.Context, req *http.Request, body []byte) (*oauth2.Token, error) {
	for k, v := range r.settings.Headers {
		req.Header.Set(k, v)
	}
	auth := r.settings.Auth
	if auth.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+auth.Bearer)
	}
	if auth.Basic != nil {
		req.SetBasicAuth(auth.Basic.User, auth.Basic.Password)
	}
	if key := auth.APIKey; key != nil {
		req.Header.Set(key.Header, key.Value)
	}
	var token *oauth2.Token
	if r.tokens != nil {
		var err error
		if token, err = r.tokens.get(ctx, r.client); err != nil {
			return nil, r.tokenTrouble(ctx, err)
		}
		token.SetAuthHeader(req)
	}
	if r.settings.Sign != nil {
		r.settings.Sign.sign(req, body, r.now(), r.zone)
	}
	return token, nil
}

// fetch gets a document of the platform (a WSDL), with our credentials.
func (r *reader) fetch(ctx context.Context, address string) ([]byte, error) {
	c := call{method: http.MethodGet, path: pathOf(address)}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%s is no address: %w", r.where(c), connectors.ErrLayout)
	}
	if _, err := r.authorise(ctx, req, nil); err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, r.broken(ctx, r.where(c), err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, r.broken(ctx, r.where(c), err)
	case resp.StatusCode >= 500:
		return nil, connectors.NewTrouble("own_trouble", "where", r.where(c), "status", strconv.Itoa(resp.StatusCode))
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, connectors.NewTrouble("credentials", "where", r.where(c), "status", strconv.Itoa(resp.StatusCode))
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, connectors.NewTrouble("login_page", "where", r.where(c))
	case resp.StatusCode >= 400:
		return nil, connectors.NewTrouble("wsdl_gone", "where", r.where(c), "words", strconv.Itoa(resp.StatusCode))
	}
	return data, nil
}

// pathOf is what of an address may stand in a message.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "?"
	}
	return u.Path
}

// broken says in a sentence why no answer came. The library's own error holds
// the whole address.
func (r *reader) broken(ctx context.Context, where string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", where, context.Canceled)
	}
	var netErr net.Error
	var cert *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return connectors.NewTrouble("no_answer", "where", where, "after", r.settings.Timeout.D().String())
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return connectors.NewTrouble("certificate_expired", "where", where)
	case errors.As(err, &cert), errors.As(err, &invalid), errors.As(err, &record):
		return connectors.NewTrouble("certificate_unknown", "where", where)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return connectors.NewTrouble("truncated", "where", where)
	}
	return connectors.NewTrouble("no_connection", "where", where)
}

// where names a request for messages, without what follows the question mark
// and without the key in its path.
func (r *reader) where(c call) string {
	path := c.show
	if path == "" {
		path = c.path
	}
	path, _, _ = strings.Cut(path, "?")
	return fmt.Sprintf("%s: %s %s", r.platform.ID, c.method, r.platform.Redact(path))
}

// retryAfter reads both forms of the header.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.Atoi(v); err == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// readable turns the answer to a read into its tree, or a sentence.
func (r *reader) readable(c call, a *answer) (any, error) {
	where, status := r.where(c), strconv.Itoa(a.status)
	switch {
	case a.fault != nil:
		return nil, r.faulty(where, a)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return nil, connectors.NewTrouble("credentials", "where", where, "status", status)
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable && a.retry > 0:
		return nil, &connectors.Later{After: a.retry, Err: connectors.NewTrouble("throttled", "where", where, "status", status)}
	case a.status >= 500:
		return nil, connectors.NewTrouble("own_trouble", "where", where, "status", status)
	case a.status >= 400:
		return nil, connectors.NewTrouble("status", "where", where, "status", status)
	case a.status >= 300 || a.page:
		return nil, connectors.NewTrouble("login_page", "where", where)
	case a.cut:
		return nil, connectors.NewTrouble("truncated", "where", where)
	case a.html:
		return nil, connectors.NewTrouble("no_format", "where", where, "format", r.dialect.Format())
	case a.body == nil:
		return nil, connectors.NewTrouble("empty", "where", where)
	}
	g := r.settings.Error
	if g.Code == "" {
		return a.body, nil
	}
	code := TextAt(a.body, g.Code)
	switch {
	case g.fine(code):
		return a.body, nil
	case contains(g.Throttled, code):
		return nil, &connectors.Later{After: a.retry, Err: connectors.NewTrouble("throttled", "where", where, "status", connectors.Reason(code))}
	case contains(g.Gone, code):
		return nil, errGone
	}
	return nil, connectors.NewTrouble("gateway", "where", where, "code", connectors.Reason(code), "words", connectors.Reason(r.platform.Redact(TextAt(a.body, g.Message))))
}

// faulty is a fault in answer to a read.
func (r *reader) faulty(where string, a *answer) error {
	g, f := r.settings.Error, a.fault
	switch {
	case slices.Contains(g.Gone, f.Code):
		return errGone
	case slices.Contains(g.Throttled, f.Code):
		return &connectors.Later{After: a.retry, Err: connectors.NewTrouble("throttled", "where", where, "status", connectors.Reason(f.Code))}
	case strings.Contains(f.Code, "FailedAuthentication"), strings.Contains(f.Code, "FailedCheck"), strings.Contains(f.Code, "InvalidSecurity"):
		return connectors.NewTrouble("credentials", "where", where, "status", connectors.Reason(f.Code))
	}
	return connectors.NewTrouble("fault", "where", where, "code", connectors.Reason(f.Code), "words", connectors.Reason(r.platform.Redact(f.Words)))
}

// errGone: the platform says that the row is not there.
var errGone = errors.New("the row is not there")

func contains[T comparable](list []T, v T) bool { return slices.Contains(list, v) }
