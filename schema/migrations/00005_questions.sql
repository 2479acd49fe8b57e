-- Platforms that can only be asked person by person, and troubles by code.

-- +goose Up

-- What such a platform was asked. A person is the natural key in canonical form,
-- so that two residents who turn out to be one are one question. asked_at is
-- written, and the day's number counted, before anything is asked: neither a
-- crash nor a restart asks more often than agreed.
CREATE TABLE questions (
    platform    text NOT NULL REFERENCES platforms,
    person      text NOT NULL,
    asked_at    timestamptz NOT NULL,
    answered_at timestamptz,                 -- null: never, or what came was lost
    fence       bigint NOT NULL DEFAULT 0,   -- the answer's last message
    position    bigint NOT NULL DEFAULT 0,
    keys        text[] NOT NULL DEFAULT '{}', -- the rows of the last answer; none: it knows nobody by this key
    answer      jsonb,                       -- its messages, to be published again where they were lost
    PRIMARY KEY (platform, person)
);
CREATE TABLE question_days (
    platform text NOT NULL REFERENCES platforms,
    day      date NOT NULL,                  -- by the platform's clock
    asked    integer NOT NULL,
    PRIMARY KEY (platform, day)
);

-- The code and the arguments of a platform's trouble, so that it is said in the
-- reader's language; the sentence beside it is English.
ALTER TABLE platforms ADD COLUMN pull_trouble jsonb, ADD COLUMN write_trouble jsonb;

-- +goose Down
ALTER TABLE platforms DROP COLUMN pull_trouble, DROP COLUMN write_trouble;
DROP TABLE question_days;
DROP TABLE questions;
