package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// api speaks the interface: OAuth2, pages by cursor, PATCH, entity tags.
type api struct {
	c     Config
	http  *http.Client
	token string
	until time.Time // when the token runs out
}

func newAPI(c Config) *api { return &api{c: c, http: &http.Client{Timeout: 5 * time.Second}} }

// most is how many rows one page of the interface holds.
const most = 500

// list reads a page: the rows, and the cursor of the next page, "" on the last.
func (a *api) list(ctx context.Context, cursor, since string, rows int) ([]row, string, *failure) {
	q := url.Values{"limit": {strconv.Itoa(min(max(rows, 1), most))}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	if since != "" {
		q.Set("since", since)
	}
	return a.page(ctx, q)
}

// find asks by ID number, the only natural key that the interface knows.
func (a *api) find(ctx context.Context, natural map[string]string) ([]row, *failure) {
	rows, _, err := a.page(ctx, url.Values{"idcard": {natural["idcard"]}})
	living := []row{}
	for _, r := range rows {
		if r.Op == "" {
			living = append(living, r)
		}
	}
	return living, err
}

func (a *api) page(ctx context.Context, q url.Values) ([]row, string, *failure) {
	var got struct {
		Items []map[string]string `json:"items"`
		Next  *string             `json:"next_cursor"`
	}
	status, _, err := a.call(ctx, http.MethodGet, "/open/volunteers?"+q.Encode(), nil, nil, &got)
	if err == nil {
		err = trouble(status)
	}
	if err != nil {
		return nil, "", err
	}
	rows := []row{}
	for _, item := range got.Items {
		rows = append(rows, rowOf(item))
	}
	if got.Next == nil {
		return rows, "", nil
	}
	return rows, *got.Next, nil
}

func rowOf(item map[string]string) row {
	r := row{Key: item[key], Version: item["etag"]}
	if item["yxbz"] == "0" {
		r.Op = "delete"
	} else {
		r.Columns = map[string]string{}
		for _, c := range columns {
			r.Columns[c] = item[c]
		}
	}
	if at, err := time.Parse(time.RFC3339, item["mtime"]); err == nil {
		r.ChangedAt = &at
	}
	return r
}

// get reads one row; nil: it is not there.
func (a *api) get(ctx context.Context, vid string) (*row, *failure) {
	var body json.RawMessage // of another shape where there is no such row
	status, _, err := a.call(ctx, http.MethodGet, "/open/volunteers/"+url.PathEscape(vid), nil, nil, &body)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil
	case status != http.StatusOK:
		return nil, trouble(status)
	}
	var item map[string]string
	if err := json.Unmarshal(body, &item); err != nil {
		return nil, unreachable(err)
	}
	r := rowOf(item)
	return &r, nil
}

// patch writes single fields of a row as it was seen.
func (a *api) patch(ctx context.Context, w write, version string) outcome {
	set := map[string]string{}
	for column, text := range w.Set {
		if column != key && slices.Contains(columns, column) {
			set[column] = text
		}
	}
	body, err := json.Marshal(set)
	if err != nil {
		return outcome{Status: "busy", Reason: "the write cannot be put into JSON"}
	}
	var said struct {
		Error struct{ Message, Field string } `json:"error"`
	}
	head := http.Header{"If-Match": {version}, "Idempotency-Key": {w.Intent}, "Content-Type": {"application/json"}}
	status, answer, failed := a.call(ctx, http.MethodPatch, "/open/volunteers/"+url.PathEscape(w.Key), head, body, &said)
	switch {
	case failed != nil && failed.Code == "credentials":
		return outcome{Status: "busy", Reason: failed.Text}
	case failed != nil: // it may have arrived
		return outcome{Status: "doubt", Reason: failed.Text}
	case status == http.StatusOK:
		return outcome{Status: "applied", Key: w.Key, Version: answer.Get("ETag")}
	case status == http.StatusNotFound:
		return outcome{Status: "gone", Reason: "there is no such row"}
	case status == http.StatusPreconditionFailed:
		return outcome{Status: "missed", Reason: "somebody has changed it"}
	case status == http.StatusUnprocessableEntity, status == http.StatusBadRequest:
		return outcome{Status: "refused", Reason: said.Error.Message, Column: said.Error.Field}
	case status == http.StatusTooManyRequests:
		return outcome{Status: "busy", Reason: "it asks to slow down", RetryAfter: 1}
	}
	return outcome{Status: "doubt", Reason: fmt.Sprintf("the interface answers %d", status)}
}

// call makes one request. A failure means that there is no answer of the
// interface; whether it was reached is not known.
func (a *api) call(ctx context.Context, method, path string, head http.Header, body []byte, into any) (int, http.Header, *failure) {
	if err := a.login(ctx); err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, a.c.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, &failure{Code: "layout", Text: "the address of the interface is wrong"}
	}
	for name, values := range head {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	res, err := a.http.Do(req)
	if err != nil {
		return 0, nil, unreachable(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized {
		a.token = "" // it was taken back: the next request asks for another
		return 0, nil, &failure{Code: "credentials", Text: "the interface does not accept the token that it gave"}
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil && res.StatusCode < 500 {
		return 0, nil, unreachable(err)
	}
	return res.StatusCode, res.Header, nil
}

// login gets a token, some time before the last one runs out.
func (a *api) login(ctx context.Context) *failure {
	if a.token != "" && time.Now().Before(a.until) {
		return nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.c.URL+"/oauth/token", bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return &failure{Code: "layout", Text: "the address of the interface is wrong"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("heji", a.c.Secret)
	res, err := a.http.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer res.Body.Close()
	var got struct {
		Token string  `json:"access_token"`
		Life  float64 `json:"expires_in"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Token == "" {
		return &failure{Code: "credentials", Text: "the interface gives no token: check the client secret"}
	}
	a.token, a.until = got.Token, time.Now().Add(time.Duration(got.Life*float64(time.Second))/2)
	return nil
}

// trouble is an answer that is no row.
func trouble(status int) *failure {
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusTooManyRequests:
		return &failure{Code: "throttled", Text: "the interface asks to slow down", RetryAfter: 1}
	case status == http.StatusForbidden:
		return &failure{Code: "credentials", Text: "the interface does not allow this account to do that"}
	}
	return &failure{Code: "unreachable", Text: fmt.Sprintf("the interface answers %d", status)}
}

// unreachable says what kind of error it was; addresses and values stay here.
func unreachable(err error) *failure {
	text := "the interface does not answer"
	if errors.Is(err, context.DeadlineExceeded) {
		text = "the interface does not answer in time"
	}
	return &failure{Code: "unreachable", Text: text}
}
