package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
)

// The topics of the platform.
const (
	topicPeople  = "zz.person"
	topicChanges = "zz.change"
	topicAnswers = "zz.answer"
)

// bureau is a department with a Kafka cluster: kfake speaks the protocol of a
// broker over the wire, and the department itself uses another client library
// than the connector.
type bureau struct {
	t       testing.TB
	cluster *kfake.Cluster
	more    []kgo.Opt
	clock   time.Time

	rows   map[string]map[string]string
	taken  int64 // changes that were carried out
	next   map[int32]int64
	writes int
	last   int
}

func newBureau(t testing.TB, partitions int32, options ...kfake.Opt) *bureau {
	options = append([]kfake.Opt{kfake.NumBrokers(2), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "heji", conformance.Secret),
		kfake.Superuser("SCRAM-SHA-512", "heji", conformance.Secret), kfake.Superuser("PLAIN", "heji", conformance.Secret)}, options...)
	cluster, err := kfake.NewCluster(options...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	b := &bureau{t: t, cluster: cluster, clock: time.Now().Add(-time.Hour), rows: map[string]map[string]string{}, next: map[int32]int64{}}
	require.NoError(t, cluster.CreateTopic(topicPeople, partitions, map[string]string{"max.message.bytes": "8388608"}))
	require.NoError(t, cluster.CreateTopic(topicChanges, partitions, nil))
	require.NoError(t, cluster.CreateTopic(topicAnswers, 1, nil))
	return b
}

// client connects for one conversation, so that nothing of the department stays
// behind in the background.
func (b *bureau) client(options ...kgo.Opt) *kgo.Client {
	options = append([]kgo.Opt{kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.SASL(scram.Auth{User: "heji", Pass: conformance.Secret}.AsSha256Mechanism())}, options...)
	c, err := kgo.NewClient(append(options, b.more...)...)
	require.NoError(b.t, err)
	return c
}

func (b *bureau) yaml() string {
	return "platform: safety\nname: 综治\nkind: kafka\nkey: [_key]\ncadence: 5s\nlag: 0s\nnatural: [id_number]\nchange_column: _time\nconnect:\n" +
		"  brokers: [\"" + b.cluster.ListenAddrs()[0] + "\", \"" + b.cluster.ListenAddrs()[1] + "\"]\n" +
		"  sasl: {user: heji, password: \"${KAFKA_PASSWORD}\"}\n  topic: " + topicPeople + "\n  compacted: true\n  page: 7\n  stall: 5s\n" +
		"  out: {topic: " + topicChanges + ", id: nr, operation: op}\n" +
		"  acks: {topic: " + topicAnswers + ", status: jg, ok: [成功], exists: [已有], gone: [查无], reason: yy, column: zd, key: id}\n" +
		"fields:\n  name: {column: xm}\n  phone: {column: sjhm}\n  id_number: {column: sfzh}\n" +
		"agreement:\n  receives: {phone: overwrite, name: overwrite, id_number: overwrite}\n  creates: true\n"
}

func secrets(name string) (string, bool) { return conformance.Secret, name == "KAFKA_PASSWORD" }

// say produces messages and waits for them.
func (b *bureau) say(records ...*kgo.Record) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c := b.client(kgo.ProducerBatchMaxBytes(8<<20), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	defer c.Close()
	require.NoError(b.t, c.ProduceSync(ctx, records...).FirstErr())
}

func (b *bureau) state(id string, row map[string]string) *kgo.Record {
	r := &kgo.Record{Topic: topicPeople, Key: []byte(id), Timestamp: b.clock}
	if row != nil {
		value, err := json.Marshal(row)
		require.NoError(b.t, err)
		r.Value = value
	}
	return r
}

func (b *bureau) Insert(_ testing.TB, rows ...map[string]string) {
	b.clock = b.clock.Add(time.Millisecond)
	var list []*kgo.Record
	for _, r := range rows {
		b.rows[r["id"]] = maps.Clone(r)
		list = append(list, b.state(r["id"], r))
	}
	b.say(list...)
}

func (b *bureau) Update(t testing.TB, rows ...map[string]string) { b.Insert(t, rows...) }

func (b *bureau) Delete(_ testing.TB, ids ...string) {
	b.clock = b.clock.Add(time.Millisecond)
	for _, id := range ids {
		delete(b.rows, id)
		b.say(b.state(id, nil))
	}
}

func (b *bureau) Row(_ testing.TB, id string) (map[string]string, bool) {
	r, ok := b.rows[id]
	return r, ok
}

func (b *bureau) Writes(testing.TB) int { return b.writes }
func (b *bureau) Publish(testing.TB)    {}

// changes reads what came in the topic of changes since the last time.
func (b *bureau) changes() []*kgo.Record {
	b.t.Helper()
	parts, end := map[int32]kgo.Offset{}, int64(0)
	var from int64
	for _, p := range b.cluster.PartitionInfos(topicChanges) {
		parts[p.Partition] = kgo.NewOffset().At(b.next[p.Partition])
		end += p.HighWatermark
		from += b.next[p.Partition]
	}
	if from == end {
		return nil
	}
	reader := b.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topicChanges: parts}))
	defer reader.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []*kgo.Record
	for from < end {
		fetches := reader.PollFetches(ctx)
		require.NoError(b.t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			out = append(out, r)
			from++
			b.next[r.Partition] = r.Offset + 1
		})
	}
	return out
}

// Process carries out what is asked for, tells the new state, and answers.
func (b *bureau) Process(testing.TB) {
	b.clock = b.clock.Add(time.Millisecond)
	for _, r := range b.changes() {
		var row map[string]any
		require.NoError(b.t, json.Unmarshal(r.Value, &row))
		id := string(r.Key)
		status, reason, column := b.carry(&id, row)
		answer, err := json.Marshal(map[string]string{"jg": status, "yy": reason, "zd": column, "id": id})
		require.NoError(b.t, err)
		b.say(&kgo.Record{Topic: topicAnswers, Value: answer, Headers: r.Headers}) // the number goes back in its header
	}
}

func (b *bureau) carry(id *string, row map[string]any) (status, reason, column string) {
	if name, _ := row["xm"].(string); len([]rune(name)) > 20 {
		return "失败", "姓名过长 190000199001011234", "xm"
	}
	if row["op"] == "A" {
		for have, r := range b.rows {
			if r["sfzh"] == row["sfzh"] {
				*id = have
				return "已有", "身份证号已登记", ""
			}
		}
		b.last++
		*id = fmt.Sprintf("K%03d", b.last)
		b.rows[*id] = map[string]string{"id": *id}
	}
	have, ok := b.rows[*id]
	if !ok {
		return "查无", "", ""
	}
	for _, c := range []string{"xm", "sjhm", "sfzh"} {
		if text, ok := row[c].(string); ok {
			have[c] = text
		}
	}
	b.writes++
	b.say(b.state(*id, have))
	return "成功", "", ""
}

// open makes a connector of a file.
func open(t testing.TB, yaml string) connectors.Connector {
	t.Helper()
	p, err := spec.Parse("platform.yaml", []byte(yaml), secrets)
	require.NoError(t, err)
	c, err := Open(context.Background(), p, connectors.Environment{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// read makes one pass.
func read(c connectors.Connector, from connectors.Cursor) (batches []connectors.Batch, cursor connectors.Cursor, err error) {
	cursor = from
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = c.Pull(ctx, from, func(b connectors.Batch) error {
		batches = append(batches, b)
		if b.Cursor != nil {
			cursor = b.Cursor
		}
		return nil
	})
	return batches, cursor, err
}

func rowsOf(batches []connectors.Batch) (rows []connectors.Row) {
	for _, b := range batches {
		rows = append(rows, b.Rows...)
	}
	return rows
}
