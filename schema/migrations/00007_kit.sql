-- What people ask of a platform, and what became of the rows that were set aside.

-- +goose Up

-- What pull is asked to read again: the whole platform, or one row. Done by
-- whoever holds the platform's pull lease, and done again after a crash.
CREATE TABLE pull_requests (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform text NOT NULL REFERENCES platforms,
    key      text NOT NULL DEFAULT '',       -- '': everything
    who      text NOT NULL,
    why      text NOT NULL DEFAULT '',
    asked_at timestamptz NOT NULL DEFAULT now(),
    done_at  timestamptz
);
CREATE INDEX pull_requests_open ON pull_requests (platform, id) WHERE done_at IS NULL;

-- open: waits for a person. asked: a person asked for it to be read again.
-- mended: it was read again and was right. dropped: a person said that nothing
-- will be done about it; it stays dropped for as long as it is read the same.
ALTER TABLE dead_records
    ADD COLUMN state   text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'asked', 'mended', 'dropped')),
    ADD COLUMN first_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN done_at timestamptz,
    ADD COLUMN who     text NOT NULL DEFAULT '',
    ADD COLUMN why     text NOT NULL DEFAULT '';
UPDATE dead_records SET first_at = at;
CREATE INDEX dead_records_waiting ON dead_records (platform, key) WHERE state <> 'mended';

-- Where the whole read began that ends with this mark: what was set aside before
-- and did not come again is mended.
ALTER TABLE pull_marks ADD COLUMN whole_from bigint;

-- +goose Down
ALTER TABLE pull_marks DROP COLUMN whole_from;
DELETE FROM dead_records WHERE state IN ('mended', 'dropped');
DROP INDEX dead_records_waiting;
ALTER TABLE dead_records DROP COLUMN state, DROP COLUMN first_at, DROP COLUMN done_at, DROP COLUMN who, DROP COLUMN why;
DROP TABLE pull_requests;
