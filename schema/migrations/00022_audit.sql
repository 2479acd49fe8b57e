-- The audit trail: who or what read, changed, decided, approved, exported or
-- wrote what, when and why. A note is stored in the transaction of what it tells;
-- one appender at a time moves notes into the chain, so that nobody waits for the
-- end of the chain.

-- +goose Up
CREATE TABLE audit_notes (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    who      text NOT NULL,
    did      text NOT NULL,
    what     text NOT NULL DEFAULT '',  -- kind/id: ids mean nothing outside of Heji
    platform text NOT NULL DEFAULT '',
    why      text NOT NULL DEFAULT '',
    detail   text NOT NULL DEFAULT ''   -- JSON, kept as the text that was hashed
);

CREATE TABLE audit (
    seq      bigint PRIMARY KEY,
    note     bigint NOT NULL UNIQUE,    -- the note that it was
    at       timestamptz NOT NULL,
    who      text NOT NULL,
    did      text NOT NULL,
    what     text NOT NULL,
    platform text NOT NULL,
    why      text NOT NULL,
    detail   text NOT NULL,
    hash     text NOT NULL,             -- the algorithm
    sum      bytea NOT NULL             -- of the row before and of this one
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_what ON audit (what) WHERE what <> '';

-- Rows before these are gone: older than they had to be kept.
CREATE TABLE audit_closed (
    upto  bigint PRIMARY KEY,           -- the last row that went
    sum   bytea NOT NULL,               -- its hash: the first row that is left goes on from it
    rows  bigint NOT NULL,
    began timestamptz NOT NULL,
    ended timestamptz NOT NULL,
    at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- +goose StatementBegin
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only ever added to: % of % is refused', TG_OP, TG_TABLE_NAME;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION audit_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at < now() - interval '183 days' AND EXISTS (SELECT FROM audit_closed WHERE upto >= OLD.seq) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit trail is only ever added to: row % is not closed, or younger than 183 days', OLD.seq;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION audit_refuse_drop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM audit WHERE note = OLD.id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit trail is only ever added to: note % is not in the chain yet', OLD.id;
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse_delete();
CREATE TRIGGER audit_no_update BEFORE UPDATE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_notes_no_delete BEFORE DELETE ON audit_notes FOR EACH ROW EXECUTE FUNCTION audit_refuse_drop();
CREATE TRIGGER audit_notes_no_update BEFORE UPDATE OR TRUNCATE ON audit_notes FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_closed_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_closed FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

-- +goose Down
DROP TABLE audit_closed, audit, audit_notes;
DROP FUNCTION audit_refuse, audit_refuse_delete, audit_refuse_drop;
