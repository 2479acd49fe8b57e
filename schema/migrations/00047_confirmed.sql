-- Until when a platform's reading has shown what became of writes. Rows whose write
-- was acknowledged before, and which no read has shown since, have been asked for.

-- +goose Up
ALTER TABLE platforms ADD COLUMN confirmed_at timestamptz;

-- +goose Down
ALTER TABLE platforms DROP COLUMN confirmed_at;
