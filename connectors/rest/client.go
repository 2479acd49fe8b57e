package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"heji/connectors"
)

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 64 << 20

// call is one request.
type call struct {
	method, path string
	show         string // the path for messages: a pattern, where path holds a key
	query        url.Values
	body         any // nil: none
	header       map[string]string
}

// answer is what came back.
type answer struct {
	status int
	etag   string
	retry  time.Duration
	body   any  // parsed JSON, nil where there was none
	html   bool // not JSON at all
}

// unsent is an error of a request that certainly never reached the platform.
type unsent struct{ err error }

func (u unsent) Error() string { return u.err.Error() }
func (u unsent) Unwrap() error { return u.err }

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
	var body io.Reader
	if c.body != nil {
		data, err := json.Marshal(c.body)
		if err != nil {
			return nil, unsent{fmt.Errorf("%s: the row cannot be written as JSON", r.platform.ID)}
		}
		body = bytes.NewReader(data)
	}
	var began atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { began.Store(true) }})
	target := r.settings.BaseURL + c.path
	if len(c.query) > 0 {
		sep := "?"
		if strings.Contains(target, "?") {
			sep = "&"
		}
		target += sep + c.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, c.method, target, body)
	if err != nil {
		return nil, unsent{fmt.Errorf("%s is no address: %w", r.where(c), connectors.ErrLayout)}
	}
	// I5: without GetBody the library cannot send a write twice by itself.
	req.GetBody = nil
	r.dressRequest(req, c)
	resp, err := r.client.Do(req)
	if err != nil {
		err = r.wayThere(ctx, c, err)
		if !began.Load() {
			return nil, unsent{err}
		}
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, r.wayThere(ctx, c, err)
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("%s: the answer is longer than %d MB; ask for smaller pages: %w", r.where(c), maxAnswer>>20, connectors.ErrLayout)
	}
	a := &answer{status: resp.StatusCode, etag: resp.Header.Get("ETag"), retry: retryAfter(resp.Header, r.now())}
	if len(bytes.TrimSpace(data)) > 0 {
		if a.body, err = parse(data); err != nil {
			a.body, a.html = nil, true
		}
	}
	return a, nil
}

func (r *reader) dressRequest(req *http.Request, c call) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "heji")
	if c.body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	for k, v := range r.settings.Headers {
		req.Header.Set(k, v)
	}
	if r.settings.Auth.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+r.settings.Auth.Bearer)
	}
	if key := r.settings.Auth.APIKey; key != nil {
		req.Header.Set(key.Header, key.Value)
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
}

// wayThere says in a sentence why no answer came. The library's own error holds
// the whole address.
func (r *reader) wayThere(ctx context.Context, c call, err error) error {
	where := r.where(c)
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", where, context.Canceled)
	}
	var netErr net.Error
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return fmt.Errorf("%s: no answer within %s: %w", where, r.settings.Timeout.D(), connectors.ErrUnreachable)
	case errors.As(err, &cert):
		return fmt.Errorf("%s: the platform's certificate is not trusted: %w", where, connectors.ErrUnreachable)
	}
	return fmt.Errorf("%s: no connection, or it broke: %w", where, connectors.ErrUnreachable)
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

// readable turns the answer to a read into its JSON, or a sentence.
func (r *reader) readable(c call, a *answer) (any, error) {
	where := r.where(c)
	switch {
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return nil, fmt.Errorf("%s: the platform answers %d. Check connect.auth: %w", where, a.status, connectors.ErrCredentials)
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable && a.retry > 0:
		return nil, &connectors.Later{After: a.retry, Err: fmt.Errorf("%s: the platform answers %d: %w", where, a.status, connectors.ErrThrottled)}
	case a.status >= 500:
		return nil, fmt.Errorf("%s: the platform answers %d; it is in trouble itself: %w", where, a.status, connectors.ErrUnreachable)
	case a.status >= 400:
		return nil, fmt.Errorf("%s: the platform answers %d. Check the path and parameters in the file: %w", where, a.status, connectors.ErrLayout)
	case a.status >= 300:
		return nil, fmt.Errorf("%s: the platform sends us elsewhere (%d), perhaps to a login page. Check base_url and auth: %w", where, a.status, connectors.ErrLayout)
	case a.html:
		return nil, fmt.Errorf("%s: the answer is no JSON, perhaps a login or maintenance page. Check base_url and auth, or ask the department: %w", where, connectors.ErrLayout)
	case a.body == nil:
		return nil, fmt.Errorf("%s: the answer is empty: %w", where, connectors.ErrLayout)
	}
	if g := r.settings.Error; g.Code != "" {
		code := textAt(a.body, g.Code)
		switch {
		case contains(g.OK, code):
		case contains(g.Throttled, code):
			return nil, &connectors.Later{After: a.retry, Err: fmt.Errorf("%s: the platform answers with its code %s: %w", where, connectors.Reason(code), connectors.ErrThrottled)}
		case contains(g.Gone, code):
			return nil, errGone
		default:
			return nil, fmt.Errorf("%s: the platform answers with its code %s: %s: %w", where, connectors.Reason(code), connectors.Reason(textAt(a.body, g.Message)), connectors.ErrLayout)
		}
	}
	return a.body, nil
}

// errGone: the platform says that the row is not there.
var errGone = errors.New("the row is not there")

func contains[T comparable](list []T, v T) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}
