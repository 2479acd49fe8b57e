package stream

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// usage is what was used since the start of the process.
type usage struct {
	at       time.Time
	own      time.Duration // CPU of this process: hub, NATS and platforms
	postgres time.Duration // CPU of PostgreSQL and its children
	wal      int64         // bytes
}

func (u usage) since(o usage) usage {
	return usage{at: u.at, own: u.own - o.own, postgres: u.postgres - o.postgres, wal: u.wal - o.wal}
}

// meter reads what is used. It has a connection of its own.
type meter struct {
	conn *pgx.Conn
	pid  int // of the PostgreSQL server
}

func newMeter(ctx context.Context, dsn string, pid int) (*meter, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL for measuring: %w", err)
	}
	// What is asked again and again is small (settled). With statistics of when all
	// was unresolved, PostgreSQL would read the whole table to find one such record.
	if _, err := conn.Exec(ctx, `SET enable_seqscan = off`); err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL for measuring: %w", err)
	}
	return &meter{conn: conn, pid: pid}, nil
}

func (m *meter) close(ctx context.Context) error { return m.conn.Close(ctx) }

func (m *meter) read(ctx context.Context) (usage, error) {
	u := usage{at: time.Now()}
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return u, fmt.Errorf("read the CPU time used: %w", err)
	}
	u.own = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	var err error
	if u.postgres, err = treeCPU(m.pid); err != nil {
		return u, err
	}
	if err := m.conn.QueryRow(ctx, `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint`).Scan(&u.wal); err != nil {
		return u, fmt.Errorf("read the WAL position: %w", err)
	}
	return u, nil
}

// settled reports whether nothing is unresolved, and whether nothing is due at
// any platform. Both are questions to small partial indexes.
func (m *meter) settled(ctx context.Context) (resolved, green bool, err error) {
	err = m.conn.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM records WHERE unresolved),
		NOT EXISTS (SELECT FROM targets WHERE due_at IS NOT NULL AND state <> 'hold')
			AND NOT EXISTS (SELECT FROM intents WHERE state IN ('open', 'queued', 'doubt'))
			AND NOT EXISTS (SELECT FROM campaigns)`).Scan(&resolved, &green)
	if err != nil {
		return false, false, fmt.Errorf("ask whether all is settled: %w", err)
	}
	return resolved, green, nil
}

// taken sums the records that were taken in, and the rows that showed nothing new.
func (m *meter) taken(ctx context.Context) (merged, unchanged, dead int64, err error) {
	err = m.conn.QueryRow(ctx, `SELECT coalesce(sum(merged), 0)::bigint, coalesce(sum(unchanged), 0)::bigint, coalesce(sum(dead), 0)::bigint FROM pull_runs`).Scan(&merged, &unchanged, &dead)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("count what was taken in: %w", err)
	}
	return merged, unchanged, dead, nil
}

func (m *meter) count(ctx context.Context, sql string) (n int64, err error) {
	if err := m.conn.QueryRow(ctx, sql).Scan(&n); err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	return n, nil
}

// watchStatements begins to count what each statement takes. The extension comes
// with PostgreSQL's contributed modules, which a hub does not need.
func (m *meter) watchStatements(ctx context.Context) error {
	if _, err := m.conn.Exec(ctx, `CREATE EXTENSION pg_stat_statements`); err != nil {
		return fmt.Errorf("watch the statements: %w", err)
	}
	return nil
}

// statements prints the statements that took longest since the last call, waits
// for locks and for the disk included. Their texts hold no values.
func (m *meter) statements(ctx context.Context, out io.Writer, limit int, pieces int64) error {
	rows, err := m.conn.Query(ctx, `SELECT calls, total_exec_time * 1000, rows, wal_bytes::bigint, regexp_replace(query, '\s+', ' ', 'g')
		FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT $1`, limit)
	if err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	n := float64(max(pieces, 1))
	var calls, count, wal int64
	var micros float64
	var text string
	if _, err := pgx.ForEachRow(rows, []any{&calls, &micros, &count, &wal, &text}, func() error {
		fmt.Fprintf(out, "    %6.1f µs, %5.0f B of WAL, %5.2f rows each; %7d calls: %s\n",
			micros/n, float64(wal)/n, float64(count)/n, calls, text[:min(len(text), 150)])
		return nil
	}); err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	if _, err := m.conn.Exec(ctx, `SELECT pg_stat_statements_reset()`); err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	return nil
}

// ticks is what /proc counts CPU time in: hundredths of a second, on every
// Linux that Go runs on.
const ticks = 10 * time.Millisecond

// treeCPU is the CPU time of a server and its children, those that have ended
// included. Elsewhere than on Linux it is zero.
func treeCPU(pid int) (time.Duration, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var total int64
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile; its time is its parent's now
		}
		// The name in parentheses may hold anything; the numbers follow it.
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		if len(f) < 15 {
			continue
		}
		number := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
		self := filepath.Base(filepath.Dir(file)) == strconv.Itoa(pid)
		if self || number(1) == int64(pid) {
			total += number(11) + number(12)
		}
		if self {
			total += number(13) + number(14)
		}
	}
	return time.Duration(total) * ticks, nil
}
