-- People who log in at another server (OpenID Connect).

-- +goose Up
-- The state of each login that came back: one comes back once.
CREATE TABLE login_returns (
    state bytea PRIMARY KEY,                 -- SHA-256
    at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Whoever came from there has no password here to change first.
ALTER TABLE sessions ADD COLUMN outside boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE sessions DROP COLUMN outside;
DROP TABLE login_returns;
