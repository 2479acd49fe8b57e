package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	_ "heji/connectors/rest" // the kind
)

func init() { register(Case{Name: "rest/cursor pages", Open: openREST}) }

const restYAML = `
platform: bench
name: 测速
kind: rest
connect:
  base_url: ${BENCH_URL}
  list: {path: /persons, paging: cursor, items: items, next: next, cursor_param: cursor, size_param: size, size: 500}
  get: {path: "/persons/{key}"}
  update: {method: PATCH, path: "/persons/{key}", idempotency_header: Idempotency-Key}
lag: 0s
` + fields

// service is a platform over HTTP on this machine's loopback.
type service struct {
	mu   sync.Mutex
	rows []map[string]string
	at   map[string]int
}

func openREST(_ context.Context, rows int, _ string) (*Platform, error) {
	s := &service{at: map[string]int{}}
	for i, p := range people(rows) {
		row := map[string]string{}
		for j, text := range p.Texts() {
			row[Columns[j]] = text
		}
		s.rows, s.at[p.ID] = append(s.rows, row), i
	}
	server := httptest.NewServer(s)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: four}}
	return &Platform{
		YAML: restYAML, Env: map[string]string{"BENCH_URL": server.URL},
		Pull: func(ctx context.Context) (int, error) {
			n, cursor := 0, ""
			for {
				var page struct {
					Items []Person
					Next  string
				}
				if err := call(ctx, client, http.MethodGet, server.URL+"/persons?size=500&cursor="+cursor, nil, &page); err != nil {
					return n, err
				}
				n += len(page.Items)
				if page.Next == "" {
					return n, nil
				}
				cursor = page.Next
			}
		},
		Push: func(ctx context.Context, changed []Changed) error {
			return inParallel(changed, func(part []Changed) error {
				for _, x := range part {
					if err := call(ctx, client, http.MethodPatch, server.URL+"/persons/"+x.ID, map[string]string{"sjhm": x.Phone}, nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Close: func() error { client.CloseIdleConnections(); server.Close(); return nil },
	}, nil
}

func call(ctx context.Context, client *http.Client, method, url string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	data, err = io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the platform answers %d", answer.StatusCode)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(data, into)
	}
	return err
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/persons")
	if key == "" {
		start, _ := strconv.Atoi(r.URL.Query().Get("cursor")) // none: from the beginning
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		end := min(start+max(size, 1), len(s.rows))
		next := ""
		if end < len(s.rows) {
			next = strconv.Itoa(end)
		}
		answer(w, map[string]any{"items": s.rows[start:end], "next": next})
		return
	}
	i, ok := s.at[key[1:]]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodPatch {
		var set map[string]string
		if err := json.NewDecoder(r.Body).Decode(&set); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for c, text := range set {
			s.rows[i][c] = text
		}
	}
	answer(w, s.rows[i])
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
}
