package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"heji/connectors/remote"
	"heji/services/embedded"
)

func init() { register(Case{Name: "remote/NATS", Open: openRemote}) }

const remoteYAML = `
platform: bench
name: 测速
kind: remote
connect: {can: [pull, push], conditional: yes, url: "${BENCH_URL}", rows: 500}
` + fields

// program is a connector of its own in this process, over a real NATS server.
type program struct {
	conn   *nats.Conn
	mu     sync.Mutex
	people []Person
	at     map[string]int
}

func openRemote(ctx context.Context, rows int, dir string) (*Platform, error) {
	server, err := embedded.StartNATS(ctx, embedded.Options{Dir: dir + "/nats", NATSListen: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	p := &program{people: people(rows), at: map[string]int{}}
	for i, x := range p.people {
		p.at[x.ID] = i
	}
	beating, stop := context.WithCancel(ctx)
	if p.conn, err = nats.Connect(server.URL()); err == nil {
		_, err = p.conn.Subscribe(remote.Prefix("bench")+".*", p.answer)
	}
	var bare *nats.Conn
	if err == nil {
		bare, err = nats.Connect(server.URL())
	}
	if err != nil {
		stop()
		return nil, errors.Join(err, server.Stop())
	}
	go p.beat(beating)
	ask := func(ctx context.Context, op string, q, into any) error {
		data, err := json.Marshal(q)
		if err != nil {
			return err
		}
		m, err := bare.RequestWithContext(ctx, remote.Prefix("bench")+"."+op, data)
		if err != nil {
			return err
		}
		return json.Unmarshal(m.Data, into)
	}
	return &Platform{
		YAML: remoteYAML, Env: map[string]string{"BENCH_URL": server.URL()},
		Pull: func(ctx context.Context) (int, error) {
			for n, next := 0, json.RawMessage(nil); ; {
				var page struct {
					Rows []map[string]any
					Next json.RawMessage
				}
				if err := ask(ctx, remote.OpPull, map[string]any{"next": next, "rows": 500}, &page); err != nil {
					return n, err
				}
				if n, next = n+len(page.Rows), page.Next; next == nil {
					return n, nil
				}
			}
		},
		Push: func(ctx context.Context, changed []Changed) error {
			var writes []map[string]any
			for _, x := range changed {
				writes = append(writes, map[string]any{"intent": x.ID, "key": x.ID, "set": map[string]string{"sjhm": x.Phone}})
			}
			return ask(ctx, remote.OpPush, map[string]any{"writes": writes}, &struct{}{})
		},
		Close: func() error {
			stop()
			bare.Close()
			p.conn.Close()
			return server.Stop()
		},
	}, nil
}

func (p *program) beat(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = p.conn.Publish(remote.Prefix("bench")+"."+remote.OpBeat, []byte(`{"instance":"1"}`)) // a closed connection ends the run
		}
	}
}

func (p *program) answer(m *nats.Msg) {
	var reply any
	switch m.Subject[len(remote.Prefix("bench"))+1:] {
	case remote.OpHello:
		reply = remote.Welcome{Protocol: remote.Version, Program: "bench", Instance: "1", Can: []string{"pull", "push"}, Beat: 1, Window: 2}
	case remote.OpPull:
		var q remote.PullRequest
		_ = json.Unmarshal(m.Data, &q) // our own
		reply = p.page(q)
	case remote.OpPush:
		var q remote.PushRequest
		_ = json.Unmarshal(m.Data, &q)
		reply = p.push(q)
	default:
		return
	}
	data, err := json.Marshal(reply)
	if err == nil {
		_ = m.Respond(data) // whoever asked sees that nothing comes
	}
}

func (p *program) page(q remote.PullRequest) remote.Page {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := 0
	if len(q.Next) > 0 {
		_ = json.Unmarshal(q.Next, &from) // our own
	}
	to := min(from+q.Rows, len(p.people))
	page := remote.Page{Full: true, Complete: to == len(p.people)}
	for _, x := range p.people[from:to] {
		row := remote.Row{Key: x.ID, Columns: map[string]string{}}
		for i, text := range x.Texts() {
			row.Columns[Columns[i]] = text
		}
		page.Rows = append(page.Rows, row)
	}
	if !page.Complete {
		page.Next = json.RawMessage(fmt.Sprint(to))
	}
	return page
}

func (p *program) push(q remote.PushRequest) (reply remote.PushReply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range q.Writes {
		o := remote.Outcome{Intent: w.Intent, Status: "applied"}
		i, ok := p.at[w.Key]
		switch {
		case !ok:
			o.Status = "gone"
		case w.If != nil && w.If["sjhm"] != p.people[i].Phone:
			o.Status = "missed"
		default:
			p.people[i].Phone = w.Set["sjhm"]
		}
		reply.Outcomes = append(reply.Outcomes, o)
	}
	return reply
}
