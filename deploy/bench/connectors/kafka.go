package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	_ "heji/connectors/kafka" // the kind
)

func init() { register(Case{Name: "kafka/one partition", Open: openKafka}) }

const (
	kafkaPeople  = "people"
	kafkaChanges = "changes"
	kafkaAnswers = "answers"
	kafkaBare    = "bare"
)

var kafkaYAML = `
platform: bench
name: 测速
kind: kafka
connect:
  brokers: ["${BENCH_BROKER}"]
  topic: people
  compacted: true
  out: {topic: changes, id: nr, operation: op}
  acks: {topic: answers, id: nr, status: jg, ok: [ok]}
` + strings.Replace(fields, "key: [id]", "key: [_key]", 1)

// cluster is one broker in this process that speaks the protocol over the wire.
// What it costs is far less than what a real one costs.
type cluster struct {
	*kfake.Cluster
	taken int64 // changes that were answered
}

func openKafka(ctx context.Context, rows int, _ string) (*Platform, error) {
	fake, err := kfake.NewCluster(kfake.Ports(0), kfake.NumBrokers(1), kfake.SeedTopics(1, kafkaPeople, kafkaChanges, kafkaAnswers, kafkaBare))
	if err != nil {
		return nil, err
	}
	c := &cluster{Cluster: fake}
	messages := make([]kafka.Message, rows)
	for i, p := range people(rows) {
		row := map[string]string{}
		for j, text := range p.Texts() {
			row[Columns[j]] = text
		}
		if messages[i], err = message(p.ID, row); err != nil {
			break
		}
	}
	if err == nil {
		err = c.write(ctx, kafkaPeople, messages)
	}
	if err != nil {
		fake.Close()
		return nil, err
	}
	return &Platform{
		YAML: kafkaYAML, Env: map[string]string{"BENCH_BROKER": fake.ListenAddrs()[0]},
		Pull: func(ctx context.Context) (int, error) {
			n := 0
			_, err := c.read(ctx, kafkaPeople, 0, func(m kafka.Message) error {
				n++
				return json.Unmarshal(m.Value, &map[string]string{})
			})
			return n, err
		},
		Push: func(ctx context.Context, changed []Changed) error {
			var messages []kafka.Message
			for _, x := range changed {
				m, err := message(x.ID, map[string]string{"sjhm": x.Phone})
				if err != nil {
					return err
				}
				messages = append(messages, m)
			}
			return c.write(ctx, kafkaBare, messages)
		},
		Settle: c.settle,
		Close:  func() error { fake.Close(); return nil },
	}, nil
}

func message(key string, body map[string]string) (kafka.Message, error) {
	value, err := json.Marshal(body)
	return kafka.Message{Key: []byte(key), Value: value}, err
}

// on runs f on a connection of its own to a topic's partition.
func (c *cluster) on(ctx context.Context, topic string, f func(*kafka.Conn) error) error {
	conn, err := kafka.DialLeader(ctx, "tcp", c.ListenAddrs()[0], topic, 0)
	if err != nil {
		return err
	}
	return errors.Join(conn.SetDeadline(time.Now().Add(time.Minute)), conn.SetRequiredAcks(-1), f(conn), conn.Close())
}

func (c *cluster) write(ctx context.Context, topic string, messages []kafka.Message) error {
	return c.on(ctx, topic, func(conn *kafka.Conn) error {
		for len(messages) > 0 {
			n := min(len(messages), pushed)
			if _, err := conn.WriteMessages(messages[:n]...); err != nil {
				return err
			}
			messages = messages[n:]
		}
		return nil
	})
}

// read reads a topic from an offset to its present end, and answers where that is.
func (c *cluster) read(ctx context.Context, topic string, next int64, each func(kafka.Message) error) (int64, error) {
	err := c.on(ctx, topic, func(conn *kafka.Conn) error {
		last, err := conn.ReadLastOffset()
		for err == nil && next < last {
			if _, err = conn.Seek(next, kafka.SeekAbsolute); err != nil {
				return err
			}
			batch := conn.ReadBatch(1, 8<<20)
			for next < last {
				m, problem := batch.ReadMessage()
				if problem != nil {
					break // the end of what came, or the error that Close gives
				}
				next = m.Offset + 1
				if err := each(m); err != nil {
					return errors.Join(err, batch.Close())
				}
			}
			err = batch.Close()
		}
		return err
	})
	return next, err
}

// settle says yes to every change that came in.
func (c *cluster) settle(ctx context.Context) error {
	var answers []kafka.Message
	next, err := c.read(ctx, kafkaChanges, c.taken, func(m kafka.Message) error {
		var change map[string]string
		if err := json.Unmarshal(m.Value, &change); err != nil {
			return err
		}
		answer, err := message(string(m.Key), map[string]string{"nr": change["nr"], "jg": "ok"})
		answers = append(answers, answer)
		return err
	})
	if err != nil {
		return err
	}
	c.taken = next
	return c.write(ctx, kafkaAnswers, answers)
}
