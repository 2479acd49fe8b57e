-- What people have begun to enter and not saved yet.

-- +goose Up
CREATE TABLE drafts (
    account     bigint NOT NULL,             -- whose; 0: of the one user of a desk without accounts
    request     text NOT NULL,               -- of the entry that it would become
    resident_id uuid,                        -- edits: of whom
    sealed      text NOT NULL,               -- the boxes of the form, encrypted
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, request)
);
CREATE INDEX drafts_request ON drafts (request);

-- +goose Down
DROP TABLE drafts;
