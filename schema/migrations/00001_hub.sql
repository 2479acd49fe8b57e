-- The store of the hub. Postgres is the truth: everything that JetStream
-- carries can be found again from these tables.

-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Small values of the installation: the blocking secret, the model version,
-- whether outgoing writes are stopped.
CREATE TABLE settings (
    name       text PRIMARY KEY,
    value      jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Fences: a process that takes a lease gets the next one; a stale one is refused.
CREATE SEQUENCE fences;

CREATE TABLE platforms (
    id                text PRIMARY KEY,
    name              text NOT NULL,
    name_en           text NOT NULL DEFAULT '',
    department        text NOT NULL DEFAULT '',
    kind              text NOT NULL,
    class             text NOT NULL DEFAULT 'B',
    cadence           interval NOT NULL DEFAULT '1 day',
    writable          boolean NOT NULL DEFAULT false,
    stage             text NOT NULL DEFAULT 'read_only'
                      CHECK (stage IN ('read_only', 'shadow', 'canary', 'live')),
    agreement         integer,               -- the version in force
    paused            boolean NOT NULL DEFAULT false,
    -- pull lease
    fence             bigint NOT NULL DEFAULT 0,
    pull_holder       text,
    pull_until        timestamptz,
    -- write lease
    write_fence       bigint NOT NULL DEFAULT 0,
    write_holder      text,
    write_until       timestamptz,
    -- marks: everything before the cursor is in records
    cursor            jsonb,
    complete_at       timestamptz,           -- the first whole read is merged
    as_of             timestamptz,           -- of the last merged mark
    pulled_at         timestamptz,           -- last pass without error
    pull_error        text,
    wrote_at          timestamptz,           -- last push without error
    write_error       text
);

-- What may be brought to a platform, by version. The one in force is
-- platforms.agreement; nothing is ever changed in place.
CREATE TABLE agreements (
    platform    text NOT NULL REFERENCES platforms,
    version     integer NOT NULL,
    body        jsonb NOT NULL,
    proposed_at timestamptz NOT NULL DEFAULT now(),
    approved_by text,
    approved_at timestamptz,
    PRIMARY KEY (platform, version)
);

-- Each step on the ladder, with who took it.
CREATE TABLE ladder (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform   text NOT NULL REFERENCES platforms,
    from_stage text NOT NULL,
    to_stage   text NOT NULL,
    who        text NOT NULL,
    why        text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL DEFAULT now()
);

-- One row for each fence: how far it published, and exactly which positions
-- were taken in. taken is what makes a repeated message count once.
CREATE TABLE pull_runs (
    platform  text NOT NULL REFERENCES platforms,
    fence     bigint NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    published bigint NOT NULL DEFAULT 0,
    taken     int8multirange NOT NULL DEFAULT '{}',
    first_taken timestamptz,                 -- when something was first, and last, taken in
    last_taken  timestamptz,
    merged    bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    dead      bigint NOT NULL DEFAULT 0,
    marks     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (platform, fence)
);

-- Resume points that travelled with the messages and wait for the low-water
-- mark to pass them.
CREATE TABLE pull_marks (
    platform text NOT NULL REFERENCES platforms,
    fence    bigint NOT NULL,
    position bigint NOT NULL,
    cursor   jsonb,
    complete boolean NOT NULL,
    as_of    timestamptz NOT NULL,
    PRIMARY KEY (platform, fence, position)
);

CREATE TABLE residents (
    id          uuid PRIMARY KEY,
    redirect_to uuid,                        -- merged into; null: lives
    ended_at    timestamptz,                 -- no platform shows this resident any more
    master      jsonb NOT NULL DEFAULT '{}', -- attribute -> survivor
    name        text NOT NULL DEFAULT '',
    search      text NOT NULL DEFAULT '',    -- what the desk's one box looks in
    rev         bigint NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX residents_search ON residents USING gin (search gin_trgm_ops) WHERE redirect_to IS NULL AND ended_at IS NULL;
CREATE INDEX residents_redirect ON residents (redirect_to) WHERE redirect_to IS NOT NULL;

-- One row of one platform. The row is the mutex of RULES D.
--
-- It is written twice for every message, so nothing is checked here that the
-- transaction itself makes sure of: platform has a line in pull_runs that the
-- take-in has locked, resident_id is written beside its resident.
CREATE TABLE records (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform     text NOT NULL,
    key          text NOT NULL,
    fence        bigint NOT NULL,
    position     bigint NOT NULL,
    rev          bigint NOT NULL DEFAULT 1,
    deleted      boolean NOT NULL DEFAULT false,
    unresolved   boolean NOT NULL DEFAULT true,
    parked_until timestamptz,                -- its component is too large: flagged, not truncated
    resident_id  uuid,
    former_id    uuid,                       -- its resident before the last change of membership
    anchors      bigint[] NOT NULL DEFAULT '{}', -- desk edits and shadows follow these records
    shadow       boolean NOT NULL DEFAULT false, -- Heji created this row
    state        text NOT NULL,              -- lineage.Row as JSON: own, shown, sent, ours, flags, intervals
    look         boolean GENERATED ALWAYS AS (state LIKE '%"look":true%') STORED, -- in JSON, no value can hold that text
    flags        jsonb,                      -- values set aside, with the reason
    keys         bigint[] NOT NULL DEFAULT '{}', -- keyed blocking hashes
    old_keys     bigint[] NOT NULL DEFAULT '{}', -- those it had since it was last resolved
    features     bytea,                      -- what is compared, as the model in force derives it; null: derive it
    first_seen   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (platform, key),
    CHECK (NOT deleted OR keys = '{}')
);
CREATE INDEX records_unresolved ON records (id) WHERE unresolved;
CREATE INDEX records_unresolved_platform ON records (platform, id) WHERE unresolved;
CREATE INDEX records_resident ON records (resident_id);
CREATE INDEX records_look ON records (platform) WHERE look;
CREATE INDEX records_anchors ON records USING gin (anchors) WHERE anchors <> '{}';

-- Who holds which blocking key. A table beside records, because a row there is
-- written anew whenever it is resolved, and its keys would be, too: with an index
-- entry for each of them that is the largest part of a resolution. The triggers
-- keep it, so that nobody who writes records.keys can forget it.
CREATE TABLE record_keys (
    record_id bigint PRIMARY KEY,
    keys      bigint[] NOT NULL
);
CREATE INDEX record_keys_keys ON record_keys USING gin (keys) WITH (fastupdate = off);

-- +goose StatementBegin
CREATE FUNCTION index_new_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO record_keys SELECT id, keys FROM fresh WHERE keys <> '{}';
    RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION index_changed_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.keys = '{}' THEN
        DELETE FROM record_keys WHERE record_id = NEW.id;
    ELSE
        INSERT INTO record_keys VALUES (NEW.id, NEW.keys) ON CONFLICT (record_id) DO UPDATE SET keys = excluded.keys;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER records_new_keys AFTER INSERT ON records REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION index_new_keys();
CREATE TRIGGER records_changed_keys AFTER UPDATE OF keys ON records
    FOR EACH ROW WHEN (OLD.keys IS DISTINCT FROM NEW.keys) EXECUTE FUNCTION index_changed_keys();

-- Blocking keys with more holders than the model's cap, as of the last
-- resolution that looked at them.
CREATE TABLE hot_keys (
    key bigint PRIMARY KEY,
    at  timestamptz NOT NULL DEFAULT now()
);

-- Pairs of records of different residents at or above the review threshold:
-- the review queue. Links within a resident follow from membership.
CREATE TABLE edges (
    a      bigint NOT NULL REFERENCES records ON DELETE CASCADE,
    b      bigint NOT NULL REFERENCES records ON DELETE CASCADE,
    weight integer NOT NULL,                 -- hundredths of a bit
    reason text NOT NULL,                    -- why it did not join: below_link, same_id, i3, group, decision
    later_until timestamptz,                 -- a person said: later
    PRIMARY KEY (a, b),
    CHECK (a < b)
);
CREATE INDEX edges_b ON edges (b);
CREATE INDEX edges_open ON edges (weight DESC) WHERE reason <> 'decision';

-- What people decided. Hangs on (platform, key), so that it outlives delete
-- and return. Revoked, never deleted. same, not_same: about two records; keep:
-- this value stays; field: what a contested or refused field of a row is.
CREATE TABLE decisions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('same', 'not_same', 'keep', 'field')),
    a_platform text NOT NULL,
    a_key      text NOT NULL,
    b_platform text NOT NULL DEFAULT '',
    b_key      text NOT NULL DEFAULT '',
    attribute  text NOT NULL DEFAULT '',     -- keep, field
    value      text NOT NULL DEFAULT '',     -- keep: the value; field: the verdict
    who        text NOT NULL,
    why        text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL DEFAULT now(),
    revoked_by text,
    revoked_at timestamptz
);
CREATE INDEX decisions_a ON decisions (a_platform, a_key) WHERE revoked_at IS NULL;
CREATE INDEX decisions_b ON decisions (b_platform, b_key) WHERE revoked_at IS NULL;

-- Superseded values and changes of membership: with master, every value that a
-- resident ever showed, from when to when, and why.
CREATE TABLE history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id uuid NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    kind        text NOT NULL,               -- value, joined, left, merged, revived
    attribute   text NOT NULL DEFAULT '',
    old         jsonb,                       -- the survivor before
    new         jsonb,                       -- and after
    platform    text NOT NULL DEFAULT '',    -- joined, left: the record
    key         text NOT NULL DEFAULT '',
    other       uuid                         -- joined, left, merged: the other resident
);
CREATE INDEX history_resident ON history (resident_id, id);

-- Who is responsible for whom: a relation of its own, because the domains of
-- one neighbourhood lie with different bodies, and a resident whose hukou is
-- elsewhere belongs to two communities.
CREATE TABLE bodies (
    id      text PRIMARY KEY,
    name    text NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('community', 'street', 'town', 'county', 'department')),
    parent  text REFERENCES bodies
);
CREATE TABLE responsibilities (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain      text NOT NULL,               -- 党建, 计生, 民政 …: code table domain
    body        text NOT NULL REFERENCES bodies,
    resident_id uuid REFERENCES residents,   -- exactly one of the three
    dwelling    text,                        -- schema.Address.Dwelling
    area        text,                        -- community of residence or of hukou
    basis       text NOT NULL DEFAULT 'residence' CHECK (basis IN ('residence', 'hukou')),
    valid_from  date NOT NULL,
    valid_to    date,
    CHECK (num_nonnulls(resident_id, dwelling, area) = 1),
    CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CREATE INDEX responsibilities_resident ON responsibilities (resident_id);
CREATE INDEX responsibilities_area ON responsibilities (area, domain);

-- The unit of write-back: one row of one platform.
CREATE TABLE targets (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform    text NOT NULL REFERENCES platforms,
    key         text,                        -- null: a create that has no key yet
    record_id   bigint REFERENCES records,   -- the row, once there is one
    anchor_id   bigint REFERENCES records,   -- creates: the record it is created for
    resident_id uuid NOT NULL REFERENCES residents,
    state       text NOT NULL DEFAULT 'due'
                CHECK (state IN ('due', 'open', 'queued', 'doubt', 'hold', 'refused', 'contested', 'green', 'withdrawn')),
    due_at      timestamptz,                 -- when to look at it; null: nothing waits
    since       timestamptz,                 -- since when it has not been green
    attempts    integer NOT NULL DEFAULT 0,
    reason      text NOT NULL DEFAULT '',    -- the platform's words, or ours, for a person
    look        boolean NOT NULL DEFAULT false, -- ask the platform before anything else
    refused     jsonb,                       -- what was refused: retried only when something changed
    held        jsonb,                       -- fields that wait for a person, with the reason
    UNIQUE (platform, key)
);
CREATE UNIQUE INDEX targets_create ON targets (platform, anchor_id) WHERE key IS NULL;
CREATE INDEX targets_due ON targets (platform, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX targets_resident ON targets (resident_id);
CREATE INDEX targets_record ON targets (record_id);

-- Intents: durable before the call, outcome after. The journal of every write.
CREATE TABLE intents (
    id          uuid PRIMARY KEY,
    target_id   bigint REFERENCES targets ON DELETE SET NULL, -- null: the create was not needed after all
    platform    text NOT NULL,
    key         text,                        -- null: create
    batch       uuid,
    fence       bigint NOT NULL,
    fields      jsonb NOT NULL,              -- attribute -> {wire, base, value, source}
    row_version text NOT NULL DEFAULT '',
    state       text NOT NULL DEFAULT 'open'
                CHECK (state IN ('open', 'queued', 'doubt', 'applied', 'missed', 'refused', 'gone', 'exists', 'busy', 'void')),
    at          timestamptz NOT NULL DEFAULT now(),
    done_at     timestamptz,
    reason      text NOT NULL DEFAULT ''
);
CREATE INDEX intents_open ON intents (platform) WHERE state IN ('open', 'queued', 'doubt');
CREATE INDEX intents_target ON intents (target_id);

-- 校核纠错: what an owner should look at, and what became of it.
CREATE TABLE proposals (
    platform    text NOT NULL REFERENCES platforms,
    key         text NOT NULL,
    attribute   text NOT NULL,
    resident_id uuid NOT NULL,
    shown       text NOT NULL,
    proposed    text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    outcome     text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'accepted', 'declined', 'moot')),
    outcome_at  timestamptz,
    PRIMARY KEY (platform, key, attribute)
);

-- What could not be used: a row or message, whole. Kept until a person says so.
CREATE TABLE dead_records (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform text NOT NULL,
    stage    text NOT NULL,                  -- pull, merge, writeback
    fence    bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT 0,
    key      text NOT NULL DEFAULT '',
    place    text NOT NULL DEFAULT '',
    problem  text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    times    integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX dead_records_place ON dead_records (platform, stage, place, key, problem);

-- What staff entered: the platform "desk". Its id is the position.
CREATE TABLE desk_entries (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request    text NOT NULL UNIQUE,         -- idempotency key: sending twice makes one
    key        text NOT NULL,                -- the desk record that it creates or changes
    resident_id uuid,                        -- edits: whom it was entered for
    who        text NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    record     jsonb NOT NULL                -- schema.Record without version
);
CREATE INDEX desk_entries_key ON desk_entries (key, id);

-- Counters that must survive a restart.
CREATE TABLE counters (
    name     text NOT NULL,
    platform text NOT NULL DEFAULT '',
    value    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (name, platform)
);

-- +goose Down
DROP TABLE counters, desk_entries, dead_records, proposals, intents, targets, responsibilities,
    bodies, history, decisions, edges, hot_keys, record_keys, records, residents, pull_marks, pull_runs,
    ladder, agreements, platforms, settings;
DROP FUNCTION index_new_keys, index_changed_keys;
DROP SEQUENCE fences;
