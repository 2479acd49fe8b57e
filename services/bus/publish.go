package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heji/schema"
)

// TooLargeError says that records cannot travel, and that nothing of the call
// was published. The caller turns them into dead rows and publishes again.
type TooLargeError struct {
	Indexes []int // of the records that are too large, ascending
	Sizes   []int // their encoded sizes in bytes
	Limit   int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%d records are too large to publish (the first is number %d of the batch, %d bytes; the limit is %d): nothing was published; set them aside as dead rows",
		len(e.Indexes), e.Indexes[0]+1, e.Sizes[0], e.Limit)
}

// stallWait bounds how long one message may wait for room among those that are
// not acknowledged yet.
const stallWait = 30 * time.Second

// What travels together. A message costs the server and the disk about as much as
// ten records do, whatever it holds.
const (
	recordsPerMessage = 100
	bytesPerMessage   = 256 << 10
)

// PublishRecords publishes records in order and returns when all are
// acknowledged (I1). It waits while the stream is full, the server is away or
// the stream has to be made again, until ctx ends. The error is a
// *TooLargeError where a record cannot travel.
func (b *Bus) PublishRecords(ctx context.Context, records []schema.Record) error {
	large := TooLargeError{Limit: b.MaxRecord()}
	var messages []*nats.Msg
	var p parcel
	for i := range records {
		r := &records[i]
		if err := token(r.Platform); err != nil {
			return fmt.Errorf("publish records: %w", err)
		}
		size, err := p.add(r, large.Limit)
		if err != nil {
			return fmt.Errorf("publish records: %s, fence %d, position %d: cannot be encoded: %w", r.Platform, r.Version.Fence, r.Version.Position, err)
		}
		switch {
		case size > large.Limit:
			large.Indexes = append(large.Indexes, i)
			large.Sizes = append(large.Sizes, size)
		case size > 0: // it did not fit in
			messages = append(messages, p.message())
			p = parcel{}
			if _, err := p.add(r, large.Limit); err != nil {
				return fmt.Errorf("publish records: %w", err)
			}
		}
	}
	if len(large.Indexes) > 0 {
		return &large
	}
	if p.count > 0 {
		messages = append(messages, p.message())
	}
	if err := b.publish(ctx, messages); err != nil {
		return fmt.Errorf("publish records: %w", err)
	}
	return nil
}

// parcel gathers records that follow one another into one message: a line each.
type parcel struct {
	platform    string
	first, last schema.Version
	count       int
	data        []byte
}

// add puts a record in. size is 0 when it is in, else its own: it is too large,
// or does not fit in any more.
func (p *parcel) add(r *schema.Record, limit int) (size int, err error) {
	before, start := len(p.data), 0
	if before == 0 {
		p.data = make([]byte, 0, 1024)
	} else {
		p.data = append(p.data, '\n')
		start = before + 1
	}
	data, err := appendRecord(p.data, r)
	if err != nil {
		return 0, err
	}
	follows := p.count == 0 || p.count < recordsPerMessage && len(data) <= min(bytesPerMessage, limit) &&
		r.Platform == p.platform && r.Version.Fence == p.last.Fence && r.Version.Position == p.last.Position+1
	if size = len(data) - start; size > limit || !follows {
		p.data = data[:before]
		return size, nil
	}
	if p.count == 0 {
		p.platform, p.first = r.Platform, r.Version
	}
	p.data, p.last = data, r.Version
	p.count++
	return 0, nil
}

// message is what is published. Its id names all that is in it, so that it is
// taken for a repeat of the same records only.
func (p *parcel) message() *nats.Msg {
	id := make([]byte, 0, len(p.platform)+48)
	id = append(id, p.platform...)
	id = append(id, ':')
	id = strconv.AppendInt(id, p.first.Fence, 10)
	id = append(id, ':')
	id = strconv.AppendInt(id, p.first.Position, 10)
	if p.count > 1 {
		id = append(id, '-')
		id = strconv.AppendInt(id, p.last.Position, 10)
	}
	return &nats.Msg{Subject: recordsPrefix + p.platform, Data: p.data, Header: nats.Header{jetstream.MsgIDHeader: {string(id)}}}
}

// hintPatience is how long PublishChanges tries. What it gives up on, the sweep
// of the write-back finds in PostgreSQL.
const hintPatience = 5 * time.Second

// PublishChanges publishes hints to look at targets. An error costs time and no
// data; the caller has committed already and carries on.
func (b *Bus) PublishChanges(ctx context.Context, changes []schema.Change) error {
	ctx, cancel := context.WithTimeout(ctx, hintPatience)
	defer cancel()
	messages := make([]*nats.Msg, len(changes))
	for i, c := range changes {
		if err := token(c.Platform); err != nil {
			return fmt.Errorf("publish changes: %w", err)
		}
		data, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("publish changes: %w", err)
		}
		// No message id: the same target may change again within two minutes, and
		// that hint must not be taken for a repeat.
		messages[i] = &nats.Msg{Subject: changesPrefix + c.Platform, Data: data}
	}
	if err := b.publish(ctx, messages); err != nil {
		return fmt.Errorf("publish changes: %w", err)
	}
	return nil
}

// publish sends messages until every one is acknowledged or ctx ends.
func (b *Bus) publish(ctx context.Context, messages []*nats.Msg) error {
	wait := b.firstWait
	for attempt := 1; ; attempt++ {
		before, back := len(messages), b.nextReturn()
		var err error
		messages, err = b.publishOnce(ctx, messages)
		if len(messages) == 0 {
			b.note(nil)
			return nil
		}
		if ctx.Err() == nil {
			b.note(err)
		}
		if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("%d messages are not acknowledged: %w", len(messages), ctx.Err()), err)
		}
		if !temporary(err) {
			return err
		}
		if attempt == 1 {
			b.log.Warn("messages are not acknowledged: publishing them again", "count", len(messages), "error", err)
		}
		if len(messages) < before {
			wait = b.firstWait // there is progress: a full stream is being emptied
		}
		// A connection that is back is used at once: an entry of the desk may wait.
		if pauseOr(ctx, wait, back) {
			wait = b.firstWait
		} else {
			wait = min(2*wait, b.longestWait)
		}
		if missing(err) {
			// Trouble here shows at the next attempt.
			_ = b.ensureStreams(ctx)
		}
	}
}

// publishOnce sends the messages and returns those that were not acknowledged,
// in order, with the first reason.
func (b *Bus) publishOnce(ctx context.Context, messages []*nats.Msg) (failed []*nats.Msg, err error) {
	futures := make([]jetstream.PubAckFuture, 0, len(messages))
	for _, m := range messages {
		if ctx.Err() != nil {
			break
		}
		f, sendErr := b.js.PublishMsgAsync(m, jetstream.WithStallWait(stallWait), jetstream.WithRetryAttempts(0))
		if sendErr != nil {
			err = sendErr
			break
		}
		futures = append(futures, f)
	}
	for i, f := range futures {
		select {
		case <-f.Ok():
		case ackErr := <-f.Err():
			failed = append(failed, messages[i])
			if err == nil {
				err = ackErr
			}
		case <-ctx.Done():
			return append(failed, messages[i:]...), errors.Join(err, ctx.Err())
		}
	}
	return append(failed, messages[len(futures):]...), err
}

// JetStream's codes for a stream without room.
const (
	codeInsufficientResources = 10023
	codeStorageExceeded       = 10047
	codeStoreFailed           = 10077
)

// temporary reports whether publishing the same again can succeed.
func temporary(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch int(api.ErrorCode) {
		case codeInsufficientResources, codeStorageExceeded, codeStoreFailed:
			return true
		}
		return missing(err) || api.Code >= 500
	}
	return missing(err) ||
		errors.Is(err, jetstream.ErrAsyncPublishTimeout) ||
		errors.Is(err, jetstream.ErrTooManyStalledMsgs) ||
		errors.Is(err, nats.ErrDisconnected) ||
		errors.Is(err, nats.ErrReconnectBufExceeded) ||
		errors.Is(err, nats.ErrConnectionReconnecting)
}

// missing reports whether the stream or consumer may have been thrown away.
func missing(err error) bool {
	for _, gone := range []error{
		jetstream.ErrNoStreamResponse, jetstream.ErrStreamNotFound,
		jetstream.ErrConsumerNotFound, jetstream.ErrConsumerDoesNotExist, jetstream.ErrConsumerDeleted,
		nats.ErrNoResponders,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}
