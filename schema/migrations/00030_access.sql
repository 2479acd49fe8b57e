-- Who may use the desk: accounts, sessions, tokens of programs.

-- +goose Up
CREATE TABLE accounts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login        text NOT NULL UNIQUE CHECK (login ~ '^[a-z0-9][a-z0-9._-]{1,31}$'),
    name         text NOT NULL UNIQUE,       -- signs entries and decisions: two people of one name are told apart in it
    roles        text[] NOT NULL CHECK (cardinality(roles) > 0
                 AND roles <@ ARRAY['worker', 'supervisor', 'steward', 'platform', 'security', 'auditor']
                 -- 三员分立: an administrator is nothing else, and no other administrator
                 AND (NOT roles && ARRAY['platform', 'security', 'auditor'] OR cardinality(roles) = 1)),
    password     text NOT NULL,              -- argon2id, with its parameters and salt
    must_change  boolean NOT NULL DEFAULT true,
    totp         text NOT NULL DEFAULT '',   -- secret of the second factor; empty: none
    totp_step    bigint NOT NULL DEFAULT 0,  -- the last step that was used: a code works once
    failures     integer NOT NULL DEFAULT 0, -- wrong passwords in a row
    paused_until timestamptz,                -- after too many of them
    locked_at    timestamptz,                -- by a person; it stays for the sake of what it signed
    locked_by    text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by   text NOT NULL
);

-- The last administrator of a kind who can log in stays, and the first account
-- of all is a security administrator: else nobody could make the others.
-- +goose StatementBegin
CREATE FUNCTION administrators_stay() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        kind := 'security';
    ELSIF OLD.locked_at IS NOT NULL OR NOT OLD.roles && ARRAY['platform', 'security', 'auditor']
          OR EXISTS (SELECT FROM accounts WHERE id = OLD.id AND locked_at IS NULL AND roles = OLD.roles) THEN
        RETURN NULL;
    ELSE
        kind := OLD.roles[1];
    END IF;
    -- Two that leave at once must see each other.
    PERFORM pg_advisory_xact_lock(4839201573);
    IF NOT EXISTS (SELECT FROM accounts WHERE locked_at IS NULL AND roles = ARRAY[kind]) THEN
        RAISE EXCEPTION 'no % administrator would be left', kind USING ERRCODE = 'HJ030', DETAIL = kind;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER administrators_stay AFTER INSERT OR UPDATE OR DELETE ON accounts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION administrators_stay();

CREATE TABLE sessions (
    id       bytea PRIMARY KEY,              -- SHA-256 of what the cookie holds
    account  bigint NOT NULL REFERENCES accounts,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz                     -- logged out, locked, or a new password
);
CREATE INDEX sessions_account ON sessions (account) WHERE ended_at IS NULL;

-- Tries to log in that have not succeeded: what is counted by address.
CREATE TABLE login_tries (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address text NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX login_tries_address ON login_tries (address, at);

CREATE TABLE tokens (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE,         -- of the program: it signs what the program does
    hash       bytea NOT NULL UNIQUE,        -- SHA-256
    scopes     text[] NOT NULL CHECK (cardinality(scopes) > 0),
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz,
    revoked_by text
);

-- +goose Down
DROP TABLE tokens, login_tries, sessions, accounts;
DROP FUNCTION administrators_stay;
