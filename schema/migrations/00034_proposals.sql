-- 校核纠错: what the owner of a platform answered, and what the platform then showed.

-- +goose Up
ALTER TABLE proposals
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN who text NOT NULL DEFAULT '',
    ADD COLUMN why text NOT NULL DEFAULT '',
    ADD COLUMN seen_at timestamptz;          -- when the platform was seen to show it

-- +goose Down
ALTER TABLE proposals DROP COLUMN id, DROP COLUMN who, DROP COLUMN why, DROP COLUMN seen_at;
