-- What connectors must not lose and cannot ask their platform for: which batch
-- staff have downloaded, what a receipt said, a card that waits.

-- +goose Up
CREATE TABLE keeps (
    platform text NOT NULL REFERENCES platforms,
    name     text NOT NULL,
    content  bytea NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (platform, name)
);

-- +goose Down
DROP TABLE keeps;
