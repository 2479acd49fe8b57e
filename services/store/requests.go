package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"heji/services/audit"
)

// PullRequest is what a person asked pull to read again.
type PullRequest struct {
	ID       int64
	Platform string
	Key      string // "": everything
	Who, Why string
	AskedAt  time.Time
}

// Reread asks for everything of a platform to be read again, in the name of a
// person. What is read the same changes nothing.
func (s *Store) Reread(ctx context.Context, platform, who, why string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := ask(ctx, tx, platform, "", who, why); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "platform.resync", What: "platform/" + platform, Platform: platform, Why: why}, nil)
	})
	if err != nil {
		return fmt.Errorf("ask for %s to be read again: %w", platform, err)
	}
	return nil
}

// ask stores a request, once while the same one is open: then it is as new again.
func ask(ctx context.Context, tx pgx.Tx, platform, key, who, why string) error {
	_, err := tx.Exec(ctx, `WITH again AS (UPDATE pull_requests SET asked_at = now() WHERE platform = $1 AND key = $2 AND done_at IS NULL)
		INSERT INTO pull_requests (platform, key, who, why) SELECT $1, $2, $3, $4
		WHERE NOT EXISTS (SELECT FROM pull_requests WHERE platform = $1 AND key = $2 AND done_at IS NULL)`, platform, key, who, why)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23503" {
		return ErrNotFound
	}
	return err
}

// PullRequests returns what is asked for and not done, the oldest first. platform
// "" means all.
func (s *Store) PullRequests(ctx context.Context, platform string) ([]PullRequest, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, platform, key, who, why, asked_at FROM pull_requests
		WHERE done_at IS NULL AND ($1 = '' OR platform = $1) ORDER BY id`, platform)
	if err != nil {
		return nil, fmt.Errorf("read what pull is asked for: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PullRequest])
	if err != nil {
		return nil, fmt.Errorf("read what pull is asked for: %w", err)
	}
	return list, nil
}

// PullRequestsDone closes requests.
func (s *Store) PullRequestsDone(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := s.pool.Exec(ctx, `UPDATE pull_requests SET done_at = now() WHERE id = ANY($1)`, ids); err != nil {
		return fmt.Errorf("close what pull was asked for: %w", err)
	}
	return nil
}
