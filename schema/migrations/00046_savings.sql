-- What a staff entry saved: rows at platforms that nobody had to type, by day and
-- by the community of the resident. Never by person.

-- +goose Up
CREATE TABLE savings (
    day  date NOT NULL,
    area text NOT NULL,                   -- residents.home_area; '' where there is none
    n    bigint NOT NULL,
    PRIMARY KEY (area, day)
);
CREATE INDEX desk_entries_at ON desk_entries (at);
CREATE INDEX targets_persons ON targets (state, resident_id) WHERE state IN ('hold', 'refused', 'contested', 'queued');

-- +goose Down
DROP INDEX targets_persons;
DROP INDEX desk_entries_at;
DROP TABLE savings;
