package kafka

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"heji/connectors"
)

// The headers of what we send.
const (
	headerKey  = "idempotency-key" // the intent: the same write has the same
	headerHash = "content-hash"    // sha256 of the value, in hex
)

// doubtful are answers of a broker after which a message may be there or not.
// Every other code of theirs means that it is not.
var doubtful = []kafka.Error{kafka.Unknown, kafka.RequestTimedOut, kafka.NetworkException, kafka.NotEnoughReplicasAfterAppend, kafka.KafkaStorageError}

// judged are answers about a message itself.
var judged = []kafka.Error{kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidMessage, kafka.InvalidMessageSize, kafka.PolicyViolation, kafka.InvalidTimestamp}

// Push sends one message for each write, in order for each key. All replicas
// must have it before it counts as handed over.
func (w *writer) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	if len(writes) == 0 {
		return nil, nil
	}
	parts, err := w.client.partitions(ctx, w.settings.Out.Topic)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.platform.ID, err)
	}
	ids := make([]int, len(parts))
	byID := map[int]kafka.Partition{}
	for i, p := range parts {
		ids[i], byID[p.ID] = p.ID, p
	}
	out := make([]connectors.Outcome, len(writes))
	groups := map[int][]int{} // partition → indexes of writes
	messages := make([]kafka.Message, len(writes))
	for i, write := range writes {
		m, refusal := w.message(write)
		out[i] = connectors.Outcome{Intent: write.Intent, Key: write.Key, Status: connectors.Queued}
		if refusal != nil {
			out[i] = *refusal
			continue
		}
		messages[i] = m
		id := kafka.Murmur2Balancer{Consistent: true}.Balance(m, ids...)
		groups[id] = append(groups[id], i)
	}
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		if err := connectors.Halt(ctx); err != nil {
			for _, i := range groups[id] {
				out[i].Status, out[i].Reason = connectors.Busy, err.Error()
			}
			continue
		}
		w.send(ctx, byID[id], groups[id], messages, out)
	}
	return out, nil
}

// send sends the messages of one partition as one batch, which the broker takes
// as a whole or not at all. Where it judges one of them, each goes alone.
func (w *writer) send(ctx context.Context, p kafka.Partition, group []int, messages []kafka.Message, out []connectors.Outcome) {
	batch := make([]kafka.Message, len(group))
	for n, i := range group {
		batch[n] = messages[i]
	}
	sent := false
	err := w.client.lead(ctx, p, func(conn *kafka.Conn) error {
		if err := conn.SetRequiredAcks(-1); err != nil {
			return err
		}
		sent = true
		_, err := conn.WriteMessages(batch...)
		return err
	})
	if err == nil {
		return
	}
	where := fmt.Sprintf("the topic %s, partition %d", p.Topic, p.ID)
	var code kafka.Error
	answered := errors.As(err, &code)
	said := w.sentence(ctx, where, err)
	status, reason := connectors.Busy, connectors.Reason(said.Error())
	trouble := connectors.AsTrouble(said)
	switch {
	case answered && slices.Contains(judged, code) && len(group) > 1:
		for _, i := range group {
			w.send(ctx, p, []int{i}, messages, out)
		}
		return
	case answered && slices.Contains(judged, code):
		trouble = nil // of the message, not of the cluster
		status, reason = connectors.Refused, "the cluster does not take this message: "+code.Title()
	case sent && (!answered || slices.Contains(doubtful, code)):
		status = connectors.Doubt
	}
	for _, i := range group {
		out[i].Status, out[i].Reason, out[i].Trouble = status, reason, trouble
	}
}

// sentence is an error as a person reads it.
func (w *writer) sentence(ctx context.Context, where string, err error) error {
	if errors.Is(err, connectors.ErrUnreachable) || errors.Is(err, connectors.ErrCredentials) || errors.Is(err, connectors.ErrLayout) {
		return err
	}
	return w.client.trouble(ctx, where, err)
}

// message makes the message of a write, or says why there can be none.
func (w *writer) message(write connectors.Write) (kafka.Message, *connectors.Outcome) {
	o := w.settings.Out
	refuse := func(column, reason string) (kafka.Message, *connectors.Outcome) {
		return kafka.Message{}, &connectors.Outcome{Intent: write.Intent, Key: write.Key, Status: connectors.Refused, Column: column, Reason: reason}
	}
	texts := map[string]string{}
	key, operation := write.Key, o.Update
	if write.Key == "" {
		operation = o.Create
		maps.Copy(texts, w.platform.CreateWith)
		maps.Copy(texts, write.Natural)
		if w.platform.TokenColumn != "" {
			texts[w.platform.TokenColumn] = write.Token
		}
		// A row without a number: all creates of one person in one order.
		var natural []string
		for _, c := range slices.Sorted(maps.Keys(write.Natural)) {
			natural = append(natural, write.Natural[c])
		}
		key = strings.Join(natural, "~")
	} else {
		parts, ok := connectors.SplitKey(write.Key, len(w.platform.Key))
		if !ok {
			return refuse("", "the row's key has another number of columns")
		}
		for i, k := range w.platform.Key {
			texts[k] = parts[i]
		}
	}
	maps.Copy(texts, write.Set)
	delete(texts, keyColumn)
	delete(texts, timeColumn)
	if o.ID != "" {
		texts[o.ID] = write.Intent
	}
	if o.Operation != "" {
		texts[o.Operation] = operation
	}
	value, err := json.Marshal(nest(texts, o.Numbers))
	if err != nil {
		return refuse("", "it cannot be written as JSON")
	}
	if len(value) > w.settings.MaxBytes {
		return refuse("", fmt.Sprintf("the message would be longer than max_message (%d bytes)", w.settings.MaxBytes))
	}
	sum := sha256.Sum256(value)
	return kafka.Message{Key: []byte(key), Value: value, Time: time.Now(), Headers: []kafka.Header{
		{Key: headerKey, Value: []byte(write.Intent)}, {Key: headerHash, Value: []byte(hex.EncodeToString(sum[:]))}}}, nil
}
