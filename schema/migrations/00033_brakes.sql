-- The brakes: whole reads that wait for a person before anything of them is
-- believed, and platforms to which too much would be written.

-- +goose Up
CREATE TABLE quarantines (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform   text NOT NULL REFERENCES platforms,
    source     text NOT NULL,                -- the file, list or table that was read
    digest     text NOT NULL,                -- of what was read: the same read is kept once
    as_of      timestamptz NOT NULL,
    rows       bigint NOT NULL,              -- that were read
    known      bigint NOT NULL,              -- that the platform showed before
    complete   boolean NOT NULL,             -- the read proves who is gone
    cursor     jsonb,                        -- where reading goes on after it
    figures    jsonb NOT NULL,               -- what is over its share
    samples    jsonb NOT NULL,               -- masked
    at         timestamptz NOT NULL DEFAULT now(),
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'released', 'discarded', 'superseded')),
    who        text NOT NULL DEFAULT '',
    why        text NOT NULL DEFAULT '',
    decided_at timestamptz,
    done_at    timestamptz                   -- when reading had acted on it; the rows are gone then
);
CREATE INDEX quarantines_waiting ON quarantines (platform) WHERE done_at IS NULL;

-- What was read, as the messages that it would have become: gzip of JSON lines.
CREATE TABLE quarantined (
    quarantine bigint NOT NULL REFERENCES quarantines ON DELETE CASCADE,
    n          integer NOT NULL,
    rows       bytea NOT NULL,
    PRIMARY KEY (quarantine, n)
);

-- Rows that were written outside of what a person had approved, by hour.
CREATE TABLE written_hours (
    platform text NOT NULL REFERENCES platforms,
    hour     timestamptz NOT NULL,
    rows     bigint NOT NULL,
    PRIMARY KEY (platform, hour)
);
ALTER TABLE platforms ADD COLUMN approved_at timestamptz; -- of the newest campaign: what was due then was approved
ALTER TABLE platforms ADD COLUMN braked jsonb;            -- too much would be written: the figures; null: it is not
ALTER TABLE platforms ADD COLUMN braked_at timestamptz;
UPDATE platforms p SET approved_at = (SELECT max(at) FROM ladder l WHERE l.platform = p.id);

-- +goose Down
ALTER TABLE platforms DROP COLUMN approved_at, DROP COLUMN braked, DROP COLUMN braked_at;
DROP TABLE written_hours;
DROP TABLE quarantined;
DROP TABLE quarantines;
