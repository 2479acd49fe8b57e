package kafka

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/schema"
)

func person(n int) map[string]string {
	return map[string]string{"id": fmt.Sprintf("P%04d", n), "xm": fmt.Sprintf("测试%d", n), "sjhm": fmt.Sprintf("1390000%04d", n), "sfzh": fmt.Sprintf("N%04d", n)}
}

// log is the file of a topic of events that are deleted after a while.
func (b *bureau) log() string {
	y := strings.Replace(b.yaml(), "  compacted: true\n", "", 1)
	return strings.Replace(y, "key: [_key]", "key: [id]", 1)
}

// A row that changed many times is given out once, as it is at the end: only that
// is evidence for the time of the pass.
func TestOnlyTheLastOfAKey(t *testing.T) {
	b := newBureau(t, 1)
	for n := range 30 {
		b.Insert(t, map[string]string{"id": "P1", "xm": fmt.Sprint(n), "sjhm": "1", "sfzh": "2"})
	}
	b.Insert(t, person(2))
	b.Delete(t, person(2)["id"])
	for _, yaml := range []string{b.yaml(), b.log()} {
		batches, at, err := read(open(t, yaml), nil)
		require.NoError(t, err)
		rows := rowsOf(batches)
		require.Len(t, rows, 2)
		require.Equal(t, "29", rows[0].Columns["xm"])
		require.Equal(t, schema.OpDelete, rows[1].Op)
		require.False(t, rows[0].ChangedAt.IsZero())
		require.JSONEq(t, `{"0":32}`, string(at)[strings.Index(string(at), `"next":`)+7:strings.Index(string(at), "}")+1])
	}
}

// Messages that were deleted before they were read are not missed in silence; a
// compacted topic is read whole instead.
func TestDeletedBeforeRead(t *testing.T) {
	b := newBureau(t, 1)
	b.Insert(t, person(0), person(1))
	c, whole := open(t, b.log()), open(t, b.yaml())
	_, at, err := read(c, nil)
	require.NoError(t, err)
	_, wholeAt, err := read(whole, nil)
	require.NoError(t, err)
	b.Insert(t, person(2), person(3), person(4))
	require.NoError(t, b.cluster.DeleteRecords(topicPeople, 0, 4))
	batches, at, err := read(c, at)
	require.NoError(t, err)
	rows := rowsOf(batches)
	require.Len(t, rows, 2)
	require.Equal(t, schema.OpDead, rows[0].Op)
	require.Equal(t, topicPeople+"/0@2 to 3: deleted there before it was read", rows[0].Place)
	require.Equal(t, "P0004", rows[1].Key)
	batches, _, err = read(c, at)
	require.NoError(t, err)
	require.Empty(t, batches)

	batches, _, err = read(whole, wholeAt)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 1)
	require.True(t, batches[0].Full && batches[len(batches)-1].Complete)
}

// A compacted topic is read whole again after full_every: whose tombstone is gone
// as well is found missing then.
func TestCompactedIsReadWholeNowAndThen(t *testing.T) {
	b := newBureau(t, 2)
	for n := range 40 {
		b.Insert(t, person(n%10))
	}
	c := open(t, b.yaml()).(*writer)
	_, at, err := read(c, nil)
	require.NoError(t, err)
	c.now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	batches, _, err := read(c, at)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 10)
	require.True(t, batches[len(batches)-1].Complete)
	for _, x := range batches[:len(batches)-1] {
		require.Nil(t, x.Cursor, "half of a full read is no resume point")
	}
}

// A topic that is gone stops the platform with its name. It keeps its place, and
// goes on by itself; a topic that was made anew makes nobody deleted.
func TestTopicGone(t *testing.T) {
	b := newBureau(t, 1)
	b.Insert(t, person(0), person(1), person(2))
	c := open(t, b.yaml())
	_, at, err := read(c, nil)
	require.NoError(t, err)
	require.NoError(t, b.cluster.DeleteTopic(topicPeople))
	require.Eventually(t, func() bool {
		_, still, err := read(c, at)
		if err == nil {
			return false // the layout is known for a few seconds more
		}
		require.ErrorIs(t, err, connectors.ErrLayout)
		require.ErrorContains(t, err, topicPeople)
		require.ErrorContains(t, err, "is not there any more")
		require.Equal(t, at, still)
		return true
	}, 20*time.Second, 20*time.Millisecond)

	require.NoError(t, b.cluster.CreateTopic(topicPeople, 1, nil))
	require.Eventually(t, func() bool {
		batches, _, err := read(c, at)
		require.Error(t, err)
		require.Empty(t, batches)
		return strings.Contains(err.Error(), "was made anew and is empty")
	}, 20*time.Second, 20*time.Millisecond)
	b.Insert(t, person(7))
	batches, at, err := read(c, at)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 1)
	for _, x := range batches {
		require.False(t, x.Complete, "a topic that is being filled again does not say who is gone")
	}
	b.Insert(t, person(8))
	batches, _, err = read(c, at)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 1)
}

// Messages that are no rows are set aside with topic, partition and offset; the
// others go on.
func TestPoison(t *testing.T) {
	b := newBureau(t, 1)
	p := func(key, value string) *kgo.Record {
		return &kgo.Record{Topic: topicPeople, Key: []byte(key), Value: []byte(value)}
	}
	b.say(p("P1", "no JSON"), p("P2", `[1]`), p("P3", `{"xm":"half`), p("P4", `{"xm":"a"} {"xm":"b"}`), p("P5", "\xff\xfe"),
		p("P6", `{"xm":"`+strings.Repeat("x", 2000)+`"}`), p("", `{"xm":"nobody"}`), p("\xff", `{"xm":"x"}`), p(strings.Repeat("9", 300), `{"xm":"x"}`),
		&kgo.Record{Topic: topicPeople}, p("P7", ""), p("P8", `null`), p(`"P9"`, `{"xm":"good","a":{"b":[1,{"c":true}],"n":null},"big":12345678901234567890}`))
	c := open(t, strings.Replace(b.yaml(), "page: 7", "page: 7\n  max_message: 1024", 1))
	batches, at, err := read(c, nil)
	require.ErrorContains(t, err, "4 messages could not be read far enough to know whose they are")
	require.NotNil(t, at, "they do not come again and again")
	var got []string
	for _, row := range rowsOf(batches) {
		got = append(got, fmt.Sprintf("%s %s %s %s", row.Key[:min(3, len(row.Key))], row.Op, row.Problem, row.Place))
	}
	require.Equal(t, []string{"P1 dead unreadable zz.person/0@0", "P2 dead unreadable zz.person/0@1", "P3 dead unreadable zz.person/0@2",
		"P4 dead unreadable zz.person/0@3", "P5 dead encoding zz.person/0@4", "P6 dead too_long zz.person/0@5", " dead no_key zz.person/0@6",
		" dead encoding zz.person/0@7", " dead too_long zz.person/0@8", " dead no_key zz.person/0@9", "P7 delete  zz.person/0@10",
		"P8 dead unreadable zz.person/0@11", "P9 put  zz.person/0@12"}, got)
	good := rowsOf(batches)[12].Columns
	require.Equal(t, map[string]string{"xm": "good", "a.b.0": "1", "a.b.1.c": "true", "a.n": "", "big": "12345678901234567890", "_key": "P9", "_time": good["_time"]}, good)
	batches, _, err = read(c, at)
	require.NoError(t, err)
	require.Empty(t, batches)
}

// Offsets are committed only when told what is merged; a group that was lost, or
// stands elsewhere, changes nothing.
func TestGroup(t *testing.T) {
	b := newBureau(t, 2)
	b.Insert(t, person(0), person(1), person(2))
	c := open(t, b.yaml()).(*writer)
	_, at, err := read(c, nil)
	require.NoError(t, err)
	parts, err := c.client.partitions(context.Background(), topicPeople)
	require.NoError(t, err)
	committed := func() int64 {
		offsets, err := c.client.committed(context.Background(), "heji-safety", topicPeople, parts)
		require.NoError(t, err)
		sum := int64(0)
		for _, o := range offsets {
			sum += o
		}
		return sum
	}
	require.Zero(t, committed(), "nothing is committed before it is merged")
	require.NoError(t, c.Confirm(context.Background(), at))
	require.EqualValues(t, 3, committed())

	b.Insert(t, person(3))
	other := open(t, strings.Replace(b.yaml(), "page: 7", "page: 7\n  group: lost", 1))
	batches, _, err := read(other, at)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 1, "the cursor is what counts")

	busy := b.client(kgo.ConsumerGroup("taken"), kgo.ConsumeTopics(topicPeople))
	defer busy.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = b.cluster.WaitGroupStable(ctx, "taken", 1)
	require.NoError(t, err)
	taken := open(t, strings.Replace(b.yaml(), "page: 7", "page: 7\n  group: taken", 1)).(*writer)
	err = taken.Confirm(context.Background(), at)
	require.ErrorContains(t, err, "the consumer group taken is used by another program")
}

// Partitions that move, partitions that are added and brokers that go are no
// reason to lose or repeat anything.
func TestPartitionsMoveAndGrow(t *testing.T) {
	b := newBureau(t, 2)
	b.Insert(t, person(0), person(1), person(2), person(3))
	c := open(t, b.yaml())
	_, at, err := read(c, nil)
	require.NoError(t, err)
	pass := func(want int) {
		t.Helper()
		var rows []connectors.Row
		require.Eventually(t, func() bool {
			batches, next, err := read(c, at)
			at = next
			rows = append(rows, rowsOf(batches)...)
			if err != nil {
				require.ErrorIs(t, err, connectors.ErrUnreachable)
			}
			return err == nil && len(rows) >= want
		}, 30*time.Second, 20*time.Millisecond)
		require.Len(t, rows, want)
	}
	for _, p := range b.cluster.PartitionInfos(topicPeople) {
		other := int32(1)
		if b.cluster.LeaderFor(topicPeople, p.Partition) == 1 {
			other = 0
		}
		require.NoError(t, b.cluster.MoveTopicPartition(topicPeople, p.Partition, other))
	}
	b.Insert(t, person(4), person(5))
	pass(2)

	grow := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = topicPeople, 5
	grow.Topics = append(grow.Topics, topic)
	admin := b.client()
	defer admin.Close()
	_, err = grow.RequestWith(context.Background(), admin)
	require.NoError(t, err)
	b.Insert(t, person(10), person(11), person(12), person(13), person(14), person(15))
	pass(6)

	require.NoError(t, b.cluster.RemoveNode(1))
	b.Insert(t, person(20))
	pass(1)
}

// Errors of brokers end a pass with a sentence and without a gap.
func TestBrokerErrors(t *testing.T) {
	b := newBureau(t, 2)
	b.Insert(t, person(0), person(1), person(2))
	for _, fault := range []kfake.Fault{
		{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 1},
		{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.KafkaStorageError, Count: 1},
		{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.LeaderNotAvailable, Count: 1},
		{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: 1},
		{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.CorruptMessage, Count: 1},
	} {
		c := open(t, b.yaml())
		require.NoError(t, c.Check(context.Background()))
		b.cluster.Fault(fault)
		_, at, err := read(c, nil)
		require.Error(t, err, fault.Err.Message)
		require.Nil(t, at)
		batches, _, err := read(c, nil)
		require.NoError(t, err)
		require.Len(t, rowsOf(batches), 3)
	}
}

func TestPush(t *testing.T) {
	b := newBureau(t, 3)
	b.Insert(t, person(0))
	c := open(t, b.yaml()).(*writer)
	var writes []connectors.Write
	for n := range 30 {
		writes = append(writes, connectors.Write{Intent: fmt.Sprintf("i%02d", n), Batch: "b1", Key: fmt.Sprintf("P%d", n%3), Set: map[string]string{"a.b": fmt.Sprint(n), "gone": ""}})
	}
	writes = append(writes, connectors.Write{Intent: "huge", Batch: "b1", Key: "P0", Set: map[string]string{"xm": strings.Repeat("x", 5<<20)}})
	out, err := c.Push(context.Background(), writes)
	require.NoError(t, err)
	for _, o := range out[:30] {
		require.Equal(t, connectors.Queued, o.Status, o.Reason)
	}
	require.Equal(t, connectors.Refused, out[30].Status)
	require.Contains(t, out[30].Reason, "max_message")
	order := map[string][]string{}
	for _, r := range b.changes() {
		require.Equal(t, headerKey, r.Headers[0].Key)
		require.Equal(t, headerHash, r.Headers[1].Key)
		require.Len(t, r.Headers[1].Value, 64)
		require.Contains(t, string(r.Value), `"gone":null`)
		require.Contains(t, string(r.Value), `{"a":{"b":"`)
		order[string(r.Key)] = append(order[string(r.Key)], string(r.Headers[0].Value))
	}
	require.Equal(t, []string{"i00", "i03", "i06", "i09", "i12", "i15", "i18", "i21", "i24", "i27"}, order["P0"], "in order for each key")
}

// What a broker's answer says about a message: certainly not there, perhaps
// there, or never.
func TestPushOutcomes(t *testing.T) {
	b := newBureau(t, 1)
	b.Insert(t, person(0))
	c := open(t, b.yaml()).(*writer)
	write := []connectors.Write{{Intent: "i1", Key: "P1", Set: map[string]string{"xm": "甲"}}}
	for _, test := range []struct {
		err  *kerr.Error
		want connectors.Status
	}{
		{kerr.NotLeaderForPartition, connectors.Busy}, {kerr.NotEnoughReplicas, connectors.Busy}, {kerr.TopicAuthorizationFailed, connectors.Busy},
		{kerr.NotEnoughReplicasAfterAppend, connectors.Doubt}, {kerr.RequestTimedOut, connectors.Doubt}, {kerr.KafkaStorageError, connectors.Doubt},
		{kerr.UnknownServerError, connectors.Doubt}, {kerr.MessageTooLarge, connectors.Refused}, {kerr.PolicyViolation, connectors.Refused},
	} {
		b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: test.err, Count: 1})
		out, err := c.Push(context.Background(), write)
		require.NoError(t, err)
		require.Equal(t, test.want, out[0].Status, test.err.Message)
		require.NotEmpty(t, out[0].Reason)
		trouble := map[*kerr.Error]string{kerr.TopicAuthorizationFailed: "kafka_rights", kerr.NotEnoughReplicas: "kafka_answers"}[test.err]
		if test.want == connectors.Refused {
			require.Nil(t, out[0].Trouble, "of the message, not of the cluster")
		} else if trouble != "" {
			require.NotNil(t, out[0].Trouble, test.err.Message)
			require.Equal(t, trouble, out[0].Trouble.Code)
		}
	}
	require.Len(t, b.changes(), 2, "after an append that timed out, or that too few replicas have, it is there")
	// One message that the broker judges does not take the others with it.
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: 1})
	out, err := c.Push(context.Background(), append(write, connectors.Write{Intent: "i2", Key: "P2", Set: map[string]string{"xm": "乙"}}))
	require.NoError(t, err)
	require.Equal(t, connectors.Queued, out[0].Status)
	require.Equal(t, connectors.Queued, out[1].Status)
	require.Len(t, b.changes(), 2)
}

// A connection that breaks after a message was sent: nobody knows.
func TestPushInDoubt(t *testing.T) {
	cut := &atomic.Bool{}
	b := newBureau(t, 1, kfake.ListenFn(func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, "127.0.0.1:0")
		return cutting{l, cut}, err
	}))
	b.Insert(t, person(0))
	c := open(t, b.yaml()).(*writer)
	require.NoError(t, c.Check(context.Background()))
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, When: func(kmsg.Request) bool { cut.Store(true); return true }})
	out, err := c.Push(context.Background(), []connectors.Write{{Intent: "i1", Key: "P1", Set: map[string]string{"xm": "甲"}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Doubt, out[0].Status)
	require.Len(t, b.changes(), 1, "it had arrived")
}

type cutting struct {
	net.Listener
	cut *atomic.Bool
}

func (l cutting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return cuttable{c, l.cut}, err
}

type cuttable struct {
	net.Conn
	cut *atomic.Bool
}

func (c cuttable) Write(p []byte) (int, error) {
	if c.cut.CompareAndSwap(true, false) {
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// Answers are heard until they are released, after a restart too; a message that
// is no answer is named once.
func TestAnswers(t *testing.T) {
	b := newBureau(t, 1)
	b.Insert(t, person(0))
	ctx := context.Background()
	say := func(value string, headers ...kgo.RecordHeader) {
		b.say(&kgo.Record{Topic: topicAnswers, Value: []byte(value), Headers: headers})
	}
	named := func(id string) kgo.RecordHeader { return kgo.RecordHeader{Key: headerKey, Value: []byte(id)} }
	say(`{"jg":"成功"}`, named("i1"))
	say("no answer")
	say(`{"jg":"失败","yy":"电话 13900000001 不对","zd":"sjhm"}`, named("i2"))
	say(`{"jg":"成功"}`) // whose?
	say(`{"jg":"查无"}`, named("i3"))
	c := open(t, b.yaml()).(*writer)
	out, err := c.Acknowledged(ctx)
	require.ErrorContains(t, err, topicAnswers+"/0@1 is no answer")
	require.ErrorContains(t, err, topicAnswers+"/0@3 is no answer")
	want := []connectors.Outcome{{Intent: "i1", Status: connectors.Applied}, {Intent: "i2", Status: connectors.Refused, Reason: "电话 … 不对", Column: "sjhm"},
		{Intent: "i3", Status: connectors.Gone, Reason: "the platform gave the status 查无"}}
	require.Equal(t, want, out)
	out, err = c.Acknowledged(ctx)
	require.NoError(t, err, "it was named")
	require.Equal(t, want, out)
	require.NoError(t, c.Release(ctx, []connectors.Outcome{out[0], out[2]}))
	again := open(t, b.yaml()).(*writer)
	out, err = again.Acknowledged(ctx)
	require.Error(t, err)
	require.Equal(t, want[1:], out, "from the first that is not safe on")
	require.NoError(t, again.Release(ctx, out))
	last := open(t, b.yaml()).(*writer)
	out, err = last.Acknowledged(ctx)
	require.NoError(t, err)
	require.Empty(t, out)
}

func TestLoginsAndTLS(t *testing.T) {
	b := newBureau(t, 1)
	b.Insert(t, person(0))
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		require.NoError(t, open(t, strings.Replace(b.yaml(), "sasl: {", "sasl: {mechanism: "+mechanism+", ", 1)).Check(context.Background()), mechanism)
	}
	for _, test := range []struct {
		name    string
		expired bool
		trusted bool
		says    string
	}{
		{"trusted", false, true, ""},
		{"expired", true, true, "certificate has expired"},
		{"unknown", false, false, "certificate is not trusted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pair, ca := certificate(t, test.expired)
			b := newBureau(t, 1, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
			b.more = []kgo.Opt{kgo.DialTLSConfig(&tls.Config{InsecureSkipVerify: true})}
			b.Insert(t, person(0))
			with := "  tls: {}\n"
			if test.trusted {
				with = "  tls: {ca: " + ca + "}\n"
			}
			err := open(t, strings.Replace(b.yaml(), "connect:\n", "connect:\n"+with, 1)).Check(context.Background())
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
			err = open(t, b.yaml()).Check(context.Background())
			require.ErrorIs(t, err, connectors.ErrUnreachable, "without TLS it is not understood")
		})
	}
	err := open(t, strings.Replace(strings.Replace(b.yaml(), "connect:\n", "connect:\n  tls: {}\n", 1), "stall: 5s", "stall: 200ms", 1)).Check(context.Background())
	require.ErrorIs(t, err, connectors.ErrUnreachable)
}

func certificate(t *testing.T, expired bool) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	if expired {
		template.NotAfter = time.Now().Add(-time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

// A broker that does not answer is left at once when the context ends.
func TestSlowBroker(t *testing.T) {
	b := newBureau(t, 1)
	b.Insert(t, person(0))
	c := open(t, strings.Replace(b.yaml(), "stall: 5s", "stall: 10m", 1))
	require.NoError(t, c.Check(context.Background()))
	hanging, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	var once atomic.Bool
	b.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.SleepControl(func() {
			if once.CompareAndSwap(false, true) {
				close(hanging)
			}
			<-release
		})
		return nil, nil, false
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Pull(ctx, nil, func(connectors.Batch) error { return nil }) }()
	<-hanging
	cancel()
	select {
	case err := <-done:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(10 * time.Second):
		t.Fatal("a slow broker held the connector")
	}
}

func FuzzRow(f *testing.F) {
	f.Add([]byte("P1"), []byte(`{"a":{"b":1}}`))
	f.Add([]byte(`{"id":"1"}`), []byte(`{"a":[[[[]]]]}`))
	f.Add([]byte(`"x`), []byte{})
	p := open(f, "platform: x\nname: x\nkind: kafka\nkey: [id]\ncadence: 5s\nchange_column: t\nfields: {phone: {column: a.b}}\nconnect: {brokers: [127.0.0.1:1], topic: t, delete_field: a, delete_value: x}\n").(*reader)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		row, keyless := p.row(kafka.Message{Key: key, Value: value})
		require.Equal(t, keyless, row.Key == "")
		require.True(t, row.Op != schema.OpDead || row.Problem != "")
		require.False(t, bytes.Contains([]byte(row.Place), []byte(conformance.Secret)))
	})
}
