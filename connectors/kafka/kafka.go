package kafka

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/clock"
)

// Kind is the name under which the kind is registered.
const Kind = "kafka"

func init() {
	connectors.Register(Kind, Open)
	connectors.RegisterSettings(Kind, Settings{})
}

// reader reads a topic.
type reader struct {
	platform *spec.Platform
	settings Settings
	zone     *time.Location
	client   *client
	now      func() time.Time
}

// writer also writes to a topic, and reads the platform's answers.
type writer struct {
	*reader
	answers answers
}

// Open prepares the connector. It reaches nothing.
func Open(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
	s, err := load(p)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		return nil, p.Errorf("connect.timezone", "connect.timezone is no time zone. Write it as Asia/Shanghai.")
	}
	c, err := newClient(p, s)
	if err != nil {
		return nil, err
	}
	r := &reader{platform: p, settings: s, zone: zone, client: c, now: clock.Now}
	if s.Out == nil {
		return r, nil
	}
	return &writer{reader: r}, nil
}

func (r *reader) Close() error { return r.client.close() }

// Repeats: the same write handed over again is a second message.
func (w *writer) Repeats() bool { return true }

// Check reaches the cluster, and looks into the newest messages of the topic.
func (r *reader) Check(ctx context.Context) error {
	if err := r.check(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	return nil
}

func (r *reader) check(ctx context.Context) error {
	seen := map[string]bool{}
	rows, dead, err := r.sample(ctx, 20)
	if err != nil {
		return err
	}
	for _, row := range rows {
		for name := range row.Columns {
			seen[name] = true
		}
	}
	if len(rows) == 0 {
		if dead > 0 {
			return connectors.NewTrouble("kafka_unreadable", "rows", strconv.Itoa(dead), "topic", r.settings.Topic, "key", strings.Join(r.platform.Key, ", "))
		}
		return nil // nothing there yet
	}
	var missing []string
	for _, column := range append(r.platform.Columns(), r.settings.DeleteField) {
		if column != "" && !seen[column] {
			missing = append(missing, column)
		}
	}
	if len(missing) > 0 {
		sort.Strings(missing)
		return connectors.NewTrouble("kafka_columns", "rows", strconv.Itoa(len(rows)), "topic", r.settings.Topic, "columns", strings.Join(missing, ", "))
	}
	return nil
}

// sample reads the newest messages of every partition, at most so many of each.
func (r *reader) sample(ctx context.Context, limit int64) (rows []connectors.Row, dead int, err error) {
	parts, err := r.client.partitions(ctx, r.settings.Topic)
	if err != nil {
		return nil, 0, err
	}
	spans, err := r.client.spans(ctx, parts)
	if err != nil {
		return nil, 0, err
	}
	for _, p := range parts {
		sp := spans[p.ID]
		err := r.client.scan(ctx, p, max(sp.first, sp.last-limit), sp.last, func(m kafka.Message) error {
			switch row, _ := r.row(m); row.Op {
			case schema.OpPut:
				rows = append(rows, row)
			case schema.OpDead:
				dead++
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return rows, dead, nil
}

// Describe reads the paths of the newest messages.
func (r *reader) Describe(ctx context.Context, limit int) ([]connectors.Column, error) {
	rows, _, err := r.sample(ctx, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.platform.Source, err)
	}
	names := map[string]bool{}
	for _, row := range rows {
		for name := range row.Columns {
			names[name] = true
		}
	}
	var out []connectors.Column
	for name := range names {
		c := connectors.Column{Name: name}
		for _, row := range rows[:min(limit, len(rows))] {
			c.Samples = append(c.Samples, row.Columns[name])
		}
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// Check also makes sure that both other topics are there.
func (w *writer) Check(ctx context.Context) error {
	if err := w.reader.Check(ctx); err != nil {
		return err
	}
	var errs []error
	for _, topic := range []string{w.settings.Out.Topic, w.settings.Acks.Topic} {
		if _, err := w.client.partitions(ctx, topic); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.platform.Source, err))
		}
	}
	return errors.Join(errs...)
}
