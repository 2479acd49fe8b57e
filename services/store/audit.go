package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/services/audit"
	"heji/services/crypt"
)

// note stores what happens in the transaction in which it happens. named is whom
// the request names; detail becomes JSON, of ids and counts alone (I9).
func note(ctx context.Context, q querier, named string, n audit.Note, detail any) error {
	if detail != nil {
		raw, err := json.Marshal(detail)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		n.Detail = string(raw)
	}
	_, err := q.Exec(ctx, `INSERT INTO audit_notes (who, did, what, platform, why, detail) VALUES ($1, $2, $3, $4, $5, $6)`,
		audit.Who(ctx, named), n.Did, n.What, n.Platform, audit.Reason(n.Why), n.Detail)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// Note stores something that happens outside of the store: what is read, what is
// carried. Whoever is about to show or do it must not, when this fails.
func (s *Store) Note(ctx context.Context, named string, n audit.Note, detail any) error {
	return note(ctx, s.pool, named, n, detail)
}

// appending runs f as the only appender of the chain.
func (s *Store) appending(ctx context.Context, f func(tx pgx.Tx, end audit.Head) error) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		// Each schema has its own chain: the hub's, and the satellite's.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('audit'), hashtext(current_schema()))`); err != nil {
			return err
		}
		end, err := auditEnd(ctx, tx)
		if err != nil {
			return err
		}
		return f(tx, end)
	})
}

// auditEnd is the chain's head: its last row, or where the rows that are closed ended.
func auditEnd(ctx context.Context, q querier) (end audit.Head, err error) {
	err = q.QueryRow(ctx, `SELECT seq, sum FROM audit UNION ALL SELECT upto, sum FROM audit_closed ORDER BY 1 DESC LIMIT 1`).Scan(&end.Seq, &end.Sum)
	if errors.Is(err, pgx.ErrNoRows) {
		return audit.Head{}, nil
	}
	return end, err
}

// AppendAudit moves up to limit notes into the chain, hashed by the suite, and
// returns how many, and the chain's head.
func (s *Store) AppendAudit(ctx context.Context, suite crypt.Suite, limit int) (n int, head audit.Head, err error) {
	err = s.appending(ctx, func(tx pgx.Tx, end audit.Head) error {
		rows, err := tx.Query(ctx, `SELECT id, at, who, did, what, platform, why, detail FROM audit_notes ORDER BY id LIMIT $1`, limit)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r audit.Row, err error) {
			err = row.Scan(&r.NoteID, &r.At, &r.Who, &r.Did, &r.What, &r.Platform, &r.Why, &r.Detail)
			return r, err
		})
		if err != nil {
			return err
		}
		n = len(list)
		head, err = appendAudit(ctx, tx, end, suite, list)
		return err
	})
	if err != nil {
		return 0, audit.Head{}, fmt.Errorf("append to the audit chain: %w", err)
	}
	return n, head, nil
}

func appendAudit(ctx context.Context, tx pgx.Tx, end audit.Head, suite crypt.Suite, list []audit.Row) (audit.Head, error) {
	if len(list) == 0 {
		return end, nil
	}
	var seq, notes []int64
	var at []time.Time
	var text [7][]string
	var sums [][]byte
	for _, r := range list {
		r.Seq, r.Hash = end.Seq+1, suite.Hash()
		sum, err := r.Link(end.Sum)
		if err != nil {
			return end, err
		}
		end = audit.Head{Seq: r.Seq, Sum: sum}
		seq, notes, at, sums = append(seq, r.Seq), append(notes, r.NoteID), append(at, r.At), append(sums, sum)
		for i, v := range []string{r.Who, r.Did, r.What, r.Platform, r.Why, r.Detail, r.Hash} {
			text[i] = append(text[i], v)
		}
	}
	if _, err := tx.Exec(ctx, `INSERT INTO audit (seq, note, at, who, did, what, platform, why, detail, hash, sum)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[])`,
		seq, notes, at, text[0], text[1], text[2], text[3], text[4], text[5], text[6], sums); err != nil {
		return end, err
	}
	_, err := tx.Exec(ctx, `DELETE FROM audit_notes WHERE id = ANY($1)`, notes)
	return end, err
}

// AuditReport is what verifying found.
type AuditReport struct {
	Head    audit.Head
	Rows    int64 // that are kept
	Closed  int64 // the last row that is gone because it had been kept long enough
	Waiting int64 // notes that are not in the chain yet
}

const auditColumns = `seq, note, at, who, did, what, platform, why, detail, hash, sum`

func scanAudit(row pgx.CollectableRow) (r audit.Row, err error) {
	err = row.Scan(&r.Seq, &r.NoteID, &r.At, &r.Who, &r.Did, &r.What, &r.Platform, &r.Why, &r.Detail, &r.Hash, &r.Sum)
	return r, err
}

// closing is the detail of the row that tells of a closing.
type closing struct {
	Upto int64  `json:"upto"`
	Rows int64  `json:"rows"`
	Head string `json:"head"`
}

const didClose = "audit.close"

// VerifyAudit walks the whole chain, on one snapshot, and compares with heads that
// were noted. An *audit.Broken names the first row that is not what it was.
func (s *Store) VerifyAudit(ctx context.Context, noted []audit.Head) (report AuditReport, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var behind audit.Head
		err := tx.QueryRow(ctx, `SELECT upto, sum FROM audit_closed ORDER BY upto DESC LIMIT 1`).Scan(&behind.Seq, &behind.Sum)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		report.Closed = behind.Seq
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM audit_notes`).Scan(&report.Waiting); err != nil {
			return err
		}
		walk, err := audit.NewWalk(behind, noted)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT `+auditColumns+` FROM audit ORDER BY seq`)
		if err != nil {
			return err
		}
		defer rows.Close()
		told := behind.Seq == 0
		for rows.Next() {
			r, err := scanAudit(rows)
			if err != nil {
				return err
			}
			if err := walk.Next(r); err != nil {
				return err
			}
			report.Rows++
			if c := (closing{}); r.Did == didClose && json.Unmarshal([]byte(r.Detail), &c) == nil {
				told = told || c.Upto == behind.Seq && c.Head == behind.String()
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if report.Head, err = walk.End(); err != nil {
			return err
		}
		if !told {
			return &audit.Broken{Seq: behind.Seq, Says: "rows up to here are said to be closed, and no row of the chain tells of it: they were taken out"}
		}
		return nil
	})
	if err != nil {
		return report, fmt.Errorf("verify the audit chain: %w", err)
	}
	return report, nil
}

// AuditQuery says which rows are wanted; zero fields mean all.
type AuditQuery struct {
	After, Before            int64 // rows behind this number, before that; 0: no limit
	From, To                 time.Time
	Who, Did, What, Platform string // Did: "writes" also finds "writes.stop"
	Limit                    int
	Newest                   bool // the newest first
}

// AuditRows returns rows of the chain in order.
func (s *Store) AuditRows(ctx context.Context, q AuditQuery) ([]audit.Row, error) {
	order := "seq"
	if q.Newest {
		order = "seq DESC"
	}
	rows, err := s.pool.Query(ctx, `SELECT `+auditColumns+` FROM audit WHERE seq > $1 AND ($9 = 0 OR seq < $9)
		AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)
		AND ($4 = '' OR who = $4) AND ($5 = '' OR did = $5 OR starts_with(did, $5 || '.')) AND ($6 = '' OR what = $6) AND ($7 = '' OR platform = $7)
		ORDER BY `+order+` LIMIT $8`, q.After, timeOrNull(q.From), timeOrNull(q.To), q.Who, q.Did, q.What, q.Platform, q.Limit, q.Before)
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAudit)
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	return list, nil
}

// How long the audit trail is kept.
const (
	AuditKeepLeast   = 183 // days: six months
	AuditKeepDefault = 396 // days: thirteen months
	auditKeepSetting = "audit_keep_days"
)

// ErrAuditKeep refuses to keep the trail for less than the law asks.
var ErrAuditKeep = fmt.Errorf("the audit trail is kept for at least %d days (six months)", AuditKeepLeast)

// AuditKeep is for how many days rows are kept.
func (s *Store) AuditKeep(ctx context.Context) (int, error) {
	days := AuditKeepDefault
	if err := s.Setting(ctx, auditKeepSetting, &days); err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	return max(days, AuditKeepLeast), nil
}

// SetAuditKeep says for how many days rows are kept, in the name of a person.
func (s *Store) SetAuditKeep(ctx context.Context, days int, who, why string) error {
	if days < AuditKeepLeast {
		return ErrAuditKeep
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		if err := setSetting(ctx, tx, auditKeepSetting, days); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "audit.keep", Why: why}, map[string]int{"days": days})
	})
}

// CloseAudit takes away rows that have been kept long enough, by whole months, and
// returns how many. Their last hash stays, and a row of the chain tells of it.
func (s *Store) CloseAudit(ctx context.Context, suite crypt.Suite) (n int64, err error) {
	days, err := s.AuditKeep(ctx)
	if err != nil {
		return 0, err
	}
	err = s.appending(ctx, func(tx pgx.Tx, end audit.Head) error {
		var c closing
		var last audit.Head
		// All before the first row that must stay.
		err := tx.QueryRow(ctx, `WITH stay AS (SELECT coalesce(min(seq), $2 + 1) AS seq FROM audit
				WHERE at >= date_trunc('month', now() - make_interval(days => $1)))
			INSERT INTO audit_closed (upto, sum, rows, began, ended)
			SELECT a.seq, a.sum, (SELECT count(*) FROM audit o WHERE o.seq <= a.seq),
				(SELECT min(at) FROM audit o WHERE o.seq <= a.seq), (SELECT max(at) FROM audit o WHERE o.seq <= a.seq)
			FROM audit a, stay WHERE a.seq = stay.seq - 1 RETURNING upto, sum, rows`, days, end.Seq).Scan(&last.Seq, &last.Sum, &c.Rows)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM audit WHERE seq <= $1`, last.Seq); err != nil {
			return err
		}
		n, c.Upto, c.Head = c.Rows, last.Seq, last.String()
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		r := audit.Row{Note: audit.Note{Who: audit.Hub, Did: didClose, Detail: string(raw)}}
		// A number that no note has; the note itself never lay anywhere.
		if err := tx.QueryRow(ctx, `SELECT nextval(pg_get_serial_sequence('audit_notes', 'id')), clock_timestamp()`).Scan(&r.NoteID, &r.At); err != nil {
			return err
		}
		_, err = appendAudit(ctx, tx, end, suite, []audit.Row{r})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("close old rows of the audit trail: %w", err)
	}
	return n, nil
}
