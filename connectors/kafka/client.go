package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"heji/connectors"
	"heji/connectors/spec"
)

// client reaches the cluster. What it is asked for ends with the context, and
// with the stall time.
type client struct {
	brokers   []string
	stall     time.Duration
	broken    error // why it can reach nothing
	reached   atomic.Bool
	dialer    *kafka.Dialer
	transport *kafka.Transport
	admin     *kafka.Client
}

func newClient(p *spec.Platform, s Settings) (*client, error) {
	config, err := s.TLS.config(p)
	// A certificate that is missing must not keep the hub from starting: it is said
	// when the platform is first reached.
	c := &client{brokers: s.Brokers, stall: s.Stall.D(), broken: err}
	c.dialer = &kafka.Dialer{ClientID: "heji", Timeout: c.stall, TLS: config}
	// The transport knows the cluster's layout; unlike a connection it never asks
	// for a topic in a way that makes one.
	c.transport = &kafka.Transport{ClientID: "heji", DialTimeout: c.stall, TLS: config, MetadataTTL: 5 * time.Second, IdleTimeout: 30 * time.Second}
	if s.SASL != nil {
		m, err := s.SASL.mechanism()
		if err != nil {
			return nil, fmt.Errorf("%s: connect.sasl cannot be used: %w", p.Source, err)
		}
		c.dialer.SASLMechanism, c.transport.SASL = m, m
	}
	c.admin = &kafka.Client{Addr: kafka.TCP(s.Brokers...), Transport: c.transport, Timeout: c.stall}
	return c, nil
}

func (c *client) close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// partitions returns a topic's partitions in order.
func (c *client) partitions(ctx context.Context, topic string) ([]kafka.Partition, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if !c.reached.Load() {
		// A first connection tells what is wrong with the login: the transport hides
		// it behind a time that runs out.
		conn, err := c.dialAny(ctx)
		if err != nil {
			return nil, err
		}
		_ = conn.Close() // it was for the login only
	}
	asked, cancel := context.WithTimeout(ctx, c.stall)
	defer cancel()
	answer, err := c.admin.Metadata(asked, &kafka.MetadataRequest{Topics: []string{topic}})
	c.reached.Store(err == nil)
	if err != nil {
		return nil, c.trouble(ctx, "the cluster", err)
	}
	var out []kafka.Partition
	for _, t := range answer.Topics {
		if t.Name != topic {
			continue
		}
		if t.Error != nil {
			return nil, c.trouble(ctx, "the topic "+topic, t.Error)
		}
		out = append(out, t.Partitions...)
	}
	if len(out) == 0 {
		return nil, c.trouble(ctx, "the topic "+topic, kafka.UnknownTopicOrPartition)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	for i := range out {
		out[i].Topic = topic
	}
	return out, nil
}

// dialAny connects to the first broker that answers.
func (c *client) dialAny(ctx context.Context) (*kafka.Conn, error) {
	var first error
	for _, address := range c.brokers {
		conn, err := c.dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn, nil
		}
		err = c.trouble(ctx, "the broker "+address, err)
		if ctx.Err() != nil || errors.Is(err, connectors.ErrCredentials) {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// lead runs an operation on a connection to a partition's leader. The connection
// ends with the context, and each step of it must be within the stall time.
func (c *client) lead(ctx context.Context, p kafka.Partition, operation func(conn *kafka.Conn) error) error {
	where := fmt.Sprintf("the topic %s, partition %d", p.Topic, p.ID)
	if p.Leader.Host == "" {
		return c.trouble(ctx, where, kafka.LeaderNotAvailable)
	}
	conn, err := c.dialer.DialPartition(ctx, "tcp", "", p)
	if err != nil {
		return c.trouble(ctx, where, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close() // what it was for has its own error
	}()
	if err := conn.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return c.trouble(ctx, where, err)
	}
	return operation(conn)
}

// trouble makes an error of the cluster a sentence.
func (c *client) trouble(ctx context.Context, where string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var code kafka.Error
	var expired x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var other x509.HostnameError
	var plain tls.RecordHeaderError
	switch {
	case errors.Is(err, kafka.SASLAuthenticationFailed), errors.Is(err, kafka.UnsupportedSASLMechanism), strings.Contains(err.Error(), "SASL authentication process"):
		return connectors.NewTrouble("kafka_login", "where", where)
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return connectors.NewTrouble("certificate_expired", "where", where)
	case errors.As(err, &expired), errors.As(err, &unknown), errors.As(err, &other):
		return connectors.NewTrouble("certificate_unknown", "where", where)
	case errors.As(err, &plain):
		return connectors.NewTrouble("kafka_no_tls", "where", where)
	case errors.As(err, &code):
		switch code {
		case kafka.UnknownTopicOrPartition:
			return connectors.NewTrouble("topic_gone", "where", where)
		case kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed:
			return connectors.NewTrouble("kafka_rights", "where", where)
		case kafka.UnknownMemberId, kafka.IllegalGeneration, kafka.RebalanceInProgress, kafka.InconsistentGroupProtocol:
			return connectors.NewTrouble("kafka_group", "where", where)
		}
		return connectors.NewTrouble("kafka_answers", "where", where, "words", code.Title())
	}
	return connectors.NewTrouble("kafka_silent", "where", where)
}

// span is what a partition holds: offsets from first, up to but without last.
type span struct{ first, last int64 }

// spans asks the partitions of one topic for their offsets; what an open
// transaction has written is not there yet.
func (c *client) spans(ctx context.Context, parts []kafka.Partition) (map[int]span, error) {
	topic := parts[0].Topic
	var ask []kafka.OffsetRequest
	for _, p := range parts {
		ask = append(ask, kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
	}
	asked, cancel := context.WithTimeout(ctx, c.stall)
	defer cancel()
	answer, err := c.admin.ListOffsets(asked, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}, IsolationLevel: kafka.ReadCommitted})
	if err != nil {
		c.reached.Store(false)
		return nil, c.trouble(ctx, "the topic "+topic, err)
	}
	out := map[int]span{}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return nil, c.trouble(ctx, fmt.Sprintf("the topic %s, partition %d", topic, p.Partition), p.Error)
		}
		out[p.Partition] = span{p.FirstOffset, p.LastOffset}
	}
	for _, p := range parts {
		if sp, ok := out[p.ID]; !ok || sp.first < 0 || sp.last < sp.first {
			return nil, c.trouble(ctx, fmt.Sprintf("the topic %s, partition %d", topic, p.ID), kafka.LeaderNotAvailable)
		}
	}
	return out, nil
}

// fetch is how much of a partition one request asks for, in bytes.
const fetch = 4 << 20

// scan reads a partition from an offset up to another, in order. Marks of
// transactions are left out.
func (c *client) scan(ctx context.Context, p kafka.Partition, from, to int64, each func(kafka.Message) error) error {
	if from >= to {
		return nil
	}
	where := fmt.Sprintf("the topic %s, partition %d", p.Topic, p.ID)
	return c.lead(ctx, p, func(conn *kafka.Conn) error {
		if _, err := conn.Seek(from, kafka.SeekAbsolute|kafka.SeekDontCheck); err != nil {
			return c.trouble(ctx, where, err)
		}
		for fruitless := 0; from < to; {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := conn.SetDeadline(time.Now().Add(c.stall)); err != nil {
				return c.trouble(ctx, where, err)
			}
			batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: fetch, MaxWait: 500 * time.Millisecond, IsolationLevel: kafka.ReadCommitted})
			before := from
			var stopped, failed error
			for from < to {
				m, err := batch.ReadMessage()
				if err != nil {
					failed = err
					break
				}
				from = m.Offset + 1
				if m.Offset >= to || control(m) {
					continue
				}
				if stopped = each(m); stopped != nil {
					break
				}
			}
			if failed != nil {
				from = max(from, batch.Offset())
			}
			if stopped != nil {
				return stopped // lead closes the connection with what is left in it
			}
			if failed == nil {
				return nil // to was reached
			}
			if err := batch.Close(); err != nil && !errors.Is(failed, io.EOF) && !errors.Is(err, kafka.RequestTimedOut) {
				return c.trouble(ctx, where, err)
			}
			if from > before {
				fruitless = 0
			} else if fruitless++; fruitless >= 5 {
				// What is there was promised and does not come: never skipped.
				return connectors.NewTrouble("kafka_stuck", "where", where, "offset", strconv.FormatInt(from, 10))
			}
		}
		return nil
	})
}

// control reports whether a message is a mark of a transaction, which the
// protocol hands out among the others: four bytes, version 0 and kind 0 or 1.
func control(m kafka.Message) bool {
	return len(m.Key) == 4 && m.Key[0] == 0 && m.Key[1] == 0 && m.Key[2] == 0 && m.Key[3] <= 1
}

// commit tells the group up to where a topic is done with.
func (c *client) commit(ctx context.Context, group, topic string, offsets map[int]int64) error {
	var list []kafka.OffsetCommit
	for p, o := range offsets {
		list = append(list, kafka.OffsetCommit{Partition: p, Offset: o})
	}
	if len(list) == 0 {
		return nil
	}
	asked, cancel := context.WithTimeout(ctx, c.stall)
	defer cancel()
	where := "the consumer group " + group
	answer, err := c.admin.OffsetCommit(asked, &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{topic: list}})
	if err != nil {
		return c.trouble(ctx, where, err)
	}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return c.trouble(ctx, where, p.Error)
		}
	}
	return nil
}

// committed asks the group up to where a topic is done with.
func (c *client) committed(ctx context.Context, group, topic string, parts []kafka.Partition) (map[int]int64, error) {
	ids := make([]int, len(parts))
	for i, p := range parts {
		ids[i] = p.ID
	}
	asked, cancel := context.WithTimeout(ctx, c.stall)
	defer cancel()
	where := "the consumer group " + group
	answer, err := c.admin.OffsetFetch(asked, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: ids}})
	if err == nil {
		err = answer.Error
	}
	out := map[int]int64{}
	if errors.Is(err, kafka.GroupIdNotFound) {
		return out, nil // nothing was committed yet, or the cluster has forgotten it
	}
	if err != nil {
		return nil, c.trouble(ctx, where, err)
	}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return nil, c.trouble(ctx, where, p.Error)
		}
		if p.CommittedOffset >= 0 {
			out[p.Partition] = p.CommittedOffset
		}
	}
	return out, nil
}
