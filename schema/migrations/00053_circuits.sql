-- How many calls in a row have failed at a platform's writes, since when it is left
-- alone because of that, and when it is tried next.

-- +goose Up
ALTER TABLE platforms ADD COLUMN write_failures integer NOT NULL DEFAULT 0,
    ADD COLUMN tripped_at timestamptz, ADD COLUMN tries_at timestamptz;

-- +goose Down
ALTER TABLE platforms DROP COLUMN write_failures, DROP COLUMN tripped_at, DROP COLUMN tries_at;
