-- What write-back to a platform would do, as somebody saw it before a step.

-- +goose Up
CREATE TABLE effects (
    platform text NOT NULL REFERENCES platforms,
    digest   text NOT NULL,                   -- of the figures in body
    at       timestamptz NOT NULL DEFAULT now(),
    body     jsonb NOT NULL,                  -- figures, and samples that are masked
    PRIMARY KEY (platform, digest)
);

-- One community, and so many rows a day, while the stage is canary.
ALTER TABLE platforms ADD COLUMN canary_community text NOT NULL DEFAULT '',
    ADD COLUMN canary_rows integer NOT NULL DEFAULT 0;
CREATE TABLE canary_days (
    platform text NOT NULL REFERENCES platforms,
    day      date NOT NULL,
    rows     integer NOT NULL,                -- counted before the platform is called
    PRIMARY KEY (platform, day)
);
ALTER TABLE ladder ADD COLUMN digest text NOT NULL DEFAULT '', -- of the report that whoever took the step saw
    ADD COLUMN community text NOT NULL DEFAULT '',
    ADD COLUMN rows_a_day integer NOT NULL DEFAULT 0,
    ADD COLUMN rate double precision NOT NULL DEFAULT 0;       -- rows a second of its campaign; 0: no limit of its own

-- +goose Down
ALTER TABLE ladder DROP COLUMN digest, DROP COLUMN community, DROP COLUMN rows_a_day, DROP COLUMN rate;
DROP TABLE canary_days;
ALTER TABLE platforms DROP COLUMN canary_community, DROP COLUMN canary_rows;
DROP TABLE effects;
