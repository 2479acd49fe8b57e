-- Until when what is due to a row waits, so that quick changes become one write.

-- +goose Up
ALTER TABLE targets ADD COLUMN settles_at timestamptz;

-- +goose Down
ALTER TABLE targets DROP COLUMN settles_at;
