package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"heji/connectors/spec"
)

// Settings is the connect section of a platform of kind kafka.
type Settings struct {
	Brokers []string `yaml:"brokers"` // host or host:port; default port 9092
	SASL    *SASL    `yaml:"sasl"`
	TLS     *TLS     `yaml:"tls"` // {} for TLS with the authorities of this machine

	Topic string `yaml:"topic"`
	// Compacted: the topic keeps the last message of every key, so that reading it
	// whole shows everybody.
	Compacted bool `yaml:"compacted"`
	// FullEvery is how often a compacted topic is read whole; default 24h.
	FullEvery spec.Duration `yaml:"full_every"`
	// Group is the consumer group to which offsets are committed; default heji-ID.
	Group string `yaml:"group"`
	// DeleteField with one of DeleteValue marks a deleted row, beside messages
	// without a value.
	DeleteField string   `yaml:"delete_field"`
	DeleteValue []string `yaml:"delete_value"`

	Page     int           `yaml:"page"`        // rows in one batch; default 500
	MaxBytes int           `yaml:"max_message"` // longest value in bytes; default 4 MiB
	Stall    spec.Duration `yaml:"stall"`       // of one request; default request_life
	Timezone string        `yaml:"timezone"`    // default Asia/Shanghai

	Out  *Out  `yaml:"out"`
	Acks *Acks `yaml:"acks"`
}

// SASL is how we log in.
type SASL struct {
	Mechanism string `yaml:"mechanism"` // plain, scram-sha-256 (default), scram-sha-512
	User      string `yaml:"user"`
	Password  string `yaml:"password"`
}

// TLS says whom to trust, and who we are.
type TLS struct {
	CA         string `yaml:"ca"` // file; default the authorities of this machine
	Cert       string `yaml:"cert"`
	Key        string `yaml:"key"`
	ServerName string `yaml:"server_name"`
}

// Out is where our changes go.
type Out struct {
	Topic     string   `yaml:"topic"`
	ID        string   `yaml:"id"`        // path of the number of a change; default only the header
	Operation string   `yaml:"operation"` // path of what is done; default none
	Update    string   `yaml:"update"`    // its word for a change; default U
	Create    string   `yaml:"create"`    // its word for a new row; default A
	Numbers   []string `yaml:"numbers"`   // paths that are JSON numbers
}

// Acks is where the platform answers.
type Acks struct {
	Topic  string   `yaml:"topic"`
	ID     string   `yaml:"id"` // path of the number of the change; default the header of it
	Status string   `yaml:"status"`
	OK     []string `yaml:"ok"`
	Exists []string `yaml:"exists"`
	Gone   []string `yaml:"gone"`
	Missed []string `yaml:"missed"`
	Reason string   `yaml:"reason"`
	Column string   `yaml:"column"` // which names the refused column
	Key    string   `yaml:"key"`    // the number of a new row
}

const (
	// keyColumn and timeColumn are columns of every message: its key and its time.
	keyColumn  = "_key"
	timeColumn = "_time"
)

func load(p *spec.Platform) (Settings, error) {
	s := Settings{FullEvery: spec.Duration(24 * time.Hour), Page: 500, MaxBytes: 4 << 20, Timezone: "Asia/Shanghai", Group: "heji-" + p.ID}
	if err := spec.DecodeConnect(p, &s); err != nil {
		return s, err
	}
	switch {
	case len(s.Brokers) == 0 || s.Topic == "":
		return s, p.Errorf("connect", "connect.brokers and connect.topic are needed: one or more addresses of the cluster, and the topic to read.")
	case s.Page < 1:
		return s, p.Errorf("connect.page", "connect.page must be at least 1.")
	case s.MaxBytes < 1024:
		return s, p.Errorf("connect.max_message", "connect.max_message must be at least 1024 bytes.")
	case s.DeleteField != "" && len(s.DeleteValue) == 0:
		return s, p.Errorf("connect.delete_field", "connect.delete_value is missing: what the field holds for a deleted row.")
	case s.FullEvery <= 0:
		return s, p.Errorf("connect.full_every", "connect.full_every must be above 0.")
	case s.Compacted && len(p.Key) > 0 && (len(p.Key) != 1 || p.Key[0] != keyColumn): // a draft has no key yet
		return s, p.Errorf("connect.compacted", "connect.compacted: a compacted topic is kept by the keys of its messages, so key must be [_key].")
	}
	for i, b := range s.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			s.Brokers[i] = net.JoinHostPort(strings.Trim(b, "[]"), "9092")
		}
	}
	if s.Stall == 0 {
		s.Stall = spec.Duration(p.Life())
	}
	if x := s.SASL; x != nil {
		if x.Mechanism == "" {
			x.Mechanism = "scram-sha-256"
		}
		if x.User == "" || x.Password == "" {
			return s, p.Errorf("connect.sasl", "connect.sasl.user and connect.sasl.password are needed.")
		}
		if _, err := x.mechanism(); err != nil {
			return s, p.Errorf("connect.sasl.mechanism", "connect.sasl.mechanism must be plain, scram-sha-256 or scram-sha-512.")
		}
	}
	return s, s.checkOut(p)
}

func (s *Settings) checkOut(p *spec.Platform) error {
	o, a := s.Out, s.Acks
	switch {
	case o == nil && a == nil:
		return nil
	case o == nil:
		return p.Errorf("connect.acks", "connect.acks: there is no connect.out whose messages could be answered.")
	case o.Topic == "":
		return p.Errorf("connect.out", "connect.out.topic is missing: the topic from which the platform takes our changes.")
	case o.Topic == s.Topic:
		return p.Errorf("connect.out.topic", "connect.out.topic must not be connect.topic: what Heji writes would come back as what the platform says.")
	case a == nil || a.Topic == "" || a.Status == "" || len(a.OK) == 0:
		// I5: a write whose outcome can never be known must not be made.
		return p.Errorf("connect.out", "connect.out: what is written could never be confirmed, because connect.acks is missing or lacks topic, status or ok. "+
			"Add acks, where the platform answers each change; or take out out, and the platform is only read.")
	}
	if o.Update == "" {
		o.Update = "U"
	}
	if o.Create == "" {
		o.Create = "A"
	}
	return nil
}

func (x *SASL) mechanism() (sasl.Mechanism, error) {
	switch x.Mechanism {
	case "plain":
		return plain.Mechanism{Username: x.User, Password: x.Password}, nil
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, x.User, x.Password)
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, x.User, x.Password)
	}
	return nil, os.ErrInvalid
}

func (x *TLS) config(p *spec.Platform) (*tls.Config, error) {
	if x == nil {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: x.ServerName}
	if x.CA != "" {
		pem, err := os.ReadFile(x.CA)
		if err != nil {
			return nil, p.Errorf("connect.tls.ca", "connect.tls.ca: the file cannot be read.")
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, p.Errorf("connect.tls.ca", "connect.tls.ca: the file holds no certificate in PEM form.")
		}
	}
	if (x.Cert == "") != (x.Key == "") {
		return nil, p.Errorf("connect.tls", "connect.tls.cert and connect.tls.key belong together.")
	}
	if x.Cert != "" {
		pair, err := tls.LoadX509KeyPair(x.Cert, x.Key)
		if err != nil {
			return nil, p.Errorf("connect.tls", "connect.tls.cert and connect.tls.key cannot be read, or do not belong together.")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
