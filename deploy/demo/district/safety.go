package district

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"

	p "heji/deploy/demo/population"
)

// safety is 综治·平安: three topics of a Kafka cluster. It tells the state of each
// person in one, by the person's number; takes changes from the second; answers
// them in the third. The cluster is franz-go's simulated one, over the wire and
// in files: what it acknowledged survives a kill of the process (of the machine,
// not: it does not wait for the disk).
type safety struct {
	*ledger
	dir     string
	log     *slog.Logger
	listen  func(network, address string) (net.Listener, error)
	cluster *kfake.Cluster
	stop    context.CancelFunc
	ended   chan struct{}

	told     int64 // sequence of the last state that stands in the topic
	consumed int64 // offset of the next change

	refill atomic.Bool // a backup was restored: every state is told once more
}

const (
	safetyPeople  = "zz.person"
	safetyChanges = "zz.person.change"
	safetyAnswers = "zz.person.result"

	safetyUser     = "heji"
	safetyPassword = "safety-demo-password"
	safetyOwn      = "platform" // who the platform itself is at its cluster
	safetySeq      = "seq"      // header of a state: its place in the platform's own order
)

func newSafety(l *ledger, dir string, opts Options) *safety {
	return &safety{ledger: l, dir: dir, log: opts.Log, listen: opts.Listen, ended: make(chan struct{})}
}

func (s *safety) ID() string { return p.Safety }

func (s *safety) broker() string { return s.cluster.ListenAddrs()[0] }

func (s *safety) start(ctx context.Context) (err error) {
	s.cluster, err = kfake.NewCluster(kfake.Ports(0), kfake.ListenFn(s.listen), kfake.NumBrokers(1), kfake.ClusterID("pingan"), kfake.DataDir(filepath.Join(s.dir, "kafka")),
		kfake.SeedTopics(1, safetyPeople, safetyChanges, safetyAnswers), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-256", safetyUser, safetyPassword), kfake.Superuser("PLAIN", safetyOwn, safetyPassword))
	if err != nil {
		return fmt.Errorf("%s: %w", p.Safety, err)
	}
	if err := readJSON(s.consumedFile(), &s.consumed); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.recallTold(ctx); err != nil {
		return fmt.Errorf("%s: %w", p.Safety, err)
	}
	if err := s.tell(ctx); err != nil { // the first states are there before anybody looks
		return fmt.Errorf("%s: %w", p.Safety, err)
	}
	var running context.Context
	running, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go s.work(running)
	return nil
}

func (s *safety) consumedFile() string { return filepath.Join(s.dir, "consumed.json") }

// lead connects to the one partition of a topic.
func (s *safety) lead(ctx context.Context, topic string) (*kafka.Conn, error) {
	d := kafka.Dialer{Timeout: requestLife, SASLMechanism: plain.Mechanism{Username: safetyOwn, Password: safetyPassword}}
	conn, err := d.DialLeader(ctx, "tcp", s.broker(), topic, 0)
	if err != nil {
		return nil, err
	}
	return conn, errors.Join(conn.SetDeadline(time.Now().Add(2*requestLife)), conn.SetRequiredAcks(-1))
}

// on runs f on a connection of its own.
func (s *safety) on(ctx context.Context, topic string, f func(*kafka.Conn) error) (err error) {
	conn, err := s.lead(ctx, topic)
	if conn != nil {
		defer func() { err = errors.Join(err, conn.Close()) }()
	}
	if err != nil {
		return err
	}
	return f(conn)
}

// recallTold finds the last state that an earlier process told.
func (s *safety) recallTold(ctx context.Context) error {
	return s.on(ctx, safetyPeople, func(conn *kafka.Conn) error {
		last, err := conn.ReadLastOffset()
		if err != nil || last == 0 {
			return err
		}
		if _, err := conn.Seek(last-1, kafka.SeekAbsolute); err != nil {
			return err
		}
		m, err := conn.ReadMessage(maxBody)
		if err != nil {
			return err
		}
		for _, h := range m.Headers {
			if h.Key == safetySeq {
				return json.Unmarshal(h.Value, &s.told)
			}
		}
		return errors.New("a state without its place")
	})
}

func (s *safety) work(ctx context.Context) {
	defer close(s.ended)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.takeChanges(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("the simulated platform stumbled; it tries again", "platform", p.Safety, "error", err)
			}
		}
	}
}

func (s *safety) close() error {
	if s.stop != nil {
		s.stop()
		<-s.ended
	}
	if s.cluster != nil {
		s.cluster.Close()
	}
	return s.ledger.close()
}

// Restore implements Troubled. The topic is filled anew: it is not in the backup.
func (s *safety) Restore(changes int) error {
	err := s.ledger.Restore(changes)
	s.refill.Store(true)
	return err
}

// tell puts what has changed since the last time into the topic of states, in
// order; of a row that is gone, a message without a value.
func (s *safety) tell(ctx context.Context) error {
	s.mu.Lock()
	if s.refill.CompareAndSwap(true, false) {
		s.told = 0
	}
	rows := s.since(s.told, time.Time{})
	messages, seqs := make([]kafka.Message, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		seqs[i] = r.Seq // a clerk may change the row while its state is on its way
		messages[i] = kafka.Message{Key: []byte(r.Key), Time: r.At, Headers: []kafka.Header{{Key: safetySeq, Value: mustJSON(r.Seq)}}}
		if !r.Deleted {
			messages[i].Value = mustJSON(nested(r.Row, s.layout.Columns[1:len(s.layout.Columns)-1]))
		}
	}
	s.mu.Unlock()
	if len(messages) == 0 {
		return nil
	}
	return s.on(ctx, safetyPeople, func(conn *kafka.Conn) error {
		for len(messages) > 0 {
			n := min(len(messages), 500)
			if _, err := conn.WriteMessages(messages[:n]...); err != nil {
				return err
			}
			s.told = seqs[n-1]
			messages, seqs = messages[n:], seqs[n:]
		}
		return nil
	})
}

// takeChanges does what came in, in order, tells what has changed, once, and then
// answers each: who has the answer finds the state in the topic.
func (s *safety) takeChanges(ctx context.Context) error {
	taken, err := s.changes(ctx)
	if err != nil {
		return err
	}
	var answers []kafka.Message
	for _, m := range taken {
		answer, err := s.take(m)
		if err != nil {
			return err
		}
		answers = append(answers, kafka.Message{Key: m.Key, Value: answer})
	}
	if err := s.tell(ctx); err != nil || len(taken) == 0 {
		return err
	}
	if err := s.on(ctx, safetyAnswers, func(conn *kafka.Conn) error {
		_, err := conn.WriteMessages(answers...)
		return err
	}); err != nil {
		return err
	}
	s.consumed = taken[len(taken)-1].Offset + 1
	return writeJSON(s.consumedFile(), s.consumed)
}

// changes fetches what came in since the last time, as much as one fetch gives.
func (s *safety) changes(ctx context.Context) (taken []kafka.Message, err error) {
	err = s.on(ctx, safetyChanges, func(conn *kafka.Conn) (err error) {
		last, err := conn.ReadLastOffset()
		if err != nil || last <= s.consumed {
			return err
		}
		if _, err := conn.Seek(s.consumed, kafka.SeekAbsolute); err != nil {
			return err
		}
		batch := conn.ReadBatch(1, 8*maxBody)
		defer func() { err = errors.Join(err, batch.Close()) }()
		for s.consumed+int64(len(taken)) < last {
			m, err := batch.ReadMessage()
			if errors.Is(err, io.EOF) {
				return nil // the fetch ends here
			}
			if err != nil {
				return err
			}
			taken = append(taken, m)
		}
		return nil
	})
	return taken, err
}

// take does one change. The same change once more is answered from memory.
func (s *safety) take(m kafka.Message) (json.RawMessage, error) {
	set := Row{}
	var body map[string]any
	key := string(m.Key)
	answer := func(no, code, message, field string) json.RawMessage {
		return mustJSON(map[string]string{"changeNo": no, "code": code, "msg": message, "field": field, "personId": key})
	}
	if err := json.Unmarshal(m.Value, &body); err != nil || !flat("", body, set) {
		return answer("", "400", "消息不是 JSON 对象", ""), nil
	}
	no, op := set["changeNo"], set["op"]
	delete(set, "changeNo")
	delete(set, "op")
	if no == "" || op != "modify" {
		return answer(no, "400", "只接受 modify", "op"), nil
	}
	q := request{Write: Write{Intent: no, Key: key, Set: set}, token: "change " + no}
	q.reply = func(*stored) json.RawMessage { return answer(no, "0", "", "") }
	q.refusal = func(column, reason string) json.RawMessage { return answer(no, "422", reason, column) }
	out, err := s.accept(q)
	switch {
	case err != nil:
		return nil, err
	case out.replay != nil:
		return out.replay, nil
	case out.gone:
		return answer(no, "404", "没有该人员", ""), nil
	case out.reason != "":
		return answer(no, "422", out.reason, out.column), nil
	}
	return answer(no, "0", "", ""), nil
}
