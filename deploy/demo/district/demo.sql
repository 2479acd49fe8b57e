-- What every simulated database has: its programs' trigger, and, in a schema
-- that the hub has no business with, what the demo notes down.
CREATE SCHEMA demo;
CREATE TABLE demo.journal (
    id       bigserial PRIMARY KEY,
    at       timestamptz NOT NULL,
    intent   text NOT NULL,
    op       text NOT NULL,
    key      text NOT NULL,
    set      jsonb NOT NULL,
    repeated boolean NOT NULL
);
CREATE TABLE demo.edits (seq bigserial, id text PRIMARY KEY, body jsonb NOT NULL);
CREATE TABLE demo.origins (key text PRIMARY KEY, person integer NOT NULL);
CREATE SEQUENCE demo.keys;

-- Whoever does not say that it is a clerk or the first load comes from outside.
CREATE FUNCTION demo.actor() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('demo.actor', true), ''), 'outside') $$;

-- Arguments: the columns of the change time, the name and the phone.
CREATE FUNCTION demo.before_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    row   jsonb := to_jsonb(NEW);
    phone text := trim(coalesce(row ->> TG_ARGV[2], ''));
BEGIN
    IF demo.actor() = 'load' THEN
        RETURN NEW;
    END IF;
    IF phone <> '' AND phone !~ '^1[0-9]{10}$' THEN
        RAISE EXCEPTION '联系电话应为11位手机号码' USING ERRCODE = 'check_violation', COLUMN = TG_ARGV[2], TABLE = TG_TABLE_NAME;
    END IF;
    IF row ->> TG_ARGV[1] = '' THEN
        RAISE EXCEPTION '姓名不能为空' USING ERRCODE = 'check_violation', COLUMN = TG_ARGV[1], TABLE = TG_TABLE_NAME;
    END IF;
    RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], clock_timestamp()));
END $$;

-- The journal holds the columns that changed: a statement that changes none
-- wrote what the row already held. Arguments: the columns of the key and of the
-- change time.
CREATE FUNCTION demo.after_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := '{}';
    set jsonb := '{}';
    row text;
BEGIN
    IF demo.actor() <> 'outside' THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        was := to_jsonb(OLD) - TG_ARGV[1];
        row := was ->> TG_ARGV[0];
    END IF;
    IF TG_OP <> 'DELETE' THEN
        row := to_jsonb(NEW) ->> TG_ARGV[0];
        SELECT coalesce(jsonb_object_agg(key, value), '{}') INTO set
          FROM jsonb_each(to_jsonb(NEW) - TG_ARGV[1]) WHERE was -> key IS DISTINCT FROM value;
    END IF;
    INSERT INTO demo.journal (at, intent, op, key, set, repeated)
    VALUES (clock_timestamp(), coalesce(current_setting('heji.intent', true), ''), TG_OP, row, set,
            TG_OP = 'UPDATE' AND set = '{}');
    RETURN NULL;
END $$;
