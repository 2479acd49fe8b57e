-- Changes that wait before they leave: a death, a move, a new ID number, a merge
-- that touches benefits.

-- +goose Up
CREATE TABLE risks (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id uuid NOT NULL REFERENCES residents,
    attribute   text NOT NULL,               -- empty: everything of the resident waits (a merge)
    old         text NOT NULL DEFAULT '',    -- the value before; of a merge nothing
    new         text NOT NULL DEFAULT '',
    platform    text NOT NULL DEFAULT '',    -- the record that says so
    key         text NOT NULL DEFAULT '',
    other       uuid,                        -- of a merge: who came in
    who         text NOT NULL DEFAULT '',    -- of a staff entry: who entered it
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    until       timestamptz NOT NULL,        -- when it leaves by itself
    stopped_by  text,                        -- it stays until a second person lets it go
    stopped_at  timestamptz,
    why         text NOT NULL DEFAULT '',
    released_at timestamptz,                 -- it waits no more
    outcome     text CHECK (outcome IN ('passed', 'approved', 'reverted', 'merged')),
    released_by text,
    CHECK ((released_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX risks_open ON risks (resident_id, attribute) WHERE released_at IS NULL;
CREATE INDEX risks_until ON risks (until) WHERE released_at IS NULL;

-- +goose Down
DROP TABLE risks;
